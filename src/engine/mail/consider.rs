//! From what a booking says now to the mails that are due because of it.
use super::desk::Desk;
use super::family::Family;
use super::letter::{self, Draft};
use super::{MailError, compare, remind};
use crate::domain::ids::{BookingId, CustomerId, MessageId, TenantId};
use crate::domain::mail::{Kind, Letter, Mailbox, Reason, State, Told};
use crate::domain::time::OriginalStart;
use crate::engine::Engine;
use crate::engine::ledger::{self, Event};
use crate::store::mail::messages::{self, MessageRow};
use crate::store::mail::subjects::{self, SubjectRow};
use crate::store::mail::{suppressions, tenants as mail_tenants};
use crate::store::{Tx, accounts, bookings, placements, states, users};
use crate::templates::mail::MailTemplates;
use std::collections::BTreeSet;

/// Rows looked at before another tenant has its turn.
const BATCH: i64 = 50;

/// Whether a change is to be told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Wish {
    /// Whoever made it says so.
    Propose,
    /// Whoever made it says no.
    None,
    /// Nobody says so. What was wished before still is: a proposal that is superseded has a successor.
    Inherit,
    /// Google's side changed it: like `Propose`, for customers whose bookings were looked at before.
    Google,
}

/// Considers the mail of bookings that were written by a pass or in SQL. Returns whether there may be more.
///
/// Each booking has its own transaction, so that one that fails stops no other.
pub async fn consider_waiting(engine: &Engine) -> Result<bool, MailError> {
    let mut tx = engine.db.read().await?;
    let waiting = mail_tenants::unconsidered(&mut tx).await?;
    drop(tx);
    let mut is_more = false;
    for tenant in waiting {
        let mut tx = engine.db.read().await?;
        let rows = mail_tenants::to_consider(&mut tx, tenant, engine.mail.rest, BATCH).await?;
        drop(tx);
        let mut done = 0;
        for row in &rows {
            match Box::pin(consider_one(engine, tenant, row)).await {
                Ok(true) => done += 1,
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%tenant, booking = %row.id, %error, "the mail of a booking cannot be considered")
                }
            }
        }
        is_more |= done > 0 && rows.len() as i64 == BATCH;
    }
    Ok(is_more)
}

async fn consider_one(engine: &Engine, tenant: TenantId, row: &mail_tenants::Unconsidered) -> Result<bool, MailError> {
    let mut tx = engine.db.begin().await?;
    // Bookings are locked before mail is, as by whoever writes them.
    let found = bookings::get(&mut tx, tenant, row.id).await?;
    let wish = match &found {
        Some(found) if found.version != row.version => return Ok(false),
        Some(found) => found.text.mail_wish.clone(),
        None => {
            let state = states::get_many(&mut tx, tenant, &[row.id]).await?.pop();
            let deleted = state.and_then(|state| state.deleted);
            deleted.map_or_else(|| "none".to_owned(), |deleted| deleted.text.mail_wish)
        }
    };
    let is_with_somebody = found.as_ref().is_none_or(|found| !found.customer_ids.is_empty());
    if wish == "propose" && is_with_somebody {
        // For one version. Without customers it is kept: in SQL they come in statements of their own.
        bookings::set_mail_wish(&mut tx, tenant, row.id, "none").await?;
    }
    let wish = match wish.as_str() {
        "propose" => Wish::Propose,
        _ if row.by_google => Wish::Google,
        _ => Wish::Inherit,
    };
    if !mail_tenants::considered(&mut tx, tenant, row.id, row.version).await? {
        return Ok(false);
    }
    if Box::pin(consider(engine, &mut tx, tenant, row.id, wish))
        .await?
        .is_some()
    {
        tx.commit().await?;
        return Ok(true);
    }
    // It stays to be considered, and the wish with it, whatever becomes of the row meanwhile.
    tx.rollback().await?;
    if wish == Wish::Propose {
        let mut tx = engine.db.begin().await?;
        mail_tenants::wish(&mut tx, tenant, &[row.id]).await?;
        tx.commit().await?;
    }
    Ok(false)
}

