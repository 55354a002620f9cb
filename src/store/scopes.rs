//! Sync scopes of an account.
use super::{StoreError, Tx};
use crate::args;
use crate::domain::ids::{AccountId, CalendarId, TenantId};

/// Makes sure that a calendar has its scope.
pub async fn ensure_scope(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO sync_scopes (tenant_id, account_id, calendar_id, enabled) VALUES ($1, $2, $3, 0) \
         ON CONFLICT (tenant_id, account_id, calendar_id) DO NOTHING";
    tx.execute(SQL, args![tenant, account, calendar]).await.map(drop)
}

/// Enables the scopes of calendars that are read, or disables all of an account.
pub async fn enable_scopes(tx: &mut Tx, tenant: TenantId, account: AccountId, enabled: bool) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET enabled = CASE WHEN $3 = 1 AND EXISTS (SELECT 1 FROM calendars c \
             WHERE c.tenant_id = sync_scopes.tenant_id AND c.account_id = sync_scopes.account_id \
               AND c.calendar_id = sync_scopes.calendar_id AND c.reads = 1) THEN 1 ELSE 0 END \
         WHERE tenant_id = $1 AND account_id = $2";
    tx.execute(SQL, args![tenant, account, enabled]).await.map(drop)
}

/// Makes the scopes of an account due now.
pub async fn make_due(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE sync_scopes SET due_at = 0 WHERE tenant_id = $1 AND account_id = $2";
    tx.execute(SQL, args![tenant, account]).await.map(drop)
}
