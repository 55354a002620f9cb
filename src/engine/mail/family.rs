//! A booking as its customers know it: a single one, or a series with the occurrences that differ from it.
//!
//! It answers one question: what would this recipient be told about this booking, or this occurrence, now? Whoever proposes and
//! whoever sends ask it alike, so that what is sent is what holds. A recipient is a mailbox, by its key: customers with one address are
//! one recipient, and one with a new address is another.
use super::MailError;
use super::desk::Keys;
use crate::domain::booking::{Booking, Content, Status};
use crate::domain::event::Words;
use crate::domain::ids::{BookingId, CustomerId, ResourceId, TenantId};
use crate::domain::language::Language;
use crate::domain::mail::{Told, clean_line};
use crate::domain::merge::Waiting;
use crate::domain::recurrence;
use crate::domain::time::{OriginalStart, When, parse_zone};
use crate::mail::address::parse_address;
use crate::store::accounts::{self, AccountState};
use crate::store::bookings::{self, BookingRow};
use crate::store::mail::messages::MessageRow;
use crate::store::mail::subjects::{self, SubjectRow};
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::{Tx, calendars, customers, resources, users};
use chrono_tz::Tz;
use std::collections::{BTreeSet, HashMap};

/// A customer as a mail names them, and as they read it.
#[derive(Debug, Clone, Default)]
pub(super) struct Person {
    /// May be empty.
    pub(super) name: String,
    /// Where mail goes; empty when there is none that mail can be sent to.
    pub(super) address: String,
    /// Of the address; empty when there is none.
    pub(super) recipient_key: Vec<u8>,
    /// As the app wrote it; may be no language that mails are written in.
    pub(super) language: Option<String>,
    /// `None`: times are told in the zone of the booking.
    pub(super) zone: Option<Tz>,
}

/// The customer's own language (a BCP 47 tag) where mails are written in it, otherwise the tenant's.
pub(super) fn language_of(customer: Option<&str>, tenant: Language) -> Language {
    Language::choose(customer.into_iter().chain([tenant.as_str()]))
}

/// Everything that says what the customers of a booking are told.
pub(super) struct Family {
    pub(super) tenant: TenantId,
    pub(super) root: BookingId,
    /// `None`: it was deleted.
    pub(super) booking: Option<Booking>,
    pub(super) overrides: Vec<Booking>,
    pub(super) subjects: Vec<SubjectRow>,
    /// Where whole days begin.
    pub(super) day_zone: Tz,
    pub(super) people: HashMap<CustomerId, Person>,
    resources: HashMap<ResourceId, String>,
    withheld: BTreeSet<BookingId>,
    /// Rows that wait for something which may undo their last change.
    uncertain: BTreeSet<BookingId>,
    /// Rows whose event is still in Google.
    placed: BTreeSet<BookingId>,
}

impl Family {
    /// Whether anybody was, or would be, told of the booking with this root.
    pub(super) async fn has_recipients(tx: &mut Tx, tenant: TenantId, root: BookingId) -> Result<bool, MailError> {
        if !subjects::of_booking(tx, tenant, root).await?.is_empty() {
            return Ok(true);
        }
        let rows = Self::rows(tx, tenant, root).await?;
        Ok(rows.iter().any(|row| !row.customer_ids.is_empty()))
    }

    async fn rows(tx: &mut Tx, tenant: TenantId, root: BookingId) -> Result<Vec<BookingRow>, MailError> {
        let mut rows: Vec<BookingRow> = bookings::get(tx, tenant, root).await?.into_iter().collect();
        if rows.first().is_some_and(|row| !row.text.recurrence.is_empty()) {
            rows.extend(bookings::overrides(tx, tenant, &[root]).await?);
        }
        Ok(rows)
    }

    /// The root of a row's family: the row itself, or its series, also after the row was deleted.
    pub(super) async fn root_of(tx: &mut Tx, tenant: TenantId, row: BookingId) -> Result<BookingId, MailError> {
        let found = bookings::get(tx, tenant, row).await?;
        let series = found.as_ref().and_then(|row| row.text.series_id.as_ref());
        Ok(match (series.and_then(|id| id.parse().ok()), &found) {
            (Some(series), _) => series,
            (None, Some(_)) => row,
            (None, None) => subjects::family_of_row(tx, tenant, row).await?.unwrap_or(row),
        })
    }

