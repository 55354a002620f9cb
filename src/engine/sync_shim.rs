//! Stands in for the passes until they are merged.
use super::Engine;
use crate::domain::failure::FailureClass;
use crate::store::StoreError;
use crate::store::scopes::{self, Claim, ScopeKey};

/// What an engine needs to know to run passes.
#[derive(Debug, Clone)]
pub struct SyncSettings {
    /// Events that ended earlier are not read, in days.
    pub window_past_days: u32,
    /// How long a claim lasts, in milliseconds; every write of the pass prolongs it.
    pub lease_ms: i64,
    /// Events per page, at most 2500.
    pub page_size: u16,
}

/// What stopped a pass.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Another worker has taken the scope over.
    #[error("another worker has taken this scope over, or it was switched off")]
    LostLease,
    /// The scope does not exist or is switched off.
    #[error("there is no such sync scope, or it is switched off")]
    NoSuchScope,
}

impl SyncError {
    /// What to do next.
    pub fn class(&self) -> FailureClass {
        FailureClass::Transient { retry_after: None }
    }
}

/// What a pass did.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct PassReport {
    /// Whether everything was listed.
    pub full: bool,
    /// Items read.
    pub read: u64,
    /// With `accord sync plan`: each step.
    pub steps: Option<Vec<Step>>,
}

/// One step.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Step {
    /// What would be done.
    pub action: &'static str,
    /// Why.
    pub reason: Option<String>,
}

impl PassReport {
    /// Whether nothing changed.
    pub fn is_quiet(&self) -> bool {
        true
    }
}

/// One pass.
pub async fn pass(engine: &Engine, claim: &Claim, next_due: i64) -> Result<PassReport, SyncError> {
    let mut tx = engine.db.begin().await?;
    let now = engine.now_ms();
    if !scopes::finish(&mut tx, claim, None, "", now, next_due).await? {
        return Err(SyncError::LostLease);
    }
    tx.commit().await?;
    Ok(PassReport::default())
}

/// What a pass would do.
pub async fn plan(engine: &Engine, key: &ScopeKey) -> Result<PassReport, SyncError> {
    let mut tx = engine.db.read().await?;
    scopes::peek(&mut tx, key).await?.ok_or(SyncError::NoSuchScope)?;
    Ok(PassReport::default())
}
