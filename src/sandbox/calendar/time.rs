//! Moments as Google writes them: days, instants, zones. No calendar logic.
//!
//! An event's times are stored in one canonical form: `{"date"}` for all-day, `{"dateTime": "…Z", "timeZone"}` for timed
//! ones. Responses show instants with the offset of the response's zone, whatever was written.
use super::errors::Refusal;
use chrono::{DateTime, Duration, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

/// A start or an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// All-day.
    Day(NaiveDate),
    /// Timed.
    At(DateTime<Utc>),
}

impl When {
    /// The instant, in microseconds; a day begins at midnight in `zone`.
    pub fn micros(self, zone: Tz) -> i64 {
        match self {
            When::Day(day) => resolve_local(zone, day.and_time(chrono::NaiveTime::MIN)).timestamp_micros(),
            When::At(at) => at.timestamp_micros(),
        }
    }

    /// As an event field; `zone` is named only for instants.
    pub fn field(self, zone: &str) -> Value {
        match self {
            When::Day(day) => json!({"date": day.to_string()}),
            When::At(at) => {
                json!({"dateTime": at.format("%Y-%m-%dT%H:%M:%SZ").to_string(), "timeZone": zone})
            }
        }
    }

    /// As in an instance id and in iCalendar: `20261101T080000Z` or `20261101`.
    pub fn compact(self) -> String {
        match self {
            When::Day(day) => day.format("%Y%m%d").to_string(),
            When::At(at) => at.format("%Y%m%dT%H%M%SZ").to_string(),
        }
    }

    /// The reverse of [`When::compact`].
    pub fn from_compact(text: &str) -> Option<When> {
        if text.len() == 8 {
            return NaiveDate::parse_from_str(text, "%Y%m%d").ok().map(When::Day);
        }
        let naive = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok()?;
        Some(When::At(naive.and_utc()))
    }
}

/// The zone of that IANA name.
pub fn zone(name: &str) -> Option<Tz> {
    name.parse().ok()
}

/// Wall-clock time to instant: the earlier of two, and a nonexistent time moves forward by the gap.
pub fn resolve_local(zone: Tz, naive: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&naive) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
        LocalResult::None => {
            // The offset in force before the gap carries the reading forward by exactly the gap.
            let before = zone.offset_from_utc_datetime(&(naive - Duration::hours(24)));
            let seconds = i64::from(before.fix().local_minus_utc());
            (naive - Duration::seconds(seconds)).and_utc()
        }
    }
}

/// `2026-11-21T08:00:00.203Z`.
pub fn millis(us: i64) -> String {
    match DateTime::from_timestamp_micros(us) {
        Some(at) => at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        None => String::new(),
    }
}

/// `created` never shows its milliseconds.
pub fn whole_second(us: i64) -> String {
    millis(us - us.rem_euclid(1_000_000))
}

/// RFC 3339 with an offset, as a query parameter; milliseconds are ignored. Microseconds since the epoch.
pub fn parameter(name: &str, text: &str) -> Result<i64, Refusal> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) => Ok(at.timestamp() * 1_000_000),
        Err(_) => Err(Refusal::parameter("badRequest", "Bad Request", name)),
    }
}

/// Reads a stored start or end, forgiving: seeds may be nonsense.
pub fn stored(value: Option<&Value>) -> Option<When> {
    let object = value?.as_object()?;
    if let Some(day) = object.get("date").and_then(Value::as_str) {
        return NaiveDate::parse_from_str(day, "%Y-%m-%d").ok().map(When::Day);
    }
    let text = object.get("dateTime")?.as_str()?;
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(When::At(at.with_timezone(&Utc)));
    }
    let naive = local(text)?;
    let zone = zone(object.get("timeZone")?.as_str()?)?;
    Some(When::At(resolve_local(zone, naive)))
}

fn local(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"))
        .ok()
}

/// What a writer meant by a start or an end.
pub struct Written {
    /// The moment.
    pub when: When,
    /// The zone that was named.
    pub zone: Option<Tz>,
}

/// Reads a start or an end as strictly as Google. `label` is `start` or `end`.
pub fn written(object: &Map<String, Value>, label: &str) -> Result<Written, Refusal> {
    let text = |key: &str| match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Refusal::invalid_field(&format!("{label}.{key}"))),
    };
    let zone = match text("timeZone")? {
        None => None,
        Some(name) => Some(
            self::zone(name)
                .ok_or_else(|| Refusal::invalid(&format!("Invalid time zone definition for {label} time.")))?,
        ),
    };
    let bad = || Refusal::invalid(&format!("Invalid {label} time."));
    let when = match (text("date")?, text("dateTime")?) {
        (Some(_), Some(_)) => return Err(bad()),
        (None, None) => return Err(Refusal::required(&format!("Missing {label} time."))),
        (Some(day), None) => {
            if day.len() != 10 {
                return Err(bad());
            }
            When::Day(NaiveDate::parse_from_str(day, "%Y-%m-%d").map_err(|_| bad())?)
        }
        (None, Some(at)) => match (DateTime::parse_from_rfc3339(at), zone) {
            (Ok(at), _) => When::At(truncate(at.with_timezone(&Utc))),
            (Err(_), Some(zone)) => When::At(truncate(resolve_local(zone, local(at).ok_or_else(bad)?))),
            (Err(_), None) if local(at).is_some() => {
                return Err(Refusal::required(&format!(
                    "Missing time zone definition for {label} time."
                )));
            }
            (Err(_), None) => return Err(bad()),
        },
    };
    Ok(Written { when, zone })
}

fn truncate(at: DateTime<Utc>) -> DateTime<Utc> {
    at - Duration::nanoseconds(i64::from(at.timestamp_subsec_nanos()))
}

/// Shows a stored start or end in the zone of the response; nonsense passes through as it is.
pub fn shown(value: &Value, response_zone: Tz) -> Value {
    let (Some(object), Some(When::At(at))) = (value.as_object(), stored(Some(value))) else {
        return value.clone();
    };
    let mut object = object.clone();
    let there = at.with_timezone(&response_zone);
    // Before 1901 offsets have seconds, which RFC 3339 cannot write: the instant is kept, not the clock on the wall.
    let minutes = there.offset().fix().local_minus_utc() / 60;
    let offset = FixedOffset::east_opt(minutes * 60).unwrap_or_else(|| there.offset().fix());
    let text = at
        .with_timezone(&offset)
        .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    object.insert("dateTime".into(), Value::String(text));
    Value::Object(object)
}
