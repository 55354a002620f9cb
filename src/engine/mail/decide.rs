//! What a user decides about a proposal. Each decision is about one message, as its user saw it.
//!
//! A yes names the hash of what was shown, is bound by a code of the key ring to tenant, message, user and hash, and is good until the
//! message is of no more use.
use super::desk::{Desk, Keys};
use super::family::Family;
use super::propose::end;
use super::{MailError, compare};
use crate::domain::ids::{AccountId, ApiKeyId, MessageId, TenantId, UserId};
use crate::domain::mail::{Reason, State};
use crate::engine::Engine;
use crate::engine::ledger::{self, Event};
use crate::store::mail::consents::{self, ConsentRow};
use crate::store::mail::messages::{self, MessageRow};
use crate::store::mail::{subjects, suppressions, tenants as mail_tenants};
use crate::store::{Tx, accounts, changes};

/// By what it is known that the user decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The link that was sent to the verified address of the connected account.
    Mailbox,
    /// A sign-in with the connected Google identity.
    SignIn,
    /// The app has asked its user, and says so with its key. Only where the operator allows it.
    AppAsserted(ApiKeyId),
    /// The app, for its user. It may say no.
    TenantKey(ApiKeyId),
}

impl How {
    /// The word used in SQL, in the ledger and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            How::Mailbox => "mailbox",
            How::SignIn => "sign_in",
            How::AppAsserted(_) => "app_asserted",
            How::TenantKey(_) => "tenant_key",
        }
    }

    fn key(self) -> Option<ApiKeyId> {
        match self {
            How::Mailbox | How::SignIn => None,
            How::AppAsserted(key) | How::TenantKey(key) => Some(key),
        }
    }
}

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decider {
    /// The user; `None`: whoever is asked, because the tenant's key speaks for all its users.
    pub user: Option<UserId>,
    /// How that is known.
    pub how: How,
}

/// The message that somebody wants to decide about.
async fn theirs(tx: &mut Tx, tenant: TenantId, id: MessageId, decider: &Decider) -> Result<MessageRow, MailError> {
    let message = messages::get(tx, tenant, id).await?;
    let is_theirs = |message: &MessageRow| {
        message.class == "customer" && decider.user.is_none_or(|user| message.user_id == Some(user))
    };
    message.filter(is_theirs).ok_or(MailError::Missing)
}

/// Says yes to a message as it was shown: `content_hash` is that of the letter. Saying it twice is saying it once.
///
/// # Errors
/// [`MailError::Changed`] when the booking says something else by now, [`MailError::NotTheUser`] when the decider may not say yes.
pub async fn approve(
    engine: &Engine,
    tenant: TenantId,
    id: MessageId,
    content_hash: &[u8],
    decider: &Decider,
) -> Result<(), MailError> {
    let mut tx = engine.db.begin().await?;
    match decider.how {
        How::TenantKey(_) => return Err(MailError::NotTheUser),
        How::AppAsserted(_) if !mail_tenants::is_app_asserted(&mut tx, tenant).await? => {
            return Err(MailError::NotTheUser);
        }
        _ => {}
    }
    let desk = Desk::open(engine, &mut tx, tenant).await?;
    let message = theirs(&mut tx, tenant, id, decider).await?;
    let now = engine.now_ms();
    match message.state {
        State::Proposed => {}
        State::Queued if message.content_hash == content_hash => return Ok(()),
        State::Superseded => return Err(MailError::Changed),
        other => return Err(MailError::Closed(other)),
    }
    if message.content_hash.is_empty() || message.content_hash != content_hash {
        return Err(MailError::OtherContent);
    }
    let stop = match &desk {
        None => {
            return Err(MailError::NoMail);
        }
        Some(_) => no_longer_of_use(engine, &mut tx, tenant, &message).await?,
    };
    if let Some(stop) = stop {
        return refuse(engine, tx, tenant, &message, stop).await;
    }
    let user = message.user_id.ok_or(MailError::Missing)?;
    let consent = ConsentRow {
        message_id: id,
        user_id: user,
        how: decider.how.as_str().to_owned(),
        key_id: decider.how.key(),
        content_hash: message.content_hash.clone(),
        decided_at: now,
        expires_at: message.expires_at,
        mac: Vec::new(),
        used_at: None,
        withdrawn_at: None,
    };
    let mac = sign(engine, tenant, &consent);
    if !consents::insert(&mut tx, tenant, &ConsentRow { mac, ..consent }).await?
        || !messages::advance(&mut tx, tenant, id, State::Proposed, State::Queued, None, now).await?
    {
        return Err(MailError::Closed(State::Queued));
    }
    changes::record(&mut tx, tenant, "message", &id.to_string()).await?;
    let event = Event::Approved {
        message: id,
        user,
        how: decider.how.as_str(),
        key_id: decider.how.key(),
        content_hash: hash(content_hash)?,
        expires_at: message.expires_at,
    };
    ledger::append(engine, &mut tx, tenant, event).await?;
    tx.commit().await?;
    Ok(())
}

