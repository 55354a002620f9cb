//! One object as one side has it, in a form that can be compared.
use super::Field;
use super::change::LIVE;
use accord::domain::time::{OriginalStart, Span, Zoned};
use accord::store::bookings::{BookingRow, BookingText};
use chrono::TimeDelta;
use chrono_tz::Tz;
use serde_json::Value;

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

impl Face {
    /// An event whose user has declined it is nothing to the app.
    pub fn of_event(event: &Value) -> Face {
        let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let lines: Vec<&str> = event["recurrence"]
            .as_array()
            .map(|lines| lines.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        Face {
            live: event["status"] != "cancelled" && !is_declined(event),
            title: text("summary"),
            description: text("description"),
            when: when(&bound(&event["start"]), &bound(&event["end"]), &lines.join("\n")),
            place: text("location"),
        }
    }

    pub fn of_row(text: &BookingText) -> Face {
        let zone = text.time_zone.as_deref();
        let end_zone = text.end_time_zone.as_deref().or(zone);
        Face {
            live: text.status == "confirmed",
            title: text.title.clone(),
            description: text.description.clone(),
            when: when(
                &shown(&text.starts_local, zone),
                &shown(&text.ends_local, end_zone),
                &text.recurrence,
            ),
            place: text.location.clone(),
        }
    }

    pub fn field(&self, field: Field) -> &str {
        match field {
            Field::Title => &self.title,
            Field::Description => &self.description,
            Field::When => &self.when,
            Field::Place => &self.place,
            Field::Life => self.life(),
        }
    }

    pub fn life(&self) -> &'static str {
        if self.live { LIVE } else { super::change::GONE }
    }
}

fn is_declined(event: &Value) -> bool {
    let guests = event["attendees"].as_array();
    guests.is_some_and(|all| {
        all.iter()
            .any(|guest| guest["self"] == true && guest["responseStatus"] == "declined")
    })
}

/// A start or an end as Google writes it, on the clock of its own zone.
fn bound(side: &Value) -> String {
    if let Some(date) = side["date"].as_str() {
        return date.to_owned();
    }
    let Some(at) = side["dateTime"].as_str() else {
        return String::new();
    };
    let at = chrono::DateTime::parse_from_rfc3339(at).expect("Google writes RFC 3339");
    let zone: Tz = side["timeZone"]
        .as_str()
        .map_or(Tz::Europe__Madrid, |zone| zone.parse().expect("a zone"));
    let local = at.with_timezone(&zone).naive_local().format("%Y-%m-%dT%H:%M:%S");
    shown(&local.to_string(), Some(zone.name()))
}

/// A wall clock with its zone, which is only named where it is not Madrid.
pub(super) fn shown(local: &str, zone: Option<&str>) -> String {
    match zone {
        Some(zone) if local.len() > 10 && zone != "Europe/Madrid" => format!("{local}[{zone}]"),
        _ => local.to_owned(),
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

/// The times without the rule, as an occurrence has them.
pub(super) fn without_rule(whole: &str) -> String {
    let (start, end, _) = parts(whole);
    when(start, end, "")
}
