//! The way of a connection: a one-time URL, a page, Google, the user's own choices.
//!
//! An attempt belongs to one browser from the moment it is sent to Google, and every step can be taken once. Whoever goes
//! back, clicks twice or brings somebody else's address gets a [`ConnectError`] that says what to do; nothing is half
//! connected. Nothing is read from calendars or contacts before the user has chosen them.
mod callback;
mod choices;
mod contacts;
mod error;
mod follow;
pub mod link;

pub use callback::{Answer, Arrived, callback};
pub use choices::preset;
pub use choices::{ChoiceError, Choices, Narrowing, Offer, choose, choose_again, narrow, offer};
pub use contacts::{ContactsOffer, ContactsStanding, Label, contacts_offer, narrow_contacts};
pub use error::{ConnectError, Refusal};
pub(crate) use follow::{follow, lacking, leave_contacts};

use super::Engine;
use crate::domain::ids::{AccountId, ConnectId, TenantId, UserId};
use crate::engine::tokens::{open_for, seal_for};
use crate::google::oauth::{Authorization, Purpose as Consent, pkce_verifier};
use crate::google::scopes::{self, Feature};
use crate::store::accounts;
use crate::store::accounts::Account;
use crate::store::calendars::{self, Calendar};
use crate::store::connects::{self, Connect, Departure, Names, Purpose, Step};
use crate::store::{StoreError, Tx};
use link::Link;
use secrecy::{ExposeSecret, SecretString};

/// What a connection is asked for.
pub const FEATURES: &[Feature] = &[Feature::Calendar, Feature::Contacts];
/// How long a one-time URL and, after it, Google's answer are waited for.
const WAIT_MS: i64 = 15 * 60 * 1000;
/// How long the page with the choices stays open.
const CHOOSE_MS: i64 = 60 * 60 * 1000;

/// A one-time URL for the user's browser.
#[derive(Debug, Clone)]
pub struct OneTimeUrl {
    /// The address. Whoever has it can connect an account to this user: it is a secret for 15 minutes.
    pub url: SecretString,
    /// When it ends, milliseconds since the Unix epoch.
    pub expires_at: i64,
}

/// Makes a one-time URL for a user.
pub async fn start(engine: &Engine, tenant: TenantId, user: UserId) -> Result<OneTimeUrl, ConnectError> {
    let mut tx = engine.db.begin().await?;
    if connects::names(&mut tx, tenant, user).await?.is_none() {
        return Err(Refusal::UnknownUser.into());
    }
    let link = Link::fresh(engine, tenant);
    let expires_at = engine.now_ms() + WAIT_MS;
    let row = Connect {
        tenant_id: tenant,
        id: link.id,
        user_id: Some(user),
        purpose: Purpose::Connect,
        secret_hash: link.secret_hash(),
        browser_hash: None,
        verifier_sealed: None,
        account_id: None,
        step: Step::Opened,
        expires_at,
    };
    connects::insert(&mut tx, &row).await?;
    tx.commit().await?;
    let url = format!("{}/connect/{}", engine.public_url, link.to_text().expose_secret());
    Ok(OneTimeUrl {
        url: url.into(),
        expires_at,
    })
}

/// What the first page says.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Who connects, and for which tenant.
    pub names: Names,
    /// The address of the account that is connected now, when it is connected again.
    pub connected: Option<String>,
}

/// Opens the page of a one-time URL. Looking at it uses nothing up: mail scanners look too.
pub async fn open(engine: &Engine, link: &str, browser: Option<&str>) -> Result<Opened, ConnectError> {
    let mut tx = engine.db.read().await?;
    let (row, user) = attempt(engine, &mut tx, link, browser).await?;
    match row.step {
        Step::Opened | Step::Sent | Step::Denied => {}
        Step::Chosen | Step::Done => return Err(Refusal::Used.into()),
    }
    let names = connects::names(&mut tx, row.tenant_id, user).await?;
    let account = accounts::live_of_user(&mut tx, row.tenant_id, user).await?;
    Ok(Opened {
        names: names.ok_or(Refusal::UnknownUser)?,
        connected: account.map(|account| account.email),
    })
}

/// Binds the attempt to this browser and says where at Google to send it.
pub async fn depart(engine: &Engine, link: &str, browser: &str) -> Result<String, ConnectError> {
    let mut tx = engine.db.begin().await?;
    let (row, user) = attempt(engine, &mut tx, link, Some(browser)).await?;
    let names = connects::names(&mut tx, row.tenant_id, user).await?;
    let names = names.ok_or(Refusal::UnknownUser)?;
    let account = accounts::live_of_user(&mut tx, row.tenant_id, user).await?;
    // Whoever connects again is led to the same identity.
    let hint = account.map_or(names.email, |account| account.sub);
    let (departure, address) = departure(engine, row.tenant_id, row.id, browser, Some(&hint), Consent::Connect)?;
    if !connects::depart(&mut tx, row.tenant_id, row.id, &departure).await? {
        return Err(Refusal::Used.into());
    }
    tx.commit().await?;
    Ok(address)
}

