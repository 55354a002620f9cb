//! From what a booking says now to the mails that are due because of it.
use super::desk::Desk;
use super::family::Family;
use super::propose::{Asked, end, propose};
use super::{MailError, compare, remind};
use crate::domain::ids::{BookingId, CustomerId, MessageId, TenantId};
use crate::domain::mail::{Kind, Reason, State, Told};
use crate::domain::time::OriginalStart;
use crate::engine::Engine;
use crate::store::bookings::{self, BookingRow};
use crate::store::mail::messages::{self, MessageRow};
use crate::store::mail::subjects::{self, SubjectRow};
use crate::store::mail::tenants as mail_tenants;
use crate::store::{Tx, states};
use crate::templates::mail::MailTemplates;
use std::collections::{BTreeMap, BTreeSet};

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
    if found.as_ref().is_some_and(|found| found.version != row.version) {
        return Ok(false);
    }
    let wish = wish_of(&mut tx, tenant, row, found.as_ref()).await?;
    let is_with_somebody = found.as_ref().is_none_or(|found| !found.customer_ids.is_empty());
    if wish == Wish::Propose && is_with_somebody {
        // For one version. Without customers it is kept: in SQL they come in statements of their own.
        bookings::set_mail_wish(&mut tx, tenant, row.id, "none").await?;
    }
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

/// What is wished for a row whose mail was not considered; `found`: the row, unless it is gone.
async fn wish_of(
    tx: &mut Tx,
    tenant: TenantId,
    row: &mail_tenants::Unconsidered,
    found: Option<&BookingRow>,
) -> Result<Wish, MailError> {
    let wish = match found {
        Some(found) => found.text.mail_wish.clone(),
        None => {
            let state = states::get_many(tx, tenant, &[row.id]).await?.pop();
            let deleted = state.and_then(|state| state.deleted);
            deleted.map_or_else(|| "none".to_owned(), |deleted| deleted.text.mail_wish)
        }
    };
    Ok(match wish.as_str() {
        "propose" => Wish::Propose,
        _ if row.by_google => Wish::Google,
        _ => Wish::Inherit,
    })
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

/// Considers what the recipients of a booking, of its series or of its occurrences are to be told. Returns the proposals that were made;
/// `None`: a mail about it is being handed over just now, and it is considered again after that.
pub(in crate::engine) async fn consider(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    row: BookingId,
    wish: Wish,
) -> Result<Option<Vec<MessageId>>, MailError> {
    let root = Family::root_of(tx, tenant, row).await?;
    if !Family::has_recipients(tx, tenant, root).await? {
        return Ok(Some(Vec::new()));
    }
    let Some(desk) = Desk::open(engine, tx, tenant).await? else {
        return Ok(Some(Vec::new()));
    };
    let Some(mut family) = Family::rooted(tx, &desk, root).await? else {
        return Ok(Some(Vec::new()));
    };
    if messages::is_sending(tx, tenant, root).await? {
        let mut rows = vec![row, root];
        rows.dedup();
        mail_tenants::consider_again(tx, tenant, &rows).await?;
        return Ok(None);
    }
    let templates = desk.templates(engine);
    let mut clerk = Clerk {
        engine,
        desk: &desk,
        templates: &templates,
        wishes: Wishes::of(tx, &family, row, wish).await?,
        former: family.subjects.clone(),
        made: Vec::new(),
    };
    for (start, recipient) in targets(&family) {
        Box::pin(clerk.look(tx, &mut family, start, &recipient)).await?;
    }
    clerk.end_what_does_not_hold(tx, &family).await?;
    Ok(Some(clerk.made))
}

/// Whom there may be something to tell, the whole before its occurrences.
fn targets(family: &Family) -> BTreeSet<(Option<OriginalStart>, Vec<u8>)> {
    let rows = family.booking.iter().chain(&family.overrides);
    let named = rows.flat_map(|row| {
        let start = row.occurrence.as_ref().map(|occurrence| occurrence.original_start);
        let recipients = family.recipients(row).into_iter();
        recipients.map(move |recipient| (start, recipient))
    });
    let known = family.subjects.iter();
    let known = known.map(|subject| (subject.original_start, subject.recipient_key.clone()));
    // Somebody with the whole of a series is told of its occurrences, also of those that are without them.
    let with_whole: BTreeSet<Vec<u8>> = family.booking.iter().flat_map(|row| family.recipients(row)).collect();
    let starts = family
        .overrides
        .iter()
        .filter_map(|row| Some(row.occurrence.as_ref()?.original_start));
    let without = starts.flat_map(|start| with_whole.iter().map(move |recipient| (Some(start), recipient.clone())));
    named.chain(known).chain(without).collect()
}

/// What is wished for the rows of a family. One look is for all of them, whichever row led to it.
struct Wishes {
    root: BookingId,
    /// Of the row that is considered, and of those that would be soon.
    of_rows: BTreeMap<BookingId, Wish>,
}

impl Wishes {
    async fn of(tx: &mut Tx, family: &Family, row: BookingId, wish: Wish) -> Result<Wishes, MailError> {
        let mut of_rows = BTreeMap::from([(row, wish)]);
        let mut others = family.all_rows();
        others.remove(&row);
        if !others.is_empty() {
            for other in mail_tenants::unconsidered_of(tx, family.tenant, &others).await? {
                let found = bookings::get(tx, family.tenant, other.id).await?;
                of_rows.insert(other.id, wish_of(tx, family.tenant, &other, found.as_ref()).await?);
            }
        }
        Ok(Wishes {
            root: family.root,
            of_rows,
        })
    }

    /// For the whole or one occurrence: what is wished for a row of its own, otherwise what is wished for the series.
    fn about(&self, family: &Family, start: Option<OriginalStart>) -> Wish {
        let own = family.rows_about(start);
        let mut wishes = own.iter().filter_map(|row| self.of_rows.get(row));
        let wish = wishes.next().or_else(|| self.of_rows.get(&self.root));
        wish.copied().unwrap_or(Wish::Inherit)
    }
}

/// Considers one booking.
struct Clerk<'a> {
    engine: &'a Engine,
    desk: &'a Desk,
    templates: &'a MailTemplates,
    wishes: Wishes,
    /// What was known of this booking before.
    former: Vec<SubjectRow>,
    made: Vec<MessageId>,
}

