//! The calendars of an account: what Google lists, what the user allowed, what the tenant narrowed that to.
//!
//! `user_reads` and `user_writes` are the user's word, `tenant_reads` and `tenant_writes` the tenant's; neither changes the
//! other's. In force (`reads`, `writes`) is what both allow, and nothing is written to what is not read. A frozen calendar keeps its bookings and follows them no more.
use super::{Row, StoreError, Tx, list};
use crate::args;
use crate::domain::access::AccessRole;
use crate::domain::ids::{AccountId, CalendarId, TenantId};

/// A calendar of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Tenant.
    pub tenant_id: TenantId,
    /// The account that lists it.
    pub account_id: AccountId,
    /// Google's id, never the alias `primary`.
    pub calendar_id: CalendarId,
    /// What the user calls it.
    pub title: String,
    /// IANA name.
    pub time_zone: String,
    /// What Google allows.
    pub access_role: AccessRole,
    /// Whether it is the account's own.
    pub is_primary: bool,
    /// The user allowed reading it.
    pub user_reads: bool,
    /// The user chose it for new bookings.
    pub user_writes: bool,
    /// The tenant lets it be read.
    pub tenant_reads: bool,
    /// The tenant lets new bookings go there.
    pub tenant_writes: bool,
    /// Read, in force.
    pub reads: bool,
    /// Written to, in force; one calendar of an account at most.
    pub writes: bool,
    /// Why its bookings are kept but not followed any more.
    pub frozen: Option<String>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT tenant_id, account_id, calendar_id, title, time_zone, access_role, is_primary, user_reads, user_writes, ",
            "tenant_reads, tenant_writes, reads, writes, frozen FROM calendars ",
            $rest
        )
    };
}

impl Calendar {
    fn from_row(row: &Row) -> Result<Calendar, StoreError> {
        Ok(Calendar {
            tenant_id: row.parse("tenant_id")?,
            account_id: row.parse("account_id")?,
            calendar_id: CalendarId(row.text("calendar_id")?),
            title: row.text("title")?,
            time_zone: row.text("time_zone")?,
            access_role: row.parse("access_role")?,
            is_primary: row.flag("is_primary")?,
            user_reads: row.flag("user_reads")?,
            user_writes: row.flag("user_writes")?,
            tenant_reads: row.flag("tenant_reads")?,
            tenant_writes: row.flag("tenant_writes")?,
            reads: row.flag("reads")?,
            writes: row.flag("writes")?,
            frozen: row.opt_text("frozen")?,
        })
    }
}

/// One calendar.
pub async fn get(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
) -> Result<Option<Calendar>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3");
    let row = tx.fetch_optional(SQL, args![tenant, account, calendar]).await?;
    row.as_ref().map(Calendar::from_row).transpose()
}

/// All calendars of an account, the primary one first.
pub async fn of_account(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<Vec<Calendar>, StoreError> {
    const SQL: &str =
        select!("WHERE tenant_id = $1 AND account_id = $2 ORDER BY is_primary DESC, lower(title), calendar_id");
    let rows = tx.fetch_all(SQL, args![tenant, account]).await?;
    rows.iter().map(Calendar::from_row).collect()
}

/// A calendar as Google lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Google's id.
    pub calendar_id: CalendarId,
    /// What the user calls it.
    pub title: String,
    /// IANA name.
    pub time_zone: String,
    /// What Google allows.
    pub access_role: AccessRole,
    /// Whether it is the account's own.
    pub is_primary: bool,
}

/// Adds a calendar or refreshes what Google says about it; choices stay as they are, a new one has none.
pub async fn upsert_listed(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    listed: &Listed,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO calendars (tenant_id, account_id, calendar_id, title, time_zone, access_role, is_primary) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, account_id, calendar_id) DO UPDATE SET \
         title = excluded.title, time_zone = excluded.time_zone, access_role = excluded.access_role, \
         is_primary = excluded.is_primary";
    let values = args![
        tenant,
        account,
        &listed.calendar_id,
        &listed.title,
        &listed.time_zone,
        listed.access_role.as_str(),
        listed.is_primary
    ];
    tx.execute(SQL, values).await.map(drop)
}

/// Notes the user's word about one calendar. The tenant's stays as it is.
///
/// One calendar of an account is written to at most, so the others have to be told in the same transaction.
pub async fn set_user_choice(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
    reads: bool,
    writes: bool,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE calendars SET user_reads = $4, user_writes = $5, \
             reads = $4 * tenant_reads, writes = $5 * tenant_writes * $4 * tenant_reads \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3";
    tx.execute(SQL, args![tenant, account, calendar, reads, writes])
        .await
        .map(drop)
}

/// Notes the tenant's word about one calendar. The user's stays as it is.
pub async fn set_narrowing(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
    reads: bool,
    writes: bool,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE calendars SET tenant_reads = $4, tenant_writes = $5, \
             reads = user_reads * $4, writes = user_writes * $5 * user_reads * $4 \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3";
    tx.execute(SQL, args![tenant, account, calendar, reads, writes])
        .await
        .map(drop)
}

/// Notes what a pass learned about a calendar.
pub async fn set_role(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
    role: AccessRole,
    time_zone: &str,
    title: &str,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE calendars SET access_role = $4, time_zone = $5, title = $6 \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3";
    tx.execute(SQL, args![tenant, account, calendar, role.as_str(), time_zone, title])
        .await
        .map(drop)
}

/// Freezes a calendar for a reason, or with `None` follows it again.
pub async fn freeze(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
    reason: Option<&str>,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE calendars SET frozen = $4 WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3";
    tx.execute(SQL, args![tenant, account, calendar, reason])
        .await
        .map(drop)
}

/// Removes all calendars of an account.
pub async fn delete_of_account(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM calendars WHERE tenant_id = $1 AND account_id = $2";
    tx.execute(SQL, args![tenant, account]).await.map(drop)
}

/// The calendar that new bookings go to.
pub async fn write_calendar(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<Option<Calendar>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND account_id = $2 AND writes = 1 ORDER BY calendar_id LIMIT 1");
    let row = tx.fetch_optional(SQL, args![tenant, account]).await?;
    row.as_ref().map(Calendar::from_row).transpose()
}

/// Removes calendars that Google no longer lists and about which nobody ever said anything.
pub async fn forget_unlisted(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    listed: &[CalendarId],
) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM calendars WHERE tenant_id = $1 AND account_id = $2 AND calendar_id NOT IN LIST($3) \
         AND user_reads = 0 AND user_writes = 0 AND tenant_reads = 1 AND tenant_writes = 1 AND frozen IS NULL";
    tx.execute(SQL, args![tenant, account, list(listed)]).await.map(drop)
}
