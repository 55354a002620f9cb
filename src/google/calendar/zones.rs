//! Between the wall clock of a zone and instants, as far as Google's times need it.
use crate::domain::time::{Fold, Zoned};
use chrono::{DateTime, Days, LocalResult, NaiveDateTime, Offset, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// A zone by its IANA name.
pub(super) fn parse(name: &str) -> Option<Tz> {
    name.parse().ok()
}

/// What the wall clock of `zone` says at `instant`, in whole seconds.
pub(super) fn zoned(instant: DateTime<Utc>, zone: Tz) -> Zoned {
    let instant = instant.with_nanosecond(0).unwrap_or(instant);
    let local = instant.with_timezone(&zone).naive_local();
    let fold = match zone.from_local_datetime(&local) {
        LocalResult::Ambiguous(_, later) if later == instant => Fold::Later,
        _ => Fold::Earlier,
    };
    Zoned { local, zone, fold }
}

/// A wall-clock time, resolved.
pub(super) enum Resolved {
    /// It exists once, so that zone and local time say everything.
    Once(DateTime<Tz>),
    /// It exists twice, or not at all and was shifted forward: only an offset tells which instant is meant.
    Chosen(DateTime<Tz>),
}

impl Resolved {
    pub(super) fn instant(&self) -> DateTime<Utc> {
        match self {
            Resolved::Once(time) | Resolved::Chosen(time) => time.to_utc(),
        }
    }
}

pub(super) fn resolve(time: &Zoned) -> Resolved {
    match time.zone.from_local_datetime(&time.local) {
        LocalResult::Single(single) => Resolved::Once(single),
        LocalResult::Ambiguous(earlier, later) => {
            Resolved::Chosen(if time.fold == Fold::Earlier { earlier } else { later })
        }
        LocalResult::None => Resolved::Chosen(before_the_gap(&time.local, time.zone)),
    }
}

/// Counts on with the offset that was valid before the clocks went forward, which shifts by the length of the gap.
fn before_the_gap(local: &NaiveDateTime, zone: Tz) -> DateTime<Tz> {
    let day_before = local.checked_sub_days(Days::new(1)).unwrap_or(*local);
    let offset = zone.offset_from_utc_datetime(&day_before).fix();
    let utc = local.checked_sub_offset(offset).unwrap_or(*local);
    zone.from_utc_datetime(&utc)
}
