//! What a user sees of their mail on the consent page, and who comes to it by the link in a mail.
//!
//! Everything here only looks. A link proves that somebody reads the mailbox of the connected account, nothing more; it may be
//! opened any number of times, by mail scanners too, until it expires or its account is disconnected.
use super::decide::{Stop, no_longer_of_use};
use super::{MailError, Proposal, view};
use crate::domain::ids::{AccountId, MessageId, TenantId, UserId};
use crate::domain::mail::{Letter, State};
use crate::engine::Engine;
use crate::store::accounts::{self, AccountState};
use crate::store::mail::{links, messages, subjects};
use crate::store::{StoreError, Tx, bookings, tenants, users};
use chrono_tz::Tz;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Most mails on one page; the others follow when some were decided.
pub const SHOWN: i64 = 50;
/// Most of those that are over.
pub const RECENT: i64 = 20;

/// Why a link opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It is not one of ours, or was forgotten long after it expired.
    #[error("there is no such link")]
    Unknown,
    /// Too late.
    #[error("the link has expired")]
    Expired,
    /// The account that it was sent to is not connected to this user any more.
    #[error("the account that the link was sent to was disconnected")]
    Disconnected,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whose page a link opens. Changes nothing.
pub async fn by_link(engine: &Engine, tenant: TenantId, id: MessageId, secret: &str) -> Result<UserId, LinkError> {
    let mut tx = engine.db.read().await?;
    let link = links::get(&mut tx, tenant, id).await?.ok_or(LinkError::Unknown)?;
    // Before anything is told about it: only who has the secret hears that it has expired.
    let is_it = Sha256::digest(secret.as_bytes()).ct_eq(link.secret_hash.as_slice());
    if !bool::from(is_it) {
        return Err(LinkError::Unknown);
    }
    if link.expires_at <= engine.now_ms() {
        return Err(LinkError::Expired);
    }
    let account = accounts::get(&mut tx, tenant, link.account_id).await?;
    let is_theirs =
        account.is_some_and(|account| account.user_id == link.user_id && account.state != AccountState::Disconnected);
    if is_theirs {
        Ok(link.user_id)
    } else {
        Err(LinkError::Disconnected)
    }
}

/// Whether a mail that waits can be decided as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can.
    Ready,
    /// Something that may undo the change is awaited: it can be declined, not yet sent.
    NotCertain,
    /// The booking says something else, and a new version of the mail follows in a moment.
    Changing,
}

/// A mail that waits for its user.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The mail.
    pub proposal: Proposal,
    /// Whether it can be decided.
    pub standing: Standing,
    /// What stands in the booking's description. No mail of ours shows it; a tenant's own template may.
    pub description: String,
}

/// The consent page of a user.
#[derive(Debug, Clone)]
pub struct ConsentPage {
    /// Shown name of the tenant.
    pub tenant: String,
    /// Shown name of the user.
    pub user: String,
    /// The user's own zone.
    pub zone: Tz,
    /// The connected account.
    pub account: AccountId,
    /// Whether all mail that needs this user is paused.
    pub is_paused: bool,
    /// What waits, the first due first; at most [`SHOWN`].
    pub waiting: Vec<Waiting>,
    /// How many wait beside those.
    pub more: i64,
    /// What may be sent and was not handed over, the first due first; at most [`SHOWN`].
    pub approved: Vec<Proposal>,
    /// What is over, the last first; at most [`RECENT`].
    pub recent: Vec<Proposal>,
}

/// Everything that a user's consent page shows.
///
/// # Errors
/// [`MailError::Missing`]: the user has no connected account.
pub async fn consent_page(engine: &Engine, tenant: TenantId, user: UserId) -> Result<ConsentPage, MailError> {
    let mut tx = engine.db.read().await?;
    let account = accounts::live_of_user(&mut tx, tenant, user).await?;
    let account = account.ok_or(MailError::Missing)?;
    let named = users::get(&mut tx, tenant, user).await?.ok_or(MailError::Missing)?;
    let name = tenants::get(&mut tx, tenant).await?.ok_or(MailError::Missing)?.name;
    let rows = messages::waiting_of_user(&mut tx, tenant, user, SHOWN).await?;
    let more = messages::count_waiting(&mut tx, tenant, user).await? - rows.len() as i64;
    let mut waiting = Vec::new();
    for row in rows {
        let standing = match no_longer_of_use(engine, &mut tx, tenant, &row).await? {
            None => Standing::Ready,
            Some(Stop::Uncertain) => Standing::NotCertain,
            Some(Stop::Changed) => Standing::Changing,
            // It is over; whoever notes that comes in a moment.
            Some(Stop::End(..)) => continue,
        };
        let proposal = view::open(engine, &mut tx, tenant, row).await?;
        let description = description(&mut tx, tenant, &proposal).await?;
        waiting.push(Waiting {
            proposal,
            standing,
            description,
        });
    }
    let approved = messages::approved_of_user(&mut tx, tenant, user, SHOWN).await?;
    let recent = messages::ended_of_user(&mut tx, tenant, user, RECENT).await?;
    Ok(ConsentPage {
        tenant: name,
        user: named.name,
        zone: named.time_zone,
        account: account.id,
        is_paused: accounts::is_mail_paused(&mut tx, tenant, user).await?,
        waiting,
        more,
        approved: open_all(engine, &mut tx, tenant, approved).await?,
        recent: open_all(engine, &mut tx, tenant, recent).await?,
    })
}

async fn open_all(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    rows: Vec<messages::MessageRow>,
) -> Result<Vec<Proposal>, MailError> {
    let mut opened = Vec::new();
    for row in rows {
        opened.push(view::open(engine, tx, tenant, row).await?);
    }
    Ok(opened)
}

async fn description(tx: &mut Tx, tenant: TenantId, proposal: &Proposal) -> Result<String, MailError> {
    let subject = match proposal.row.subject_id {
        Some(subject) => subjects::get(tx, tenant, subject).await?,
        None => None,
    };
    let row = subject.map(|subject| subject.row_id).or(proposal.row.booking_id);
    let booking = match row {
        Some(row) => bookings::get(tx, tenant, row).await?,
        None => None,
    };
    Ok(booking.map(|booking| booking.text.description).unwrap_or_default())
}

/// How many mails wait for a user.
pub async fn count_waiting(engine: &Engine, tenant: TenantId, user: UserId) -> Result<i64, MailError> {
    let mut tx = engine.db.read().await?;
    Ok(messages::count_waiting(&mut tx, tenant, user).await?)
}

/// Mails of a user to customers by their ids; what is not theirs is left out.
pub async fn some_of(
    engine: &Engine,
    tenant: TenantId,
    user: UserId,
    ids: &[MessageId],
) -> Result<Vec<Proposal>, MailError> {
    let mut tx = engine.db.read().await?;
    let mut found = Vec::new();
    for id in ids {
        let row = messages::get(&mut tx, tenant, *id).await?;
        if let Some(row) = row.filter(|row| row.user_id == Some(user) && row.class == "customer") {
            found.push(view::open(engine, &mut tx, tenant, row).await?);
        }
    }
    Ok(found)
}

/// The letter of a mail of this user that waits or may be sent.
///
/// # Errors
/// [`MailError::Missing`] when it is not theirs or is over.
pub async fn letter(engine: &Engine, tenant: TenantId, user: UserId, id: MessageId) -> Result<Letter, MailError> {
    let found = some_of(engine, tenant, user, &[id]).await?.pop();
    let found = found.filter(|found| found.row.state.is_open() || found.row.state == State::Sending);
    found.and_then(|found| found.letter).ok_or(MailError::Missing)
}
