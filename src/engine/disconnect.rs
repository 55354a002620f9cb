//! Ends and pauses of a connection.
//!
//! The local part of a disconnect happens at once and needs nobody: polling stops, sessions end, calendars and links freeze. What
//! needs time or Google (deleting what was read, removing what was written, revoking the grant) is noted in the same
//! transaction and carried out until it is done, the revocation last. Leaving never cancels a booking and never deletes a contact that
//! the user has edited.
mod contacts;

use super::Engine;
use super::connect::{follow, leave_contacts};
use super::mail::{self, MailError};
use super::tokens::{self, TokenError, open_for, seal_for};
use crate::domain::failure::{FailureClass, delay};
use crate::domain::ids::{AccountId, TenantId};
use crate::domain::mail::Reason;
use crate::domain::seal::SealError;
use crate::google::GoogleError;
use crate::store::accounts::{self, Account, AccountState, StoredTokens};
use crate::store::disconnects::{self, Counts, Disconnect};
use crate::store::revocations::{self, Revocation};
use crate::store::{StoreError, Tx, calendars, changes, scopes, sessions};
use secrecy::SecretString;

/// Why a calendar of a disconnected account is frozen.
const DISCONNECTED: &str = "disconnected";
/// After how long unfinished work whose worker did not come back is taken up by another one.
const CLAIM_MS: i64 = 5 * 60 * 1000;
/// How many bookings or customers are deleted in one transaction: it has to stay far below a second.
const FORGET_BATCH: i64 = 100;
/// How many events or contacts are removed between two looks at the clock.
const REMOVE_BATCH: i64 = 50;

/// What becomes of bookings and customers that were read from Google.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadData {
    /// They stay, frozen.
    Keep,
    /// Bookings that are over, cancelled or without customers, and customers of no open booking, are deleted here.
    #[default]
    RemoveUnneeded,
}

/// What becomes of events and contacts that Accord wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WrittenItems {
    /// They stay in Google.
    #[default]
    Keep,
    /// They are deleted in Google. Only for a user who was shown how many there are.
    Remove,
}

/// The user's choice; the default is also what a disconnect by the tenant does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ending {
    /// What was read.
    pub read: ReadData,
    /// What was written.
    pub written: WrittenItems,
}

/// Why an account was not disconnected, paused or resumed.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// There is no such account.
    #[error("there is no such account")]
    Unknown,
    /// It is in a state from which this is not possible.
    #[error("the account is {0}")]
    State(AccountState),
    /// A stored token stays closed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<MailError> for EndError {
    fn from(error: MailError) -> Self {
        match error {
            MailError::Store(error) => EndError::Store(error),
            MailError::Seal(error) => EndError::Seal(error),
            other => EndError::Store(StoreError::Other(other.to_string())),
        }
    }
}

/// How much a disconnect is about.
pub async fn counts(engine: &Engine, tenant: TenantId, account: AccountId) -> Result<Counts, EndError> {
    let mut tx = engine.db.read().await?;
    Ok(disconnects::counts(&mut tx, tenant, account).await?)
}

/// Disconnects an account. Doing it again does nothing. Works while Google is down.
pub async fn disconnect(engine: &Engine, tenant: TenantId, id: AccountId, ending: Ending) -> Result<(), EndError> {
    let mut tx = engine.db.begin().await?;
    let account = accounts::hold(&mut tx, tenant, id).await?.ok_or(EndError::Unknown)?;
    if !end(engine, &mut tx, &account, ending).await? {
        return Ok(());
    }
    tx.commit().await?;
    engine.tokens.forget(tenant, id);
    tracing::info!(%tenant, account = %id, "the account was disconnected");
    Ok(())
}

/// The local part of a disconnect; `false` when it is disconnected already.
pub(super) async fn end(engine: &Engine, tx: &mut Tx, account: &Account, ending: Ending) -> Result<bool, EndError> {
    let (tenant, id) = (account.tenant_id, account.id);
    if !accounts::set_state(tx, tenant, id, AccountState::Disconnected, None).await? {
        return Ok(false);
    }
    scopes::enable_scopes(tx, tenant, id, false).await?;
    for calendar in calendars::of_account(tx, tenant, id).await? {
        if calendar.user_reads || calendar.user_writes {
            calendars::freeze(tx, tenant, id, &calendar.calendar_id, Some(DISCONNECTED)).await?;
        }
    }
    leave_contacts(tx, tenant, id).await?;
    sessions::delete_of_user(tx, tenant, account.user_id).await?;
    // Nobody can say yes any more, and a yes was that of this account's user.
    mail::stop_all(engine, tx, tenant, account.user_id, Reason::Disconnected).await?;
    let left = Disconnect {
        tenant_id: tenant,
        account_id: id,
        forgets_read: ending.read == ReadData::RemoveUnneeded,
        removes_written: ending.written == WrittenItems::Remove,
        failures: 0,
    };
    if left.removes_written {
        disconnects::insert(tx, &left, engine.now_ms()).await?;
    } else {
        // Nothing needs the tokens any more.
        if left.forgets_read {
            disconnects::insert(tx, &left, engine.now_ms()).await?;
        }
        give_up_tokens(engine, tx, account).await?;
    }
    changes::record(tx, tenant, "account", &id.to_string()).await?;
    Ok(true)
}

