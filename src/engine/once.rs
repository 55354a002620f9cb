//! A request that is sent twice is done once.
//!
//! The answer to a request with an idempotency key is stored, sealed, in the transaction of its work: after a crash either both
//! are there or neither is. A refusal is not stored; it left nothing behind and may be tried again.
use super::{Engine, Refusal};
use crate::domain::ids::TenantId;
use crate::domain::seal::SealContext;
use crate::store::idempotency::{self, StoredAnswer};
use crate::store::{StoreError, Tx};

/// How the caller recognises its request.
#[derive(Debug, Clone)]
pub struct Once {
    /// What the caller sent as its key.
    pub key: String,
    /// SHA-256 of everything that makes this request this one.
    pub request_hash: [u8; 32],
}

/// An answer as it goes out; the body is opaque here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The bytes.
    pub body: Vec<u8>,
}

/// What a request with a key meets.
pub(super) enum Attempt {
    /// Nobody did this before: work in this transaction and hand it to [`finish`].
    First(Tx),
    /// It was done; this was the answer.
    Repeated(Answer),
}

fn context<'a>(tenant: &'a str, key: &'a str) -> SealContext<'a> {
    SealContext {
        table: "idempotency_keys",
        column: "body",
        tenant,
        row: key,
    }
}

/// Begins the transaction of a request.
pub(super) async fn begin(engine: &Engine, tenant: TenantId, once: Option<&Once>) -> Result<Attempt, Refusal> {
    let mut tx = engine.db.begin().await?;
    let Some(once) = once else {
        return Ok(Attempt::First(tx));
    };
    if !idempotency::take(&mut tx, tenant, &once.key).await? {
        return Err(Refusal::InProgress);
    }
    let Some(known) = idempotency::get(&mut tx, tenant, &once.key).await? else {
        return Ok(Attempt::First(tx));
    };
    if known.request_hash != once.request_hash {
        return Err(Refusal::KeyReused);
    }
    let body = engine
        .keys
        .open(&context(&tenant.to_string(), &once.key), &known.body_sealed)
        .map_err(|error| Refusal::Internal(format!("stored answer: {error}")))?;
    let status = u16::try_from(known.status).map_err(|_| StoreError::Corrupt {
        column: "status",
        problem: "is no HTTP status".to_owned(),
    })?;
    Ok(Attempt::Repeated(Answer {
        status,
        body: body.to_vec(),
    }))
}

/// Stores the answer beside the work and commits both.
pub(super) async fn finish(
    engine: &Engine,
    mut tx: Tx,
    tenant: TenantId,
    once: Option<&Once>,
    answer: &Answer,
) -> Result<(), Refusal> {
    if let Some(once) = once {
        let sealed = engine.keys.seal(
            engine.entropy.as_ref(),
            &context(&tenant.to_string(), &once.key),
            &answer.body,
        );
        let stored = StoredAnswer {
            request_hash: once.request_hash.to_vec(),
            status: i64::from(answer.status),
            body_sealed: sealed,
        };
        idempotency::put(&mut tx, tenant, &once.key, &stored, engine.now_ms()).await?;
    }
    tx.commit().await?;
    Ok(())
}
