//! The instants that follow from a booking's wall-clock times, kept beside the row so that lists need not compute them.
use crate::domain::booking::Content;
use crate::domain::ids::{BookingId, TenantId};
use crate::domain::recurrence;
use crate::store::bookings::{self, Times};
use crate::store::{StoreError, Tx};
use chrono_tz::Tz;

/// The zone database that instants are computed with.
pub const TZDB: &str = chrono_tz::IANA_TZDB_VERSION;

/// The instants of a content; all-day bookings begin at midnight in `day_zone`.
pub fn of(content: &Content, day_zone: Tz) -> Times {
    let (start, end) = content.when.span.instants(day_zone);
    let last = if content.when.recurrence.is_empty() {
        Some(end)
    } else {
        recurrence::last_end(&content.when, day_zone)
    };
    Times {
        starts_at: start.timestamp_millis(),
        ends_at: end.timestamp_millis(),
        last_ends_at: last.map(|last| last.timestamp_millis()),
    }
}

/// Computes and stores them.
pub async fn store(
    tx: &mut Tx,
    tenant: TenantId,
    id: BookingId,
    content: &Content,
    day_zone: Tz,
) -> Result<(), StoreError> {
    bookings::set_times(tx, tenant, &[(id, of(content, day_zone))], TZDB).await
}