/// Moves the refresh token to the revocations, unless the same identity is connected elsewhere, and drops the others.
async fn give_up_tokens(engine: &Engine, tx: &mut Tx, account: &Account) -> Result<(), EndError> {
    let (tenant, id) = (account.tenant_id, account.id);
    let stored = accounts::tokens(tx, tenant, id).await?;
    if let Some(sealed) = stored.refresh_sealed
        && !accounts::is_live_elsewhere(tx, &account.sub, tenant, Some(id)).await?
    {
        let token = tokens::open(engine, tenant, id, "refresh_token", &sealed)?;
        insert_revocation(engine, tx, tenant, id, &account.sub, &token).await?;
    }
    accounts::set_tokens(tx, tenant, id, &StoredTokens::default()).await?;
    Ok(())
}

const REVOKED: (&str, &str) = ("revocations", "token");

async fn insert_revocation(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    sub: &str,
    token: &SecretString,
) -> Result<(), StoreError> {
    let revocation = Revocation {
        tenant_id: tenant,
        account_id: account,
        token_sealed: seal_for(engine, REVOKED, tenant, &account.to_string(), token),
        sub: sub.to_owned(),
        failures: 0,
    };
    revocations::insert(tx, &revocation, engine.now_ms()).await
}

/// A token that never got an account.
pub(super) struct Orphan<'a> {
    pub(super) tenant: TenantId,
    pub(super) account: AccountId,
    /// Whose grant it is; empty when that could not be found out.
    pub(super) sub: &'a str,
}

/// Queues the token of a grant that came to nothing, unless its identity is connected somewhere.
pub(super) async fn queue_revocation(
    engine: &Engine,
    orphan: Orphan<'_>,
    token: &SecretString,
) -> Result<(), StoreError> {
    let mut tx = engine.db.begin().await?;
    if !accounts::is_live_elsewhere(&mut tx, orphan.sub, orphan.tenant, None).await? {
        insert_revocation(engine, &mut tx, orphan.tenant, orphan.account, orphan.sub, token).await?;
    }
    tx.commit().await
}

/// Deletes the bookings and customers that were read through an account and that nothing needs, in short transactions. Returns `false`
/// when the account was connected again meanwhile: what is left then stays.
async fn forget_read(engine: &Engine, tenant: TenantId, account: AccountId) -> Result<bool, StoreError> {
    loop {
        let mut tx = engine.db.begin().await?;
        if !disconnects::hold(&mut tx, tenant, account).await? {
            return Ok(false);
        }
        // Google tells only what is new since the token: without it, whoever connects again is given everything back.
        scopes::forget_token(&mut tx, tenant, account, None).await?;
        disconnects::forget_quarantined(&mut tx, tenant, account).await?;
        let mut ids = disconnects::unneeded(&mut tx, tenant, account, engine.now_ms(), FORGET_BATCH).await?;
        if ids.is_empty() && !contacts::forget_some(engine, &mut tx, tenant, account).await? {
            disconnects::read_is_forgotten(&mut tx, tenant, account).await?;
            tx.commit().await?;
            return Ok(true);
        }
        ids.extend(disconnects::occurrences(&mut tx, tenant, &ids).await?);
        if !ids.is_empty() {
            disconnects::forget(&mut tx, tenant, &ids).await?;
        }
        tx.commit().await?;
    }
}