/// Considers a row that this transaction wrote for the API. Returns the proposals that were made.
pub(in crate::engine) async fn consider_written(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    row: BookingId,
    wish: Wish,
) -> Result<Vec<MessageId>, MailError> {
    match Box::pin(consider(engine, tx, tenant, row, wish)).await? {
        Some(made) => {
            mail_tenants::pass_over(tx, tenant, &[row]).await?;
            bookings::set_mail_wish(tx, tenant, row, "none").await?;
            Ok(made)
        }
        None => {
            if wish == Wish::Propose {
                bookings::set_mail_wish(tx, tenant, row, "propose").await?;
                mail_tenants::wish(tx, tenant, &[row]).await?;
            }
            Ok(Vec::new())
        }
    }
}

/// Considers what the customers of a booking, of its series or of its occurrences are to be told. Returns the proposals that were made;
/// `None`: a mail about it is being handed over just now, and it is considered again after that.
pub(in crate::engine) async fn consider(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    row: BookingId,
    wish: Wish,
) -> Result<Option<Vec<MessageId>>, MailError> {
    let Some(family) = Family::of(tx, tenant, row).await? else {
        return Ok(Some(Vec::new()));
    };
    let Some(desk) = Desk::open(engine, tx, tenant).await? else {
        return Ok(Some(Vec::new()));
    };
    // Read again: whoever held the desk before may have changed the subjects.
    let Some(mut family) = Family::rooted(tx, tenant, family.root).await? else {
        return Ok(Some(Vec::new()));
    };
    if messages::is_sending(tx, tenant, family.root).await? {
        let mut rows = vec![row, family.root];
        rows.dedup();
        mail_tenants::consider_again(tx, tenant, &rows).await?;
        return Ok(None);
    }
    let templates = desk.templates(engine);
    let mut clerk = Clerk {
        engine,
        desk: &desk,
        templates: &templates,
        wish,
        made: Vec::new(),
        cut_off: BTreeSet::new(),
    };
    clerk.carry_over(tx, &mut family).await?;
    for (start, customer) in targets(&family) {
        clerk.look(tx, &mut family, start, customer).await?;
    }
    clerk.end_what_does_not_hold(tx, &family).await?;
    Ok(Some(clerk.made))
}

/// Whom there may be something to tell, the whole before its occurrences.
fn targets(family: &Family) -> BTreeSet<(Option<OriginalStart>, CustomerId)> {
    let rows = family.booking.iter().chain(&family.overrides);
    let named = rows.flat_map(|row| {
        let start = row.occurrence.as_ref().map(|occurrence| occurrence.original_start);
        row.customer_ids.iter().map(move |customer| (start, *customer))
    });
    let known = family
        .subjects
        .iter()
        .map(|subject| (subject.original_start, subject.customer_id));
    // Somebody with the whole of a series is told of its occurrences, also of those that are without them.
    let with_whole = family.booking.iter().flat_map(|row| row.customer_ids.iter().copied());
    let with_whole: Vec<CustomerId> = with_whole.collect();
    let starts = family
        .overrides
        .iter()
        .filter_map(|row| Some(row.occurrence.as_ref()?.original_start));
    let without = starts.flat_map(|start| with_whole.iter().map(move |customer| (Some(start), *customer)));
    named.chain(known).chain(without).collect()
}

/// Considers one booking.
struct Clerk<'a> {
    engine: &'a Engine,
    desk: &'a Desk,
    templates: &'a MailTemplates,
    wish: Wish,
    made: Vec<MessageId>,
    /// Customers whose open messages about the whole ended because another one gets them: what they told is still to be told.
    cut_off: BTreeSet<CustomerId>,
}