    /// The family with this root. `None`: a row was written in SQL and cannot be understood, so that nothing can be said.
    pub(super) async fn rooted(tx: &mut Tx, keys: &Keys, root: BookingId) -> Result<Option<Family>, MailError> {
        let tenant = keys.tenant;
        let subjects = subjects::of_booking(tx, tenant, root).await?;
        let mut read = Vec::new();
        for row in Self::rows(tx, tenant, root).await? {
            match row.read() {
                Ok(booking) => read.push(booking),
                Err(problem) => {
                    tracing::debug!(%tenant, booking = %row.id, %problem, "nobody is written to about a row that cannot be understood");
                    return Ok(None);
                }
            }
        }
        let mut family = Family {
            tenant,
            root,
            booking: None,
            overrides: Vec::new(),
            subjects,
            day_zone: Tz::UTC,
            people: HashMap::new(),
            resources: resources::names(tx, tenant).await?.into_iter().collect(),
            withheld: BTreeSet::new(),
            uncertain: BTreeSet::new(),
            placed: BTreeSet::new(),
        };
        let owner = read.first().map(|booking| booking.user_id);
        let owner = owner.or_else(|| family.subjects.first().map(|subject| subject.user_id));
        if let Some(user) = users::get_many(tx, tenant, &owner.into_iter().collect::<Vec<_>>())
            .await?
            .pop()
        {
            family.day_zone = user.time_zone;
        }
        let mut ids: BTreeSet<CustomerId> = read.iter().flat_map(|booking| booking.customer_ids.clone()).collect();
        ids.extend(family.subjects.iter().flat_map(|subject| subject.customer_ids.clone()));
        for row in customers::get_many(tx, tenant, &ids.into_iter().collect::<Vec<_>>()).await? {
            if let Ok(details) = row.text.details() {
                let name = clean_line(format!("{} {}", details.given_name, details.family_name).trim());
                let address = details.emails.iter().find_map(|email| parse_address(&email.value).ok());
                let address = address.unwrap_or_default();
                let person = Person {
                    name,
                    recipient_key: keys.recipient_key(&address),
                    address,
                    language: row.reader.language,
                    // One that was written in SQL and does not exist holds no mail up.
                    zone: row.reader.time_zone.and_then(|name| parse_zone(&name).ok()),
                };
                family.people.insert(row.id, person);
            }
        }
        family.look_at_google(tx, &read).await?;
        for booking in read {
            match booking.occurrence {
                None => family.booking = Some(booking),
                Some(_) => family.overrides.push(booking),
            }
        }
        Ok(Some(family))
    }

    async fn look_at_google(&mut self, tx: &mut Tx, rows: &[Booking]) -> Result<(), MailError> {
        let mut ids: BTreeSet<BookingId> = rows.iter().map(|row| row.id).collect();
        ids.insert(self.root);
        ids.extend(self.subjects.iter().map(|subject| subject.row_id));
        for id in ids {
            for placement in placements::of_booking(tx, self.tenant, id).await? {
                if placement.waiting.is_some_and(|waiting| waiting != Waiting::LeadLost) {
                    self.uncertain.insert(id);
                }
                if !placement.is_lead {
                    continue;
                }
                if placement.words == Words::Withheld {
                    self.withheld.insert(id);
                }
                if matches!(placement.state, PlacementState::Live | PlacementState::Creating)
                    && self.is_followed(tx, &placement).await?
                {
                    self.placed.insert(id);
                }
            }
        }
        Ok(())
    }

    /// Whether a pass will carry a deletion of it to Google soon; paused and frozen ones are not waited for.
    async fn is_followed(&self, tx: &mut Tx, placement: &Placement) -> Result<bool, MailError> {
        let account = accounts::get(tx, self.tenant, placement.account_id).await?;
        let calendars = calendars::of_account(tx, self.tenant, placement.account_id).await?;
        let calendar = calendars
            .iter()
            .find(|calendar| calendar.calendar_id == placement.calendar_id);
        Ok(account.is_some_and(|account| account.state == AccountState::Active)
            && calendar.is_some_and(|calendar| calendar.frozen.is_none()))
    }

    /// The row that says what holds for an occurrence, or for the whole.
    pub(super) fn row(&self, start: Option<OriginalStart>) -> Option<&Booking> {
        let is_it =
            |booking: &&Booking| booking.occurrence.as_ref().map(|occurrence| occurrence.original_start) == start;
        match start {
            None => self.booking.as_ref(),
            Some(_) => self.overrides.iter().find(is_it),
        }
    }

    /// The row that says what holds for an occurrence, or for the whole; of an occurrence like its series, the series.
    pub(super) fn row_or_series(&self, start: Option<OriginalStart>) -> Option<&Booking> {
        let series = || {
            let series = self.booking.as_ref()?;
            recurrence::contains(&series.content.when, start?).then_some(series)
        };
        self.row(start).or_else(series)
    }

    /// The customers of an occurrence, or of the whole, who read there; mail names the first.
    pub(super) fn readers(&self, start: Option<OriginalStart>, recipient: &[u8]) -> Vec<CustomerId> {
        let row = self.row_or_series(start);
        row.map(|row| self.readers_of(row, recipient)).unwrap_or_default()
    }

    fn readers_of(&self, row: &Booking, recipient: &[u8]) -> Vec<CustomerId> {
        let reads_there = |id: &CustomerId| {
            let person = self.people.get(id);
            person.is_some_and(|person| person.recipient_key == recipient)
        };
        let readers: BTreeSet<CustomerId> = row.customer_ids.iter().copied().filter(reads_there).collect();
        readers.into_iter().collect()
    }

