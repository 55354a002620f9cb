//! A world whose tenant sends mail: bookings with customers, a user who decides, and the mailbox in which mails arrive.
//!
//! Nothing runs by itself. [`Post::jobs`] is what the daemon does between two deliveries, [`Post::deliver`] everything it does,
//! until nothing moves. [`Post::end`] lets the auditor compare what arrived with the ledger.
use super::google::ANA;
use super::world::{Connected, World, run};
use accord::args;
use accord::domain::ids::{BookingId, CustomerId, MessageId};
use accord::domain::mail::State;
use accord::domain::time::OriginalStart;
use accord::engine::bookings::{BookingEdit, BookingView};
use accord::engine::customers::{CustomerEdit, CustomerView};
use accord::engine::mail::{self, Decider, Filter, How, MailError, Proposal};
use accord::engine::once::Answer;
use accord::engine::{Engine, ledger, notice};
use accord::store::StoreError;
use accord::store::mail::deliveries;
use chrono::{DateTime, NaiveDateTime, TimeDelta};
use chrono_tz::Tz;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::process::Command;
use std::sync::Arc;

pub const EVA: &str = "eva@example.net";
/// A Tuesday, eight days ahead: too early for any reminder.
pub const TEN: &str = "2026-03-10T10:00:00";
pub const NOON: &str = "2026-03-10T12:00:00";

/// A mail as its recipient's program shows it.
#[derive(Debug, Clone)]
pub struct Mail {
    pub to: String,
    pub to_name: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub method: Option<String>,
    /// The calendar part, its lines unfolded.
    pub calendar: String,
    pub message_id: String,
    pub raw: String,
}

impl Mail {
    fn read(shown: &Value) -> Mail {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Mail {
            to: text(&shown["envelope"]["to"][0]),
            to_name: text(&shown["to"][0]["name"]),
            subject: text(&shown["subject"]),
            text: text(&shown["text"]),
            html: text(&shown["html"]),
            method: shown["calendar"]["method"].as_str().map(str::to_owned),
            calendar: text(&shown["calendar"]["text"])
                .replace("\r\n ", "")
                .replace("\r\n", "\n"),
            message_id: text(&shown["message_id"]),
            raw: text(&shown["raw"]),
        }
    }

    /// The value of a line of the calendar part, parameters left out; `RECURRENCE-ID` and the like are searched after the zone.
    pub fn line(&self, name: &str) -> Option<&str> {
        let event = self.calendar.split_once("BEGIN:VEVENT").map_or("", |(_, event)| event);
        event.lines().find_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (parameters, value) = rest.split_once(':')?;
            (parameters.is_empty() || parameters.starts_with(';')).then_some(value)
        })
    }

    pub fn sequence(&self) -> i64 {
        let sequence = self.line("SEQUENCE").expect("a SEQUENCE");
        sequence.parse().expect("a number")
    }
}

/// A world with mail.
pub struct Post {
    pub world: World,
}

impl Deref for Post {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Post {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

/// A change of the title.
pub fn titled(title: &str) -> BookingEdit {
    BookingEdit {
        title: Some(title.to_owned()),
        ..BookingEdit::default()
    }
}

/// A change of the time: an hour that begins at this local time of Madrid.
pub fn at(starts_local: &str) -> BookingEdit {
    in_zone(starts_local, Tz::Europe__Madrid)
}

/// The same in any zone.
pub fn in_zone(starts_local: &str, zone: Tz) -> BookingEdit {
    let local: NaiveDateTime = starts_local.parse().expect("a local time");
    let text = |local: NaiveDateTime| {
        local
            .and_local_timezone(zone)
            .earliest()
            .expect("it exists")
            .to_rfc3339()
    };
    BookingEdit {
        starts_at: Some(text(local)),
        ends_at: Some(text(local + TimeDelta::hours(1))),
        time_zone: Some(Some(zone.name().to_owned())),
        ..BookingEdit::default()
    }
}

pub fn with(customers: &[CustomerId]) -> BookingEdit {
    BookingEdit {
        customer_ids: Some(customers.iter().map(ToString::to_string).collect()),
        ..BookingEdit::default()
    }
}

pub fn status(status: &str) -> BookingEdit {
    BookingEdit {
        status: Some(status.to_owned()),
        ..BookingEdit::default()
    }
}

impl Post {
    /// A tenant that reminds a day and an hour before.
    pub async fn new(url: &str) -> Post {
        let mut post = Post {
            world: World::new(url).await,
        };
        post.turn_on();
        post.set(json!({})).await;
        post
    }