/// Why a disconnect or a revocation is not finished yet.
#[derive(Debug, thiserror::Error)]
enum LeftError {
    /// No access token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Google.
    #[error(transparent)]
    Google(#[from] GoogleError),
    /// A stored token stays closed, or the database.
    #[error(transparent)]
    End(#[from] EndError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LeftError {
    fn class(&self) -> FailureClass {
        match self {
            LeftError::Token(error) => error.class(),
            LeftError::Google(error) => error.class(),
            LeftError::End(EndError::Seal(_)) => FailureClass::OperatorAlarm,
            LeftError::End(_) | LeftError::Store(_) => FailureClass::Transient { retry_after: None },
        }
    }
}

/// What became of a removal.
enum Removal {
    /// None is left.
    Done,
    /// There are more.
    Unfinished,
    /// The account was connected again: nothing more is removed.
    Void,
}

/// Deletes up to a batch of events and, when none is left, of contacts that Accord wrote through a disconnected account.
async fn remove_written(engine: &Engine, tenant: TenantId, account: AccountId) -> Result<Removal, LeftError> {
    match remove_events(engine, tenant, account).await? {
        Removal::Done => contacts::remove_written(engine, tenant, account).await,
        other => Ok(other),
    }
}

/// Deletes up to a batch of events that Accord wrote through a disconnected account.
///
/// What is gone already, or what Google will never let us delete, counts as done: the user asked for no more than we may do.
async fn remove_events(engine: &Engine, tenant: TenantId, account: AccountId) -> Result<Removal, LeftError> {
    let mut tx = engine.db.read().await?;
    let events = disconnects::written(&mut tx, tenant, account, REMOVE_BATCH).await?;
    drop(tx);
    for (calendar, event) in &events {
        let mut tx = engine.db.read().await?;
        if disconnects::get(&mut tx, tenant, account).await?.is_none() {
            return Ok(Removal::Void);
        }
        drop(tx);
        let access = tokens::access_token(engine, tenant, account).await?;
        // Without an etag: the user was shown what goes, and says so of the event whatever its state.
        let deleted = engine.google.delete_event(&access, calendar, event, None).await;
        if let Err(error) = deleted {
            match error.class() {
                FailureClass::Gone | FailureClass::Permission(_) | FailureClass::BadData => {}
                FailureClass::Unauthorized => {
                    tokens::invalidate(engine, tenant, account, &access).await?;
                    return Err(error.into());
                }
                _ => return Err(error.into()),
            }
        }
        // Noted even when the account was connected again this moment: our own deletion must not look like the user's,
        // which would cancel the booking.
        let mut tx = engine.db.begin().await?;
        disconnects::removed(&mut tx, tenant, calendar, event).await?;
        tx.commit().await?;
    }
    let is_done = i64::try_from(events.len()).is_ok_and(|done| done < REMOVE_BATCH);
    Ok(if is_done { Removal::Done } else { Removal::Unfinished })
}

/// Goes on with disconnects that have something left to do; returns how many were finished. For a job.
///
/// One that fails is postponed alone.
pub async fn continue_disconnects(engine: &Engine) -> Result<usize, EndError> {
    let mut tx = engine.db.begin().await?;
    let now = engine.now_ms();
    let due = disconnects::claim(&mut tx, now, now + CLAIM_MS, 10).await?;
    tx.commit().await?;
    let mut finished = 0;
    for left in due {
        let (tenant, id) = (left.tenant_id, left.account_id);
        match go_on(engine, &left).await {
            Ok(is_finished) => finished += usize::from(is_finished),
            Err(error) => {
                tracing::warn!(%tenant, account = %id, %error, "a disconnect is not finished yet");
                let due_at = engine.now_ms() + backoff(engine, error.class(), left.failures);
                let postponed = async {
                    let mut tx = engine.db.begin().await?;
                    disconnects::postpone(&mut tx, tenant, id, due_at).await?;
                    tx.commit().await
                };
                let postponed: Result<(), StoreError> = postponed.await;
                if let Err(error) = postponed {
                    tracing::warn!(%tenant, account = %id, %error, "a disconnect waits until its claim ends");
                }
            }
        }
    }
    Ok(finished)
}

/// Does what is left of a disconnect, one batch of removals at most; returns whether that was all. Whoever connects again
/// deletes its row, in the transaction that makes the account live: every step here holds the row, or stops.
async fn go_on(engine: &Engine, left: &Disconnect) -> Result<bool, LeftError> {
    let (tenant, id) = (left.tenant_id, left.account_id);
    if left.forgets_read && !forget_read(engine, tenant, id).await? {
        return Ok(false);
    }
    let is_done = !left.removes_written
        || match remove_written(engine, tenant, id).await {
            Ok(Removal::Void) => return Ok(false),
            Ok(Removal::Unfinished) => false,
            Ok(Removal::Done) => true,
            // A dead grant removes nothing any more; there is nothing to wait for.
            Err(error) if error.class() == FailureClass::Reconnect => {
                tracing::warn!(%tenant, account = %id, "what was written stays in Google: the permission to remove it has ended");
                true
            }
            Err(error) => return Err(error),
        };
    let mut tx = engine.db.begin().await?;
    // The account before the disconnect, as whoever connects again does it.
    let account = accounts::hold(&mut tx, tenant, id).await?;
    let (Some(account), true) = (account, disconnects::hold(&mut tx, tenant, id).await?) else {
        return Ok(false);
    };
    if is_done {
        give_up_tokens(engine, &mut tx, &account).await?;
        disconnects::delete(&mut tx, tenant, id).await?;
    } else {
        disconnects::due_now(&mut tx, tenant, id, engine.now_ms()).await?;
    }
    tx.commit().await?;
    Ok(is_done)
}

/// Asks Google to revoke what is due; returns how many are done with. For a job.
///
/// One that fails, at Google or in the database, does not hold up the others.
pub async fn run_revocations(engine: &Engine) -> Result<usize, EndError> {
    let mut tx = engine.db.begin().await?;
    let now = engine.now_ms();
    let due = revocations::claim(&mut tx, now, now + CLAIM_MS, 20).await?;
    tx.commit().await?;
    let mut done = 0;
    for revocation in due {
        let (tenant, id) = (revocation.tenant_id, revocation.account_id);
        match revoke_and_note(engine, &revocation).await {
            Ok(is_done) => done += usize::from(is_done),
            // It is due again when the claim ends; asking Google twice to end a grant does no harm.
            Err(error) => {
                tracing::warn!(%tenant, account = %id, %error, "what became of a revocation could not be noted; it is tried again");
            }
        }
    }
    Ok(done)
}

async fn revoke_and_note(engine: &Engine, revocation: &Revocation) -> Result<bool, StoreError> {
    let (tenant, id) = (revocation.tenant_id, revocation.account_id);
    let outcome = revoke(engine, revocation).await;
    let mut tx = engine.db.begin().await?;
    let is_done = outcome.is_ok();
    match outcome {
        Ok(()) => revocations::delete(&mut tx, tenant, id).await?,
        Err(error) => {
            tracing::warn!(%tenant, account = %id, %error, "Google could not be asked to revoke a grant; it will be asked again");
            let due_at = engine.now_ms() + backoff(engine, error.class(), revocation.failures);
            revocations::postpone(&mut tx, tenant, id, due_at).await?;
        }
    }
    tx.commit().await?;
    Ok(is_done)
}

async fn revoke(engine: &Engine, revocation: &Revocation) -> Result<(), LeftError> {
    let (tenant, row) = (revocation.tenant_id, revocation.account_id.to_string());
    let token = open_for(engine, REVOKED, tenant, &row, &revocation.token_sealed).map_err(TokenError::from)?;
    let sub = match revocation.sub.as_str() {
        // Not known when it was queued. Revoking blindly could end somebody's live connection.
        "" => match owner(engine, &token).await? {
            Some(sub) => sub,
            None => return Ok(()),
        },
        sub => sub.to_owned(),
    };
    let mut tx = engine.db.read().await?;
    let is_live = accounts::is_live_elsewhere(&mut tx, &sub, tenant, None).await?;
    drop(tx);
    if is_live {
        return Ok(());
    }
    Ok(engine.oauth.revoke(&token).await?)
}

/// Whose grant a refresh token is; `None` when it is dead anyway.
async fn owner(engine: &Engine, token: &SecretString) -> Result<Option<String>, GoogleError> {
    match engine.oauth.refresh(token).await {
        Ok(tokens) => Ok(Some(engine.oauth.userinfo(&tokens.access_token).await?.sub)),
        Err(error) if error.class() == FailureClass::Reconnect => Ok(None),
        Err(error) => Err(error),
    }
}

fn backoff(engine: &Engine, class: FailureClass, failures: i64) -> i64 {
    let mut random = [0; 1];
    engine.entropy.fill(&mut random);
    let failures = u32::try_from(failures).unwrap_or(u32::MAX);
    let wait = delay(class, failures, f64::from(random[0]) / 255.0);
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
}

/// Stops the polling of an account until [`resume`].
pub async fn pause(engine: &Engine, tenant: TenantId, id: AccountId) -> Result<(), EndError> {
    switch(engine, tenant, id, AccountState::Active, AccountState::Paused).await
}

/// Polls a paused account again.
pub async fn resume(engine: &Engine, tenant: TenantId, id: AccountId) -> Result<(), EndError> {
    switch(engine, tenant, id, AccountState::Paused, AccountState::Active).await
}

async fn switch(
    engine: &Engine,
    tenant: TenantId,
    id: AccountId,
    from: AccountState,
    to: AccountState,
) -> Result<(), EndError> {
    let mut tx = engine.db.begin().await?;
    let account = accounts::hold(&mut tx, tenant, id).await?.ok_or(EndError::Unknown)?;
    if account.state == to {
        return Ok(());
    }
    if account.state != from {
        return Err(EndError::State(account.state));
    }
    accounts::set_state(&mut tx, tenant, id, to, account.last_error.as_deref()).await?;
    follow(&mut tx, tenant, id).await?;
    Ok(tx.commit().await?)
}
