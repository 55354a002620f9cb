//! A recipient ends all mail of a tenant, by the link in any of its mails; and, from the same page, lets it come again.
use super::desk::Keys;
use super::family::language_of;
use super::propose::end;
use super::{MailError, compare};
use crate::domain::ids::{MessageId, TenantId};
use crate::domain::language::Language;
use crate::domain::mail::{Reason, State};
use crate::engine::Engine;
use crate::engine::ledger::{self, Event};
use crate::store::mail::messages::{self, MessageRow};
use crate::store::mail::suppressions;
use crate::store::{Tx, customers, tenants};

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribing {
    /// Shown name of the tenant.
    pub tenant: String,
    /// The language of the customer's mail.
    pub language: Language,
    /// Whether mail is suppressed now.
    pub is_suppressed: bool,
}

/// The message that a link belongs to, with the tenant's secrets.
async fn by_link(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    id: MessageId,
    code: &str,
) -> Result<(Keys, MessageRow), MailError> {
    let keys = Keys::open(engine, tx, tenant).await?.ok_or(MailError::Missing)?;
    if !keys.is_unsubscribe_code(id, code) {
        return Err(MailError::Missing);
    }
    let message = messages::get(tx, tenant, id).await?.ok_or(MailError::Missing)?;
    Ok((keys, message))
}

/// What there is to decide; changes nothing, and makes nobody wait: mail scanners look, too.
pub async fn look(engine: &Engine, tenant: TenantId, id: MessageId, code: &str) -> Result<Unsubscribing, MailError> {
    let mut tx = engine.db.read().await?;
    let keys = Keys::look(engine, &mut tx, tenant).await?.ok_or(MailError::Missing)?;
    if !keys.is_unsubscribe_code(id, code) {
        return Err(MailError::Missing);
    }
    let message = messages::get(&mut tx, tenant, id).await?.ok_or(MailError::Missing)?;
    let row = tenants::get(&mut tx, tenant).await?.ok_or(MailError::Missing)?;
    let is_suppressed = suppressions::has(&mut tx, tenant, &message.recipient_key).await?;
    let customer = match message.customer_id {
        Some(id) => customers::get(&mut tx, tenant, id).await?,
        None => None,
    };
    Ok(Unsubscribing {
        language: language_of(
            customer.and_then(|customer| customer.reader.language).as_deref(),
            row.settings.effective(&engine.defaults).language,
        ),
        tenant: row.name,
        is_suppressed,
    })
}

/// Ends all mail of the tenant to the recipient of this message; what waits or may be sent is withdrawn.
pub async fn suppress(engine: &Engine, tenant: TenantId, id: MessageId, code: &str) -> Result<(), MailError> {
    let mut tx = engine.db.begin().await?;
    let (_, message) = by_link(engine, &mut tx, tenant, id, code).await?;
    if !suppressions::insert(&mut tx, tenant, &message.recipient_key, id, engine.now_ms()).await? {
        return Ok(());
    }
    for open in messages::open_to(&mut tx, tenant, &message.recipient_key).await? {
        end(engine, &mut tx, tenant, &open, State::Withdrawn, Reason::Suppressed).await?;
    }
    let letter = compare::letter(engine, tenant, &message)?;
    let event = Event::Suppressed {
        recipient_key: &message.recipient_key,
        address: letter.as_ref().map(|letter| letter.to.address.as_str()),
        message: id,
    };
    ledger::append(engine, &mut tx, tenant, event).await?;
    Ok(tx.commit().await?)
}

/// Lets mail of the tenant come again.
pub async fn lift(engine: &Engine, tenant: TenantId, id: MessageId, code: &str) -> Result<(), MailError> {
    let mut tx = engine.db.begin().await?;
    let (_, message) = by_link(engine, &mut tx, tenant, id, code).await?;
    if !suppressions::remove(&mut tx, tenant, &message.recipient_key).await? {
        return Ok(());
    }
    let letter = compare::letter(engine, tenant, &message)?;
    let event = Event::SuppressionLifted {
        recipient_key: &message.recipient_key,
        address: letter.as_ref().map(|letter| letter.to.address.as_str()),
        message: id,
    };
    ledger::append(engine, &mut tx, tenant, event).await?;
    Ok(tx.commit().await?)
}
