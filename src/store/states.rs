//! `row_state` of bookings: what the triggers say about each row, and what the engine has agreed with Google about it.
use super::bookings::DeletedBooking;
use super::{StoreError, Tx, list};
use crate::args;
use crate::domain::ids::{AccountId, BookingId, CalendarId, TenantId, UserId};

/// Where a booking stands between its two sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingState {
    /// The booking.
    pub id: BookingId,
    /// Its present version.
    pub version: i64,
    /// The version both sides last agreed on.
    pub agreed_version: i64,
    /// What a deletion removed, until the deletion is settled.
    pub deleted: Option<DeletedBooking>,
}

impl BookingState {
    /// Whether the app's side has something that Google's has not.
    pub fn is_pending(&self) -> bool {
        self.version != self.agreed_version
    }
}

/// The states of these bookings.
pub async fn get_many(tx: &mut Tx, tenant: TenantId, ids: &[BookingId]) -> Result<Vec<BookingState>, StoreError> {
    const SQL: &str = "SELECT id, version, agreed_version, deleted_row FROM row_state \
         WHERE tenant_id = $1 AND kind = 'booking' AND id IN LIST($2)";
    let rows = tx.fetch_all(SQL, args![tenant, list(ids)]).await?;
    rows.iter()
        .map(|row| {
            Ok(BookingState {
                id: row.parse("id")?,
                version: row.int("version")?,
                agreed_version: row.int("agreed_version")?,
                deleted: row.opt_json("deleted_row")?,
            })
        })
        .collect()
}

/// Erases the words from what a deletion removed.
pub async fn erase_deleted_words(tx: &mut Tx, tenant: TenantId, id: BookingId) -> Result<(), StoreError> {
    const READ: &str = "SELECT deleted_row FROM row_state WHERE tenant_id = $1 AND kind = 'booking' AND id = $2";
    const WRITE: &str = "UPDATE row_state SET deleted_row = $3 WHERE tenant_id = $1 AND kind = 'booking' AND id = $2";
    let row = tx.fetch_optional(READ, args![tenant, id]).await?;
    let deleted: Option<serde_json::Value> = row.map_or(Ok(None), |row| row.opt_json("deleted_row"))?;
    let Some(mut deleted) = deleted else { return Ok(()) };
    for words in ["title", "description", "location"] {
        deleted[words] = "".into();
    }
    tx.execute(WRITE, args![tenant, id, deleted.to_string()])
        .await
        .map(drop)
}

/// Notes that both sides agree on `version`. A deletion that was waiting is settled by it.
///
/// Does nothing when the row has moved on: then there is something new to agree on. Whether its instants were derived is
/// another matter ([`notice`]).
pub async fn agree(tx: &mut Tx, tenant: TenantId, id: BookingId, version: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET agreed_version = $3, \
             deleted_row = CASE WHEN version = $3 THEN NULL ELSE deleted_row END \
         WHERE tenant_id = $1 AND kind = 'booking' AND id = $2 AND version >= $3";
    tx.execute(SQL, args![tenant, id, version]).await.map(drop)
}

/// Notes that both sides agree on whatever these rows hold now: they were made in this transaction, and their instants with
/// them.
pub async fn agree_as_they_stand(tx: &mut Tx, tenant: TenantId, ids: &[BookingId]) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET agreed_version = version, noticed_version = version, deleted_row = NULL \
         WHERE tenant_id = $1 AND kind = 'booking' AND id IN LIST($2)";
    tx.execute(SQL, args![tenant, list(ids)]).await.map(drop)
}

/// Notes that both sides agree on what this transaction has just written over `before`; an edit that came between stays
/// pending.
pub async fn agree_after(tx: &mut Tx, tenant: TenantId, id: BookingId, before: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET agreed_version = version, noticed_version = version \
         WHERE tenant_id = $1 AND kind = 'booking' AND id = $2 AND version = $3 + 1";
    tx.execute(SQL, args![tenant, id, before]).await.map(drop)
}

/// Notes that a pass wrote this version of a row, and has derived what follows from it.
pub async fn set_noticed(tx: &mut Tx, tenant: TenantId, id: BookingId, version: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET noticed_version = version, google_version = version \
         WHERE tenant_id = $1 AND kind = 'booking' AND id = $2 AND version = $3";
    tx.execute(SQL, args![tenant, id, version]).await.map(drop)
}

/// Makes a row pending although nobody edited it: its event has to be written again.
pub async fn disagree(tx: &mut Tx, tenant: TenantId, id: BookingId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET agreed_version = 0 WHERE tenant_id = $1 AND kind = 'booking' AND id = $2";
    tx.execute(SQL, args![tenant, id]).await.map(drop)
}

/// Says whose account carries a booking's changes to Google.
pub async fn set_carrier(tx: &mut Tx, tenant: TenantId, id: BookingId, user: UserId) -> Result<(), StoreError> {
    const SQL: &str =
        "UPDATE row_state SET user_id = $3 WHERE tenant_id = $1 AND kind = 'booking' AND id = $2 AND user_id <> $3";
    tx.execute(SQL, args![tenant, id, user]).await.map(drop)
}