/// Why a message cannot be approved or sent now.
pub(super) enum Stop {
    /// It ends.
    End(State, Reason),
    /// The booking says something else: it is considered again.
    Changed,
    /// Something that may undo the change is awaited.
    Uncertain,
}

/// Whether a message still says what holds, to somebody who may be written to.
pub(super) async fn no_longer_of_use(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    message: &MessageRow,
) -> Result<Option<Stop>, MailError> {
    if message.expires_at <= engine.now_ms() {
        return Ok(Some(Stop::End(State::Expired, Reason::Past)));
    }
    if suppressions::has(tx, tenant, &message.recipient_key).await? {
        return Ok(Some(Stop::End(State::Withdrawn, Reason::Suppressed)));
    }
    let (Some(user), Some(subject), Some(booking)) = (message.user_id, message.subject_id, message.booking_id) else {
        return Ok(Some(Stop::End(State::Withdrawn, Reason::Void)));
    };
    if accounts::is_mail_paused(tx, tenant, user).await? {
        return Ok(Some(Stop::End(State::Withdrawn, Reason::Paused)));
    }
    // Without an account nobody could have said yes but the app, where it may.
    if accounts::live_of_user(tx, tenant, user).await?.is_none() && !mail_tenants::is_app_asserted(tx, tenant).await? {
        return Ok(Some(Stop::End(State::Withdrawn, Reason::Disconnected)));
    }
    let subject = subjects::get(tx, tenant, subject).await?;
    let Some(subject) = subject.filter(|subject| subject.mail_version == message.mail_version) else {
        return Ok(Some(Stop::Changed));
    };
    let Some(keys) = Keys::look(engine, tx, tenant).await? else {
        return Ok(Some(Stop::Uncertain));
    };
    let Some(family) = Family::rooted(tx, &keys, booking).await? else {
        return Ok(Some(Stop::Uncertain));
    };
    let Some(says) = compare::of_message(engine, tenant, message)? else {
        return Ok(Some(Stop::Changed));
    };
    if !family.holds(message, &says) || subject.user_id != user {
        return Ok(Some(Stop::Changed));
    }
    if family.is_uncertain(message.original_start, &says) {
        return Ok(Some(Stop::Uncertain));
    }
    Ok(None)
}

/// Carries out a stop and says why.
async fn refuse(
    engine: &Engine,
    mut tx: Tx,
    tenant: TenantId,
    message: &MessageRow,
    stop: Stop,
) -> Result<(), MailError> {
    let error = match stop {
        Stop::Uncertain => return Err(MailError::NotCertain),
        Stop::End(state, reason) => {
            end(engine, &mut tx, tenant, message, state, reason).await?;
            MailError::Closed(state)
        }
        Stop::Changed => MailError::Changed,
    };
    tx.commit().await?;
    if matches!(error, MailError::Changed) {
        consider_soon(engine, tenant, message).await?;
    }
    Err(error)
}

/// Makes the booking of a message be considered again. In a transaction of its own: bookings are locked before mail is.
pub(super) async fn consider_soon(engine: &Engine, tenant: TenantId, message: &MessageRow) -> Result<(), MailError> {
    let booking: Vec<_> = message.booking_id.into_iter().collect();
    let mut tx = engine.db.begin().await?;
    mail_tenants::consider_again(&mut tx, tenant, &booking).await?;
    Ok(tx.commit().await?)
}

/// Says no.
pub async fn decline(engine: &Engine, tenant: TenantId, id: MessageId, decider: &Decider) -> Result<(), MailError> {
    let mut tx = engine.db.begin().await?;
    Keys::open(engine, &mut tx, tenant).await?;
    let message = theirs(&mut tx, tenant, id, decider).await?;
    let now = engine.now_ms();
    if message.state == State::Declined {
        return Ok(());
    }
    if message.state != State::Proposed
        || !messages::advance(&mut tx, tenant, id, State::Proposed, State::Declined, None, now).await?
    {
        return Err(MailError::Closed(message.state));
    }
    changes::record(&mut tx, tenant, "message", &id.to_string()).await?;
    let event = Event::Declined {
        message: id,
        user: message.user_id.ok_or(MailError::Missing)?,
        how: decider.how.as_str(),
        key_id: decider.how.key(),
    };
    ledger::append(engine, &mut tx, tenant, event).await?;
    Ok(tx.commit().await?)
}