    /// The same without reminders.
    pub async fn without_reminders(url: &str) -> Post {
        let post = Post::new(url).await;
        post.set(json!({"reminders": ""})).await;
        post
    }

    fn turn_on(&mut self) {
        let server = format!("smtp://{}", self.google.sandbox.smtp_addr());
        let mail = &mut self.world.engine.mail;
        mail.server = Some(Arc::new(server.parse().expect("an address of a mail server")));
        mail.settle = 0;
        mail.rest = 0;
        mail.prompt_interval = 0;
    }

    /// The daemon stops and starts again.
    pub async fn restart(&mut self) {
        self.world.restart().await;
        self.turn_on();
    }

    /// A second daemon over the same database and the same mail server.
    pub async fn second_engine(&self) -> Engine {
        let base = self.google.sandbox.base_url();
        let mut engine = super::world::engine_at(&self.url(), &base, self.clock.clone()).await;
        engine.mail = self.engine.mail.clone();
        engine
    }

    /// The same daemon, with no connection to the mail server left open.
    pub async fn with_fresh_connections(&self) -> Engine {
        let mut engine = self.second_engine().await;
        engine.mail.transport = Arc::default();
        engine
    }

    /// Changes tenant settings; sender and reminders stay unless they are named.
    pub async fn set(&self, settings: Value) {
        let mut all = json!({"sender": "Acme <mail@acme.example>", "reminders": "24h, 1h"});
        for (key, value) in settings.as_object().expect("an object") {
            all[key] = value.clone();
        }
        self.world.set(all).await;
    }

    // The app -------------------------------------------------------------------------------------------------------

    pub async fn eva(&self) -> CustomerId {
        self.customer("Eva", EVA).await
    }

    pub async fn customer(&self, name: &str, email: &str) -> CustomerId {
        self.customer_of(&self.ana.clone(), name, email).await
    }

    /// A customer that the app makes; an empty address is none.
    pub async fn customer_of(&self, who: &Connected, name: &str, email: &str) -> CustomerId {
        let mut fields = json!({"given_name": name});
        if !email.is_empty() {
            fields["emails"] = json!([{"value": email}]);
        }
        let user = who.user.to_string();
        let mut made = None;
        let render = |view: &CustomerView| {
            made = Some(view.row.id);
            ok()
        };
        self.engine
            .create_customer(self.tenant, Some(&user), &customer_edit(fields), None, render)
            .await
            .expect("a customer");
        made.expect("a customer")
    }

    pub async fn customer_edits(&self, id: CustomerId, fields: Value) {
        let version = self.engine.customer(self.tenant, id).await.expect("there").row.version;
        self.engine
            .change_customer(self.tenant, id, version, &customer_edit(fields))
            .await
            .expect("an edit");
        while notice::run(&self.engine).await.expect("changes are noticed") {}
    }

    /// A booking of Ana's over the API, with what was proposed.
    pub async fn makes(&self, edit: BookingEdit) -> (BookingId, Vec<MessageId>) {
        self.tick();
        let user = self.ana.user.to_string();
        let mut made = None;
        let render = |view: &BookingView| {
            made = Some((view.row.id, view.proposals.clone()));
            ok()
        };
        let making = self
            .engine
            .create_booking(self.tenant, Some(&user), &edit, None, render);
        Box::pin(making).await.expect("a booking");
        made.expect("a booking")
    }

    /// An hour with these customers.
    pub async fn books(&self, title: &str, starts_local: &str, customers: &[CustomerId]) -> BookingId {
        let edit = BookingEdit {
            title: Some(title.to_owned()),
            customer_ids: with(customers).customer_ids,
            ..at(starts_local)
        };
        self.makes(edit).await.0
    }

    /// A weekly series of four, from [`TEN`].
    pub async fn books_series(&self, customers: &[CustomerId]) -> BookingId {
        let edit = BookingEdit {
            title: Some("Course".to_owned()),
            customer_ids: with(customers).customer_ids,
            recurrence: Some(vec!["RRULE:FREQ=WEEKLY;COUNT=4".to_owned()]),
            ..at(TEN)
        };
        self.makes(edit).await.0
    }

    /// An edit over the API; gives what was proposed.
    pub async fn edits(&self, booking: BookingId, edit: BookingEdit) -> Vec<MessageId> {
        self.tick();
        let version = self.booking(booking).await.expect("there").version;
        let changing = self.engine.patch_booking(self.tenant, booking, version, &edit);
        Box::pin(changing).await.expect("an edit").proposals
    }

