//! Google's answer: checked against the browser that was sent, exchanged once, and stored in one transaction.
//!
//! Between the exchange and the commit the new grant lives only here. Whatever then goes wrong hands its token to the
//! revocations, unless the same identity has a live connection: Google would end that one with it.
use super::follow::is_some_contact;
use super::link::{self, Link};
use super::{CHOOSE_MS, ConnectError, FEATURES, Refusal, deny, follow, lacking, redirect_uri, verifier};
use crate::domain::failure::FailureClass;
use crate::domain::ids::{AccountId, TenantId, UserId};
use crate::engine::abandoned::make_room;
use crate::engine::detached::to_its_end;
use crate::engine::disconnect::{Orphan, queue_revocation};
use crate::engine::{Engine, sign_in, tokens};
use crate::google::GoogleError;
use crate::google::oauth::{Identity, Tokens};
use crate::google::scopes::{Feature, requested};
use crate::store::accounts::{self, AccountState};
use crate::store::connects::{self, Connect, Purpose, Step};
use crate::store::{Tx, calendars, disconnects, revocations};
use secrecy::SecretString;

/// What Google sent the browser back with.
pub enum Answer {
    /// The user said yes.
    Code(SecretString),
    /// Somebody said no; the name of the error.
    Error(String),
}

/// Where the browser goes on.
#[derive(Debug)]
pub enum Arrived {
    /// To the page with the choices.
    Choose(Link),
    /// The account is connected, but its user ticked neither calendar nor contacts; the same browser may ask again.
    WithoutAccess(Link),
    /// To the user's pages, with a session.
    SignedIn(sign_in::NewSession),
}

/// Takes Google's answer, to the end even when the browser hangs up: a code is exchanged only once.
pub async fn callback(
    engine: &Engine,
    state: &str,
    answer: Answer,
    browser: Option<&str>,
) -> Result<Arrived, ConnectError> {
    let (engine, state, browser) = (engine.clone(), state.to_owned(), browser.map(str::to_owned));
    to_its_end(async move { take(&engine, &state, answer, browser.as_deref()).await }).await
}

async fn take(engine: &Engine, state: &str, answer: Answer, browser: Option<&str>) -> Result<Arrived, ConnectError> {
    let state = Link::parse(state).ok_or(Refusal::Unknown)?;
    let mut tx = engine.db.begin().await?;
    let row = connects::get(&mut tx, state.tenant, state.id)
        .await?
        .ok_or(Refusal::Unknown)?;
    let (Some(bound), Some(browser)) = (&row.browser_hash, browser) else {
        return Err(Refusal::OtherBrowser.into());
    };
    if !link::same(&link::hash(browser), bound) {
        return Err(Refusal::OtherBrowser.into());
    }
    if !state.opens(&row.secret_hash) {
        return Err(Refusal::Used.into());
    }
    let again = Link::without_secret(row.tenant_id, row.id);
    match row.step {
        Step::Sent => {}
        // Going back to this address after success leads on to where one was.
        Step::Chosen => return Ok(Arrived::Choose(again)),
        Step::Done if row.purpose == Purpose::Connect => return Err(Refusal::Finished.into()),
        Step::Done => return Err(Refusal::Used.into()),
        Step::Opened | Step::Denied => return Err(Refusal::Used.into()),
    }
    if engine.now_ms() >= row.expires_at {
        return Err(Refusal::Expired.into());
    }
    let verifier = verifier(engine, &row)?.ok_or(Refusal::Used)?;
    if !connects::take(&mut tx, row.tenant_id, row.id, &row.secret_hash).await? {
        return Err(Refusal::Used.into());
    }
    tx.commit().await?;
    match finish(engine, &row, answer, &verifier).await {
        Ok(arrived) => Ok(arrived),
        Err(error) => {
            deny(engine, row.tenant_id, row.id).await?;
            Err(match error {
                // A sign-in begins anew at its own page.
                ConnectError::Refused { reason, .. } if row.purpose == Purpose::Connect => {
                    reason.again(row.tenant_id, row.id)
                }
                other => other,
            })
        }
    }
}