/// Makes a scope look at a row no more while its wait lasts: there is nothing to push of this version before.
pub async fn hold(tx: &mut Tx, tenant: TenantId, id: BookingId, version: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET held_version = $3 WHERE tenant_id = $1 AND kind = 'booking' AND id = $2";
    tx.execute(SQL, args![tenant, id, version]).await.map(drop)
}

/// The rows that a scope has to push, from tenant, user, account, calendar and whether it is the write calendar. `s` is the
/// row's state, `b` the booking unless it was deleted.
///
/// A row is the scope's if its lead placement, or else that of its series, is in the calendar; the write calendar also gets
/// what is nowhere yet. What was set aside comes again when its row changes, what is held when its wait is over, answered, or
/// asked about by no question any more.
macro_rules! pending_rows {
    ($tenant:literal, $user:literal, $account:literal, $calendar:literal, $writes:literal) => {
        concat!(
            "FROM row_state s ",
            "LEFT JOIN placements p ON p.tenant_id = s.tenant_id AND p.booking_id = s.id AND p.is_lead = 1 ",
            "LEFT JOIN bookings b ON b.tenant_id = s.tenant_id AND b.id = s.id ",
            "LEFT JOIN placements m ON m.tenant_id = b.tenant_id AND m.booking_id = b.series_id AND m.is_lead = 1 ",
            "WHERE s.tenant_id = ", $tenant, " AND s.user_id = ", $user,
            " AND s.kind = 'booking' AND s.version <> s.agreed_version ",
            "AND (COALESCE(p.account_id, m.account_id) = ", $account,
            " AND COALESCE(p.calendar_id, m.calendar_id) = ", $calendar,
            " OR p.calendar_id IS NULL AND m.calendar_id IS NULL AND ", $writes, " = 1) ",
            "AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.tenant_id = s.tenant_id AND q.account_id = ", $account,
            " AND q.calendar_id = ", $calendar, " AND q.version = s.version ",
            "AND (q.side = 'app' AND q.item_id = s.id OR q.side = 'google' AND q.item_id = p.event_id)) ",
            "AND NOT (s.held_version = s.version AND EXISTS (SELECT 1 FROM placements h WHERE h.tenant_id = s.tenant_id ",
            "AND h.calendar_id = p.calendar_id AND h.event_id IN (p.event_id, p.series_event_id) ",
            "AND h.waiting IS NOT NULL AND h.answer IS NULL ",
            "AND (h.waiting IN ('brake', 'lead_lost') OR EXISTS (SELECT 1 FROM questions a WHERE a.tenant_id = h.tenant_id ",
            "AND a.kind = h.waiting AND a.calendar_id = h.calendar_id AND a.subject_id = h.booking_id AND a.state = 'open'))))"
        )
    };
}
pub(super) use pending_rows;

/// What a scope has to push now. Series come before their occurrences.
pub async fn pending(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    account: AccountId,
    calendar: &CalendarId,
    is_write_calendar: bool,
) -> Result<Vec<BookingId>, StoreError> {
    const SQL: &str = concat!(
        "SELECT s.id ",
        pending_rows!("$1", "$2", "$3", "$4", "$5"),
        " ORDER BY CASE WHEN b.series_id IS NULL THEN 0 ELSE 1 END, s.id"
    );
    let rows = tx
        .fetch_all(SQL, args![tenant, user, account, calendar, is_write_calendar])
        .await?;
    rows.iter().map(|row| row.parse("id")).collect()
}

/// How many bookings of a user wait to be pushed.
pub async fn count_pending(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<i64, StoreError> {
    const SQL: &str = "SELECT COUNT(*) AS n FROM row_state \
         WHERE tenant_id = $1 AND user_id = $2 AND kind = 'booking' AND version <> agreed_version";
    tx.fetch_all(SQL, args![tenant, user])
        .await?
        .first()
        .map_or(Ok(0), |row| row.int("n"))
}

/// A row that was written since the engine last looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnoticed {
    /// Tenant.
    pub tenant_id: TenantId,
    /// `booking`, `customer` or `resource`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// The user whose account carries it.
    pub user_id: Option<UserId>,
    /// The version that is now noticed.
    pub version: i64,
}

/// Takes note of rows that were written in SQL since the last look, over all tenants or in one.
pub async fn notice(tx: &mut Tx, tenant: Option<TenantId>, limit: i64) -> Result<Vec<Unnoticed>, StoreError> {
    const SQL: &str = "UPDATE row_state SET noticed_version = version WHERE (tenant_id, kind, id) IN ( \
             SELECT tenant_id, kind, id FROM row_state WHERE version <> noticed_version AND ($1 IS NULL OR tenant_id = $1) \
             LIMIT $2 SKIP_LOCKED) \
         RETURNING tenant_id, kind, id, user_id, version";
    let rows = tx.fetch_all(SQL, args![tenant, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Unnoticed {
                tenant_id: row.parse("tenant_id")?,
                kind: row.text("kind")?,
                id: row.text("id")?,
                // Written in SQL with foreign keys off, it may be anything.
                user_id: row.opt_parse("user_id").unwrap_or_default(),
                version: row.int("version")?,
            })
        })
        .collect()
}
