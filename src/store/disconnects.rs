//! What a disconnect still has to do, and what it finds to do about events: bookings to forget, events of ours to remove.
use super::{Row, StoreError, Tx, list};
use crate::args;
use crate::domain::ids::{AccountId, BookingId, CalendarId, EventId, TenantId};

/// An unfinished disconnect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Account.
    pub account_id: AccountId,
    /// Bookings and customers read from Google that nothing needs are still to be deleted.
    pub forgets_read: bool,
    /// Events and contacts that Accord wrote are still to be deleted in Google.
    pub removes_written: bool,
    /// Failures in a row.
    pub failures: i64,
}

impl Disconnect {
    fn from_row(row: &Row) -> Result<Disconnect, StoreError> {
        Ok(Disconnect {
            tenant_id: row.parse("tenant_id")?,
            account_id: row.parse("account_id")?,
            forgets_read: row.flag("forgets_read")?,
            removes_written: row.flag("removes_written")?,
            failures: row.int("failures")?,
        })
    }
}

/// Notes what is to be done.
pub async fn insert(tx: &mut Tx, disconnect: &Disconnect, due_at: i64) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO disconnects (tenant_id, account_id, forgets_read, removes_written, due_at, failures) \
         VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (tenant_id, account_id) DO UPDATE SET \
         forgets_read = excluded.forgets_read, removes_written = excluded.removes_written, due_at = excluded.due_at, failures = 0";
    let d = disconnect;
    let values = args![d.tenant_id, d.account_id, d.forgets_read, d.removes_written, due_at];
    tx.execute(SQL, values).await.map(drop)
}

