//! From when to when: whole days, or two wall-clock times that may hang in two zones.
//!
//! A span keeps what was said; instants are asked for. It does not know whether it recurs.
use super::{OriginalStart, SpanColumns, Zoned, first_moment};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// The years a span may touch. RFC 3339 writes four digits; the last year is left to zones that are ahead of UTC.
/// Google was seen with 1900 and 2999, and calendars imported from elsewhere with 1601.
pub const YEARS: RangeInclusive<i32> = 1000..=9998;

/// From when to when. Its JSON form is [`SpanColumns`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "SpanColumns", try_from = "SpanColumns")]
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

/// What is wrong with a span, and in which field of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpanProblem {
    /// Google refuses it too (`timeRangeEmpty`).
    #[error("must be after starts_at")]
    EndNotAfterStart,
    /// A year nobody meant.
    #[error("must lie in the years {} to {}", YEARS.start(), YEARS.end())]
    YearOutOfRange {
        /// `starts_at` or `ends_at`.
        field: &'static str,
    },
}

impl SpanProblem {
    /// The field of the API: `starts_at` or `ends_at`.
    pub fn field(&self) -> &'static str {
        match self {
            Self::EndNotAfterStart => "ends_at",
            Self::YearOutOfRange { field } => field,
        }
    }
}

impl Span {
    /// Start and end as instants; whole days begin and end when the day begins in `day_zone`.
    pub fn instants(&self, day_zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.starts(day_zone), self.ends(day_zone))
    }

    /// The first instant; `day_zone` counts for whole days only.
    pub fn starts(&self, day_zone: Tz) -> DateTime<Utc> {
        match self {
            Self::AllDay { start, .. } => first_moment(*start, day_zone),
            Self::Timed { start, .. } => start.instant(),
        }
    }

    /// The instant after the last; `day_zone` counts for whole days only.
    pub fn ends(&self, day_zone: Tz) -> DateTime<Utc> {
        match self {
            Self::AllDay { end, .. } => first_moment(*end, day_zone),
            Self::Timed { end, .. } => end.instant(),
        }
    }

    /// Whether it is made of whole days.
    pub fn is_all_day(&self) -> bool {
        matches!(self, Self::AllDay { .. })
    }

    /// The time that passes; for whole days 24 hours each, whatever the clocks do.
    pub fn duration(&self) -> TimeDelta {
        match self {
            Self::AllDay { start, end } => *end - *start,
            Self::Timed { start, end } => end.instant() - start.instant(),
        }
    }

    /// The end must be after the start, and both in [`YEARS`].
    pub fn validate(&self) -> Result<(), SpanProblem> {
        let (first, last) = match self {
            Self::AllDay { start, end } => (start.year(), end.year()),
            Self::Timed { start, end } => (start.local.year(), end.local.year()),
        };
        for (field, year) in [("starts_at", first), ("ends_at", last)] {
            if !YEARS.contains(&year) {
                return Err(SpanProblem::YearOutOfRange { field });
            }
        }
        if self.duration() > TimeDelta::zero() {
            Ok(())
        } else {
            Err(SpanProblem::EndNotAfterStart)
        }
    }

    /// The span of the occurrence of this series that starts at `start`: whole days keep their number, timed ones the time
    /// that passes (RFC 5545, 3.8.5.3). `None` when a date is asked of a timed series or the other way round.
    pub fn shift_to(&self, start: OriginalStart) -> Option<Self> {
        match (self, start) {
            (Self::AllDay { .. }, OriginalStart::Date(first)) => {
                let end = first.checked_add_signed(self.duration())?;
                Some(Self::AllDay { start: first, end })
            }
            (Self::Timed { start, end }, OriginalStart::At(instant)) => {
                let after = instant.checked_add_signed(self.duration())?;
                Some(Self::Timed {
                    start: Zoned::from_instant(instant, start.zone),
                    end: Zoned::from_instant(after, end.zone),
                })
            }
            _ => None,
        }
    }
}
