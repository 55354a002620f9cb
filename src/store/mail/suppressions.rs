//! Addresses that want no mail from a tenant, as their keys.
use crate::args;
use crate::domain::ids::{MessageId, TenantId};
use crate::store::{StoreError, Tx};

/// Adds one; `false`: it was there.
pub async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    recipient_key: &[u8],
    message: MessageId,
    now: i64,
) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO suppressions (tenant_id, recipient_key, message_id, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant_id, recipient_key) DO NOTHING";
    Ok(tx.execute(SQL, args![tenant, recipient_key, message, now]).await? == 1)
}

/// Lifts one; `false`: there was none.
pub async fn remove(tx: &mut Tx, tenant: TenantId, recipient_key: &[u8]) -> Result<bool, StoreError> {
    const SQL: &str = "DELETE FROM suppressions WHERE tenant_id = $1 AND recipient_key = $2";
    Ok(tx.execute(SQL, args![tenant, recipient_key]).await? == 1)
}

/// Whether mail to this recipient is suppressed.
pub async fn has(tx: &mut Tx, tenant: TenantId, recipient_key: &[u8]) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT 1 AS found FROM suppressions WHERE tenant_id = $1 AND recipient_key = $2";
    Ok(tx.fetch_optional(SQL, args![tenant, recipient_key]).await?.is_some())
}
