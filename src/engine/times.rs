//! The instants that follow from a booking's wall-clock times, kept so that a range of time can be asked for.
//!
//! They are stored in the transaction that writes the booking, and again when the zone database or, in SQL, the row changes.
use super::Refusal;
use crate::domain::booking::Booking;
use crate::domain::recurrence;
use crate::domain::time::When;
use crate::store::bookings::{self, Times};
use crate::store::{Tx, users};
use chrono::DateTime;
use chrono_tz::Tz;

/// The zone database of this program.
pub const TZDB: &str = chrono_tz::IANA_TZDB_VERSION;

/// The instants of `when`; whole days begin in `day_zone`.
pub fn of(when: &When, day_zone: Tz) -> Times {
    let (starts, ends) = when.span.instants(day_zone);
    if when.recurrence.is_empty() {
        return Times {
            starts_at: starts.timestamp_millis(),
            ends_at: ends.timestamp_millis(),
            last_ends_at: Some(ends.timestamp_millis()),
        };
    }
    // An RDATE may lie before the start of the series.
    let first = recurrence::expand(when, DateTime::UNIX_EPOCH..starts, day_zone, 1)
        .ok()
        .and_then(|found| found.first().map(|first| first.span.starts(day_zone)))
        .map_or(starts, |first| first.min(starts));
    Times {
        starts_at: first.timestamp_millis(),
        ends_at: ends.timestamp_millis(),
        last_ends_at: recurrence::last_end(when, day_zone).map(|end| end.timestamp_millis()),
    }
}

/// Stores the instants of a booking, whole days in the zone of its owner.
pub async fn store(tx: &mut Tx, booking: &Booking) -> Result<(), Refusal> {
    let user = users::get(tx, booking.tenant_id, booking.user_id).await?;
    let zone = user.map_or(Tz::UTC, |user| user.time_zone);
    let times = of(&booking.content.when, zone);
    Ok(bookings::set_times(tx, booking.tenant_id, booking.id, times, TZDB).await?)
}