impl Clerk<'_> {
    fn tenant(&self) -> TenantId {
        self.desk.tenant
    }

    /// What one recipient is to be told about the whole or about one occurrence.
    async fn look(
        &mut self,
        tx: &mut Tx,
        family: &mut Family,
        start: Option<OriginalStart>,
        recipient: &[u8],
    ) -> Result<(), MailError> {
        let tenant = self.tenant();
        let find = |start| {
            let is_it = |subject: &&SubjectRow| subject.original_start == start && subject.recipient_key == recipient;
            family.subjects.iter().find(is_it).cloned()
        };
        let mut known = find(start);
        let whole = start.and_then(|_| find(None));
        let wish = self.wishes.about(family, start);
        if recipient.is_empty() {
            return self.remember_wish(tx, family, start, known, wish).await;
        }
        let old = known
            .as_ref()
            .map(|known| compare::content(self.engine, tenant, known))
            .transpose()?;
        let before = self.told_before(tenant, known.as_ref(), whole.as_ref(), start)?;
        let mut customers = family.readers(start, recipient);
        if customers.is_empty() {
            let last = known.as_ref().or(whole.as_ref());
            customers = last.map(|last| last.customer_ids.clone()).unwrap_or_default();
        }
        let off = customers
            .iter()
            .copied()
            .find(|customer| family.is_off(start, *customer));
        let now = match (family.told(start, recipient), &old) {
            (Some(now), _) if now.takes_place => now,
            (now, old) => {
                let Some(content) = old.clone().or(now) else {
                    return Ok(());
                };
                let is_off = off.is_some() && !self.is_told_elsewhere(family, start, &customers, old.as_ref())?;
                let address = before.as_ref().filter(|_| is_off).map(|before| before.address.clone());
                Told {
                    takes_place: false,
                    address: address.unwrap_or_default(),
                    ..content
                }
            }
        };
        let whole_now = start.and_then(|_| family.told(None, recipient));
        if known.is_none() {
            // An occurrence that says what its series says needs no subject, nor does somebody who takes no part in anything.
            let inherited = start.and_then(|start| whole_now.as_ref()?.occurrence(start));
            let is_inherited = inherited.is_some_and(|inherited| now.says_the_same(&inherited));
            // What waits about it is ended with what does not hold.
            if is_inherited || (!now.takes_place && whole.as_ref().is_none_or(|whole| whole.told_sealed.is_none())) {
                return Ok(());
            }
        }
        let mut due = now.due(before.as_ref());
        if start.is_some()
            && whole_now.as_ref().is_none_or(|whole| !whole.takes_place)
            && whole.as_ref().is_some_and(|whole| whole.told_sealed.is_some())
        {
            // The cancellation of the series says it.
            due = None;
        }
        if start.is_some()
            && family.row_or_series(start).is_none()
            && known.as_ref().is_none_or(|known| known.told_sealed.is_none())
        {
            // The new time or rule of the series says it.
            due = None;
        }
        let own = known.as_ref().map(|known| known.id);
        let open = messages::open_about(tx, tenant, own, (family.root, start, recipient)).await?;
        let is_same = old.as_ref().is_some_and(|old| now.says_the_same(old))
            && known.as_ref().is_some_and(|known| known.user_id == now.user_id);
        let version = known.as_ref().map(|known| known.mail_version);
        let asks_right = |message: &MessageRow| {
            let is_due = message.kind == Kind::Reminder.as_str() || due.is_some_and(|due| message.kind == due.as_str());
            let names = message
                .customer_id
                .is_some_and(|customer| customers.contains(&customer));
            is_due && names && Some(message.mail_version) == version && message.letter_sealed.is_some()
        };
        // Words that are withheld by now are no change to tell about; but what waits must not tell them.
        let shows = |told: &Told| told.title.is_some();
        let tells_withheld = now.takes_place && !shows(&now) && old.as_ref().is_some_and(shows);
        if is_same && open.iter().all(asks_right) && (open.is_empty() || !tells_withheld) {
            if let Some(known) = known.as_mut().filter(|known| known.customer_ids != customers) {
                known.customer_ids = customers;
                subjects::put(tx, tenant, known).await?;
                family.subjects.retain(|other| other.id != known.id);
                family.subjects.push(known.clone());
            }
            return Ok(());
        }
        let is_new = match &old {
            None => true,
            Some(old) => now.takes_place && is_elsewhere(old),
        };
        let goes_on = !open.is_empty() || (is_new && self.was_wished_for(start, &customers));
        let is_wished = match wish {
            Wish::Propose => true,
            Wish::None => false,
            Wish::Inherit => goes_on,
            // Half of a series is new, and those who knew the series have to hear of it.
            Wish::Google => goes_on || known.is_some() || whole.is_some() || family.is_half(),
        };
        let (ended, reason) = match now.takes_place || off.is_none() {
            true => (State::Superseded, Reason::Changed),
            false => (State::Withdrawn, Reason::Cancelled),
        };
        for message in &open {
            self.end(tx, message, ended, reason).await?;
        }
        let first = messages::newest_version(tx, tenant, family.root, start, recipient).await?;
        let first = first.max(whole.as_ref().map_or(0, |whole| whole.mail_version));
        let mut subject = SubjectRow {
            id: known
                .as_ref()
                .map_or_else(|| MessageId(self.engine.fresh_uuid()), |known| known.id),
            booking_id: family.root,
            original_start: start,
            row_id: family.row(start).map_or(family.root, |row| row.id),
            recipient_key: recipient.to_vec(),
            customer_ids: customers,
            user_id: now.user_id,
            mail_version: known.as_ref().map_or(first, |known| known.mail_version.max(first)) + 1,
            content_sealed: Vec::new(),
            told_sealed: known.as_ref().and_then(|known| known.told_sealed.clone()),
            is_wished: is_wished
                || known
                    .as_ref()
                    .is_some_and(|known| known.is_wished && wish != Wish::None),
            remind_at: None,
        };
        subject.content_sealed = compare::seal_content(self.engine, tenant, subject.id, &now);
        subjects::put(tx, tenant, &subject).await?;
        let named = off
            .filter(|_| !now.takes_place)
            .or(subject.customer_ids.first().copied());
        if let (Some(kind), Some(customer)) = (due.filter(|_| is_wished), named) {
            let asked = Asked {
                kind,
                start,
                customer,
                told: &now,
                before: before.as_ref(),
                offset: 0,
                due_at: 0,
            };
            self.propose(tx, family, &subject, &asked).await?;
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
            subjects::set_remind_at(tx, tenant, subject.id, subject.remind_at).await?;
        }
        family.subjects.retain(|known| known.id != subject.id);
        family.subjects.push(subject);
        Ok(())
    }

    /// Customers without an address are told nothing. That it was wished is kept until they have one.
    async fn remember_wish(
        &mut self,
        tx: &mut Tx,
        family: &mut Family,
        start: Option<OriginalStart>,
        known: Option<SubjectRow>,
        wish: Wish,
    ) -> Result<(), MailError> {
        let customers = family.readers(start, &[]);
        let Some(now) = family.told(start, &[]).filter(|_| !customers.is_empty()) else {
            return Ok(());
        };
        let was_wished = known.as_ref().is_some_and(|known| known.is_wished);
        let is_wished = match wish {
            Wish::Propose => true,
            Wish::None => false,
            Wish::Inherit | Wish::Google => was_wished || self.was_wished_for(start, &customers),
        };
        let is_same = |known: &SubjectRow| known.is_wished == is_wished && known.customer_ids == customers;
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
            customer_ids: customers,
            user_id: now.user_id,
            mail_version: 0,
            content_sealed: compare::seal_content(self.engine, self.tenant(), id, &now),
            told_sealed: None,
            is_wished,
            remind_at: None,
        };
        Ok(subjects::put(tx, self.tenant(), &subject).await?)
    }

    /// Whether it was wished that these customers are told, at an address that they had before, or of the series of an occurrence that
    /// differed before its series was told.
    fn was_wished_for(&self, start: Option<OriginalStart>, customers: &[CustomerId]) -> bool {
        self.former.iter().any(|subject| {
            let is_about = subject.original_start == start || subject.original_start.is_none();
            subject.is_wished && is_about && subject.customer_ids.iter().any(|customer| customers.contains(customer))
        })
    }

    /// Whether its customers, who read elsewhere already, know there what became of it.
    fn is_told_elsewhere(
        &self,
        family: &Family,
        start: Option<OriginalStart>,
        customers: &[CustomerId],
        old: Option<&Told>,
    ) -> Result<bool, MailError> {
        if !old.is_some_and(is_elsewhere) {
            return Ok(false);
        }
        let mut told: BTreeSet<CustomerId> = BTreeSet::new();
        for other in &family.subjects {
            if other.original_start == start
                && other.told_sealed.is_some()
                && !is_elsewhere(&compare::content(self.engine, self.tenant(), other)?)
            {
                told.extend(&other.customer_ids);
            }
        }
        Ok(customers.iter().all(|customer| told.contains(customer)))
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

    /// What this recipient was told last about this: of an occurrence, by a mail about it, or else by the last about its series.
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

/// Whether it takes place, but its customers do not read there any more.
fn is_elsewhere(told: &Told) -> bool {
    !told.takes_place && told.address.is_empty()
}