    /// Where the customers of a row read; empty: some have no address.
    pub(super) fn recipients(&self, row: &Booking) -> BTreeSet<Vec<u8>> {
        let people = row.customer_ids.iter().filter_map(|id| self.people.get(id));
        people.map(|person| person.recipient_key.clone()).collect()
    }

    /// What these rows tell this recipient; with `takes_place` false when it does not, or not with anybody who reads there.
    pub(super) fn told(&self, start: Option<OriginalStart>, recipient: &[u8]) -> Option<Told> {
        let row = self.row_or_series(start)?;
        let told = self.told_by(row, row.content.when.clone(), recipient);
        match start.filter(|_| row.occurrence.is_none()) {
            Some(start) => told.occurrence(start),
            None => Some(told),
        }
    }

    fn told_by(&self, row: &Booking, when: When, recipient: &[u8]) -> Told {
        let content = &row.content;
        let is_withheld = self.withheld.contains(&row.id) || self.withheld.contains(&self.root);
        let words = |text: &str| Some(clean_line(text)).filter(|text| !text.is_empty() && !is_withheld);
        let series_cancelled = self
            .booking
            .as_ref()
            .is_none_or(|series| series.content.status == Status::Cancelled);
        let first = self
            .readers_of(row, recipient)
            .first()
            .and_then(|id| self.people.get(id));
        let address = first.map(|person| person.address.clone()).unwrap_or_default();
        Told {
            takes_place: content.status == Status::Confirmed
                && !(row.occurrence.is_some() && series_cancelled)
                && !address.is_empty(),
            // Empty is what somebody made it; only words that are withheld are none.
            title: (!is_withheld).then(|| clean_line(&content.title)),
            when,
            resource_id: content.resource_id,
            place: self.place(content).or_else(|| words(&content.location)),
            user_id: row.user_id,
            address,
        }
    }

    fn place(&self, content: &Content) -> Option<String> {
        let name = self.resources.get(&content.resource_id?)?;
        Some(clean_line(name)).filter(|name| !name.is_empty())
    }

    /// Whether a change may still be undone: by an answer that somebody owes, or because Google has not been told of a
    /// cancellation, which the brake may hold.
    pub(super) fn is_uncertain(&self, start: Option<OriginalStart>, told: &Told) -> bool {
        let rows = self.rows_about(start);
        let is_gone = self
            .row(start)
            .is_none_or(|row| row.content.status == Status::Cancelled);
        let waits =
            |id: &BookingId| self.uncertain.contains(id) || (!told.takes_place && is_gone && self.placed.contains(id));
        let series = self.booking.as_ref();
        let goes_with_series = start.is_some()
            && !told.takes_place
            && series.is_none_or(|series| series.content.status == Status::Cancelled);
        rows.iter().any(waits)
            || self.uncertain.contains(&self.root)
            || (goes_with_series && self.placed.contains(&self.root))
    }

    /// The rows that say, or said, what holds of the whole or of an occurrence alone; of an occurrence like its series there is none.
    pub(super) fn rows_about(&self, start: Option<OriginalStart>) -> BTreeSet<BookingId> {
        let known = self.subjects.iter().filter(|subject| subject.original_start == start);
        let rows = known
            .map(|subject| subject.row_id)
            .chain(self.row(start).map(|row| row.id));
        let is_own = |row: &BookingId| start.is_none() || *row != self.root;
        rows.filter(is_own).collect()
    }

    /// Every row of the family that is, or was, there.
    pub(super) fn all_rows(&self) -> BTreeSet<BookingId> {
        let rows = self.booking.iter().chain(&self.overrides).map(|row| row.id);
        let known = self.subjects.iter().map(|subject| subject.row_id);
        rows.chain(known).collect()
    }

    /// Whether it does not take place any more, or not with this customer.
    pub(super) fn is_off(&self, start: Option<OriginalStart>, customer: CustomerId) -> bool {
        let (series, row) = (self.booking.as_ref(), self.row_or_series(start));
        let is_on = |row: &Booking| row.content.status == Status::Confirmed;
        !(row.is_some_and(|row| is_on(row) && row.customer_ids.contains(&customer)) && series.is_some_and(is_on))
    }

    /// Whether "this and following" made it out of another series.
    pub(super) fn is_half(&self) -> bool {
        self.booking
            .as_ref()
            .is_some_and(|booking| booking.split_from.is_some())
    }

    /// Whether a message, which says this, still says what holds.
    pub(super) fn holds(&self, message: &MessageRow, says: &Told) -> bool {
        let (start, recipient) = (message.original_start, &message.recipient_key);
        let (now, Some(named)) = (self.told(start, recipient), message.customer_id) else {
            return false;
        };
        if !says.takes_place {
            return self.is_off(start, named) && !now.is_some_and(|now| now.takes_place);
        }
        now.is_some_and(|now| {
            // A title that is withheld by now must not be told.
            now.says_the_same(says)
                && (says.title.is_none() || now.title.is_some())
                && self.readers(start, recipient).contains(&named)
        })
    }
}