/// Takes a yes back, as long as the message was not handed over.
pub async fn withdraw(engine: &Engine, tenant: TenantId, id: MessageId, decider: &Decider) -> Result<(), MailError> {
    let mut tx = engine.db.begin().await?;
    Keys::open(engine, &mut tx, tenant).await?;
    let message = theirs(&mut tx, tenant, id, decider).await?;
    if message.state != State::Queued || !end(engine, &mut tx, tenant, &message, State::Withdrawn, Reason::User).await?
    {
        return Err(MailError::Closed(message.state));
    }
    consents::withdraw(&mut tx, tenant, id, engine.now_ms()).await?;
    Ok(tx.commit().await?)
}

/// Stops all mail to customers that needs this user: what waits or may be sent is withdrawn, nothing new is proposed.
pub async fn pause(engine: &Engine, tenant: TenantId, account: AccountId) -> Result<(), MailError> {
    let mut tx = engine.db.begin().await?;
    Keys::open(engine, &mut tx, tenant).await?;
    let found = accounts::get(&mut tx, tenant, account)
        .await?
        .ok_or(MailError::Missing)?;
    if accounts::is_mail_paused(&mut tx, tenant, found.user_id).await? {
        return Ok(());
    }
    accounts::set_mail_paused(&mut tx, tenant, found.user_id, Some(engine.now_ms())).await?;
    stop_all(engine, &mut tx, tenant, found.user_id, Reason::Paused).await?;
    ledger::append(engine, &mut tx, tenant, Event::Paused { user: found.user_id }).await?;
    changes::record(&mut tx, tenant, "account", &account.to_string()).await?;
    Ok(tx.commit().await?)
}

/// Lets it go on. What was withdrawn stays so; reminders that are not due yet, and what changes from now on, are proposed.
pub async fn resume(engine: &Engine, tenant: TenantId, account: AccountId) -> Result<(), MailError> {
    let mut tx = engine.db.begin().await?;
    Keys::open(engine, &mut tx, tenant).await?;
    let found = accounts::get(&mut tx, tenant, account)
        .await?
        .ok_or(MailError::Missing)?;
    if !accounts::is_mail_paused(&mut tx, tenant, found.user_id).await? {
        return Ok(());
    }
    accounts::set_mail_paused(&mut tx, tenant, found.user_id, None).await?;
    subjects::remind_once_more(&mut tx, tenant, found.user_id, engine.now_ms()).await?;
    ledger::append(engine, &mut tx, tenant, Event::Resumed { user: found.user_id }).await?;
    changes::record(&mut tx, tenant, "account", &account.to_string()).await?;
    Ok(tx.commit().await?)
}

/// Ends everything of a user that waits or may be sent.
pub(in crate::engine) async fn stop_all(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    reason: Reason,
) -> Result<(), MailError> {
    mail_tenants::hold(tx, tenant).await?;
    for message in messages::open_of_user(tx, tenant, user).await? {
        end(engine, tx, tenant, &message, State::Withdrawn, reason).await?;
    }
    Ok(())
}

fn parts(tenant: TenantId, consent: &ConsentRow) -> [Vec<u8>; 8] {
    [
        tenant.to_string().into_bytes(),
        consent.message_id.to_string().into_bytes(),
        consent.user_id.to_string().into_bytes(),
        consent.how.clone().into_bytes(),
        consent
            .key_id
            .map(|key| key.to_string())
            .unwrap_or_default()
            .into_bytes(),
        consent.content_hash.clone(),
        consent.decided_at.to_be_bytes().to_vec(),
        consent.expires_at.to_be_bytes().to_vec(),
    ]
}

fn sign(engine: &Engine, tenant: TenantId, consent: &ConsentRow) -> Vec<u8> {
    let parts = parts(tenant, consent);
    engine.keys.mac("consent", &parts.each_ref().map(Vec::as_slice))
}

/// Whether a stored yes was stored by us, as it stands.
pub(super) fn is_genuine(engine: &Engine, tenant: TenantId, consent: &ConsentRow) -> bool {
    let parts = parts(tenant, consent);
    engine
        .keys
        .verifies("consent", &parts.each_ref().map(Vec::as_slice), &consent.mac)
}

pub(super) fn hash(bytes: &[u8]) -> Result<[u8; 32], MailError> {
    bytes
        .try_into()
        .map_err(|_| MailError::Internal("a hash has another length".to_owned()))
}
