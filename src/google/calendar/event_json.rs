//! Google's event JSON, read into the domain. Pure.
//!
//! Promises: an item that cannot be understood becomes [`Broken`] with a reason in our words, and its neighbours go on;
//! words that may not be known, guests and foreign properties are dropped here, before anything can log or store them;
//! values that we do not know (a new visibility, a new response) are read the careful way; nothing is mended silently.
use crate::domain::access::AccessRole;
use crate::domain::booking::Status;
use crate::domain::event::{Event, EventContent, EventState, InstanceOf, OwnResponse, Words};
use crate::domain::ids::{BookingId, EventId};
use crate::domain::time::{OriginalStart, Span, When, Zoned, parse_zone};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use google_calendar3::api;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The private property that carries the booking id; written by our inserts only.
pub const MARK: &str = "accord.booking";
/// How much of a broken item is kept, in bytes.
const RAW_CAP: usize = 64 * 1024;
/// What is kept of a broken item: what a person needs to understand it, and nobody's guests.
const KEPT: &[&str] = &[
    "id",
    "etag",
    "status",
    "summary",
    "description",
    "location",
    "start",
    "end",
    "recurrence",
    "recurringEventId",
    "originalStartTime",
    "iCalUID",
    "updated",
    "visibility",
    "eventType",
];
const WORDS: &[&str] = &["summary", "description", "location"];

/// How a calendar is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The calendar's zone, for times that name none.
    pub zone: Tz,
    /// What the user may do with the calendar.
    pub role: AccessRole,
    /// Whether the user chose to show the words of private events.
    pub show_private: bool,
}

/// An item of a page.
#[derive(Debug, Clone, PartialEq)]
pub enum ParsedItem {
    /// Understood.
    Event(Box<Event>),
    /// Not understood, to be set aside.
    Broken(Box<Broken>),
}

/// An event that cannot be understood.
#[derive(Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its id, if it has one.
    pub id: Option<EventId>,
    /// `updated` in milliseconds since the epoch, if it can be read.
    pub updated: Option<i64>,
    /// Its etag, if it has one.
    pub etag: Option<String>,
    /// What is wrong, in our words, without values.
    pub reason: String,
    /// The item as JSON, without guests and without words that may not be known; cut at 64 KB.
    pub raw: String,
}

impl std::fmt::Debug for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broken")
            .field("id", &self.id)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

/// Reads one event. Never fails: what cannot be read is [`ParsedItem::Broken`].
pub fn parse(item: &RawValue, reading: &Reading) -> ParsedItem {
    let event = match serde_json::from_str::<api::Event>(item.get()) {
        Ok(event) => read(event, reading),
        Err(_) => Err(unreadable_field(item)),
    };
    match event {
        Ok(event) => ParsedItem::Event(Box::new(event)),
        Err(reason) => ParsedItem::Broken(Box::new(set_aside(item, reading, reason))),
    }
}

type Fields = BTreeMap<String, Box<RawValue>>;

/// serde's message may quote a value, so the field is found by reading each one alone.
fn unreadable_field(item: &RawValue) -> String {
    let Ok(fields) = serde_json::from_str::<Fields>(item.get()) else {
        return "it is no JSON object".into();
    };
    let alone = |key: &str, value: &RawValue| format!("{{\"{key}\":{}}}", value.get());
    let culprit = fields.iter().find(|(key, value)| {
        key.chars().all(|c| c.is_ascii_alphanumeric())
            && serde_json::from_str::<api::Event>(&alone(key, value)).is_err()
    });
    culprit.map_or_else(
        || "it cannot be read".into(),
        |(key, _)| format!("its {key} cannot be read"),
    )
}

