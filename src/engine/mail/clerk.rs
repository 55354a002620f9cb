//! What one recipient is to be told: what they know, what holds now, and the mail that is due because the two differ.
//!
//! Most recipients have one customer and one booking. The rest of the rules are for mailboxes that several customers read, for
//! customers who move from one to another, and for occurrences of series.
use super::consider::{Wish, Wishes};
use super::desk::Desk;
use super::family::Family;
use super::propose::{Asked, end, propose};
use super::{MailError, compare, remind};
use crate::domain::ids::{CustomerId, MessageId, TenantId};
use crate::domain::mail::{Kind, Reason, State, Told};
use crate::domain::recurrence;
use crate::domain::time::OriginalStart;
use crate::engine::Engine;
use crate::store::Tx;
use crate::store::mail::messages::{self, MessageRow};
use crate::store::mail::subjects::{self, SubjectRow};
use crate::templates::mail::MailTemplates;
use std::collections::BTreeSet;

/// Considers one family, recipient by recipient.
pub(super) struct Clerk<'a> {
    engine: &'a Engine,
    desk: &'a Desk,
    templates: &'a MailTemplates,
    wishes: Wishes,
    /// What was known of this booking before.
    former: Vec<SubjectRow>,
    made: Vec<MessageId>,
}

/// What there is to tell one recipient about the whole or about one occurrence.
struct Matter {
    start: Option<OriginalStart>,
    recipient: Vec<u8>,
    known: Option<SubjectRow>,
    /// What is known of the series that the occurrence belongs to.
    whole: Option<SubjectRow>,
    /// What mail was last about.
    old: Option<Told>,
    /// What was told last.
    before: Option<Told>,
    now: Told,
    /// Those of its customers who read there, or did last.
    customers: Vec<CustomerId>,
    /// The first of them with whom it does not take place.
    off: Option<CustomerId>,
    due: Option<Kind>,
}

impl Matter {
    /// Whether somebody reads there who did not, so that a wish of theirs has not been heard yet.
    fn is_new(&self) -> bool {
        let (Some(known), Some(old)) = (&self.known, &self.old) else {
            return true;
        };
        let joins = |customer: &CustomerId| !known.customer_ids.contains(customer);
        let is_untold = self.due == Some(Kind::Confirmation) && self.customers.iter().any(joins);
        is_untold || (self.now.takes_place && is_elsewhere(old))
    }

    /// Whether it is an occurrence that was told with its series.
    fn is_told_with_series(&self) -> bool {
        self.whole.as_ref().is_some_and(|whole| whole.told_sealed.is_some())
    }

    /// Whether nothing that is told has changed.
    fn is_same(&self) -> bool {
        let is_same_user = |known: &SubjectRow| known.user_id == self.now.user_id;
        self.old.as_ref().is_some_and(|old| self.now.says_the_same(old))
            && self.known.as_ref().is_some_and(is_same_user)
    }
}

