//! What we write into Google's events: the bodies of inserts and patches. Pure.
//!
//! Promises: only title, times, description, the name of a resource and our own private property are ever written; a patch
//! holds the changed fields and no others; a cleared field is cleared (empty text, explicit null), never left as it was.
use super::event_json::MARK;
use crate::domain::booking::{Content, Status};
use crate::domain::ids::{BookingId, EventId};
use crate::domain::merge::Changed;
use crate::domain::time::{Fold, Span, When, Zoned};
use serde_json::{Map, Value, json};

/// What a patch is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A single event or a series: its recurrence is written with its times.
    Event,
    /// An occurrence of a series: it has no recurrence of its own.
    Occurrence,
}

/// The body that creates an event under an id chosen by us (5 to 1024 characters of `0-9a-v`).
///
/// It will be confirmed, whatever `content.status` says. The location is the name of the assigned resource and nothing else; `content.location`, a note from Google, is not sent.
pub fn insert_body(id: &EventId, content: &Content, resource_name: Option<&str>, booking_id: BookingId) -> Value {
    let mut body = Map::new();
    body.insert("id".into(), json!(id.as_str()));
    let texts = [
        ("summary", content.title.as_str()),
        ("description", &content.description),
        ("location", resource_name.unwrap_or_default()),
    ];
    for (field, text) in texts {
        if !text.is_empty() {
            body.insert(field.into(), json!(text));
        }
    }
    let (start, end) = bounds(&content.when, Fill::Absent);
    body.insert("start".into(), start);
    body.insert("end".into(), end);
    if !content.when.recurrence.is_empty() {
        body.insert("recurrence".into(), json!(content.when.recurrence));
    }
    body.insert(
        "extendedProperties".into(),
        json!({ "private": { MARK: booking_id.to_string() } }),
    );
    Value::Object(body)
}

/// The body that changes these fields of an event to the given content.
///
/// `location` is the text to write when the resource changed. `status` is written when given: `confirmed` with
/// [`Changed::ALL`] revives a deleted event under its old id.
pub fn patch_body(
    changed: Changed,
    status: Option<Status>,
    content: &Content,
    location: &str,
    target: Target,
) -> Value {
    let mut body = Map::new();
    if changed.title {
        body.insert("summary".into(), json!(content.title));
    }
    if changed.description {
        body.insert("description".into(), json!(content.description));
    }
    if changed.location {
        body.insert("location".into(), json!(location));
    }
    if let Some(status) = status {
        body.insert("status".into(), json!(status.as_str()));
    }
    if changed.when {
        let (start, end) = bounds(&content.when, Fill::Null);
        body.insert("start".into(), start);
        body.insert("end".into(), end);
        if target == Target::Event {
            let lines = &content.when.recurrence;
            body.insert(
                "recurrence".into(),
                if lines.is_empty() { Value::Null } else { json!(lines) },
            );
        }
    }
    Value::Object(body)
}

/// What stands for the form that a time does not have. A patch merges, so without nulls an all-day event that becomes a
/// timed one would have both forms, which Google refuses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fill {
    Absent,
    Null,
}

fn bounds(when: &When, fill: Fill) -> (Value, Value) {
    let fill = |mut bound: Value, other: &[&str]| {
        if fill == Fill::Null {
            for name in other {
                bound[*name] = Value::Null;
            }
        }
        bound
    };
    let date = |date: &chrono::NaiveDate| fill(json!({ "date": date.to_string() }), &["dateTime", "timeZone"]);
    let time = |time: &Zoned| {
        fill(
            json!({ "dateTime": date_time(time), "timeZone": time.zone.name() }),
            &["date"],
        )
    };
    match &when.span {
        Span::AllDay { start, end } => (date(start), date(end)),
        Span::Timed { start, end } => (time(start), time(end)),
    }
}

/// Local time without an offset is the safest form for series, because it cannot contradict the zone; only a time that
/// exists twice or never needs the offset to say which instant is meant.
fn date_time(time: &Zoned) -> String {
    let twice = Zoned::new(time.local, time.zone, Fold::Later).fold == Fold::Later;
    let never = Zoned::from_instant(time.instant(), time.zone).local != time.local;
    if twice || never {
        time.rfc3339()
    } else {
        time.local_text()
    }
}
