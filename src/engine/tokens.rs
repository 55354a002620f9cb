//! Access tokens: who needs one asks here, and only here is one refreshed.
//!
//! One refresh at a time per account: within the process by a lock per account, between processes by a lease in the
//! database whose loser waits and reads what the winner stored. Only Google's word that the grant is dead stops an account;
//! an outage or a wrong client secret says nothing about it. Tokens are sealed before they reach the database and never
//! part of an error, a log line or `Debug` output.
use super::Engine;
use super::connect::{FEATURES, follow, lacking};
use super::detached::to_its_end;
use crate::domain::failure::FailureClass;
use crate::domain::ids::{AccountId, TenantId};
use crate::domain::seal::{SealContext, SealError};
use crate::google::oauth::Tokens;
use crate::google::scopes::Feature;
use crate::store::accounts::{self, Account, AccountState, StoredTokens};
use crate::store::{StoreError, Tx, changes, disconnects, scopes};
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// An access token is used up to this long before its end, so that it does not end on the way.
const MARGIN_MS: i64 = 2 * 60 * 1000;
/// More than a request to the token endpoint may take.
const LEASE_MS: i64 = 2 * 60 * 1000;
/// How often the loser of a lease looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Said of an account whose grant is dead.
const DEAD_GRANT: &str = "Google no longer accepts the permission; the user has to connect the account again";
/// Said of an account whose user took calendar access back.
pub const NO_CALENDAR: &str = "the user does not allow access to the calendar";
/// What an account says whose user chose contacts and lacks the scopes of the contacts.
pub const NO_CONTACTS: &str = "the user does not allow access to the contacts";

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The grant is dead; the account says so already and is no longer polled. Only its user can help.
    #[error("{DEAD_GRANT}")]
    NeedsReconnect,
    /// There is no such account, or it was disconnected.
    #[error("the account is not connected")]
    NotConnected,
    /// The installation is set up wrongly at Google. Nothing about the account has changed.
    #[error("Google refuses this installation's OAuth client; check google.client_id and google.client_secret")]
    OperatorAlarm,
    /// Try again later; nothing is proved.
    #[error("Google's token endpoint cannot be used at the moment")]
    Transient {
        /// Google's `Retry-After`, if it sent one.
        retry_after: Option<Duration>,
    },
    /// A stored token stays closed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TokenError {
    /// What to do next, in the words of the wire.
    pub fn class(&self) -> FailureClass {
        match self {
            TokenError::NeedsReconnect | TokenError::NotConnected => FailureClass::Reconnect,
            TokenError::OperatorAlarm | TokenError::Seal(_) => FailureClass::OperatorAlarm,
            TokenError::Transient { retry_after } => FailureClass::Transient {
                retry_after: *retry_after,
            },
            TokenError::Store(_) => FailureClass::Transient { retry_after: None },
        }
    }
}

#[derive(Clone)]
struct Cached {
    token: SecretString,
    expires_at: i64,
}

type Slot = Arc<tokio::sync::Mutex<Option<Cached>>>;

/// The access tokens this process knows; cheap to clone.
#[derive(Clone, Default)]
pub struct TokenCache {
    slots: Arc<Mutex<HashMap<(TenantId, AccountId), Slot>>>,
    alarmed: Arc<AtomicBool>,
}

impl TokenCache {
    fn slot(&self, tenant: TenantId, account: AccountId) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry((tenant, account)).or_default().clone()
    }

    /// Forgets an account whose tokens were replaced or given up.
    pub(super) fn forget(&self, tenant: TenantId, account: AccountId) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.remove(&(tenant, account));
    }
}

/// An access token of a connected account, good for two more minutes at least.
pub async fn access_token(engine: &Engine, tenant: TenantId, account: AccountId) -> Result<SecretString, TokenError> {
    let slot = engine.tokens.slot(tenant, account);
    let mut cached = slot.lock().await;
    if let Some(known) = cached.as_ref().filter(|known| is_fresh(engine, known.expires_at)) {
        return Ok(known.token.clone());
    }
    *cached = None;
    let found = Box::pin(stored_or_refreshed(engine, tenant, account)).await?;
    Ok(cached.insert(found).token.clone())
}

