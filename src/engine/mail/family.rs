//! A booking as its customers know it: a single one, or a series with the occurrences that differ from it.
//!
//! It answers one question: what would this customer be told about this booking, or this occurrence, now? Whoever proposes and
//! whoever sends ask it alike, so that what is sent is what holds.
use super::{Desk, MailError};
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
use crate::store::mail::messages::MessageRow;
use crate::store::mail::subjects::{self, SubjectRow};
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::{Tx, bookings, calendars, customers, resources, users};
use chrono_tz::Tz;
use std::collections::{BTreeSet, HashMap};

/// A customer as a mail names them, and as they read it.
#[derive(Debug, Clone, Default)]
pub(super) struct Person {
    /// May be empty.
    pub(super) name: String,
    /// Where mail goes; empty when there is none that mail can be sent to.
    pub(super) address: String,
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
    /// The family of a row, which may be an occurrence or gone. `None`: nobody was or would be told anything, or a row was written
    /// in SQL and cannot be understood, so that nothing can be said.
    pub(super) async fn of(tx: &mut Tx, tenant: TenantId, row: BookingId) -> Result<Option<Family>, MailError> {
        let root = Self::root_of(tx, tenant, row).await?;
        Self::rooted(tx, tenant, root).await
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

    /// The family with this root.
    pub(super) async fn rooted(tx: &mut Tx, tenant: TenantId, root: BookingId) -> Result<Option<Family>, MailError> {
        let subjects = subjects::of_booking(tx, tenant, root).await?;
        let row = bookings::get(tx, tenant, root).await?;
        let changed = match &row {
            Some(row) if !row.text.recurrence.is_empty() => bookings::overrides(tx, tenant, &[root]).await?,
            _ => Vec::new(),
        };
        let is_with_nobody = row.iter().chain(&changed).all(|row| row.customer_ids.is_empty());
        if subjects.is_empty() && is_with_nobody {
            return Ok(None);
        }
        let mut read = Vec::new();
        for row in row.iter().chain(&changed) {
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
        ids.extend(family.subjects.iter().map(|subject| subject.customer_id));
        for row in customers::get_many(tx, tenant, &ids.into_iter().collect::<Vec<_>>()).await? {
            if let Ok(details) = row.text.details() {
                let name = clean_line(format!("{} {}", details.given_name, details.family_name).trim());
                let address = details.emails.iter().find_map(|email| parse_address(&email.value).ok());
                let person = Person {
                    name,
                    address: address.unwrap_or_default(),
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

    /// What these rows tell this customer; with `takes_place` false when it does not, or not with them.
    pub(super) fn told(&self, start: Option<OriginalStart>, customer: CustomerId) -> Option<Told> {
        match (self.row(start), start) {
            (Some(row), _) => Some(self.told_by(row, row.content.when.clone(), customer)),
            (None, None) => None,
            (None, Some(start)) => {
                let series = self.booking.as_ref()?;
                let is_one = recurrence::contains(&series.content.when, start);
                let whole = self.told_by(series, series.content.when.clone(), customer);
                is_one.then(|| whole.occurrence(start)).flatten()
            }
        }
    }

    fn told_by(&self, row: &Booking, when: When, customer: CustomerId) -> Told {
        let content = &row.content;
        let is_withheld = self.withheld.contains(&row.id) || self.withheld.contains(&self.root);
        let words = |text: &str| Some(clean_line(text)).filter(|text| !text.is_empty() && !is_withheld);
        let series_cancelled = self
            .booking
            .as_ref()
            .is_none_or(|series| series.content.status == Status::Cancelled);
        let address = self
            .people
            .get(&customer)
            .map(|person| person.address.clone())
            .unwrap_or_default();
        Told {
            takes_place: content.status == Status::Confirmed
                && !(row.occurrence.is_some() && series_cancelled)
                && row.customer_ids.contains(&customer)
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
        let row = self.row(start).map_or(self.root, |row| row.id);
        let known = self.subjects.iter().filter(|subject| subject.original_start == start);
        let rows: BTreeSet<BookingId> = known.map(|subject| subject.row_id).chain([row]).collect();
        let is_gone = self
            .row(start)
            .is_none_or(|row| row.content.status == Status::Cancelled);
        let waits =
            |id: &BookingId| self.uncertain.contains(id) || (!told.takes_place && is_gone && self.placed.contains(id));
        rows.iter().any(waits) || self.uncertain.contains(&self.root)
    }

    /// Whether it does not take place any more, or not with this customer.
    pub(super) fn is_off(&self, start: Option<OriginalStart>, customer: CustomerId) -> bool {
        let series = self.booking.as_ref();
        let row = match (self.row(start), start) {
            (Some(row), _) => Some(row),
            (None, Some(start)) => series.filter(|series| recurrence::contains(&series.content.when, start)),
            (None, None) => None,
        };
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
        let Some(customer) = message.customer_id else {
            return false;
        };
        let start = message.original_start;
        if !says.takes_place {
            return self.is_off(start, customer);
        }
        self.told(start, customer).is_some_and(|now| {
            // A title that is withheld by now must not be told.
            now.says_the_same(says) && (says.title.is_none() || now.title.is_some())
        })
    }

    /// Customers with one address are one recipient: the first of those who take part. `false` for the others.
    pub(super) fn is_first_with_address(
        &self,
        start: Option<OriginalStart>,
        customer: CustomerId,
        desk: &Desk,
    ) -> bool {
        let key = |id: &CustomerId| self.people.get(id).map(|person| desk.recipient_key(&person.address));
        let Some(own) = key(&customer).filter(|key| !key.is_empty()) else {
            return true;
        };
        let row = self.row(start).or(self.booking.as_ref());
        let others = row.map(|row| row.customer_ids.as_slice()).unwrap_or_default();
        let is_there = others.contains(&customer);
        let comes_first = |other: &CustomerId| *other < customer || (*other != customer && !is_there);
        !others
            .iter()
            .any(|other| comes_first(other) && key(other).as_ref() == Some(&own))
    }
}