/// What an account still has to do.
pub async fn get(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<Option<Disconnect>, StoreError> {
    const SQL: &str = "SELECT tenant_id, account_id, forgets_read, removes_written, failures FROM disconnects \
         WHERE tenant_id = $1 AND account_id = $2";
    let row = tx.fetch_optional(SQL, args![tenant, account]).await?;
    row.as_ref().map(Disconnect::from_row).transpose()
}

/// Takes what is due at `now` (ms), over all tenants, and makes it due again at `again`, should its worker not come back.
pub async fn claim(tx: &mut Tx, now: i64, again: i64, limit: i64) -> Result<Vec<Disconnect>, StoreError> {
    const SQL: &str = "UPDATE disconnects SET due_at = $2 WHERE (tenant_id, account_id) IN ( \
             SELECT tenant_id, account_id FROM disconnects WHERE due_at <= $1 ORDER BY due_at LIMIT $3 SKIP_LOCKED) \
         RETURNING tenant_id, account_id, forgets_read, removes_written, failures";
    let rows = tx.fetch_all(SQL, args![now, again, limit]).await?;
    rows.iter().map(Disconnect::from_row).collect()
}

/// Holds the row until the transaction ends; `false` when there is none, because the account was connected again.
pub async fn hold(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE disconnects SET due_at = due_at WHERE tenant_id = $1 AND account_id = $2";
    Ok(tx.execute(SQL, args![tenant, account]).await? == 1)
}

/// Notes that a batch went well and that the next one may follow at once.
pub async fn due_now(tx: &mut Tx, tenant: TenantId, account: AccountId, now: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE disconnects SET failures = 0, due_at = $3 WHERE tenant_id = $1 AND account_id = $2";
    tx.execute(SQL, args![tenant, account, now]).await.map(drop)
}

/// Notes that bookings and customers were forgotten.
pub async fn read_is_forgotten(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE disconnects SET forgets_read = 0 WHERE tenant_id = $1 AND account_id = $2";
    tx.execute(SQL, args![tenant, account]).await.map(drop)
}

/// Notes another failure and when to try again.
pub async fn postpone(tx: &mut Tx, tenant: TenantId, account: AccountId, due_at: i64) -> Result<(), StoreError> {
    const SQL: &str =
        "UPDATE disconnects SET failures = failures + 1, due_at = $3 WHERE tenant_id = $1 AND account_id = $2";
    tx.execute(SQL, args![tenant, account, due_at]).await.map(drop)
}

/// Everything is done, or the account is connected again.
pub async fn delete(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM disconnects WHERE tenant_id = $1 AND account_id = $2";
    tx.execute(SQL, args![tenant, account]).await.map(drop)
}

/// Bookings that came from Google through this account and that nothing needs: over at `now` (ms), cancelled, or with
/// nobody. Those that another connected account shows too are not among them, nor are occurrences without their series.
pub async fn unneeded(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    now: i64,
    limit: i64,
) -> Result<Vec<BookingId>, StoreError> {
    const SQL: &str = "SELECT b.id FROM bookings b \
         LEFT JOIN booking_times t ON t.tenant_id = b.tenant_id AND t.booking_id = b.id \
         WHERE b.tenant_id = $1 AND b.origin = 'google' AND b.series_id IS NULL \
           AND b.id NOT IN (SELECT h.booking_id FROM hand_overs h WHERE h.tenant_id = $1 AND h.account_id = $2) \
           AND EXISTS (SELECT 1 FROM placements p WHERE p.tenant_id = b.tenant_id AND p.booking_id = b.id AND p.account_id = $2) \
           AND NOT EXISTS (SELECT 1 FROM placements p JOIN accounts a ON a.tenant_id = p.tenant_id AND a.id = p.account_id \
               WHERE p.tenant_id = b.tenant_id AND p.booking_id = b.id AND p.account_id <> $2 AND p.state <> 'gone' \
                 AND a.state <> 'disconnected') \
           AND (b.status = 'cancelled' OR t.last_ends_at <= $3 \
             OR NOT EXISTS (SELECT 1 FROM booking_customers c WHERE c.tenant_id = b.tenant_id AND (c.booking_id = b.id \
                  OR c.booking_id IN (SELECT o.id FROM bookings o WHERE o.tenant_id = b.tenant_id AND o.series_id = b.id)))) \
         ORDER BY b.id LIMIT $4";
    let rows = tx.fetch_all(SQL, args![tenant, account, now, limit]).await?;
    rows.iter().map(|row| row.parse("id")).collect()
}

/// Deletes the events and contacts of an account that were set aside because they could not be understood.
pub async fn forget_quarantined(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM quarantine WHERE tenant_id = $1 AND account_id = $2 AND side = 'google'";
    tx.execute(SQL, args![tenant, account]).await.map(drop)
}

/// The changed occurrences of these series.
pub async fn occurrences(tx: &mut Tx, tenant: TenantId, series: &[BookingId]) -> Result<Vec<BookingId>, StoreError> {
    const SQL: &str = "SELECT id FROM bookings WHERE tenant_id = $1 AND series_id IN LIST($2)";
    let rows = tx.fetch_all(SQL, args![tenant, list(series)]).await?;
    rows.iter().map(|row| row.parse("id")).collect()
}

/// Deletes bookings and every trace that other tables keep of what they held. Nothing is pushed: the deletion is settled.
pub async fn forget(tx: &mut Tx, tenant: TenantId, ids: &[BookingId]) -> Result<(), StoreError> {
    const TRACES: [&str; 12] = [
        "DELETE FROM quarantine WHERE tenant_id = $1 AND (side = 'app' AND item_id IN LIST($2) OR side = 'google' \
             AND (calendar_id, item_id) IN (SELECT calendar_id, event_id FROM placements \
                  WHERE tenant_id = $1 AND booking_id IN LIST($2)))",
        "DELETE FROM placements WHERE tenant_id = $1 AND booking_id IN LIST($2)",
        "DELETE FROM booking_identities WHERE tenant_id = $1 AND booking_id IN LIST($2)",
        "DELETE FROM hand_overs WHERE tenant_id = $1 AND booking_id IN LIST($2)",
        "DELETE FROM conflicts WHERE tenant_id = $1 AND booking_id IN LIST($2)",
        "DELETE FROM questions WHERE tenant_id = $1 AND subject_id IN LIST($2)",
        "DELETE FROM mail_subjects WHERE tenant_id = $1 AND booking_id IN LIST($2)",
        "UPDATE messages SET letter_sealed = NULL, content_sealed = NULL WHERE tenant_id = $1 AND booking_id IN LIST($2)",
        "DELETE FROM bookings WHERE tenant_id = $1 AND id IN LIST($2) AND series_id IS NOT NULL",
        "DELETE FROM bookings WHERE tenant_id = $1 AND id IN LIST($2)",
        "DELETE FROM booking_times WHERE tenant_id = $1 AND booking_id IN LIST($2)",
        "UPDATE row_state SET agreed_version = version, noticed_version = version, mailed_version = version, \
             deleted_row = NULL WHERE tenant_id = $1 AND kind = 'booking' AND id IN LIST($2)",
    ];
    for sql in TRACES {
        tx.execute(sql, args![tenant, list(ids)]).await?;
    }
    Ok(())
}

/// How much a disconnect is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Bookings that came from Google through this account.
    pub read: i64,
    /// Events that Accord wrote and that are still there.
    pub written: i64,
    /// Customers that came from Google through this account.
    pub customers: i64,
    /// Contacts that Accord wrote, that are still there and that nobody else has edited, as far as is known.
    pub contacts: i64,
}

