//! Answers that were given to requests with an Idempotency-Key.
//!
//! The row is written in the transaction of the work it answers for, so that no crash can separate them.
use super::{Backend, StoreError, Tx};
use crate::args;
use crate::domain::ids::TenantId;

/// A stored answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// SHA-256 of the request.
    pub request_hash: Vec<u8>,
    /// HTTP status.
    pub status: i64,
    /// The sealed body.
    pub body_sealed: Vec<u8>,
}

/// Takes the key for this transaction, after whoever works on it now has ended; `false` when that takes too long. On SQLite
/// there is one writer.
pub async fn take(tx: &mut Tx, tenant: TenantId, key: &str) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT pg_advisory_xact_lock(hashtextextended('idempotency ' || $1 || ' ' || $2, 0))";
    match tx.backend() {
        Backend::Sqlite => Ok(true),
        Backend::Postgres => match tx.execute(SQL, args![tenant, key]).await {
            Ok(_) => Ok(true),
            Err(StoreError::Locked) => Ok(false),
            Err(error) => Err(error),
        },
    }
}

/// The answer given under this key.
pub async fn get(tx: &mut Tx, tenant: TenantId, key: &str) -> Result<Option<StoredAnswer>, StoreError> {
    const SQL: &str = "SELECT request_hash, status, body_sealed FROM idempotency_keys \
         WHERE tenant_id = $1 AND key = $2";
    let row = tx.fetch_optional(SQL, args![tenant, key]).await?;
    row.map(|row| {
        Ok(StoredAnswer {
            request_hash: row.bytes("request_hash")?,
            status: row.int("status")?,
            body_sealed: row.bytes("body_sealed")?,
        })
    })
    .transpose()
}

/// Keeps an answer.
pub async fn put(tx: &mut Tx, tenant: TenantId, key: &str, answer: &StoredAnswer, now: i64) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO idempotency_keys (tenant_id, key, request_hash, status, body_sealed, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)";
    let values = args![
        tenant,
        key,
        answer.request_hash.as_slice(),
        answer.status,
        answer.body_sealed.as_slice(),
        now
    ];
    tx.execute(SQL, values).await.map(drop)
}

/// Forgets answers older than `before` (ms), for all tenants.
pub async fn prune(tx: &mut Tx, before: i64) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM idempotency_keys WHERE created_at < $1", args![before])
        .await
}