fn set_aside(item: &RawValue, reading: &Reading, reason: String) -> Broken {
    let mut fields: Fields = serde_json::from_str(item.get()).unwrap_or_default();
    let text = |key: &str| {
        fields
            .get(key)
            .and_then(|raw| serde_json::from_str::<String>(raw.get()).ok())
    };
    let storable = |text: &String| !text.contains('\0');
    let updated = text("updated").and_then(|time| DateTime::parse_from_rfc3339(&time).ok());
    let id = text("id").filter(storable).map(EventId);
    let etag = text("etag").filter(storable);
    // A visibility that cannot be read must not count as public.
    let visibility = if fields.contains_key("visibility") {
        text("visibility").or(Some(String::new()))
    } else {
        None
    };
    let words = words(visibility.as_deref(), reading);
    let ordinary = !fields.contains_key("eventType") || text("eventType").as_deref() == Some("default");
    fields.retain(|key, _| {
        KEPT.contains(&key.as_str()) && (words == Words::Shared && ordinary || !WORDS.contains(&key.as_str()))
    });
    let mut raw = serde_json::to_string(&fields).unwrap_or_default();
    if raw.len() > RAW_CAP {
        raw.truncate(raw.floor_char_boundary(RAW_CAP));
    }
    Broken {
        id,
        updated: updated.map(|time| time.timestamp_millis()),
        etag,
        reason,
        raw,
    }
}

fn words(visibility: Option<&str>, reading: &Reading) -> Words {
    let public = matches!(visibility, None | Some("default" | "public"));
    let known = if public {
        reading.role > AccessRole::FreeBusyReader
    } else {
        reading.role.reads_private() && reading.show_private
    };
    if known { Words::Shared } else { Words::Withheld }
}

fn read(event: api::Event, reading: &Reading) -> Result<Event, String> {
    let cancelled = event.status.as_deref() == Some(Status::Cancelled.as_str());
    let id = event.id.filter(|id| !id.is_empty()).ok_or("it has no id")?;
    // A tombstone may be nothing but its id; of a living event an etag is needed to change it safely.
    if event.etag.is_none() && !cancelled {
        return Err("it has no etag".into());
    }
    let etag = event.etag.unwrap_or_default();
    let ordinary = matches!(event.event_type.as_deref(), None | Some("default"));
    // Other types are never imported, so their words are nobody's business.
    let words = if ordinary {
        words(event.visibility.as_deref(), reading)
    } else {
        Words::Withheld
    };
    let instance_of = match (event.recurring_event_id, event.original_start_time) {
        (Some(series), Some(start)) => Some(InstanceOf {
            series: EventId(series),
            original_start: original_start(&start)?,
        }),
        (Some(_), None) if !cancelled => return Err("it is an occurrence without originalStartTime".into()),
        _ => None,
    };
    let attendees = event.attendees.unwrap_or_default();
    let own = attendees.iter().find(|attendee| attendee.self_ == Some(true));
    let has_guests =
        event.attendees_omitted == Some(true) || attendees.iter().any(|attendee| attendee.self_ != Some(true));
    let state = if cancelled {
        EventState::Cancelled
    } else {
        let shared = |text: Option<String>| {
            if words == Words::Shared {
                text.unwrap_or_default()
            } else {
                String::new()
            }
        };
        EventState::Live(EventContent {
            title: shared(event.summary),
            description: shared(event.description),
            location: shared(event.location),
            when: When {
                span: span(event.start, event.end, reading.zone)?,
                recurrence: event.recurrence.unwrap_or_default(),
            },
        })
    };
    let read = Event {
        id: EventId(id),
        etag,
        ical_uid: event.i_cal_uid,
        updated_at: event.updated.map_or(0, |time| time.timestamp_millis()),
        instance_of,
        mark: event
            .extended_properties
            .and_then(|properties| properties.private)
            .and_then(|private| private.get(MARK)?.parse::<BookingId>().ok()),
        organizer: event.organizer.is_some_and(|organizer| organizer.self_ == Some(true)),
        own_response: own.map_or(OwnResponse::None, |own| response(own.response_status.as_deref())),
        has_guests,
        words,
        ordinary,
        state,
    };
    storable(&read)?;
    Ok(read)
}

