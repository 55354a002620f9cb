//! Wall-clock time with its IANA zone, and the instants that follow from it.
//!
//! Bookings keep what a person would say ("nine in Prague"); UTC instants are derived. A local time that does not exist
//! shifts forward by the gap; one that exists twice is told apart by its [`Fold`]. Nothing here knows what time it is now.
use chrono::{
    DateTime, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, Offset, SecondsFormat, SubsecRound, TimeDelta,
    TimeZone, Utc,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

mod columns;
mod original_start;
mod span;
pub use columns::{ColumnError, SpanColumns};
pub use original_start::OriginalStart;
pub use span::{Span, SpanProblem, YEARS};

/// How local times are written in SQL, in the API and in base copies.
const LOCAL_FORMAT: &str = "%Y-%m-%dT%H:%M:%S";
/// How dates are written.
const DATE_FORMAT: &str = "%Y-%m-%d";

/// Which of two equal wall-clock times is meant when clocks go back; `Earlier` where there is only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fold {
    /// The first, still on summer time.
    #[default]
    Earlier,
    /// The second.
    Later,
}

impl Fold {
    fn is_earlier(&self) -> bool {
        *self == Fold::Earlier
    }
}

/// A wall-clock time in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Zoned {
    /// What the clock on the wall says; whole seconds.
    pub local: NaiveDateTime,
    /// Where that clock hangs.
    pub zone: Tz,
    /// Which of two equal times.
    #[serde(default, skip_serializing_if = "Fold::is_earlier")]
    pub fold: Fold,
}

/// Times, zones and recurrence: one field for merging.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct When {
    /// The (first) span.
    pub span: Span,
    /// `RRULE:`, `RDATE:`, `EXDATE:` lines as Google writes them, in canonical order; empty for a single booking.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recurrence: Vec<String>,
}

/// A name that is no zone.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
#[error("{0:?} is not a time zone: use a name of the IANA database, with its capitals, such as Europe/Prague or UTC")]
pub struct UnknownZone(pub String);

/// A text that is no time, or a time that contradicts its zone. The message continues the name of the field.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum InvalidTime {
    /// Not `YYYY-MM-DDTHH:MM[:SS]`.
    #[error("is not a local time: write it like 2026-03-01T09:00:00")]
    Local,
    /// Not `YYYY-MM-DD`.
    #[error("is not a date: write it like 2026-03-01")]
    Date,
    /// Not RFC 3339.
    #[error("is not a time: write it like 2026-03-01T09:00:00+01:00")]
    Rfc3339,
    /// An offset alone does not say how daylight saving time goes on.
    #[error("says {0} but there is no time_zone: send time_zone too, such as Europe/Prague")]
    ZoneMissing(String),
    /// The offset is not the zone's at that time.
    #[error("says {given} but {zone} is {actual} then: send the zone's own offset, or another time_zone")]
    Contradiction {
        /// The offset sent.
        given: String,
        /// The zone sent.
        zone: Tz,
        /// What the zone's offset is (both of them when clocks go back).
        actual: String,
    },
    /// Neither form of an original start.
    #[error(
        "is not an original start: write 2026-03-01 for an all-day series, 2026-03-01T08:00:00Z (UTC) for a timed one"
    )]
    OriginalStart,
}

/// Looks a zone up by its exact IANA name; old names (aliases) are kept as they are.
pub fn parse_zone(name: &str) -> Result<Tz, UnknownZone> {
    Tz::from_str(name).map_err(|_| UnknownZone(name.to_owned()))
}

/// Reads `YYYY-MM-DD`.
pub fn parse_date(text: &str) -> Result<NaiveDate, InvalidTime> {
    let date = NaiveDate::parse_from_str(text, DATE_FORMAT).map_err(|_| InvalidTime::Date)?;
    // chrono also reads `2026-3-1` and `+2026-03-01`; one date has one text.
    if text.len() == 10 {
        Ok(date)
    } else {
        Err(InvalidTime::Date)
    }
}

fn parse_naive(text: &str) -> Result<NaiveDateTime, InvalidTime> {
    let format = match text.len() {
        19 => LOCAL_FORMAT,
        16 => "%Y-%m-%dT%H:%M",
        _ => return Err(InvalidTime::Local),
    };
    let local = NaiveDateTime::parse_from_str(text, format).map_err(|_| InvalidTime::Local)?;
    // chrono reads second 60 as a leap second; RFC 3339 times of bookings have none.
    if local == local.trunc_subsecs(0) {
        Ok(local)
    } else {
        Err(InvalidTime::Local)
    }
}

/// What a zone makes of a local time.
enum Reading {
    Once(FixedOffset),
    Twice {
        earlier: FixedOffset,
        later: FixedOffset,
    },
    /// In a gap: the offset that held before it.
    Never {
        before: FixedOffset,
    },
}

fn read(local: NaiveDateTime, zone: Tz) -> Reading {
    match zone.offset_from_local_datetime(&local) {
        MappedLocalTime::Single(offset) => Reading::Once(offset.fix()),
        MappedLocalTime::Ambiguous(a, b) => {
            // The larger offset is the earlier instant.
            let (a, b) = (a.fix(), b.fix());
            let (earlier, later) = if a.local_minus_utc() >= b.local_minus_utc() {
                (a, b)
            } else {
                (b, a)
            };
            Reading::Twice { earlier, later }
        }
        MappedLocalTime::None => Reading::Never {
            before: offset_before_gap(local, zone),
        },
    }
}

