//! Hand-overs: events that have to leave a calendar because their booking has got another user.
//!
//! A trigger makes the row in the transaction that writes `bookings.user_id`, whoever writes it; it goes when the event is
//! gone. What it says is never taken from a comparison of owner and lead: a booking may be led from another user's calendar
//! without having been handed over.
use super::{Row, StoreError, Tx};
use crate::args;
use crate::domain::ids::{AccountId, BookingId, CalendarId, EventId, TenantId, UserId};

/// How far a hand-over is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandOverState {
    /// Nothing was done yet.
    Wanted,
    /// A deletion of the event was sent: its tombstone is ours, even if the answer was lost.
    Removing,
    /// The booking is with its new user, but the event is still in the old calendar, whose account took no part any more.
    Left,
}

impl HandOverState {
    fn as_str(self) -> &'static str {
        match self {
            HandOverState::Wanted => "wanted",
            HandOverState::Removing => "removing",
            HandOverState::Left => "left",
        }
    }

    fn read(text: &str) -> HandOverState {
        match text {
            "removing" => HandOverState::Removing,
            "left" => HandOverState::Left,
            _ => HandOverState::Wanted,
        }
    }
}

/// An event that has to leave a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// Tenant.
    pub tenant_id: TenantId,
    /// The calendar that it leaves.
    pub calendar_id: CalendarId,
    /// Event.
    pub event_id: EventId,
    /// Booking.
    pub booking_id: BookingId,
    /// The account that led it.
    pub account_id: AccountId,
    /// How far it is.
    pub state: HandOverState,
    /// Of the event when it was left.
    pub etag: String,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT h.tenant_id, h.calendar_id, h.event_id, h.booking_id, h.account_id, h.state, h.etag FROM hand_overs h ",
            $rest
        )
    };
}

fn read_all(rows: &[Row]) -> Result<Vec<HandOver>, StoreError> {
    rows.iter()
        .map(|row| {
            Ok(HandOver {
                tenant_id: row.parse("tenant_id")?,
                calendar_id: CalendarId(row.text("calendar_id")?),
                event_id: EventId(row.text("event_id")?),
                booking_id: row.parse("booking_id")?,
                account_id: row.parse("account_id")?,
                state: HandOverState::read(&row.text("state")?),
                etag: row.text("etag")?,
            })
        })
        .collect()
}

/// The events that have to leave this calendar of this account.
pub async fn from_calendar(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
) -> Result<Vec<HandOver>, StoreError> {
    const SQL: &str =
        select!("WHERE h.tenant_id = $1 AND h.account_id = $2 AND h.calendar_id = $3 ORDER BY h.event_id");
    read_all(&tx.fetch_all(SQL, args![tenant, account, calendar]).await?)
}

/// Hand-overs to this user that the old account cannot carry out: it does not take part any more, or may not write.
pub async fn stranded(tx: &mut Tx, tenant: TenantId, to: UserId) -> Result<Vec<HandOver>, StoreError> {
    const SQL: &str = select!(
        "JOIN bookings b ON b.tenant_id = h.tenant_id AND b.id = h.booking_id \
         WHERE h.tenant_id = $1 AND b.user_id = $2 AND h.state <> 'left' AND NOT EXISTS ( \
             SELECT 1 FROM sync_scopes s JOIN calendars c ON c.tenant_id = s.tenant_id AND c.account_id = s.account_id \
                 AND c.calendar_id = s.calendar_id \
             WHERE s.tenant_id = h.tenant_id AND s.account_id = h.account_id AND s.calendar_id = h.calendar_id \
                 AND s.enabled = 1 AND c.frozen IS NULL) \
         ORDER BY h.booking_id"
    );
    read_all(&tx.fetch_all(SQL, args![tenant, to]).await?)
}

/// The hand-over that an event is part of.
pub async fn of_event(
    tx: &mut Tx,
    tenant: TenantId,
    calendar: &CalendarId,
    event: &EventId,
) -> Result<Option<HandOver>, StoreError> {
    const SQL: &str = select!("WHERE h.tenant_id = $1 AND h.calendar_id = $2 AND h.event_id = $3");
    Ok(read_all(&tx.fetch_all(SQL, args![tenant, calendar, event]).await?)?.pop())
}

/// Notes how far it is; `etag` is what is remembered of an event that was left.
///
/// Returns `false` when there is no such hand-over any more.
pub async fn set_state(tx: &mut Tx, of: &HandOver, state: HandOverState, etag: &str) -> Result<bool, StoreError> {
    const SQL: &str =
        "UPDATE hand_overs SET state = $4, etag = $5 WHERE tenant_id = $1 AND calendar_id = $2 AND event_id = $3";
    tx.execute(
        SQL,
        args![of.tenant_id, &of.calendar_id, &of.event_id, state.as_str(), etag],
    )
    .await
    .map(|affected| affected == 1)
}

/// There is nothing left to do.
pub async fn forget(tx: &mut Tx, of: &HandOver) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM hand_overs WHERE tenant_id = $1 AND calendar_id = $2 AND event_id = $3";
    tx.execute(SQL, args![of.tenant_id, &of.calendar_id, &of.event_id])
        .await
        .map(drop)
}