    /// A deletion over the API.
    pub async fn deletes(&self, booking: BookingId) {
        self.tick();
        let version = self.booking(booking).await.expect("there").version;
        let deleting = self.engine.delete_booking(self.tenant, booking, version);
        Box::pin(deleting).await.expect("a deletion");
    }

    /// An edit of one occurrence over the API.
    pub async fn edits_occurrence(&self, series: BookingId, start: &str, edit: BookingEdit) -> Vec<MessageId> {
        self.tick();
        let start: OriginalStart = start.parse().expect("an original start");
        let seen = self.engine.occurrence(self.tenant, series, start).await;
        let version = seen.expect("the occurrence").version();
        let changed = self.engine.patch_occurrence(self.tenant, series, start, version, &edit);
        Box::pin(changed).await.expect("an edit").proposals
    }

    /// One occurrence is cancelled over the API.
    pub async fn cancels_occurrence(&self, series: BookingId, start: &str) {
        self.tick();
        let start: OriginalStart = start.parse().expect("an original start");
        let seen = self.engine.occurrence(self.tenant, series, start).await;
        let version = seen.expect("the occurrence").version();
        let deleted = self.engine.delete_occurrence(self.tenant, series, start, version);
        Box::pin(deleted).await.expect("a deletion");
    }

    /// Any SQL; `$1` is the tenant.
    pub async fn sql(&self, sql: &'static str) -> u64 {
        run(&self.engine.db, sql, args![self.tenant]).await
    }

    /// Any SQL about a message; `$1` is the tenant, `$2` the message.
    pub async fn sql_on(&self, sql: &'static str, message: MessageId) -> u64 {
        run(&self.engine.db, sql, args![self.tenant, message]).await
    }

    /// The first number of what a query gives; `$1` is the tenant.
    pub async fn count(&self, sql: &'static str) -> i64 {
        let row = self
            .read()
            .await
            .fetch_optional(sql, args![self.tenant])
            .await
            .expect("a count");
        row.expect("a row").int("n").expect("a number")
    }

    // The daemon ----------------------------------------------------------------------------------------------------

    /// Passes until nothing moves.
    pub async fn settle(&self) {
        Box::pin(self.world.settle()).await;
    }

    fn tick(&self) {
        self.clock.advance(TimeDelta::milliseconds(10));
    }

    /// Time passes, at Google and the mail server too.
    pub async fn pass(&self, by: TimeDelta) {
        self.clock.advance(by);
        self.google.pass(by.num_seconds()).await;
    }

    /// It becomes this instant, RFC 3339.
    pub async fn until(&self, instant: &str) {
        let then: DateTime<chrono::Utc> = instant.parse().expect("an instant");
        let now = DateTime::from_timestamp_millis(self.engine.now_ms()).expect("an instant");
        self.pass(then - now).await;
    }

    async fn standing(&self) -> Vec<String> {
        let mut rows: Vec<String> = self.everything().await;
        let waiting = "SELECT COUNT(*) AS n FROM row_state WHERE tenant_id = $1 AND kind = 'booking' AND version <> mailed_version";
        rows.push(self.count(waiting).await.to_string());
        rows
    }

    async fn everything(&self) -> Vec<String> {
        let all = mail::list(&self.engine, self.tenant, &Filter::default(), None, 10_000).await;
        let all = all.expect("messages");
        all.iter()
            .map(|one| {
                format!(
                    "{} {} {} {}",
                    one.row.id, one.row.state, one.row.attempts, one.row.next_attempt_at
                )
            })
            .collect()
    }

    /// Everything but sending, until nothing moves.
    pub async fn jobs(&self) {
        Box::pin(self.run(false)).await;
    }

    /// Everything, until nothing moves.
    pub async fn deliver(&self) {
        Box::pin(self.run(true)).await;
    }

    /// What Ana gets is delivered; customers wait.
    pub async fn deliver_prompts(&self) {
        let hold = "UPDATE messages SET next_attempt_at = next_attempt_at + 10000000000000 WHERE tenant_id = $1 AND class = 'customer'";
        let free = "UPDATE messages SET next_attempt_at = next_attempt_at - 10000000000000 WHERE tenant_id = $1 AND class = 'customer'";
        self.sql(hold).await;
        self.deliver().await;
        self.sql(free).await;
    }

