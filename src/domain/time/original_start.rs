//! Which occurrence of a series is meant, whatever became of it since.
//!
//! It is written the same way in SQL, in URLs and in JSON, and one occurrence has one text.
use super::{DATE_FORMAT, InvalidTime, LOCAL_FORMAT, Span, first_moment, parse_date, parse_naive};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Identifies one occurrence of a series by when it would have started.
///
/// Written `2026-03-01` for an all-day series and `2026-03-01T08:00:00Z` for a timed one: in SQL, in URLs and in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum OriginalStart {
    /// Of an all-day series.
    Date(NaiveDate),
    /// Of a timed series.
    At(DateTime<Utc>),
}

impl OriginalStart {
    /// Of the occurrence that has this span.
    pub fn of(span: &Span) -> Self {
        match span {
            Span::AllDay { start, .. } => Self::Date(*start),
            Span::Timed { start, .. } => Self::At(start.instant()),
        }
    }

    /// The instant; for a date, its first moment in `day_zone`.
    pub fn instant(&self, day_zone: Tz) -> DateTime<Utc> {
        match self {
            Self::Date(date) => first_moment(*date, day_zone),
            Self::At(instant) => *instant,
        }
    }
}

impl fmt::Display for OriginalStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => write!(f, "{}", date.format(DATE_FORMAT)),
            Self::At(instant) => write!(f, "{}Z", instant.format(LOCAL_FORMAT)),
        }
    }
}

impl FromStr for OriginalStart {
    type Err = InvalidTime;

    /// Accepts exactly what `Display` writes, so that one occurrence has one text.
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let read = match text.strip_suffix('Z') {
            Some(local) if local.len() == 19 => parse_naive(local).map(|utc| Self::At(utc.and_utc())),
            Some(_) => Err(InvalidTime::OriginalStart),
            None => parse_date(text).map(Self::Date),
        };
        read.map_err(|_| InvalidTime::OriginalStart)
    }
}

impl From<OriginalStart> for String {
    fn from(start: OriginalStart) -> Self {
        start.to_string()
    }
}

impl TryFrom<String> for OriginalStart {
    type Error = InvalidTime;

    fn try_from(text: String) -> Result<Self, InvalidTime> {
        text.parse()
    }
}