/// Walks back to a wall-clock time that existed. The longest gap in the zone database is a day (Samoa, 30 December 2011).
fn offset_before_gap(local: NaiveDateTime, zone: Tz) -> FixedOffset {
    (1..=200)
        .map(|quarters| local - TimeDelta::minutes(15 * quarters))
        .find_map(|earlier| zone.offset_from_local_datetime(&earlier).latest())
        .map_or_else(|| zone.offset_from_utc_datetime(&local).fix(), |offset| offset.fix())
}

impl Zoned {
    /// A local time in a zone; a fold that says nothing (the time exists once, or never) becomes `Earlier`.
    pub fn new(local: NaiveDateTime, zone: Tz, fold: Fold) -> Self {
        let fold = if matches!(read(local, zone), Reading::Twice { .. }) {
            fold
        } else {
            Fold::Earlier
        };
        Self { local, zone, fold }
    }

    /// The instant; a nonexistent local time is shifted forward by the gap.
    pub fn instant(&self) -> DateTime<Utc> {
        (self.local - self.offset()).and_utc()
    }

    fn offset(&self) -> FixedOffset {
        match (read(self.local, self.zone), self.fold) {
            (Reading::Once(offset), _) => offset,
            (Reading::Twice { earlier, .. }, Fold::Earlier) => earlier,
            (Reading::Twice { later, .. }, Fold::Later) => later,
            (Reading::Never { before }, _) => before,
        }
    }

    /// What the clock in `zone` shows at an instant; parts of a second are dropped.
    pub fn from_instant(instant: DateTime<Utc>, zone: Tz) -> Self {
        let there = instant.trunc_subsecs(0).with_timezone(&zone);
        let local = there.naive_local();
        let fold = match read(local, zone) {
            Reading::Twice { later, .. } if later == there.offset().fix() => Fold::Later,
            _ => Fold::Earlier,
        };
        Self { local, zone, fold }
    }

    /// Reads `2026-03-01T09:00:00`, or the same without seconds.
    pub fn parse_local(text: &str, zone: Tz, fold: Fold) -> Result<Self, InvalidTime> {
        Ok(Self::new(parse_naive(text)?, zone, fold))
    }

    /// `2026-03-01T09:00:00`.
    pub fn local_text(&self) -> String {
        self.local.format(LOCAL_FORMAT).to_string()
    }

    /// RFC 3339 with the zone's offset: `2026-03-01T09:00:00+01:00`, `Z` in UTC. A nonexistent time is shown shifted.
    pub fn rfc3339(&self) -> String {
        let instant = self.instant();
        if self.zone == Tz::UTC {
            return instant.to_rfc3339_opts(SecondsFormat::Secs, true);
        }
        instant
            .with_timezone(&self.zone)
            .to_rfc3339_opts(SecondsFormat::Secs, false)
    }

    /// Reads a time of the API. The offset must be the zone's at that time, and it chooses the fold. `Z` names an instant and
    /// contradicts no zone (RFC 9557 section 2.2). Without a zone only UTC can be meant.
    pub fn from_rfc3339_with_zone(text: &str, zone: Option<Tz>) -> Result<Self, InvalidTime> {
        let given = DateTime::parse_from_rfc3339(text).map_err(|_| InvalidTime::Rfc3339)?;
        if given.naive_local() != given.naive_local().trunc_subsecs(0) {
            return Err(InvalidTime::Rfc3339);
        }
        let utc = text.ends_with(['Z', 'z']);
        let Some(zone) = zone else {
            return if given.offset().local_minus_utc() == 0 {
                Ok(Self::from_instant(given.to_utc(), Tz::UTC))
            } else {
                Err(InvalidTime::ZoneMissing(offset_text(*given.offset())))
            };
        };
        if utc {
            return Ok(Self::from_instant(given.to_utc(), zone));
        }
        let local = given.naive_local();
        // Offsets of the nineteenth century have seconds, which RFC 3339 cannot write.
        let same = |offset: FixedOffset| (offset.local_minus_utc() - given.offset().local_minus_utc()).abs() < 60;
        let (fold, actual) = match read(local, zone) {
            Reading::Once(offset) if same(offset) => (Some(Fold::Earlier), String::new()),
            Reading::Never { before } if same(before) => (Some(Fold::Earlier), String::new()),
            Reading::Twice { earlier, .. } if same(earlier) => (Some(Fold::Earlier), String::new()),
            Reading::Twice { later, .. } if same(later) => (Some(Fold::Later), String::new()),
            Reading::Once(offset) | Reading::Never { before: offset } => (None, offset_text(offset)),
            Reading::Twice { earlier, later } => (None, format!("{} or {}", offset_text(earlier), offset_text(later))),
        };
        match fold {
            Some(fold) => Ok(Self { local, zone, fold }),
            None => Err(InvalidTime::Contradiction {
                given: offset_text(*given.offset()),
                zone,
                actual,
            }),
        }
    }
}

/// `+01:00`; seconds of old local mean times are left out.
fn offset_text(offset: FixedOffset) -> String {
    let seconds = offset.local_minus_utc();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

impl When {
    /// A single booking.
    pub fn once(span: Span) -> Self {
        Self {
            span,
            recurrence: Vec::new(),
        }
    }
}

/// When a day begins in a zone: midnight, or later where clocks jump over it.
fn first_moment(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    Zoned {
        local: date.and_time(chrono::NaiveTime::MIN),
        zone,
        fold: Fold::Earlier,
    }
    .instant()
}
