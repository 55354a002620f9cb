//! Signing in with the connected Google account, for the pages where a user sees and decides.
//!
//! Google is asked only who is there: no lasting access comes of it, and the access token is dropped after one question.
//! (It is not revoked: Google would end the whole connection with it.) What counts is the `sub`, never the address.
use super::Engine;
use super::connect::link::{Link, fresh_secret, hash};
use super::connect::{ConnectError, Refusal, departure};
use crate::domain::ids::{TenantId, UserId};
use crate::google::oauth::{Identity, Purpose as Consent};
use crate::store::accounts::{self, Account, AccountState};
use crate::store::calendars::{self, Calendar};
use crate::store::connects::{self, Connect, Names, Purpose, Step};
use crate::store::sessions;
use secrecy::{ExposeSecret, SecretString};

/// How long a session lasts.
pub const SESSION_MS: i64 = 60 * 60 * 1000;

/// A session that has just begun.
#[derive(Debug)]
pub struct NewSession {
    /// Tenant.
    pub tenant: TenantId,
    /// For the cookie.
    pub secret: SecretString,
}

/// The name of the tenant whose sign-in page this is.
pub async fn tenant_name(engine: &Engine, tenant: TenantId) -> Result<String, ConnectError> {
    let mut tx = engine.db.read().await?;
    let name = connects::tenant_name(&mut tx, tenant).await?;
    Ok(name.ok_or(Refusal::Unknown)?)
}

/// Says where at Google to send a browser that wants to sign in.
pub async fn start(engine: &Engine, tenant: TenantId, browser: &str) -> Result<String, ConnectError> {
    tenant_name(engine, tenant).await?;
    let link = Link::fresh(engine, tenant);
    let (departure, address) = departure(engine, tenant, link.id, browser, None, Consent::SignIn)?;
    let row = Connect {
        tenant_id: tenant,
        id: link.id,
        user_id: None,
        purpose: Purpose::SignIn,
        secret_hash: departure.state_hash,
        browser_hash: Some(departure.browser_hash),
        verifier_sealed: Some(departure.verifier_sealed),
        account_id: None,
        step: Step::Sent,
        expires_at: departure.expires_at,
    };
    let mut tx = engine.db.begin().await?;
    connects::insert(&mut tx, &row).await?;
    tx.commit().await?;
    Ok(address)
}

/// Begins a session for whoever Google says is there, if that identity is connected to this tenant.
pub(super) async fn arrive(engine: &Engine, row: &Connect, identity: &Identity) -> Result<NewSession, ConnectError> {
    let tenant = row.tenant_id;
    let mut tx = engine.db.begin().await?;
    let account = accounts::by_sub(&mut tx, tenant, &identity.sub).await?;
    let account = account.filter(|account| account.state != AccountState::Disconnected);
    let account = account.ok_or(Refusal::NotConnected)?;
    let secret = fresh_secret(engine);
    let (secret_hash, until) = (hash(secret.expose_secret()), engine.now_ms() + SESSION_MS);
    sessions::insert(&mut tx, tenant, &secret_hash, account.user_id, until).await?;
    if !connects::advance(
        &mut tx,
        tenant,
        row.id,
        Step::Sent,
        Step::Done,
        Some(account.id),
        row.expires_at,
    )
    .await?
    {
        return Err(Refusal::Used.into());
    }
    tx.commit().await?;
    Ok(NewSession { tenant, secret })
}

/// Who is signed in with this cookie.
pub async fn who(engine: &Engine, tenant: TenantId, secret: &str) -> Result<UserId, ConnectError> {
    let mut tx = engine.db.read().await?;
    let user = sessions::user(&mut tx, tenant, &hash(secret), engine.now_ms()).await?;
    Ok(user.ok_or(Refusal::SignedOut)?)
}

/// Ends a session.
pub async fn sign_out(engine: &Engine, tenant: TenantId, secret: &str) -> Result<(), ConnectError> {
    let mut tx = engine.db.begin().await?;
    sessions::delete(&mut tx, tenant, &hash(secret)).await?;
    Ok(tx.commit().await?)
}

/// What a signed-in user sees.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Who, and at which tenant.
    pub names: Names,
    /// Their account.
    pub account: Account,
    /// Its calendars, the primary one first.
    pub calendars: Vec<Calendar>,
}

/// The account of a user who signed in.
pub async fn overview(engine: &Engine, tenant: TenantId, user: UserId) -> Result<Overview, ConnectError> {
    let mut tx = engine.db.read().await?;
    let names = connects::names(&mut tx, tenant, user)
        .await?
        .ok_or(Refusal::UnknownUser)?;
    let account = accounts::live_of_user(&mut tx, tenant, user).await?;
    let account = account.ok_or(Refusal::SignedOut)?;
    let calendars = calendars::of_account(&mut tx, tenant, account.id).await?;
    Ok(Overview {
        names,
        account,
        calendars,
    })
}