/// Says that Google refused this access token: it is not handed out again. Others are left alone, so that two callers who
/// met the same refusal cause one refresh.
pub async fn invalidate(
    engine: &Engine,
    tenant: TenantId,
    account: AccountId,
    refused: &SecretString,
) -> Result<(), TokenError> {
    let slot = engine.tokens.slot(tenant, account);
    let mut cached = slot.lock().await;
    if cached.as_ref().is_some_and(|known| same(&known.token, refused)) {
        *cached = None;
    }
    let mut tx = engine.db.begin().await?;
    let mut stored = accounts::tokens(&mut tx, tenant, account).await?;
    if let Some(sealed) = &stored.access_sealed
        && same(&open(engine, tenant, account, "access_token", sealed)?, refused)
    {
        stored.access_sealed = None;
        stored.access_expires_at = 0;
        accounts::set_tokens(&mut tx, tenant, account, &stored).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

fn is_fresh(engine: &Engine, expires_at: i64) -> bool {
    engine.now_ms() < expires_at - MARGIN_MS
}

/// What the database holds before a refresh.
enum Held {
    Fresh(Cached),
    Refresh { sealed: Vec<u8>, token: SecretString },
}

async fn held(engine: &Engine, tx: &mut Tx, tenant: TenantId, id: AccountId) -> Result<Held, TokenError> {
    let account = accounts::get(tx, tenant, id).await?.ok_or(TokenError::NotConnected)?;
    match account.state {
        AccountState::NeedsReconnect => return Err(TokenError::NeedsReconnect),
        // A disconnect that still has to remove events is the last one to use the tokens.
        AccountState::Disconnected if disconnects::get(tx, tenant, id).await?.is_none() => {
            return Err(TokenError::NotConnected);
        }
        _ => {}
    }
    let stored = accounts::tokens(tx, tenant, id).await?;
    if let Some(sealed) = stored.access_sealed
        && is_fresh(engine, stored.access_expires_at)
    {
        return Ok(Held::Fresh(Cached {
            token: open(engine, tenant, id, "access_token", &sealed)?,
            expires_at: stored.access_expires_at,
        }));
    }
    let sealed = stored.refresh_sealed.ok_or(TokenError::NotConnected)?;
    let token = open(engine, tenant, id, "refresh_token", &sealed)?;
    Ok(Held::Refresh { sealed, token })
}

async fn stored_or_refreshed(engine: &Engine, tenant: TenantId, account: AccountId) -> Result<Cached, TokenError> {
    let give_up = tokio::time::Instant::now() + Duration::from_millis(LEASE_MS.unsigned_abs());
    loop {
        let mut tx = engine.db.read().await?;
        if let Held::Fresh(cached) = held(engine, &mut tx, tenant, account).await? {
            return Ok(cached);
        }
        drop(tx);
        // Read again under the lease: its last holder may have stored a token in between.
        let mut tx = engine.db.begin().await?;
        if accounts::lease_refresh(&mut tx, tenant, account, LEASE_MS).await? {
            match held(engine, &mut tx, tenant, account).await? {
                Held::Fresh(cached) => return Ok(cached), // the lease is rolled back
                Held::Refresh { sealed, token } => {
                    tx.commit().await?;
                    // To the end even when nobody waits any more: Google may have given a new refresh token.
                    let engine = engine.clone();
                    let work = async move { refresh(&engine, tenant, account, &sealed, &token).await };
                    match to_its_end(work).await? {
                        Some(cached) => return Ok(cached),
                        None => continue,
                    }
                }
            }
        }
        drop(tx);
        if tokio::time::Instant::now() >= give_up {
            return Err(TokenError::Transient { retry_after: None });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Refreshes under the lease. `None`: the account was connected again meanwhile, so this answer is about an old grant.
async fn refresh(
    engine: &Engine,
    tenant: TenantId,
    id: AccountId,
    sealed: &[u8],
    token: &SecretString,
) -> Result<Option<Cached>, TokenError> {
    let answer = engine.oauth.refresh(token).await;
    let mut tx = engine.db.begin().await?;
    accounts::release_refresh(&mut tx, tenant, id).await?;
    let account = accounts::get(&mut tx, tenant, id)
        .await?
        .ok_or(TokenError::NotConnected)?;
    let stored = accounts::tokens(&mut tx, tenant, id).await?;
    if stored.refresh_sealed.as_deref() != Some(sealed) {
        tx.commit().await?;
        return Ok(None);
    }
    let error = match answer {
        Ok(tokens) => {
            engine.tokens.alarmed.store(false, Ordering::Relaxed);
            if let Some(granted) = &tokens.scopes {
                note_scopes(&mut tx, &account, granted).await?;
            }
            let expires_at = store(engine, &mut tx, tenant, id, &tokens, Some(sealed)).await?;
            tx.commit().await?;
            let token = tokens.access_token;
            return Ok(Some(Cached { token, expires_at }));
        }
        Err(error) => error,
    };
    let outcome = match error.class() {
        FailureClass::Reconnect => {
            needs_reconnect(&mut tx, &account, stored).await?;
            TokenError::NeedsReconnect
        }
        FailureClass::OperatorAlarm => {
            if !engine.tokens.alarmed.swap(true, Ordering::Relaxed) {
                tracing::error!(%error, "Google refuses this installation's OAuth client; check google.client_id and google.client_secret");
            }
            TokenError::OperatorAlarm
        }
        FailureClass::Transient { retry_after } | FailureClass::RateLimited { retry_after } => {
            TokenError::Transient { retry_after }
        }
        _ => TokenError::Transient { retry_after: None },
    };
    tx.commit().await?;
    Err(outcome)
}

/// The grant is dead: the account says so once and is polled no more. Its refresh token is of no use to anybody.
async fn needs_reconnect(tx: &mut Tx, account: &Account, stored: StoredTokens) -> Result<(), StoreError> {
    let (tenant, id) = (account.tenant_id, account.id);
    let kept = StoredTokens {
        access_sealed: None,
        access_expires_at: 0,
        ..stored
    };
    accounts::set_tokens(tx, tenant, id, &kept).await?;
    if account.state == AccountState::Disconnected {
        return Ok(());
    }
    scopes::enable_scopes(tx, tenant, id, false).await?;
    if accounts::set_state(tx, tenant, id, AccountState::NeedsReconnect, Some(DEAD_GRANT)).await? {
        changes::record(tx, tenant, "account", &id.to_string()).await?;
        tracing::warn!(%tenant, account = %id, "the account has to be connected again");
    }
    Ok(())
}

/// Compares what is granted now with what each feature needs; a lost scope stops that feature and says so.
async fn note_scopes(tx: &mut Tx, account: &Account, granted: &[String]) -> Result<(), StoreError> {
    let (mut old, mut new) = (account.scopes.clone(), granted.to_vec());
    old.sort();
    new.sort();
    if old == new {
        return Ok(());
    }
    let (tenant, id) = (account.tenant_id, account.id);
    accounts::set_identity(tx, tenant, id, &account.email, granted).await?;
    if account.state == AccountState::Disconnected {
        return Ok(());
    }
    let is_lost = |feature: &Feature| feature.is_granted(&account.scopes) && !feature.is_granted(granted);
    if FEATURES.iter().any(is_lost) {
        accounts::set_state(
            tx,
            tenant,
            id,
            account.state,
            lacking(granted, account.contacts.as_ref()),
        )
        .await?;
        follow(tx, tenant, id).await?;
        tracing::warn!(%tenant, account = %id, "the user took access to calendar or contacts back");
    }
    Ok(())
}

/// Seals and stores what Google gave; without a new refresh token `kept` stays. Returns when the access token ends (ms).
pub(super) async fn store(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    tokens: &Tokens,
    kept: Option<&[u8]>,
) -> Result<i64, StoreError> {
    let lifetime = i64::try_from(tokens.expires_in.as_millis()).unwrap_or(0);
    let expires_at = engine.now_ms().saturating_add(lifetime);
    let refresh = tokens.refresh_token.as_ref();
    let stored = StoredTokens {
        refresh_sealed: refresh
            .map(|token| seal(engine, tenant, account, "refresh_token", token))
            .or_else(|| kept.map(<[u8]>::to_vec)),
        access_sealed: Some(seal(engine, tenant, account, "access_token", &tokens.access_token)),
        access_expires_at: expires_at,
    };
    accounts::set_tokens(tx, tenant, account, &stored).await?;
    Ok(expires_at)
}

fn seal(engine: &Engine, tenant: TenantId, account: AccountId, column: &str, token: &SecretString) -> Vec<u8> {
    seal_for(engine, ("accounts", column), tenant, &account.to_string(), token)
}

pub(super) fn open(
    engine: &Engine,
    tenant: TenantId,
    account: AccountId,
    column: &str,
    sealed: &[u8],
) -> Result<SecretString, SealError> {
    open_for(engine, ("accounts", column), tenant, &account.to_string(), sealed)
}

/// Seals a secret for `(table, column)` of a row.
pub(super) fn seal_for(
    engine: &Engine,
    (table, column): (&str, &str),
    tenant: TenantId,
    row: &str,
    secret: &SecretString,
) -> Vec<u8> {
    let tenant = tenant.to_string();
    let context = SealContext {
        table,
        column,
        tenant: &tenant,
        row,
    };
    let plain = Zeroizing::new(secret.expose_secret().as_bytes().to_vec());
    engine.keys.seal(&*engine.entropy, &context, &plain)
}

/// Opens what [`seal_for`] made.
pub(super) fn open_for(
    engine: &Engine,
    (table, column): (&str, &str),
    tenant: TenantId,
    row: &str,
    sealed: &[u8],
) -> Result<SecretString, SealError> {
    let tenant = tenant.to_string();
    let context = SealContext {
        table,
        column,
        tenant: &tenant,
        row,
    };
    let plain = engine.keys.open(&context, sealed)?;
    let text = std::str::from_utf8(&plain).map_err(|_| SealError::Unreadable)?;
    Ok(text.into())
}
