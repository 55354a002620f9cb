//! Due sync scopes, for whoever runs passes: claiming them and letting go of them.
//!
//! A claim is a lease in the database. What runs out while its holder sleeps is taken over by another, whose higher fence
//! keeps the sleeper from writing.
use super::Engine;
use crate::domain::ids::{AccountId, TenantId};
use crate::store::scopes::{self, Claim, ScopeKey, ScopeStatus};
use crate::store::{StoreError, accounts};

/// Claims up to `limit` scopes that are due, over all tenants.
pub async fn claim(engine: &Engine, limit: usize) -> Result<Vec<Claim>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut tx = engine.db.begin().await?;
    let claims = scopes::claim_due(&mut tx, engine.now_ms(), limit, engine.sync.lease_ms).await?;
    tx.commit().await?;
    Ok(claims)
}

/// Whether anything is due; costs a read, where [`claim`] costs a write.
pub async fn is_any(engine: &Engine) -> Result<bool, StoreError> {
    let mut tx = engine.db.read().await?;
    scopes::is_any_due(&mut tx, engine.now_ms()).await
}

/// Claims one scope, due or not. `None`: it is switched off, or another worker has it.
pub async fn claim_one(engine: &Engine, key: &ScopeKey) -> Result<Option<Claim>, StoreError> {
    let mut tx = engine.db.begin().await?;
    let claim = scopes::claim(&mut tx, key, engine.now_ms(), engine.sync.lease_ms).await?;
    tx.commit().await?;
    Ok(claim)
}

/// Lets go of a scope whose pass was cut off; it is due again at once.
pub async fn let_go(engine: &Engine, claim: &Claim) -> Result<(), StoreError> {
    let mut tx = engine.db.begin().await?;
    scopes::let_go(&mut tx, claim).await?;
    tx.commit().await
}

/// Makes all scopes of an account due and forgets their sync tokens, so that everything is listed and compared. Returns how
/// many; `None` when there is no such account.
pub async fn resync(engine: &Engine, tenant: TenantId, account: AccountId) -> Result<Option<u64>, StoreError> {
    let mut tx = engine.db.begin().await?;
    if accounts::get(&mut tx, tenant, account).await?.is_none() {
        return Ok(None);
    }
    let count = scopes::forget_token(&mut tx, tenant, account, None).await?;
    tx.commit().await?;
    engine.wake.notify_one();
    Ok(Some(count))
}

/// The scopes of an account, or of all accounts of a tenant.
pub async fn of(engine: &Engine, tenant: TenantId, account: Option<AccountId>) -> Result<Vec<ScopeStatus>, StoreError> {
    let mut tx = engine.db.read().await?;
    scopes::status(&mut tx, tenant, account).await
}
