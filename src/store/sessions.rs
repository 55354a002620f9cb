//! Users who signed in with the connected Google identity. The cookie's secret is kept as SHA-256 only.
use super::{StoreError, Tx};
use crate::args;
use crate::domain::ids::{TenantId, UserId};

/// Begins a session.
pub async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    secret_hash: &[u8],
    user: UserId,
    expires_at: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO sessions (tenant_id, secret_hash, user_id, expires_at) VALUES ($1, $2, $3, $4)";
    tx.execute(SQL, args![tenant, secret_hash, user, expires_at])
        .await
        .map(drop)
}

/// Whose session it is, if it has not ended at `now` (ms).
pub async fn user(tx: &mut Tx, tenant: TenantId, secret_hash: &[u8], now: i64) -> Result<Option<UserId>, StoreError> {
    const SQL: &str = "SELECT user_id FROM sessions WHERE tenant_id = $1 AND secret_hash = $2 AND expires_at > $3";
    let row = tx.fetch_optional(SQL, args![tenant, secret_hash, now]).await?;
    row.map(|row| row.parse("user_id")).transpose()
}

/// Ends one session.
pub async fn delete(tx: &mut Tx, tenant: TenantId, secret_hash: &[u8]) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM sessions WHERE tenant_id = $1 AND secret_hash = $2";
    tx.execute(SQL, args![tenant, secret_hash]).await.map(drop)
}

/// Ends all sessions of a user.
pub async fn delete_of_user(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2";
    tx.execute(SQL, args![tenant, user]).await.map(drop)
}

/// Removes sessions that ended before `before` (ms), over all tenants.
pub async fn prune(tx: &mut Tx, before: i64) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM sessions WHERE expires_at < $1", args![before])
        .await
}
