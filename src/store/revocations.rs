//! Tokens that Google still has to be asked to revoke. A row goes when Google has answered, or when its grant is wanted again.
//!
//! [`claim`] and [`cancel`] do not start from a tenant: revocations are due over all tenants, and Google keeps one grant
//! per identity whichever tenant it was given through.
use super::{StoreError, Tx};
use crate::args;
use crate::domain::ids::{AccountId, TenantId};

/// One token to revoke.
#[derive(Clone)]
pub struct Revocation {
    /// Tenant.
    pub tenant_id: TenantId,
    /// The account that had it, or an id of its own for a token that never got an account.
    pub account_id: AccountId,
    /// The refresh token, sealed for `revocations.token` of this row.
    pub token_sealed: Vec<u8>,
    /// Whose grant it is; empty while that is not known.
    pub sub: String,
    /// Failures in a row.
    pub failures: i64,
}

/// Queues a token; an older one of the same account is replaced, because one call ends the whole grant.
pub async fn insert(tx: &mut Tx, revocation: &Revocation, due_at: i64) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO revocations (tenant_id, account_id, token_sealed, sub, due_at, failures) \
         VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (tenant_id, account_id) DO UPDATE SET \
         token_sealed = excluded.token_sealed, sub = excluded.sub, due_at = excluded.due_at, failures = 0";
    let r = revocation;
    let values = args![r.tenant_id, r.account_id, r.token_sealed.clone(), &r.sub, due_at];
    tx.execute(SQL, values).await.map(drop)
}

/// Takes what is due at `now` (ms) and makes it due again at `again`, should its worker not come back.
pub async fn claim(tx: &mut Tx, now: i64, again: i64, limit: i64) -> Result<Vec<Revocation>, StoreError> {
    const SQL: &str = "UPDATE revocations SET due_at = $2 WHERE (tenant_id, account_id) IN ( \
             SELECT tenant_id, account_id FROM revocations WHERE due_at <= $1 ORDER BY due_at LIMIT $3 SKIP_LOCKED) \
         RETURNING tenant_id, account_id, token_sealed, sub, failures";
    let rows = tx.fetch_all(SQL, args![now, again, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Revocation {
                tenant_id: row.parse("tenant_id")?,
                account_id: row.parse("account_id")?,
                token_sealed: row.bytes("token_sealed")?,
                sub: row.text("sub")?,
                failures: row.int("failures")?,
            })
        })
        .collect()
}

/// Removes a row: Google has answered.
pub async fn delete(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM revocations WHERE tenant_id = $1 AND account_id = $2";
    tx.execute(SQL, args![tenant, account]).await.map(drop)
}

/// Removes what is queued for an identity in any tenant, because its grant is in use again.
pub async fn cancel(tx: &mut Tx, sub: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM revocations WHERE sub = $1", args![sub])
        .await
        .map(drop)
}

/// Notes another failure and when to try again.
pub async fn postpone(tx: &mut Tx, tenant: TenantId, account: AccountId, due_at: i64) -> Result<(), StoreError> {
    const SQL: &str =
        "UPDATE revocations SET failures = failures + 1, due_at = $3 WHERE tenant_id = $1 AND account_id = $2";
    tx.execute(SQL, args![tenant, account, due_at]).await.map(drop)
}
