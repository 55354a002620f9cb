//! Both sides as they stand: Google's calendars, the app's rows, and which of them belong together.
use super::face::{Face, original_start};
use super::notes::Item;
use super::{Object, Story};
use accord::args;
use accord::domain::ids::BookingId;
use accord::store::bookings::BookingRow;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

/// An event in a calendar.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub calendar: String,
    pub event: Value,
}

/// A placement, as far as a story looks at it.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub booking: BookingId,
    pub calendar: String,
    pub event: String,
    pub is_lead: bool,
    pub state: String,
    pub ical_uid: Option<String>,
    pub original_start: Option<String>,
    pub waiting: Option<String>,
}

/// Everything on both sides.
#[derive(Debug, Clone)]
pub(super) struct Sides {
    /// By id. One that is in several calendars shows its live form first, and among those the organizer's.
    pub events: BTreeMap<String, Vec<Found>>,
    pub rows: Vec<BookingRow>,
    pub spots: Vec<Spot>,
    /// Bookings whose rows wait to be pushed.
    pub pending: HashSet<BookingId>,
}

impl Sides {
    pub fn row(&self, id: BookingId) -> Option<&BookingRow> {
        self.rows.iter().find(|row| row.id == id)
    }

    pub fn lead(&self, booking: BookingId) -> Option<&Spot> {
        self.spots.iter().find(|spot| spot.booking == booking && spot.is_lead)
    }

    pub fn event(&self, id: &str) -> Option<&Found> {
        self.events.get(id)?.first()
    }

    /// The override of an occurrence.
    pub fn override_of(&self, series: BookingId, original_start: &str) -> Option<&BookingRow> {
        self.rows.iter().find(|row| {
            row.text.series_id.as_deref() == Some(&series.to_string())
                && row.text.original_start.as_deref() == Some(original_start)
        })
    }

    /// The changed occurrence of a series in Google.
    pub fn exception_of(&self, series: &str, start: &str) -> Option<&Found> {
        self.events.values().filter_map(|found| found.first()).find(|found| {
            found.event["recurringEventId"] == series && original_start(&found.event).as_deref() == Some(start)
        })
    }

    /// The booking of an item, if it has one.
    pub fn booking_of(&self, item: &Item) -> Option<BookingId> {
        item.booking.or_else(|| {
            let event = item.event.as_deref()?;
            let mut spots = self.spots.iter().filter(|spot| spot.event == event);
            spots.next().map(|spot| spot.booking)
        })
    }

    /// The event of an item, if Google has one.
    pub fn event_of(&self, item: &Item) -> Option<&Found> {
        if let Some(event) = &item.event
            && let Some(found) = self.event(event)
        {
            return Some(found);
        }
        let booking = self.booking_of(item)?;
        if let Some(found) = self.lead(booking).and_then(|lead| self.event(&lead.event)) {
            return Some(found);
        }
        let mark = booking.to_string();
        let mut all = self.events.values().filter_map(|found| found.first());
        all.find(|found| {
            found.event["extendedProperties"]["private"]["accord.booking"] == mark.as_str()
                && found.event["recurringEventId"].is_null()
        })
    }

    /// The series of an occurrence; everything else is its own.
    pub fn root(&self, booking: BookingId) -> BookingId {
        let series = self
            .row(booking)
            .and_then(|row| row.text.series_id.as_ref()?.parse().ok());
        series.unwrap_or(booking)
    }

    fn app_face(&self, item: &Item, occurrence: Option<&str>) -> Option<Face> {
        let booking = self.booking_of(item)?;
        let row = match occurrence {
            None => self.row(booking),
            Some(start) => self.override_of(booking, start),
        };
        row.map(|row| Face::of_row(&row.text))
    }

    fn google_face(&self, item: &Item, occurrence: Option<&str>) -> Option<Face> {
        let found = self.event_of(item)?;
        let found = match occurrence {
            None => Some(found),
            Some(start) => self.exception_of(found.event["id"].as_str()?, start),
        };
        found.map(|found| Face::of_event(&found.event))
    }
}

impl Story {
    /// How the app has an object. An occurrence may have gone to the tail of its series.
    pub(super) fn app_face(&self, sides: &Sides, object: &Object) -> Option<Face> {
        let start = object.occurrence.as_deref();
        let mut all = self.family(object).map(|item| sides.app_face(item, start));
        all.find_map(|face| face)
    }

