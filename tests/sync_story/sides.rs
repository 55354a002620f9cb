//! Both sides as they stand, in one form that can be compared.
use super::{Item, Object, Story};
use crate::support::google::ANA;
use accord::args;
use accord::domain::ids::BookingId;
use accord::domain::time::{OriginalStart, Span, Zoned};
use accord::store::bookings::{BookingRow, BookingText};
use chrono::TimeDelta;
use serde_json::Value;
use std::collections::BTreeMap;

/// One object on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Face {
    pub live: bool,
    pub title: String,
    pub description: String,
    /// Start, end and recurrence.
    pub when: String,
    /// The text of the location.
    pub place: String,
}

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
    /// By id; an event that changed calendars is in both, its live form first.
    pub events: BTreeMap<String, Vec<Found>>,
    pub rows: Vec<BookingRow>,
    pub spots: Vec<Spot>,
}

impl Face {
    pub fn of_event(event: &Value) -> Face {
        let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let time = |field: &str| {
            let side = &event[field];
            let text = side["date"].as_str().or(side["dateTime"].as_str()).unwrap_or_default();
            text.chars().take(19).collect::<String>()
        };
        let lines: Vec<&str> = event["recurrence"]
            .as_array()
            .map(|lines| lines.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        Face {
            live: event["status"] != "cancelled",
            title: text("summary"),
            description: text("description"),
            when: when(&time("start"), &time("end"), &lines.join("\n")),
            place: text("location"),
        }
    }

    pub fn of_row(text: &BookingText) -> Face {
        Face {
            live: text.status == "confirmed",
            title: text.title.clone(),
            description: text.description.clone(),
            when: when(&text.starts_local, &text.ends_local, &text.recurrence),
            place: text.location.clone(),
        }
    }
}

/// A `when` as one text.
pub(super) fn when(start: &str, end: &str, recurrence: &str) -> String {
    format!("{start}/{end} {recurrence}").trim_end().to_owned()
}

/// The start, end and recurrence of such a text.
pub(super) fn parts(when: &str) -> (&str, &str, &str) {
    let (times, recurrence) = when.split_once(' ').unwrap_or((when, ""));
    let (start, end) = times.split_once('/').unwrap_or((times, times));
    (start, end, recurrence)
}

/// The original start of the nth occurrence of a weekly series.
pub(super) fn nth_start(row: &BookingRow, nth: usize) -> Option<OriginalStart> {
    let content = row.text.content().ok()?;
    let later = TimeDelta::days(7 * i64::try_from(nth).ok()?);
    Some(OriginalStart::of(&match content.when.span {
        Span::AllDay { start, end } => Span::AllDay {
            start: start + later,
            end: end + later,
        },
        Span::Timed { start, end } => Span::Timed {
            start: Zoned {
                local: start.local + later,
                ..start
            },
            end: Zoned {
                local: end.local + later,
                ..end
            },
        },
    }))
}

/// The original start of an exception, as SQL writes it.
pub(super) fn original_start(event: &Value) -> Option<String> {
    let start = &event["originalStartTime"];
    if let Some(date) = start["date"].as_str() {
        return Some(date.to_owned());
    }
    let at = chrono::DateTime::parse_from_rfc3339(start["dateTime"].as_str()?).ok()?;
    Some(OriginalStart::At(at.to_utc()).to_string())
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

    pub fn app_face(&self, item: &Item, object: &Object) -> Option<Face> {
        let booking = self.booking_of(item)?;
        let row = match &object.occurrence {
            None => self.row(booking),
            Some(start) => self.override_of(booking, start),
        };
        row.map(|row| Face::of_row(&row.text))
    }

    pub fn google_face(&self, item: &Item, object: &Object) -> Option<Face> {
        let found = self.event_of(item)?;
        match &object.occurrence {
            None => Some(Face::of_event(&found.event)),
            Some(start) => {
                let series = found.event["id"].as_str()?;
                self.exception_of(series, start)
                    .map(|found| Face::of_event(&found.event))
            }
        }
    }
}

impl Story {
    /// Reads both sides.
    pub(super) async fn sides(&self) -> Sides {
        let mut events: BTreeMap<String, Vec<Found>> = BTreeMap::new();
        for calendar in &self.scopes {
            let path = format!("/calendars/{calendar}/events?maxResults=2500&showDeleted=true");
            let list = self.hand("GET", &path, &Value::Null).await.json();
            for event in list["items"].as_array().expect("a list has items") {
                let id = event["id"].as_str().expect("an event has an id").to_owned();
                let found = Found {
                    calendar: calendar.clone(),
                    event: event.clone(),
                };
                let all = events.entry(id).or_default();
                if event["status"] == "cancelled" {
                    all.push(found);
                } else {
                    all.insert(0, found);
                }
            }
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
        drop(tx);
        Sides {
            events,
            rows: self.world.bookings().await,
            spots,
        }
    }

    /// Writes both sides down, for somebody who reads a failing story.
    pub(super) async fn show(&self, log: &mut Vec<String>) {
        let sides = self.sides().await;
        for (item, known) in self.items.iter().enumerate() {
            let whole = Object { item, occurrence: None };
            log.push(format!("        {item} google {:?}", sides.google_face(known, &whole)));
            log.push(format!("        {item} app    {:?}", sides.app_face(known, &whole)));
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
        log.extend(sides.spots.iter().map(|spot| format!("        {spot:?}")));
    }

    /// The person's hand in Google.
    pub(super) async fn hand(&self, method: &str, path: &str, body: &Value) -> crate::support::http::Answer {
        let bearer = format!("Bearer person:{ANA}");
        let headers = [("authorization", bearer.as_str())];
        let (http, url) = (
            &self.world.google.http,
            self.world.google.url(&format!("/calendar/v3{path}")),
        );
        match method {
            "GET" => http.get(&url, &headers).await,
            "POST" => http.post(&url, &headers, body).await,
            "PATCH" => http.patch(&url, &headers, body).await,
            _ => http.delete(&url, &headers).await,
        }
    }
}