/// Makes a fresh state and verifier, and Google's address for them.
pub(super) fn departure(
    engine: &Engine,
    tenant: TenantId,
    id: ConnectId,
    browser: &str,
    hint: Option<&str>,
    purpose: Consent,
) -> Result<(Departure, String), ConnectError> {
    let state = Link::with_fresh_secret(engine, tenant, id);
    let mut random = zeroize::Zeroizing::new([0; 32]);
    engine.entropy.fill(random.as_mut_slice());
    let verifier = pkce_verifier(&random);
    let wanted = match purpose {
        Consent::Connect => scopes::requested(FEATURES),
        Consent::SignIn => scopes::requested(&[]),
    };
    let address = engine.oauth.authorize_url(&Authorization {
        redirect_uri: &redirect_uri(engine),
        state: state.to_text().expose_secret(),
        verifier: &verifier,
        login_hint: hint.filter(|hint| !hint.is_empty()),
        scopes: &wanted,
        purpose,
    })?;
    let departure = Departure {
        browser_hash: link::hash(browser),
        state_hash: state.secret_hash(),
        verifier_sealed: seal_for(engine, VERIFIER, tenant, &id.to_string(), &verifier),
        expires_at: engine.now_ms() + WAIT_MS,
    };
    Ok((departure, address))
}

const VERIFIER: (&str, &str) = ("connects", "verifier");

fn verifier(engine: &Engine, row: &Connect) -> Result<Option<SecretString>, ConnectError> {
    let sealed = row.verifier_sealed.as_deref();
    let open = |sealed| open_for(engine, VERIFIER, row.tenant_id, &row.id.to_string(), sealed);
    Ok(sealed.map(open).transpose()?)
}

/// The address that Google sends browsers back to; it has to be registered there to the letter.
pub fn redirect_uri(engine: &Engine) -> String {
    format!("{}/oauth/callback", engine.public_url)
}

/// Finds the attempt that a browser may go on with: by the secret of an unused one-time URL, later by its cookie.
async fn attempt(
    engine: &Engine,
    tx: &mut Tx,
    link: &str,
    browser: Option<&str>,
) -> Result<(Connect, UserId), ConnectError> {
    let link = Link::parse(link).ok_or(Refusal::Unknown)?;
    let row = connects::get(tx, link.tenant, link.id).await?.ok_or(Refusal::Unknown)?;
    let user = row.user_id.filter(|_| row.purpose == Purpose::Connect);
    let user = user.ok_or(Refusal::Unknown)?;
    let may = match &row.browser_hash {
        None => link.opens(&row.secret_hash),
        Some(hash) => browser.is_some_and(|browser| link::same(&link::hash(browser), hash)),
    };
    if !may {
        // An unused URL with a wrong secret names nothing; a used one may say that it was used.
        let refusal = row.browser_hash.map_or(Refusal::Unknown, |_| Refusal::OtherBrowser);
        return Err(refusal.into());
    }
    if engine.now_ms() >= row.expires_at {
        match row.step {
            // What is complete stays complete, however late somebody looks again.
            Step::Done => {}
            Step::Chosen => return Err(Refusal::ChoicesExpired.into()),
            _ => return Err(Refusal::Expired.into()),
        }
    }
    Ok((row, user))
}

/// The account and the user of an attempt whose page with choices is open, or was.
async fn chosen(
    engine: &Engine,
    tx: &mut Tx,
    link: &str,
    browser: Option<&str>,
) -> Result<(Connect, AccountId), ConnectError> {
    let (row, _) = attempt(engine, tx, link, browser).await?;
    match (row.step, row.account_id) {
        (Step::Chosen, Some(account)) => Ok((row, account)),
        (Step::Done, _) => Err(Refusal::Finished.into()),
        _ => Err(Refusal::Used.into()),
    }
}

/// Notes that an attempt came to nothing. The same browser may try again while it has not expired.
async fn deny(engine: &Engine, tenant: TenantId, id: ConnectId) -> Result<(), StoreError> {
    let mut tx = engine.db.begin().await?;
    let until = engine.now_ms() + WAIT_MS;
    connects::advance(&mut tx, tenant, id, Step::Sent, Step::Denied, None, until).await?;
    tx.commit().await
}

/// The accounts of a tenant in id order, after a given one; disconnected ones included.
pub async fn accounts_of_tenant(
    engine: &Engine,
    tenant: TenantId,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Vec<Account>, ConnectError> {
    let mut tx = engine.db.read().await?;
    Ok(accounts::list(&mut tx, tenant, after, limit).await?)
}

/// One account and its calendars.
pub async fn account(
    engine: &Engine,
    tenant: TenantId,
    id: AccountId,
) -> Result<(Account, Vec<Calendar>), ConnectError> {
    let mut tx = engine.db.read().await?;
    let account = accounts::get(&mut tx, tenant, id).await?.ok_or(Refusal::NotConnected)?;
    let calendars = calendars::of_account(&mut tx, tenant, id).await?;
    Ok((account, calendars))
}