/// Counts what was read and written through an account.
pub async fn counts(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<Counts, StoreError> {
    const SQL: &str = "SELECT \
         (SELECT COUNT(DISTINCT b.id) FROM placements p JOIN bookings b ON b.tenant_id = p.tenant_id AND b.id = p.booking_id \
            WHERE p.tenant_id = $1 AND p.account_id = $2 AND b.origin = 'google') AS n_read, \
         (SELECT COUNT(*) FROM placements WHERE tenant_id = $1 AND account_id = $2 AND is_ours = 1 AND state <> 'gone' \
            AND series_event_id IS NULL) AS n_written, \
         (SELECT COUNT(DISTINCT c.id) FROM contact_links l JOIN customers c ON c.tenant_id = l.tenant_id AND c.id = l.customer_id \
            WHERE l.tenant_id = $1 AND l.account_id = $2 AND l.is_ours = 0 AND l.contact_id <> '' AND c.origin = 'google') AS n_customers, \
         (SELECT COUNT(*) FROM contact_links WHERE tenant_id = $1 AND account_id = $2 AND is_ours = 1 AND is_edited = 0 \
            AND contact_id <> '' AND state IN ('live', 'frozen')) AS n_contacts";
    let row = tx.fetch_optional(SQL, args![tenant, account]).await?;
    row.map_or(Ok(Counts::default()), |row| {
        Ok(Counts {
            read: row.int("n_read")?,
            written: row.int("n_written")?,
            customers: row.int("n_customers")?,
            contacts: row.int("n_contacts")?,
        })
    })
}

/// Events that Accord wrote through an account and that are still there; an occurrence goes with its series.
pub async fn written(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    limit: i64,
) -> Result<Vec<(CalendarId, EventId)>, StoreError> {
    const SQL: &str = "SELECT calendar_id, event_id FROM placements WHERE tenant_id = $1 AND account_id = $2 AND is_ours = 1 \
         AND state <> 'gone' AND series_event_id IS NULL ORDER BY calendar_id, event_id LIMIT $3";
    let rows = tx.fetch_all(SQL, args![tenant, account, limit]).await?;
    rows.iter()
        .map(|row| Ok((CalendarId(row.text("calendar_id")?), EventId(row.text("event_id")?))))
        .collect()
}

/// Leaves tombstones for a removed event and its occurrences.
pub async fn removed(tx: &mut Tx, tenant: TenantId, calendar: &CalendarId, event: &EventId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE placements SET revision = revision + 1, state = 'gone', base_local = NULL, base_remote = NULL, answer = NULL, \
         waiting = NULL WHERE tenant_id = $1 AND calendar_id = $2 AND (event_id = $3 OR series_event_id = $3)";
    tx.execute(SQL, args![tenant, calendar, event]).await.map(drop)
}