    /// How Google has it.
    pub(super) fn google_face(&self, sides: &Sides, object: &Object) -> Option<Face> {
        let start = object.occurrence.as_deref();
        let mut all = self.family(object).map(|item| sides.google_face(item, start));
        all.find_map(|face| face)
    }

    /// The item, and for an occurrence the tails that were cut off it.
    fn family(&self, object: &Object) -> impl Iterator<Item = &Item> {
        let mut members = vec![object.item];
        if object.occurrence.is_some() {
            for (tail, item) in self.items.iter().enumerate() {
                if item.tail_of.is_some_and(|head| members.contains(&head)) {
                    members.push(tail);
                }
            }
        }
        members.into_iter().map(|member| &self.items[member])
    }

    /// Bookings whose rows wait to be pushed, unless they wait for an answer.
    pub(super) async fn pending(&self, sides: &Sides) -> HashSet<BookingId> {
        &sides.pending - &self.asked_about(sides).await
    }

    /// Reads both sides.
    pub(super) async fn sides(&self) -> Sides {
        let mut events: BTreeMap<String, Vec<Found>> = BTreeMap::new();
        for scope in &self.scopes {
            let path = "?maxResults=2500&showDeleted=true";
            let list = self.hand("GET", &scope.calendar, path, &Value::Null).await.json();
            for event in list["items"].as_array().expect("a list has items") {
                let id = event["id"].as_str().expect("an event has an id").to_owned();
                events.entry(id).or_default().push(Found {
                    calendar: scope.calendar.clone(),
                    event: event.clone(),
                });
            }
        }
        for all in events.values_mut() {
            all.sort_by_key(|found| {
                let is_own = found.event["organizer"]["self"] == true;
                (!Face::of_event(&found.event).live, !is_own)
            });
        }
        let mut tx = self.world.read().await;
        let spots = tx
            .fetch_all(
                "SELECT booking_id, calendar_id, event_id, is_lead, state, ical_uid, original_start, waiting \
                 FROM placements WHERE tenant_id = $1 ORDER BY is_lead DESC, event_id",
                args![self.world.tenant],
            )
            .await
            .expect("placements")
            .iter()
            .map(|row| Spot {
                booking: row.parse("booking_id").expect("an id"),
                calendar: row.text("calendar_id").expect("text"),
                event: row.text("event_id").expect("text"),
                is_lead: row.flag("is_lead").expect("a flag"),
                state: row.text("state").expect("text"),
                ical_uid: row.opt_text("ical_uid").expect("text"),
                original_start: row.opt_text("original_start").expect("text"),
                waiting: row.opt_text("waiting").expect("text"),
            })
            .collect();
        let pending = tx
            .fetch_all(
                "SELECT id FROM row_state WHERE tenant_id = $1 AND kind = 'booking' AND version <> agreed_version",
                args![self.world.tenant],
            )
            .await
            .expect("states")
            .iter()
            .map(|row| row.parse("id").expect("an id"))
            .collect();
        drop(tx);
        Sides {
            events,
            rows: self.world.bookings().await,
            spots,
            pending,
        }
    }

    /// Writes both sides down, for somebody who reads a failing story.
    pub(super) async fn show(&self, log: &mut Vec<String>) {
        let sides = self.sides().await;
        for item in 0..self.items.len() {
            let whole = Object::whole(item);
            log.push(format!("        {item} google {:?}", self.google_face(&sides, &whole)));
            log.push(format!("        {item} app    {:?}", self.app_face(&sides, &whole)));
        }
        for row in sides.rows.iter().filter(|row| row.text.series_id.is_some()) {
            let face = Face::of_row(&row.text);
            log.push(format!("        override {:?} {face:?}", row.text.original_start));
        }
        let exceptions = sides.events.values().flatten();
        for found in exceptions.filter(|found| !found.event["recurringEventId"].is_null()) {
            let face = Face::of_event(&found.event);
            log.push(format!("        exception {:?} {face:?}", original_start(&found.event)));
        }
        for question in self.world.open_questions().await {
            log.push(format!(
                "        asks {} {:?}",
                question.kind, question.detail["booking_id"]
            ));
        }
        log.extend(sides.spots.iter().map(|spot| format!("        {spot:?}")));
    }
}