    async fn run(&self, and_send: bool) {
        for _ in 0..12 {
            let before = self.standing().await;
            self.tick();
            Box::pin(mail::consider_waiting(&self.engine))
                .await
                .expect("considered");
            mail::remind_due(&self.engine).await.expect("reminded");
            mail::expire(&self.engine).await.expect("expired");
            mail::prompt_waiting(&self.engine).await.expect("prompted");
            if and_send {
                Box::pin(mail::send_due(&self.engine)).await.expect("sent");
            }
            mail::give_up_overdue(&self.engine).await.expect("given up");
            if self.standing().await == before {
                return;
            }
        }
        panic!("the mail does not get quiet: {:?}", self.standing().await);
    }

    // Messages ------------------------------------------------------------------------------------------------------

    /// All messages to customers, oldest first.
    pub async fn all(&self) -> Vec<Proposal> {
        let filter = Filter {
            class: Some("customer"),
            ..Filter::default()
        };
        let mut all = mail::list(&self.engine, self.tenant, &filter, None, 10_000)
            .await
            .expect("messages");
        all.sort_by_key(|one| {
            (
                one.row.created_at,
                one.row.kind == "reminder",
                one.row.mail_version,
                -one.row.offset_minutes,
            )
        });
        all
    }

    /// Them in words: `confirmation proposed`, `update superseded (changed)`.
    pub async fn told(&self) -> Vec<String> {
        let all = self.all().await;
        let words = all.iter().map(|one| match &one.row.reason {
            None => format!("{} {}", one.row.kind, one.row.state),
            Some(reason) => format!("{} {} ({reason})", one.row.kind, one.row.state),
        });
        words.collect()
    }

    pub async fn waiting(&self) -> Vec<Proposal> {
        let all = self.all().await;
        all.into_iter().filter(|one| one.row.state == State::Proposed).collect()
    }

    /// The only message that waits.
    pub async fn only(&self) -> Proposal {
        let mut waiting = self.waiting().await;
        assert_eq!(waiting.len(), 1, "{:?}", self.told().await);
        waiting.remove(0)
    }

    pub async fn one(&self, id: MessageId) -> Proposal {
        mail::one(&self.engine, self.tenant, id).await.expect("the message")
    }

    pub fn asked(&self) -> Decider {
        Decider {
            user: Some(self.ana.user),
            how: How::Mailbox,
        }
    }

    pub async fn try_approve(&self, proposal: &Proposal) -> Result<(), MailError> {
        self.tick();
        let decider = Decider {
            user: proposal.row.user_id,
            how: How::Mailbox,
        };
        let hash = &proposal.row.content_hash;
        mail::approve(&self.engine, self.tenant, proposal.row.id, hash, &decider).await
    }

    /// Its user says yes to everything that waits.
    pub async fn approve_all(&self) {
        for waiting in self.waiting().await {
            self.try_approve(&waiting).await.expect("a yes");
        }
    }

    /// Mail is considered, everything approved, sent.
    pub async fn sends_all(&self) {
        self.jobs().await;
        self.approve_all().await;
        self.deliver().await;
    }

    /// A booking of Eva's that she knows of: its confirmation was sent.
    pub async fn confirmed(&self, title: &str, starts_local: &str) -> (BookingId, CustomerId) {
        let eva = self.eva().await;
        let booking = self.books(title, starts_local, &[eva]).await;
        self.settle().await;
        self.sends_all().await;
        (booking, eva)
    }

    pub async fn withdraw(&self, id: MessageId) -> Result<(), MailError> {
        mail::withdraw(&self.engine, self.tenant, id, &self.asked()).await
    }

    // The mail server -----------------------------------------------------------------------------------------------

    /// Sets faults of the mail server.
    pub async fn mail_fault(&self, faults: Value) {
        self.google.switch("mail/faults", &faults).await;
    }

    /// Everything that arrived, as it is shown.
    async fn shown(&self) -> Vec<Value> {
        let shown = self.google.look("mail/messages").await;
        shown.as_array().cloned().unwrap_or_default()
    }

    /// Everything that arrived.
    pub async fn mailbox(&self) -> Vec<Mail> {
        self.shown().await.iter().map(Mail::read).collect()
    }

    /// What customers got.
    pub async fn mails(&self) -> Vec<Mail> {
        let all = self.mailbox().await;
        all.into_iter()
            .filter(|mail| mail.to != ANA && mail.to != super::world::BEN)
            .collect()
    }

