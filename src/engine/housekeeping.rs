//! What is kept only for a while goes when its time is over.
use super::Engine;
use super::abandoned::end_abandoned;
use super::disconnect::EndError;
use crate::store::mail::{links, messages};
use crate::store::{changes, connects, idempotency, sessions};

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

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
    /// Accounts for which nobody chose calendars.
    pub accounts: u64,
    /// Sessions that have ended.
    pub sessions: u64,
    /// Letters, whose messages stay.
    pub letters: u64,
    /// Links to consent pages that have ended.
    pub links: u64,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Entries of the change feed, days.
    pub changes_days: u32,
    /// Accounts for which nobody chose calendars, hours.
    pub choosing_hours: u32,
    /// Letters after their end, days.
    pub letters_days: u32,
}

/// Removes what is too old.
pub async fn sweep(engine: &Engine, retention: Retention) -> Result<Swept, EndError> {
    let now = engine.now_ms();
    let mut swept = Swept::default();
    // One transaction each, so that none holds the writer for long.
    let mut tx = engine.db.begin().await?;
    swept.changes = changes::prune(&mut tx, now - i64::from(retention.changes_days) * DAY_MS).await?;
    tx.commit().await?;
    let mut tx = engine.db.begin().await?;
    swept.answers = idempotency::prune(&mut tx, now - IDEMPOTENCY_MS).await?;
    swept.connects = connects::prune(&mut tx, now).await?;
    swept.sessions = sessions::prune(&mut tx, now).await?;
    tx.commit().await?;
    let mut tx = engine.db.begin().await?;
    swept.letters = messages::erase_old(&mut tx, now - i64::from(retention.letters_days) * DAY_MS).await?;
    swept.links = links::prune(&mut tx, now).await?;
    tx.commit().await?;
    swept.accounts = end_abandoned(engine, i64::from(retention.choosing_hours) * HOUR_MS).await?;
    Ok(swept)
}
