//! Accounts whose users were at Google and then chose no calendars: the grant does not stay for ever.
//!
//! An account that was never followed goes altogether; one with links from before becomes disconnected and keeps them.
use super::Engine;
use super::disconnect::{EndError, Ending, ReadData, WrittenItems, end};
use crate::domain::ids::{AccountId, TenantId};
use crate::store::accounts::{self, Account, AccountState};
use crate::store::{Tx, calendars, disconnects};

/// How many are ended at a time.
const BATCH: i64 = 100;

/// Ends accounts whose users have chosen nothing for `age_ms`: the grant is revoked, and an account that was never followed
/// is removed. One with links becomes disconnected and keeps them. Returns how many ended.
pub(super) async fn end_abandoned(engine: &Engine, age_ms: i64) -> Result<u64, EndError> {
    let mut tx = engine.db.read().await?;
    let left = accounts::left_choosing(&mut tx, age_ms, BATCH).await?;
    drop(tx);
    let mut ended = 0;
    for (tenant, id) in left {
        match end_one_abandoned(engine, tenant, id, age_ms).await {
            Ok(is_ended) => ended += u64::from(is_ended),
            Err(error) => {
                tracing::warn!(%tenant, account = %id, %error, "an account without choices could not be ended; it is tried again");
            }
        }
    }
    Ok(ended)
}

async fn end_one_abandoned(engine: &Engine, tenant: TenantId, id: AccountId, age_ms: i64) -> Result<bool, EndError> {
    let mut tx = engine.db.begin().await?;
    // The user may have chosen at this moment.
    if !accounts::hold_abandoned(&mut tx, tenant, id, age_ms).await? {
        return Ok(false);
    }
    let account = accounts::get(&mut tx, tenant, id).await?.ok_or(EndError::Unknown)?;
    leave(engine, &mut tx, &account).await?;
    tx.commit().await?;
    engine.tokens.forget(tenant, id);
    tracing::info!(%tenant, account = %id, "nobody chose calendars for this account: its grant is given back");
    Ok(true)
}

/// Ends one, in the caller's transaction.
async fn leave(engine: &Engine, tx: &mut Tx, account: &Account) -> Result<(), EndError> {
    let (tenant, id) = (account.tenant_id, account.id);
    let ending = Ending {
        read: ReadData::Keep,
        written: WrittenItems::Keep,
    };
    end(engine, tx, account, ending).await?;
    // A page that is still open must not go on with a token whose grant ends.
    engine.tokens.forget(tenant, id);
    if !accounts::has_history(tx, tenant, id).await? {
        calendars::delete_of_account(tx, tenant, id).await?;
        disconnects::delete(tx, tenant, id).await?;
        accounts::delete(tx, tenant, id).await?;
    }
    Ok(())
}

/// Takes a user's account back for which nothing was chosen yet: they picked the wrong one at Google and now bring another.
/// `false` when it is more than that, and stays.
pub(super) async fn make_room(engine: &Engine, tx: &mut Tx, account: &Account) -> Result<bool, EndError> {
    let is_new =
        account.state == AccountState::Choosing && !accounts::has_history(tx, account.tenant_id, account.id).await?;
    if is_new {
        leave(engine, tx, account).await?;
    }
    Ok(is_new)
}