/// PostgreSQL cannot store NUL, and cutting it out would be an edit that nobody made.
fn storable(event: &Event) -> Result<(), String> {
    let mut texts = vec![("id", event.id.as_str()), ("etag", &event.etag)];
    texts.extend(event.ical_uid.as_deref().map(|uid| ("iCalUID", uid)));
    texts.extend(
        event
            .instance_of
            .as_ref()
            .map(|instance| ("recurringEventId", instance.series.as_str())),
    );
    if let EventState::Live(content) = &event.state {
        texts.extend([
            ("summary", content.title.as_str()),
            ("description", content.description.as_str()),
            ("location", content.location.as_str()),
        ]);
        texts.extend(content.when.recurrence.iter().map(|line| ("recurrence", line.as_str())));
    }
    match texts.iter().find(|(_, text)| text.contains('\0')) {
        Some((name, _)) => Err(format!("its {name} contains the character NUL")),
        None => Ok(()),
    }
}

/// An answer that we do not know is no answer yet.
fn response(word: Option<&str>) -> OwnResponse {
    match word {
        Some("accepted") => OwnResponse::Accepted,
        Some("tentative") => OwnResponse::Tentative,
        Some("declined") => OwnResponse::Declined,
        _ => OwnResponse::NeedsAction,
    }
}

enum Bound {
    Date(NaiveDate),
    Time(Zoned, DateTime<Utc>),
}

fn span(start: Option<api::EventDateTime>, end: Option<api::EventDateTime>, zone: Tz) -> Result<Span, String> {
    let start = bound("start", &start.ok_or("it has no start")?, zone)?;
    let end = bound("end", &end.ok_or("it has no end")?, zone)?;
    let (span, order) = match (start, end) {
        (Bound::Date(start), Bound::Date(end)) => (Span::AllDay { start, end }, start.cmp(&end)),
        (Bound::Time(start, from), Bound::Time(end, to)) => (Span::Timed { start, end }, from.cmp(&to)),
        _ => return Err("it mixes a date with a time".into()),
    };
    match order {
        std::cmp::Ordering::Less => Ok(span),
        // Google refuses to make such, and yet shows some.
        std::cmp::Ordering::Equal if !span.is_all_day() => Ok(span),
        std::cmp::Ordering::Equal => Err("it ends when it starts".into()),
        std::cmp::Ordering::Greater => Err("it ends before it starts".into()),
    }
}

fn bound(name: &str, value: &api::EventDateTime, calendar_zone: Tz) -> Result<Bound, String> {
    match (value.date, value.date_time) {
        (Some(date), None) => in_range(date, name).map(Bound::Date),
        (None, Some(instant)) => {
            in_range(instant.date_naive(), name)?;
            let zone = match &value.time_zone {
                None => calendar_zone,
                Some(name_of_zone) => {
                    parse_zone(name_of_zone).map_err(|_| format!("its {name} has an unknown time zone"))?
                }
            };
            let local = Zoned::from_instant(instant, zone);
            in_range(local.local.date(), name)?;
            Ok(Bound::Time(local, local.instant()))
        }
        (Some(_), Some(_)) => Err(format!("its {name} has both a date and a time")),
        (None, None) => Err(format!("its {name} has neither a date nor a time")),
    }
}

fn original_start(value: &api::EventDateTime) -> Result<OriginalStart, String> {
    match bound("originalStartTime", value, Tz::UTC)? {
        Bound::Date(date) => Ok(OriginalStart::Date(date)),
        Bound::Time(_, instant) => Ok(OriginalStart::At(instant)),
    }
}

/// Years beyond four digits cannot be written back, and calculating with zones ends there.
fn in_range(date: NaiveDate, name: &str) -> Result<NaiveDate, String> {
    if (1..=9999).contains(&date.year()) {
        Ok(date)
    } else {
        Err(format!("its {name} is out of range"))
    }
}