impl Clerk<'_> {
    fn tenant(&self) -> TenantId {
        self.desk.tenant
    }

    /// Customers with one address are one recipient, and the first of them who is on the booking gets its mail: what was told to
    /// another of them, or waits, is theirs. So it is when one takes the place of another one, and when a booking is handed over to
    /// a user who knows the customer too.
    async fn carry_over(&mut self, tx: &mut Tx, family: &mut Family) -> Result<(), MailError> {
        for at in 0..family.subjects.len() {
            let left = family.subjects[at].clone();
            let row = family.row(left.original_start).or(family.booking.as_ref());
            let Some(row) = row.filter(|_| !left.recipient_key.is_empty()) else {
                continue;
            };
            let present = row.customer_ids.clone();
            let has_address = |id: &CustomerId| {
                let person = family.people.get(id);
                person.is_some_and(|person| self.desk.recipient_key(&person.address) == left.recipient_key)
            };
            let heir = present.iter().copied().filter(has_address).min();
            let Some(heir) = heir.filter(|heir| *heir != left.customer_id) else {
                continue;
            };
            let known = family
                .subjects
                .iter()
                .position(|subject| subject.original_start == left.original_start && subject.customer_id == heir);
            let mut was_open = false;
            for message in messages::of_subject(tx, self.tenant(), left.id).await? {
                was_open |= end(
                    self.engine,
                    tx,
                    self.tenant(),
                    &message,
                    State::Superseded,
                    Reason::Changed,
                )
                .await?;
            }
            let told = compare::told(self.engine, self.tenant(), &left)?;
            if was_open {
                // Who is still there under another address by now is to be told too.
                self.cut_off.extend([heir, left.customer_id]);
            }
            match known {
                None if was_open || told.is_some() => {
                    family.subjects[at].customer_id = heir;
                    subjects::put(tx, self.tenant(), &family.subjects[at]).await?;
                }
                // While both were there only the first was told anything: what it knows is newer.
                Some(other)
                    if told.is_some() && (family.subjects[other].told_sealed.is_none() || left.customer_id < heir) =>
                {
                    let sealed =
                        compare::seal_told(self.engine, self.tenant(), family.subjects[other].id, told.as_ref());
                    family.subjects[other].told_sealed = sealed;
                    // Calendars pass over a lower SEQUENCE than they have seen.
                    let sequence = family.subjects[other].mail_version.max(left.mail_version);
                    family.subjects[other].mail_version = sequence;
                    family.subjects[at].told_sealed = None;
                    for index in [other, at] {
                        subjects::put(tx, self.tenant(), &family.subjects[index]).await?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What one customer is to be told about the whole or about one occurrence.
    async fn look(
        &mut self,
        tx: &mut Tx,
        family: &mut Family,
        start: Option<OriginalStart>,
        customer: CustomerId,
    ) -> Result<(), MailError> {
        let tenant = self.tenant();
        let find = |start| {
            let is_it = |subject: &&SubjectRow| subject.original_start == start && subject.customer_id == customer;
            family.subjects.iter().find(is_it).cloned()
        };
        let known = find(start);
        let whole = start.and_then(|_| find(None));
        let old = known
            .as_ref()
            .map(|known| compare::content(self.engine, tenant, known))
            .transpose()?;
        let now = family.told(start, customer);
        let now = match (now, &old) {
            (Some(now), Some(old)) if !now.takes_place => Told {
                takes_place: false,
                ..old.clone()
            },
            (Some(now), _) => now,
            (None, Some(old)) => Told {
                takes_place: false,
                ..old.clone()
            },
            (None, None) => return Ok(()),
        };
        let whole_now = start.and_then(|_| family.told(None, customer));
        if known.is_none() {
            // An occurrence that says what its series says needs no subject, nor does somebody who takes no part in anything.
            let inherited = start.and_then(|start| whole_now.as_ref()?.occurrence(start));
            let is_inherited = inherited.is_some_and(|inherited| now.says_the_same(&inherited));
            // What waits about it is ended with what does not hold.
            if is_inherited || (!now.takes_place && whole.as_ref().is_none_or(|whole| whole.told_sealed.is_none())) {
                return Ok(());
            }
        }
        let before = self.told_before(tenant, known.as_ref(), whole.as_ref(), start)?;
        let mut due = now.due(before.as_ref());
        if start.is_some()
            && whole_now.as_ref().is_none_or(|whole| !whole.takes_place)
            && whole.as_ref().is_some_and(|whole| whole.told_sealed.is_some())
        {
            // The cancellation of the series says it.
            due = None;
        }
        if !family.is_first_with_address(start, customer, self.desk) {
            due = None;
        }
        if !now.takes_place && !family.is_off(start, customer) {
            // It takes place, but nobody knows where to write: that is no cancellation.
            due = None;
        }
        let own = known.as_ref().map(|known| known.id);
        let open = messages::open_about(tx, tenant, own, (family.root, start, customer)).await?;
        let is_same = old.as_ref().is_some_and(|old| now.says_the_same(old))
            && known.as_ref().is_some_and(|known| known.user_id == now.user_id);
        let version = known.as_ref().map(|known| known.mail_version);
        let asks_right = |message: &MessageRow| {
            let is_due = message.kind == Kind::Reminder.as_str() || due.is_some_and(|due| message.kind == due.as_str());
            is_due && Some(message.mail_version) == version && message.letter_sealed.is_some()
        };
        // Words that are withheld by now are no change to tell about; but what waits must not tell them.
        let shows = |told: &Told| told.title.is_some();
        let tells_withheld = now.takes_place && !shows(&now) && old.as_ref().is_some_and(shows);
        let was_cut_off = start.is_none() && self.cut_off.contains(&customer);
        if is_same && !was_cut_off && open.iter().all(asks_right) && (open.is_empty() || !tells_withheld) {
            return Ok(());
        }
        let was_wished = was_cut_off || !open.is_empty();
        let is_wished = match self.wish {
            Wish::Propose => true,
            Wish::None => false,
            // An occurrence that differed before its series was told is looked at again after that.
            // So is what somebody who was to be told has a new address for.
            Wish::Inherit => {
                let inherited = if known.is_none() { &whole } else { &known };
                let has_moved = old.as_ref().is_none_or(|old| old.address != now.address);
                was_wished || (has_moved && inherited.as_ref().is_some_and(|subject| subject.is_wished))
            }
            // Half of a series is new, and those who knew the series have to hear of it.
            Wish::Google => was_wished || known.is_some() || whole.is_some() || family.is_half(),
        };
        let (ended, reason) = match now.takes_place {
            true => (State::Superseded, Reason::Changed),
            false => (State::Withdrawn, Reason::Cancelled),
        };
        for message in &open {
            self.end(tx, message, ended, reason).await?;
        }
        let first = messages::newest_version(tx, tenant, family.root, start, customer).await?;
        let first = first.max(whole.as_ref().map_or(0, |whole| whole.mail_version));
        let address = if now.takes_place {
            &now.address
        } else {
            before.as_ref().map_or(&now.address, |before| &before.address)
        };
        let told = Told {
            address: address.clone(),
            ..now.clone()
        };
        let mut subject = SubjectRow {
            id: known
                .as_ref()
                .map_or_else(|| MessageId(self.engine.fresh_uuid()), |known| known.id),
            booking_id: family.root,
            original_start: start,
            row_id: family.row(start).map_or(family.root, |row| row.id),
            customer_id: customer,
            user_id: now.user_id,
            recipient_key: self.desk.recipient_key(&told.address),
            mail_version: known.as_ref().map_or(first, |known| known.mail_version.max(first)) + 1,
            content_sealed: Vec::new(),
            told_sealed: known.as_ref().and_then(|known| known.told_sealed.clone()),
            is_wished: is_wished
                || known
                    .as_ref()
                    .is_some_and(|known| known.is_wished && self.wish != Wish::None),
            remind_at: None,
        };
        subject.content_sealed = compare::seal_content(self.engine, tenant, subject.id, &told);
        subjects::put(tx, tenant, &subject).await?;
        if let Some(kind) = due.filter(|_| is_wished) {
            let asked = Asked {
                kind,
                start,
                told: &told,
                before: before.as_ref(),
                offset: 0,
                due_at: 0,
            };
            self.propose(tx, family, &subject, &asked).await?;
        }
        if subject.is_wished && told.takes_place {
            remind::of_subject(
                self.engine,
                tx,
                self.desk,
                self.templates,
                family,
                &mut subject,
                &mut self.made,
            )
            .await?;
            subjects::set_remind_at(tx, tenant, subject.id, subject.remind_at).await?;
        }
        family.subjects.retain(|known| known.id != subject.id);
        family.subjects.push(subject);
        Ok(())
    }

    /// Nothing stays open that could be neither approved nor sent, whatever became of its occurrence.
    async fn end_what_does_not_hold(&self, tx: &mut Tx, family: &Family) -> Result<(), MailError> {
        for message in messages::open_of_booking(tx, self.tenant(), family.root).await? {
            let says = compare::of_message(self.engine, self.tenant(), &message)?;
            if !says.is_some_and(|says| family.holds(&message, &says)) {
                self.end(tx, &message, State::Superseded, Reason::Changed).await?;
            }
        }
        Ok(())
    }

    /// What this customer was told last about this: of an occurrence, by a mail about it, or else by the last about its series.
    fn told_before(
        &self,
        tenant: TenantId,
        known: Option<&SubjectRow>,
        whole: Option<&SubjectRow>,
        start: Option<OriginalStart>,
    ) -> Result<Option<Told>, MailError> {
        if let Some(told) = known
            .map(|known| compare::told(self.engine, tenant, known))
            .transpose()?
            .flatten()
        {
            return Ok(Some(told));
        }
        let (Some(whole), Some(start)) = (whole, start) else {
            return Ok(None);
        };
        let told = compare::told(self.engine, tenant, whole)?;
        Ok(told.and_then(|told| {
            let was_one = crate::domain::recurrence::contains(&told.when, start);
            was_one.then(|| told.occurrence(start)).flatten()
        }))
    }

    async fn propose(
        &mut self,
        tx: &mut Tx,
        family: &Family,
        subject: &SubjectRow,
        asked: &Asked<'_>,
    ) -> Result<(), MailError> {
        let made = propose(self.engine, tx, self.desk, self.templates, family, subject, asked).await?;
        self.made.extend(made);
        Ok(())
    }

    /// Ends a message that waits or may be sent.
    async fn end(&self, tx: &mut Tx, message: &MessageRow, to: State, reason: Reason) -> Result<(), MailError> {
        end(self.engine, tx, self.tenant(), message, to, reason).await.map(drop)
    }
}

/// A mail that is to be proposed.
pub(super) struct Asked<'a> {
    pub(super) kind: Kind,
    /// Which occurrence it is about.
    pub(super) start: Option<OriginalStart>,
    pub(super) told: &'a Told,
    pub(super) before: Option<&'a Told>,
    /// Of a reminder: minutes before the start.
    pub(super) offset: u32,
    /// Not sent before, ms; 0: at once.
    pub(super) due_at: i64,
}

/// Renders and stores a proposal, unless nobody could use it. Returns its id.
pub(super) async fn propose(
    engine: &Engine,
    tx: &mut Tx,
    desk: &Desk,
    templates: &MailTemplates,
    family: &Family,
    subject: &SubjectRow,
    asked: &Asked<'_>,
) -> Result<Option<MessageId>, MailError> {
    let (tenant, now) = (desk.tenant, engine.now_ms());
    let expires_at = expiry(desk, family, asked);
    if expires_at <= now || asked.told.address.is_empty() {
        return Ok(None);
    }
    let account = accounts::live_of_user(tx, tenant, subject.user_id).await?;
    if accounts::is_mail_paused(tx, tenant, subject.user_id).await?
        || suppressions::has(tx, tenant, &subject.recipient_key).await?
    {
        return Ok(None);
    }
    let user = users::get(tx, tenant, subject.user_id).await?;
    let user = Mailbox {
        name: user.as_ref().map(|user| user.name.clone()).unwrap_or_default(),
        address: match (&account, &user) {
            (Some(account), _) => account.email.clone(),
            (None, Some(user)) => user.email.clone(),
            (None, None) => String::new(),
        },
    };
    let id = MessageId(engine.fresh_uuid());
    let customer = family.people.get(&subject.customer_id).cloned().unwrap_or_default();
    let row = family.row(asked.start).or(family.booking.as_ref());
    let series = asked
        .start
        .and(family.booking.as_ref())
        .map(|series| series.content.when.span);
    let draft = Draft {
        id,
        kind: asked.kind,
        booking: family.root,
        start: asked.start,
        series,
        told: asked.told,
        before: asked.before,
        sequence: subject.mail_version,
        customer: &customer,
        user: &user,
        description: row
            .map(|row| row.content.description.clone())
            .filter(|_| asked.told.title.is_some()),
        day_zone: family.day_zone,
    };
    let written = letter::write(engine, desk, templates, &draft);
    let letter = match &written {
        Ok(letter) => Some(letter),
        Err(error) => {
            tracing::error!(%tenant, message = %id, %error, "a mail cannot be written; it is kept as failed");
            None
        }
    };
    let message = MessageRow {
        id,
        class: "customer".to_owned(),
        kind: asked.kind.to_string(),
        user_id: Some(subject.user_id),
        subject_id: Some(subject.id),
        booking_id: Some(family.root),
        original_start: asked.start,
        customer_id: Some(subject.customer_id),
        mail_version: subject.mail_version,
        offset_minutes: i64::from(asked.offset),
        state: if letter.is_some() {
            State::Proposed
        } else {
            State::Failed
        },
        reason: letter.is_none().then(|| Reason::Unwritable.to_string()),
        recipient_key: subject.recipient_key.clone(),
        content_hash: letter.map(|letter| letter.hash().to_vec()).unwrap_or_default(),
        letter_sealed: letter.map(|letter| seal_letter(engine, tenant, id, letter)),
        content_sealed: Some(compare::seal_of_message(engine, tenant, id, asked.told)),
        settle_until: now + engine.mail.settle,
        prompted_at: None,
        due_at: asked.due_at,
        expires_at,
        attempts: 0,
        next_attempt_at: asked.due_at,
        answer: None,
        created_at: now,
        updated_at: now,
    };
    if !messages::insert(tx, tenant, &message).await? {
        return Ok(None);
    }
    crate::store::changes::record(tx, tenant, "message", &id.to_string()).await?;
    let Some(letter) = letter else { return Ok(None) };
    // A customer may be a user too: what their calendar makes of the mail is this booking, when it comes back through Google.
    placements::identify(tx, tenant, &desk.uid(family.root), None, family.root).await?;
    let event = Event::Proposed {
        message: id,
        booking: family.root,
        user: subject.user_id,
        kind: asked.kind.as_str(),
        recipient_key: &subject.recipient_key,
        address: &letter.to.address,
        content_hash: letter.hash(),
        expires_at,
    };
    ledger::append(engine, tx, tenant, event).await?;
    Ok(Some(id))
}

pub(super) fn seal_letter(engine: &Engine, tenant: TenantId, id: MessageId, letter: &Letter) -> Vec<u8> {
    // A letter always serializes: it holds texts.
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(letter).unwrap_or_default());
    engine.seal("messages", "letter_sealed", tenant, &id.to_string(), &plain)
}

/// Until when a mail is of use: its booking's start; of a series, the end of its last occurrence; of a reminder, the next one.
fn expiry(desk: &Desk, family: &Family, asked: &Asked<'_>) -> i64 {
    let start = |told: &Told| match told.when.recurrence.is_empty() {
        true => told.when.span.starts(family.day_zone).timestamp_millis(),
        false => crate::domain::recurrence::last_end(&told.when, family.day_zone)
            .map_or(i64::MAX, |last| last.timestamp_millis()),
    };
    match (asked.kind, asked.before) {
        (Kind::Reminder, _) => start(asked.told) - i64::from(desk.reminders.until(asked.offset)) * 60_000,
        (Kind::Cancellation, Some(before)) => start(before),
        // Who waits at the old time must hear of it as long as either is ahead.
        (Kind::Update, Some(before)) => start(asked.told).max(start(before)),
        _ => start(asked.told),
    }
}

/// Ends a message that waits or may be sent. `false`: it was ended, or taken in hand, meanwhile.
pub(super) async fn end(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    message: &MessageRow,
    to: State,
    reason: Reason,
) -> Result<bool, MailError> {
    if !message.state.is_open()
        || !messages::advance(tx, tenant, message.id, message.state, to, Some(reason), engine.now_ms()).await?
    {
        return Ok(false);
    }
    crate::store::changes::record(tx, tenant, "message", &message.id.to_string()).await?;
    let (message, by) = (message.id, if reason == Reason::User { "user" } else { "engine" });
    let by = if reason == Reason::Suppressed { "customer" } else { by };
    let event = match to {
        State::Superseded => Event::Superseded { message },
        State::Expired => Event::Expired { message },
        _ => Event::Withdrawn {
            message,
            by,
            reason: reason.as_str(),
        },
    };
    ledger::append(engine, tx, tenant, event).await?;
    Ok(true)
}