async fn finish(
    engine: &Engine,
    row: &Connect,
    answer: Answer,
    verifier: &SecretString,
) -> Result<Arrived, ConnectError> {
    use secrecy::ExposeSecret;
    let code = match answer {
        Answer::Code(code) => code,
        Answer::Error(name) => return Err(said_no(&name).into()),
    };
    let exchanged = engine
        .oauth
        .exchange(code.expose_secret(), verifier, &redirect_uri(engine))
        .await;
    let tokens = exchanged.map_err(|error| match error.class() {
        FailureClass::Reconnect => Refusal::CodeRefused.into(),
        FailureClass::OperatorAlarm => {
            tracing::error!(%error, "Google refuses this installation's OAuth client; check google.client_id, google.client_secret and web.public_url");
            ConnectError::Google(error)
        }
        _ => ConnectError::Google(error),
    })?;
    let identity = match who_is_it(engine, &tokens).await {
        Ok(identity) => identity,
        Err(error) => {
            give_back(engine, row, tokens, "").await;
            return Err(error);
        }
    };
    let user = match (row.purpose, row.user_id) {
        (Purpose::SignIn, _) => return sign_in::arrive(engine, row, &identity).await.map(Arrived::SignedIn),
        (Purpose::Connect, Some(user)) => user,
        (Purpose::Connect, None) => return Err(Refusal::Unknown.into()),
    };
    match store(engine, row, user, &tokens, &identity).await {
        Ok(arrived) => Ok(arrived),
        Err(error) => {
            give_back(engine, row, tokens, &identity.sub).await;
            Err(error)
        }
    }
}

fn said_no(name: &str) -> Refusal {
    match name {
        "access_denied" => Refusal::Denied,
        "admin_policy_enforced" | "org_internal" => Refusal::AdminDenied,
        // The name comes from the address bar: only what can be one is repeated.
        name if name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
            Refusal::GoogleRefused(name.to_owned())
        }
        _ => Refusal::GoogleRefused("an error that it does not name".to_owned()),
    }
}

async fn who_is_it(engine: &Engine, tokens: &Tokens) -> Result<Identity, ConnectError> {
    let identity = engine
        .oauth
        .userinfo(&tokens.access_token)
        .await
        .map_err(|error: GoogleError| {
            tracing::warn!(%error, "Google did not say whose account was connected");
            error
        })?;
    if !identity.email_verified {
        return Err(Refusal::Unverified.into());
    }
    Ok(identity)
}

/// The grant came to nothing: its token goes to the revocations. A failure here is logged, the first one is what counts.
async fn give_back(engine: &Engine, row: &Connect, tokens: Tokens, sub: &str) {
    if row.purpose == Purpose::SignIn {
        return;
    }
    // A grant without a refresh token is a grant all the same: its access token ends it.
    let token = tokens.refresh_token.unwrap_or(tokens.access_token);
    let orphan = Orphan {
        tenant: row.tenant_id,
        account: AccountId(engine.fresh_uuid()),
        sub,
    };
    if let Err(error) = queue_revocation(engine, orphan, &token).await {
        tracing::error!(%error, tenant = %row.tenant_id, "a grant that came to nothing could not be queued for revocation");
    }
}

