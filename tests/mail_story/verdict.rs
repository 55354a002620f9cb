//! What must hold at the end: the auditor finds nothing, the ledger is whole, nothing is left open that should not be, and every
//! customer was told last what holds.
use super::Story;
use super::claim::{Claim, Snapshot};
use accord::domain::ids::{BookingId, MessageId};
use accord::domain::mail::State;
use accord::domain::time::OriginalStart;
use accord::engine::ledger;
use accord::engine::mail::Proposal;
use accord::store::StoreError;
use chrono::NaiveDateTime;
use chrono_tz::Tz;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What was told: to whom, of what.
type About = (BookingId, Option<OriginalStart>, String);

impl Story {
    pub(super) async fn verdict(&mut self) -> Result<(), String> {
        let export = self.export().await;
        self.audit(&export).await?;
        let checked = ledger::verify(&self.world.engine, self.world.tenant, None)
            .await
            .expect("the ledger can be read");
        if checked.problem_count > 0 {
            return Err(format!("the ledger is not whole: {:?}", checked.problems));
        }
        let snapshot = self.snapshot().await;
        let mails = self.mails(None).await;
        self.nothing_is_left(&mails, &snapshot)?;
        self.everything_was_told(&mails, &snapshot, &export).await
    }

    async fn export(&self) -> String {
        let mut text = String::new();
        let add = |line: &str| -> Result<(), StoreError> {
            text.push_str(line);
            text.push('\n');
            Ok(())
        };
        ledger::export(&self.world.engine, self.world.tenant, 1, add)
            .await
            .expect("the ledger can be exported");
        text
    }

    /// The auditor sees what the server took, and the ledger, and nothing else.
    async fn audit(&self, export: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().expect("a folder");
        let mails = folder.path().join("mails");
        std::fs::create_dir(&mails).expect("a folder");
        for taken in self.taken_after(0).await {
            let path = mails.join(format!("{:04}.eml", taken.id));
            std::fs::write(&path, &taken.raw).expect("a file");
            let envelope = json!({"from": "mail@acme.example", "to": taken.to, "at": taken.at_ms});
            std::fs::write(path.with_extension("json"), envelope.to_string()).expect("a file");
        }
        let ledger = folder.path().join("ledger.jsonl");
        std::fs::write(&ledger, export).expect("a file");
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/auditor/audit.py");
        let output = Command::new("python3").arg(program).arg(&mails).arg(&ledger).output();
        let output = output.expect("python3 is there");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.code() {
            Some(0) => Ok(()),
            _ => Err(format!("the auditor: {}{}", text(&output.stdout), text(&output.stderr))),
        }
    }