    /// What Ana got.
    pub async fn prompts(&self) -> Vec<Mail> {
        let all = self.mailbox().await;
        all.into_iter().filter(|mail| mail.to == ANA).collect()
    }

    /// The only mail that any customer got.
    pub async fn only_mail(&self) -> Mail {
        let mut mails = self.mails().await;
        assert_eq!(mails.len(), 1, "{:?} {mails:#?}", self.told().await);
        mails.remove(0)
    }

    /// The newest mail of a customer.
    pub async fn last_mail(&self) -> Mail {
        self.mails().await.pop().expect("a mail")
    }

    /// How often the mail server was begun to be spoken with about a message for a customer.
    pub async fn attempts_to(&self, address: &str) -> u64 {
        let counts = self.google.look("mail/counts").await;
        counts["recipients"][address]["attempts"].as_u64().unwrap_or(0)
    }

    /// How many attempts the database knows of.
    pub async fn deliveries(&self) -> i64 {
        let mut tx = self.read().await;
        let (all, _) = deliveries::count_since(&mut tx, self.tenant, &[], 0, 0)
            .await
            .expect("a count");
        all
    }

    // The ledger ----------------------------------------------------------------------------------------------------

    pub async fn export(&self) -> String {
        let mut lines = String::new();
        let write = |line: &str| {
            lines += line;
            lines.push('\n');
            Ok::<(), StoreError>(())
        };
        ledger::export(&self.engine, self.tenant, 1, write)
            .await
            .expect("an export");
        lines
    }

    /// The entries of the ledger about one message.
    pub async fn entries(&self, message: MessageId) -> Vec<Value> {
        let export = self.export().await;
        let rows = export.lines().filter_map(|line| {
            let row: Value = serde_json::from_str(line).expect("JSON");
            serde_json::from_str::<Value>(row["entry"].as_str()?).ok()
        });
        let id = message.to_string();
        rows.filter(|entry| entry["message"] == id.as_str()).collect()
    }

    /// The words of the entries of one message, reasons and results with them.
    pub async fn story(&self, message: MessageId) -> Vec<String> {
        let entries = self.entries(message).await;
        let word = |entry: &Value| {
            let event = entry["event"].as_str().unwrap_or_default();
            let more = entry["reason"].as_str().or(entry["result"].as_str());
            more.map_or_else(|| event.to_owned(), |more| format!("{event}: {more}"))
        };
        entries.iter().map(word).collect()
    }

    /// The ledger is whole, and the auditor finds nothing in what arrived.
    pub async fn end(&self) {
        let checked = ledger::verify(&self.engine, self.tenant, None).await.expect("a check");
        assert_eq!(checked.problem_count, 0, "{:?}", checked.problems);
        let folder = tempfile::tempdir().expect("a folder");
        let mails = folder.path().join("mails");
        std::fs::create_dir(&mails).expect("a folder");
        for (n, shown) in self.shown().await.iter().enumerate() {
            let raw = shown["raw"].as_str().expect("octets");
            let path = mails.join(format!("{n:04}.eml"));
            std::fs::write(&path, raw).expect("written");
            let at = shown["received_at_us"].as_i64().expect("a time") / 1000;
            let envelope = json!({"from": shown["envelope"]["from"], "to": shown["envelope"]["to"], "at": at});
            std::fs::write(path.with_extension("json"), envelope.to_string()).expect("written");
        }
        let ledger = folder.path().join("ledger.jsonl");
        std::fs::write(&ledger, self.export().await).expect("written");
        let output = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/auditor/audit.py"))
            // The pretend Google's clock stands still while passes move ours.
            .args(["--tolerance", "30000"])
            .arg(&mails)
            .arg(&ledger)
            .output()
            .expect("the auditor runs");
        let found = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && found.is_empty(), "the auditor: {found}");
    }

    /// Recipients of what waits, sorted.
    pub async fn recipients(&self) -> Vec<String> {
        let waiting = self.waiting().await;
        let to = waiting
            .iter()
            .filter_map(|one| one.letter.as_ref().map(|letter| letter.to.address.clone()));
        to.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

fn ok() -> Answer {
    Answer {
        status: 201,
        body: Vec::new(),
    }
}

fn customer_edit(fields: Value) -> CustomerEdit {
    let Value::Object(fields) = fields else {
        panic!("an object")
    };
    CustomerEdit {
        fields,
        bad: Vec::new(),
    }
}