impl<'a> Clerk<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        desk: &'a Desk,
        templates: &'a MailTemplates,
        wishes: Wishes,
        family: &Family,
    ) -> Clerk<'a> {
        Clerk {
            engine,
            desk,
            templates,
            wishes,
            former: family.subjects.clone(),
            made: Vec::new(),
        }
    }

    /// The proposals that were made.
    pub(super) fn made(self) -> Vec<MessageId> {
        self.made
    }

    fn tenant(&self) -> TenantId {
        self.desk.tenant
    }

    /// Finds out what one recipient is to be told about the whole or about one occurrence, and proposes it if it is wished.
    pub(super) async fn look(
        &mut self,
        tx: &mut Tx,
        family: &mut Family,
        start: Option<OriginalStart>,
        recipient: &[u8],
    ) -> Result<(), MailError> {
        let tenant = self.tenant();
        if recipient.is_empty() {
            return self.remember_wish(tx, family, start).await;
        }
        let Some(matter) = self.see(family, start, recipient)? else {
            return Ok(());
        };
        let own = matter.known.as_ref().map(|known| known.id);
        let open = messages::open_about(tx, tenant, own, (family.root, start, recipient)).await?;
        let wish = self.wishes.about(family, start);
        let is_quiet = wish == Wish::Quiet && matter.is_told_with_series();
        let is_late = matter.is_new() && !is_quiet && self.was_wished_for(&matter);
        let asks = |message: &MessageRow| message.kind != Kind::Reminder.as_str();
        let is_wished = match wish {
            Wish::Propose => true,
            Wish::None => false,
            // A reminder that waits has a successor, but is no wish that a quiet change is told.
            Wish::Inherit | Wish::Quiet => is_late || open.iter().any(asks),
            // Half of a series is new, and those who knew the series have to hear of it.
            Wish::Google => is_late || !open.is_empty() || self.is_known(&matter) || family.is_half(),
        };
        if matter.is_same()
            && !(open.is_empty() && matter.is_new() && is_wished)
            && self.asks_right(family, recipient, &matter, &open)?
        {
            if let Some(known) = matter.known.filter(|known| known.customer_ids != matter.customers) {
                let customer_ids = matter.customers;
                let subject = SubjectRow { customer_ids, ..known };
                self.remember(tx, family, subject).await?;
            }
            return Ok(());
        }
        let (ended, reason) = match matter.now.takes_place || matter.off.is_none() {
            true => (State::Superseded, Reason::Changed),
            false => (State::Withdrawn, Reason::Cancelled),
        };
        for message in &open {
            self.end(tx, message, ended, reason).await?;
        }
        // Calendars pass over a lower SEQUENCE than they have seen, at whichever address.
        let newest = messages::newest_version(tx, tenant, family.root, start).await?;
        let (known, whole) = (matter.known.as_ref(), matter.whole.as_ref());
        let versions = [known, whole].into_iter().flatten().map(|other| other.mail_version);
        let mut subject = SubjectRow {
            id: own.unwrap_or_else(|| MessageId(self.engine.fresh_uuid())),
            booking_id: family.root,
            original_start: start,
            row_id: family.row(start).map_or(family.root, |row| row.id),
            recipient_key: recipient.to_vec(),
            customer_ids: matter.customers,
            user_id: matter.now.user_id,
            mail_version: versions.fold(newest, i64::max) + 1,
            content_sealed: Vec::new(),
            told_sealed: known.and_then(|known| known.told_sealed.clone()),
            is_wished: is_wished
                || (wish != Wish::None && (!open.is_empty() || known.is_some_and(|known| known.is_wished))),
            remind_at: None,
        };
        subject.content_sealed = compare::seal_content(self.engine, tenant, subject.id, &matter.now);
        let now = &matter.now;
        let named = matter
            .off
            .filter(|_| !now.takes_place)
            .or(subject.customer_ids.first().copied());
        if let (Some(kind), Some(customer)) = (matter.due.filter(|_| is_wished), named) {
            let asked = Asked {
                kind,
                start,
                customer,
                told: now,
                before: matter.before.as_ref(),
                offset: 0,
                due_at: 0,
            };
            let made = propose(self.engine, tx, self.desk, self.templates, family, &subject, &asked).await?;
            self.made.extend(made);
        }
        if subject.is_wished && now.takes_place {
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
        }
        self.remember(tx, family, subject).await
    }

    /// Nothing stays open that could be neither approved nor sent, whatever became of its occurrence.
    pub(super) async fn end_what_does_not_hold(&self, tx: &mut Tx, family: &Family) -> Result<(), MailError> {
        for message in messages::open_of_booking(tx, self.tenant(), family.root).await? {
            let says = compare::of_message(self.engine, self.tenant(), &message)?;
            if !says.is_some_and(|says| family.holds(&message, &says)) {
                self.end(tx, &message, State::Superseded, Reason::Changed).await?;
            }
        }
        Ok(())
    }

    /// What one recipient knows and what holds; `None`: there is nothing to tell, and nothing to remember.
    fn see(
        &self,
        family: &Family,
        start: Option<OriginalStart>,
        recipient: &[u8],
    ) -> Result<Option<Matter>, MailError> {
        let find = |start| {
            let is_it = |subject: &&SubjectRow| subject.original_start == start && subject.recipient_key == recipient;
            family.subjects.iter().find(is_it).cloned()
        };
        let (known, whole) = (find(start), start.and_then(|_| find(None)));
        let content = |known: &SubjectRow| compare::content(self.engine, self.tenant(), known);
        let old = known.as_ref().map(content).transpose()?;
        let before = self.told_before(known.as_ref(), whole.as_ref(), start)?;
        let mut customers = family.readers(start, recipient);
        if customers.is_empty() {
            let last = known.as_ref().or(whole.as_ref());
            customers = last.map(|last| last.customer_ids.clone()).unwrap_or_default();
        }
        let is_off = |customer: &CustomerId| family.is_off(start, *customer);
        let off = customers.iter().copied().find(is_off);
        let now = match (family.told(start, recipient), &old) {
            (Some(now), _) if now.takes_place => now,
            (now, old) => {
                let Some(content) = old.clone().or(now) else {
                    return Ok(None);
                };
                let is_told = off.is_some() && !self.is_told_elsewhere(start, &customers, old.as_ref())?;
                let address = before.as_ref().filter(|_| is_told).map(|before| before.address.clone());
                Told {
                    takes_place: false,
                    address: address.unwrap_or_default(),
                    ..content
                }
            }
        };
        let is_whole_told = whole.as_ref().is_some_and(|whole| whole.told_sealed.is_some());
        let whole_now = start.and_then(|_| family.told(None, recipient));
        if known.is_none() {
            // An occurrence that says what its series says needs no subject, nor does somebody who takes no part in anything.
            let inherited = start.and_then(|start| whole_now.as_ref()?.occurrence(start));
            let is_inherited = inherited.is_some_and(|inherited| now.says_the_same(&inherited));
            // What waits about it is ended with what does not hold.
            if is_inherited || (!now.takes_place && !is_whole_told) {
                return Ok(None);
            }
        }
        let is_known_alone = known.as_ref().is_some_and(|known| known.told_sealed.is_some());
        let says_series = start.is_some()
            // The cancellation of the series,
            && ((is_whole_told && !whole_now.is_some_and(|whole| whole.takes_place))
                // or its new time or rule.
                || (!is_known_alone && family.row_or_series(start).is_none()));
        let due = now.due(before.as_ref()).filter(|_| !says_series);
        Ok(Some(Matter {
            start,
            recipient: recipient.to_vec(),
            known,
            whole,
            old,
            before,
            now,
            customers,
            off,
            due,
        }))
    }

    /// Whether what waits asks for what is due, says what holds, names somebody who still takes part, and tells no words that are
    /// withheld by now.
    fn asks_right(
        &self,
        family: &Family,
        recipient: &[u8],
        matter: &Matter,
        open: &[MessageRow],
    ) -> Result<bool, MailError> {
        let version = matter.known.as_ref().map(|known| known.mail_version);
        let is_due = |message: &MessageRow| {
            let is = |due: Kind| message.kind == due.as_str();
            is(Kind::Reminder) || matter.due.is_some_and(is)
        };
        let names_right = |message: &MessageRow| {
            let readers = match matter.now.takes_place {
                true => family.readers(message.original_start, recipient),
                false => matter.customers.clone(),
            };
            message.customer_id.is_some_and(|named| readers.contains(&named))
        };
        for message in open {
            let says = compare::of_message(self.engine, self.tenant(), message)?;
            let is_right = is_due(message)
                && names_right(message)
                && Some(message.mail_version) == version
                && message.letter_sealed.is_some()
                && says.is_some_and(|says| family.holds(message, &says));
            if !is_right {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Customers without an address are told nothing. That it was wished is kept until they have one.
    async fn remember_wish(
        &mut self,
        tx: &mut Tx,
        family: &mut Family,
        start: Option<OriginalStart>,
    ) -> Result<(), MailError> {
        let customer_ids = family.readers(start, &[]);
        let Some(now) = family.told(start, &[]).filter(|_| !customer_ids.is_empty()) else {
            return Ok(());
        };
        let is_it = |subject: &&SubjectRow| subject.original_start == start && subject.recipient_key.is_empty();
        let known = family.subjects.iter().find(is_it).cloned();
        let was_wished = known.as_ref().is_some_and(|known| known.is_wished);
        let is_wished = match self.wishes.about(family, start) {
            Wish::Propose => true,
            Wish::None => false,
            Wish::Inherit | Wish::Quiet | Wish::Google => was_wished || self.were_wished_for(start, &customer_ids),
        };
        let is_same = |known: &SubjectRow| known.is_wished == is_wished && known.customer_ids == customer_ids;
        if known.as_ref().map_or(!is_wished, is_same) {
            return Ok(());
        }
        let id = known.map_or_else(|| MessageId(self.engine.fresh_uuid()), |known| known.id);
        let subject = SubjectRow {
            id,
            booking_id: family.root,
            original_start: start,
            row_id: family.row(start).map_or(family.root, |row| row.id),
            recipient_key: Vec::new(),
            customer_ids,
            user_id: now.user_id,
            mail_version: 0,
            content_sealed: compare::seal_content(self.engine, self.tenant(), id, &now),
            told_sealed: None,
            is_wished,
            remind_at: None,
        };
        self.remember(tx, family, subject).await
    }

    async fn remember(&self, tx: &mut Tx, family: &mut Family, subject: SubjectRow) -> Result<(), MailError> {
        subjects::put(tx, self.tenant(), &subject).await?;
        family.subjects.retain(|known| known.id != subject.id);
        family.subjects.push(subject);
        Ok(())
    }

    /// Whether it was wished that its customers are told: at an address that they had before, or of the series of an occurrence that
    /// differed before its series was told.
    fn was_wished_for(&self, matter: &Matter) -> bool {
        // Whoever reads there now was told of the series, or will be.
        let is_series = |subject: &&SubjectRow| {
            let is_whole = matter.start.is_some() && subject.original_start.is_none();
            is_whole && subject.recipient_key == matter.recipient
        };
        let is_wished = |subject: &SubjectRow| subject.is_wished;
        self.were_wished_for(matter.start, &matter.customers) || self.former.iter().filter(is_series).any(is_wished)
    }

    fn were_wished_for(&self, start: Option<OriginalStart>, customers: &[CustomerId]) -> bool {
        self.former_of(start, customers).any(|subject| subject.is_wished)
    }

    /// Whether mail knew its customers before, or the series.
    fn is_known(&self, matter: &Matter) -> bool {
        let mut former = self.former_of(matter.start, &matter.customers);
        matter.known.is_some() || matter.whole.is_some() || former.next().is_some()
    }

    /// What was known before of an occurrence or of the whole, with one of these customers.
    fn former_of<'s>(
        &'s self,
        start: Option<OriginalStart>,
        customers: &'s [CustomerId],
    ) -> impl Iterator<Item = &'s SubjectRow> {
        self.former.iter().filter(move |subject| {
            let is_about = subject.original_start == start || subject.original_start.is_none();
            is_about && subject.customer_ids.iter().any(|customer| customers.contains(customer))
        })
    }

    /// Whether its customers, who read elsewhere already, know there what became of it.
    fn is_told_elsewhere(
        &self,
        start: Option<OriginalStart>,
        customers: &[CustomerId],
        old: Option<&Told>,
    ) -> Result<bool, MailError> {
        if !old.is_some_and(is_elsewhere) {
            return Ok(false);
        }
        let mut told: BTreeSet<CustomerId> = BTreeSet::new();
        for other in self.former.iter().filter(|other| other.original_start == start) {
            if other.told_sealed.is_some() && !is_elsewhere(&compare::content(self.engine, self.tenant(), other)?) {
                told.extend(&other.customer_ids);
            }
        }
        Ok(customers.iter().all(|customer| told.contains(customer)))
    }

    /// What this recipient was told last about this: of an occurrence, by a mail about it, or else by the last about its series.
    fn told_before(
        &self,
        known: Option<&SubjectRow>,
        whole: Option<&SubjectRow>,
        start: Option<OriginalStart>,
    ) -> Result<Option<Told>, MailError> {
        let told = |known: &SubjectRow| compare::told(self.engine, self.tenant(), known);
        if let Some(told) = known.map(told).transpose()?.flatten() {
            return Ok(Some(told));
        }
        let (Some(whole), Some(start)) = (whole, start) else {
            return Ok(None);
        };
        Ok(told(whole)?.and_then(|told| {
            let was_one = recurrence::contains(&told.when, start);
            was_one.then(|| told.occurrence(start)).flatten()
        }))
    }

    /// Ends a message that waits or may be sent.
    async fn end(&self, tx: &mut Tx, message: &MessageRow, to: State, reason: Reason) -> Result<(), MailError> {
        end(self.engine, tx, self.tenant(), message, to, reason).await.map(drop)
    }
}

/// Whether it takes place, but its customers do not read there any more.
fn is_elsewhere(told: &Told) -> bool {
    !told.takes_place && told.address.is_empty()
}
