//! Quarantine: items that cannot be understood, each with its reason, so that their neighbours go on.
use super::{Row, StoreError, Tx};
use crate::args;
use crate::domain::ids::{AccountId, BookingId, CalendarId, QuarantineId, TenantId};

/// An item that was set aside.
#[derive(Debug, Clone)]
pub struct QuarantineRow {
    /// Id.
    pub id: QuarantineId,
    /// Account.
    pub account_id: AccountId,
    /// Calendar; empty for the contacts of the account.
    pub calendar_id: CalendarId,
    /// `google`: the item is an event or a contact; `app`: it is a booking or a customer.
    pub side: String,
    /// Id of the event or the booking; a contact's resource name, or a customer's id.
    pub item_id: String,
    /// What is wrong, and what would mend it.
    pub reason: String,
    /// The event or contact as it came, sealed.
    pub payload_sealed: Option<Vec<u8>>,
    /// The version of the booking or customer that was refused.
    pub version: i64,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

fn read(row: &Row) -> Result<QuarantineRow, StoreError> {
    Ok(QuarantineRow {
        id: row.parse("id")?,
        account_id: row.parse("account_id")?,
        calendar_id: CalendarId(row.text("calendar_id")?),
        side: row.text("side")?,
        item_id: row.text("item_id")?,
        reason: row.text("reason")?,
        payload_sealed: row.opt_bytes("payload_sealed")?,
        version: row.int("version")?,
        created_at: row.int("created_at")?,
    })
}

/// Sets an item aside; a new reason replaces the old one.
pub async fn put(tx: &mut Tx, tenant: TenantId, q: &QuarantineRow) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO quarantine (tenant_id, id, account_id, calendar_id, side, item_id, reason, payload_sealed, \
             version, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (tenant_id, account_id, calendar_id, side, item_id) DO UPDATE SET reason = excluded.reason, \
             payload_sealed = excluded.payload_sealed, version = excluded.version";
    tx.execute(
        SQL,
        args![
            tenant,
            q.id,
            q.account_id,
            &q.calendar_id,
            &q.side,
            &q.item_id,
            &q.reason,
            q.payload_sealed.clone(),
            q.version,
            q.created_at
        ],
    )
    .await
    .map(drop)
}

/// Lets an item go: it was understood after all, or it is gone.
pub async fn release(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
    side: &str,
    item: &str,
) -> Result<bool, StoreError> {
    const SQL: &str = "DELETE FROM quarantine \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND side = $4 AND item_id = $5";
    Ok(tx.execute(SQL, args![tenant, account, calendar, side, item]).await? > 0)
}

/// What is set aside, of one account or of the tenant.
pub async fn list(tx: &mut Tx, tenant: TenantId, account: Option<AccountId>) -> Result<Vec<QuarantineRow>, StoreError> {
    const SQL: &str = "SELECT id, account_id, calendar_id, side, item_id, reason, payload_sealed, version, created_at \
         FROM quarantine WHERE tenant_id = $1 AND ($2 IS NULL OR account_id = $2) ORDER BY id";
    tx.fetch_all(SQL, args![tenant, account])
        .await?
        .iter()
        .map(read)
        .collect()
}

/// The bookings of a scope that are set aside, with the version that was refused.
pub async fn refused_bookings(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
) -> Result<Vec<(BookingId, i64)>, StoreError> {
    const SQL: &str = "SELECT item_id, version FROM quarantine \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND side = 'app'";
    let rows = tx.fetch_all(SQL, args![tenant, account, calendar]).await?;
    rows.iter()
        .map(|row| Ok((row.parse("item_id")?, row.int("version")?)))
        .collect()
}
