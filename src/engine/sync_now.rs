//! Passes that somebody asks for and waits for.
use super::detached::to_its_end;
use super::sync::{self, PassReport, SyncError};
use super::{Engine, Refusal, due};
use crate::domain::ids::{AccountId, CalendarId, TenantId};
use crate::store::accounts;
use crate::store::scopes::ScopeKind;
use serde::Serialize;
use std::time::Duration;

/// How long to wait for a pass that is under way elsewhere before giving up on a scope.
const PATIENCE: u32 = 100;
const STEP: Duration = Duration::from_millis(100);
/// After how long a scope is due again when the pass went well, whatever its failures had put it off to; the daemon then
/// goes on with its own plan.
const REST_MS: i64 = 60_000;

/// What a pass of one sync scope did.
#[derive(Debug, Serialize)]
pub struct ScopePass {
    /// A calendar, or the contacts of the account.
    pub scope: ScopeKind,
    /// The calendar; empty for the contacts.
    pub calendar_id: CalendarId,
    /// What was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<PassReport>,
    /// Why it failed: class and cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Makes all sync scopes of an account due at once; the daemon takes them up.
pub async fn request(engine: &Engine, tenant: TenantId, account: AccountId) -> Result<(), Refusal> {
    let mut tx = engine.db.begin().await?;
    accounts::get(&mut tx, tenant, account)
        .await?
        .ok_or(Refusal::Missing("account"))?;
    crate::store::scopes::make_due(&mut tx, tenant, account).await?;
    tx.commit().await?;
    engine.wake.notify_one();
    Ok(())
}

/// Runs a pass of each sync scope of an account, one after the other, and says what each did.
pub async fn run(engine: &Engine, tenant: TenantId, account: AccountId) -> Result<Vec<ScopePass>, Refusal> {
    let mut tx = engine.db.read().await?;
    accounts::get(&mut tx, tenant, account)
        .await?
        .ok_or(Refusal::Missing("account"))?;
    drop(tx);
    let mut passes = Vec::new();
    for scope in due::of(engine, tenant, Some(account))
        .await?
        .into_iter()
        .filter(|scope| scope.enabled)
    {
        let calendar_id = scope.key.calendar.clone();
        let kind = ScopeKind::of(&calendar_id);
        // To the end even when nobody waits any more: a pass that stops half way keeps its lease.
        let engine = engine.clone();
        let outcome = to_its_end(async move { one(&engine, &scope).await }).await;
        passes.push(match outcome {
            Ok(report) => ScopePass {
                scope: kind,
                calendar_id,
                report: Some(report),
                error: None,
            },
            Err(error) => ScopePass {
                scope: kind,
                calendar_id,
                report: None,
                error: Some(format!("{}: {error}", error.class().as_str())),
            },
        });
    }
    Ok(passes)
}

async fn one(engine: &Engine, scope: &crate::store::scopes::ScopeStatus) -> Result<PassReport, SyncError> {
    for _ in 0..PATIENCE {
        if let Some(claim) = due::claim_one(engine, &scope.key).await? {
            let next_due = engine.now_ms() + REST_MS;
            return sync::pass(engine, &claim, next_due).await;
        }
        // The daemon is at it, or another request is.
        tokio::time::sleep(STEP).await;
    }
    Err(SyncError::LostLease)
}