    /// Nothing is being sent, nothing waits that could be decided or sent now, and what waits for its time is true.
    fn nothing_is_left(&self, mails: &[Proposal], snapshot: &Snapshot) -> Result<(), String> {
        let now = self.now();
        for mail in mails {
            let (id, state) = (mail.row.id, mail.row.state);
            match state {
                State::Sending => return Err(format!("{id} is still being sent")),
                State::Proposed => return Err(format!("{id} ({}) still waits for its user", mail.row.kind)),
                State::Queued if mail.row.due_at <= now => {
                    return Err(format!("{id} ({}) was not sent", mail.row.kind));
                }
                State::Queued => {
                    let letter = mail.letter.as_ref().ok_or("a mail that waits has no letter")?;
                    snapshot
                        .holds(&Claim::of(letter))
                        .map_err(|problem| format!("it waits to be sent: {problem}"))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Messages in the order in which they were handed over, for certain or maybe.
    fn told(mails: &[Proposal], export: &str) -> BTreeMap<About, Claim> {
        let mut order: BTreeMap<MessageId, usize> = BTreeMap::new();
        for (number, line) in export.lines().enumerate() {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let Some(entry) = line["entry"].as_str() else { continue };
            let entry: Value = serde_json::from_str(entry).expect("JSON");
            if entry["event"] == "sending" {
                let id = entry["message"].as_str().and_then(|id| id.parse().ok()).expect("an id");
                order.insert(id, number);
            }
        }
        let is_told =
            |mail: &&Proposal| matches!(mail.row.state, State::Sent | State::MaybeSent) && mail.row.kind != "reminder";
        let mut told: Vec<&Proposal> = mails.iter().filter(is_told).collect();
        told.sort_by_key(|mail| order.get(&mail.row.id));
        let claims = told.into_iter().filter_map(|mail| mail.letter.as_ref().map(Claim::of));
        claims
            .map(|claim| ((claim.booking, claim.occurrence, claim.to.clone()), claim))
            .collect()
    }

    async fn everything_was_told(&self, mails: &[Proposal], snapshot: &Snapshot, export: &str) -> Result<(), String> {
        let told = Self::told(mails, export);
        // What somebody did not want to be sent, or the server would not take, is rightly not told.
        let ended = |mail: &&Proposal| {
            let reason = mail.row.reason.as_deref().unwrap_or_default();
            let is_ended = matches!(mail.row.state, State::Declined | State::Failed | State::Expired);
            is_ended || (mail.row.state == State::Withdrawn && reason != "cancelled")
        };
        let unwanted: BTreeSet<(BookingId, String)> = mails
            .iter()
            .filter(ended)
            .filter_map(|mail| Some((mail.row.booking_id?, Claim::of(mail.letter.as_ref()?).to)))
            .collect();
        let owner: BTreeMap<BookingId, _> = mails
            .iter()
            .filter_map(|mail| Some((mail.row.booking_id?, mail.row.user_id?)))
            .collect();
        let mut pairs: BTreeSet<(BookingId, String)> = told.keys().map(|(id, _, to)| (*id, to.clone())).collect();
        for row in snapshot.roots() {
            pairs.extend(snapshot.with(row).into_iter().map(|to| (row.id, to)));
        }
        for (booking, to) in pairs {
            let user = snapshot
                .root(booking)
                .map(|row| row.user_id)
                .or(owner.get(&booking).copied());
            if self.quiet.contains(&booking)
                || unwanted.contains(&(booking, to.clone()))
                || self.muted_addresses.contains(&to)
                || user.is_some_and(|user| self.muted_users.contains(&user))
            {
                continue;
            }
            self.was_told(booking, &to, &told, snapshot)?;
        }
        Ok(())
    }

    /// Whether one recipient knows what holds of one booking.
    fn was_told(
        &self,
        booking: BookingId,
        to: &str,
        told: &BTreeMap<About, Claim>,
        snapshot: &Snapshot,
    ) -> Result<(), String> {
        let known = told.get(&(booking, None, to.to_owned()));
        let root = snapshot.root(booking).filter(|row| row.text.status == "confirmed");
        let is_on = root.is_some_and(|row| snapshot.with(row).contains(to));
        if let (true, Some(row)) = (is_on, root) {
            let is_ahead = self.is_ahead(&row.text.starts_local);
            match known {
                _ if !is_ahead => {}
                None => return Err(format!("{to} was never told of {:?}", row.text)),
                Some(claim) => snapshot
                    .still_holds(claim)
                    .map_err(|problem| format!("it was told last, and {problem}"))?,
            }
        }
        if let (false, Some(claim)) = (is_on, known)
            && claim.takes_place
            && self.is_ahead(&claim.starts_local)
        {
            return Err(format!(
                "{to} was told of {claim:?}, and never that it is cancelled: {root:?}"
            ));
        }
        let Some(root) = root else {
            return self.occurrences_are_off(booking, to, told);
        };
        for (start, row) in snapshot.overrides(booking) {
            let claim = told.get(&(booking, Some(start), to.to_owned()));
            let takes_place = row.text.status == "confirmed" && snapshot.with(row).contains(to);
            let inherited = known.filter(|known| known.takes_place).map(|_| local(start));
            match (takes_place, claim) {
                _ if !self.is_ahead(&row.text.starts_local) || !self.is_ahead(&local(start)) => {}
                (_, Some(claim)) if claim.takes_place == takes_place => {
                    snapshot
                        .still_holds(claim)
                        .map_err(|problem| format!("it was told last, and {problem}"))?;
                }
                (true, None) if inherited.as_ref() == Some(&row.text.starts_local) => {}
                (false, None) if inherited.is_none() => {}
                // The cancellation of the series says it.
                (false, Some(_)) if known.is_some_and(|known| !known.takes_place) => {}
                _ => {
                    return Err(format!(
                        "{to} was told {claim:?} of the occurrence {start} of {:?}, and it is {:?}",
                        root.text, row.text
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether one recipient knows of a series that is off that the occurrences which they were told of are off, too.
    fn occurrences_are_off(&self, booking: BookingId, to: &str, told: &BTreeMap<About, Claim>) -> Result<(), String> {
        if told.contains_key(&(booking, None, to.to_owned())) {
            // The cancellation of the series says it.
            return Ok(());
        }
        let mut theirs = told
            .iter()
            .filter(|((id, start, address), _)| *id == booking && start.is_some() && address == to);
        match theirs.find(|(_, claim)| claim.takes_place && self.is_ahead(&claim.starts_local)) {
            Some((_, claim)) => Err(format!("{to} was told of {claim:?}, and never that it is cancelled")),
            None => Ok(()),
        }
    }

    /// Whether it begins later than now.
    fn is_ahead(&self, starts_local: &str) -> bool {
        let start = NaiveDateTime::parse_from_str(starts_local, "%Y-%m-%dT%H:%M:%S").expect("a time");
        let start = start
            .and_local_timezone(Tz::Europe__Madrid)
            .earliest()
            .expect("a time that exists");
        start.timestamp_millis() > self.now()
    }
}

fn local(start: OriginalStart) -> String {
    match start {
        OriginalStart::At(start) => start
            .with_timezone(&Tz::Europe__Madrid)
            .format("%Y-%m-%dT%H:%M:%S")
            .to_string(),
        OriginalStart::Date(date) => date.to_string(),
    }
}
