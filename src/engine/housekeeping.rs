//! What is kept only for a while goes when its time is over.
use super::Engine;
use crate::store::{StoreError, changes, connects, idempotency, sessions};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How long the answer to a request with an `Idempotency-Key` is remembered, in milliseconds.
pub const IDEMPOTENCY_MS: i64 = DAY_MS;

/// How much went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Entries of the change feed.
    pub changes: u64,
    /// Answers kept for repetitions.
    pub answers: u64,
    /// Attempts to connect, finished or abandoned.
    pub connects: u64,
    /// Sessions that have ended.
    pub sessions: u64,
}

/// Removes what is too old. Entries of the change feed live for `changes_days`.
pub async fn sweep(engine: &Engine, changes_days: u32) -> Result<Swept, StoreError> {
    let now = engine.now_ms();
    let mut swept = Swept::default();
    // One transaction each, so that none holds the writer for long.
    let mut tx = engine.db.begin().await?;
    swept.changes = changes::prune(&mut tx, now - i64::from(changes_days) * DAY_MS).await?;
    tx.commit().await?;
    let mut tx = engine.db.begin().await?;
    swept.answers = idempotency::prune(&mut tx, now - IDEMPOTENCY_MS).await?;
    swept.connects = connects::prune(&mut tx, now).await?;
    swept.sessions = sessions::prune(&mut tx, now).await?;
    tx.commit().await?;
    Ok(swept)
}
