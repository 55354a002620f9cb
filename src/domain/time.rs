//! Wall-clock time with its IANA zone, and the instants that follow from it.
//!
//! Bookings keep what a person would say ("nine in Prague"); UTC instants are derived. A local time that does not exist
//! shifts forward by the gap; one that exists twice is told apart by its [`Fold`].
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// Which of two equal wall-clock times is meant when clocks go back; `Earlier` where there is only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fold {
    /// The first, still on summer time.
    Earlier,
    /// The second.
    Later,
}

/// A wall-clock time in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Zoned {
    /// What the clock on the wall says; whole seconds.
    pub local: NaiveDateTime,
    /// Where that clock hangs.
    pub zone: Tz,
    /// Which of two equal times.
    pub fold: Fold,
}

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// Whole days; `end` is the first day after (exclusive), as in Google and RFC 5545.
    AllDay {
        /// First day.
        start: NaiveDate,
        /// The day after the last.
        end: NaiveDate,
    },
    /// From an instant to a later one.
    Timed {
        /// Start.
        start: Zoned,
        /// End, after the start.
        end: Zoned,
    },
}

/// Times, zones and recurrence: one field for merging.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct When {
    /// The (first) span.
    pub span: Span,
    /// `RRULE:`, `RDATE:`, `EXDATE:` lines as Google writes them, in canonical order; empty for a single booking.
    pub recurrence: Vec<String>,
}

/// Identifies one occurrence of a series by when it would have started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginalStart {
    /// Of an all-day series.
    Date(NaiveDate),
    /// Of a timed series.
    At(DateTime<Utc>),
}