async fn store(
    engine: &Engine,
    row: &Connect,
    user: UserId,
    tokens: &Tokens,
    identity: &Identity,
) -> Result<Arrived, ConnectError> {
    let tenant = row.tenant_id;
    if tokens.refresh_token.is_none() {
        return Err(Refusal::NoLastingAccess.into());
    }
    let mut tx = engine.db.begin().await?;
    let id = account_of(engine, &mut tx, tenant, user, identity).await?;
    let granted = match &tokens.scopes {
        Some(granted) => granted.clone(),
        // RFC 6749 5.1: no scope in the answer means exactly what was asked for.
        None => requested(FEATURES).into_iter().map(str::to_owned).collect(),
    };
    let has_calendar = Feature::Calendar.is_granted(&granted);
    let has_contacts = Feature::Contacts.is_granted(&granted);
    let known = accounts::get(&mut tx, tenant, id).await?;
    match &known {
        None => accounts::insert(&mut tx, tenant, id, user, &identity.sub, &identity.email, &granted).await?,
        Some(_) => accounts::set_identity(&mut tx, tenant, id, &identity.email, &granted).await?,
    }
    tokens::store(engine, &mut tx, tenant, id, tokens, None).await?;
    revocations::cancel(&mut tx, &identity.sub).await?;
    disconnects::delete(&mut tx, tenant, id).await?;
    let contacts = known.as_ref().and_then(|known| known.contacts.as_ref());
    let reads_calendars = calendars::of_account(&mut tx, tenant, id)
        .await?
        .iter()
        .any(|calendar| calendar.user_reads);
    let has_choices = has_calendar && reads_calendars || has_contacts && is_some_contact(contacts);
    let state = match known.as_ref().map(|known| known.state) {
        // Only who paused it ends a pause.
        Some(AccountState::Paused) => AccountState::Paused,
        _ if !has_calendar && !has_contacts => AccountState::Choosing,
        // The old choices are in force at once: only the permission had ended.
        Some(AccountState::Active | AccountState::NeedsReconnect) if has_choices => AccountState::Active,
        _ => AccountState::Choosing,
    };
    accounts::set_state(&mut tx, tenant, id, state, lacking(&granted, contacts)).await?;
    follow(&mut tx, tenant, id).await?;
    let has_access = has_calendar || has_contacts;
    let step = if has_access { Step::Chosen } else { Step::Denied };
    let until = engine.now_ms() + CHOOSE_MS;
    if !connects::advance(&mut tx, tenant, row.id, Step::Sent, step, Some(id), until).await? {
        return Err(Refusal::Used.into());
    }
    tx.commit().await?;
    engine.tokens.forget(tenant, id);
    let again = Link::without_secret(tenant, row.id);
    Ok(if has_access {
        Arrived::Choose(again)
    } else {
        Arrived::WithoutAccess(again)
    })
}

/// Which account this identity may become: its old one, or a new one when nothing stands against it.
async fn account_of(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    identity: &Identity,
) -> Result<AccountId, ConnectError> {
    let mut known = accounts::by_sub(tx, tenant, &identity.sub).await?;
    let others = known.take_if(|known| known.user_id != user);
    if others
        .as_ref()
        .is_some_and(|other| other.state != AccountState::Disconnected)
    {
        return Err(Refusal::TakenByOther.into());
    }
    if let Some(live) = accounts::live_of_user(tx, tenant, user).await?
        && live.sub != identity.sub
        && !make_room(engine, tx, &live).await?
    {
        return Err(Refusal::OtherIdentity { connected: live.email }.into());
    }
    if let Some(other) = others {
        // Its owner's wish comes first: what they asked to be removed would be looked for with the new grant.
        if disconnects::get(tx, tenant, other.id).await?.is_some() {
            return Err(Refusal::BeingLeft.into());
        }
        if !accounts::step_aside(tx, tenant, other.id).await? {
            return Err(Refusal::TakenByOther.into());
        }
    }
    if let Some(known) = known {
        return Ok(known.id);
    }
    // A user who had this identity before another one did finds their own links again, never the other's.
    match accounts::former(tx, tenant, user, &identity.sub).await? {
        Some(former) => {
            accounts::step_back(tx, tenant, former.id).await?;
            Ok(former.id)
        }
        None => Ok(AccountId(engine.fresh_uuid())),
    }
}
