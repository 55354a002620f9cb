//! Messages as they are shown: to their user on the consent page, to the app over the API, to operators.
use super::{MailError, compare};
use crate::domain::ids::{MessageId, TenantId};
use crate::domain::mail::{Letter, Told};
use crate::domain::time::OriginalStart;
use crate::engine::Engine;
use crate::store::Tx;
use crate::store::mail::consents::{self, ConsentRow};
use crate::store::mail::messages::{self, MessageRow};
use crate::store::mail::subjects;

pub use crate::store::mail::messages::MessageFilter as Filter;

/// A message with what it says.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The row.
    pub row: MessageRow,
    /// The letter; `None` once it was erased.
    pub letter: Option<Letter>,
    /// What it tells; none of notices.
    pub told: Option<Told>,
    /// What the recipient was told last by another mail.
    pub told_before: Option<Told>,
    /// The yes, if there is one.
    pub consent: Option<ConsentRow>,
}

impl Proposal {
    /// Whether it is a notice, or was approved: not what is or was merely proposed.
    pub fn is_mail(&self) -> bool {
        self.row.class == "notice" || self.consent.is_some()
    }

    /// Which occurrence of a series it is about.
    pub fn original_start(&self) -> Option<OriginalStart> {
        self.row.original_start
    }
}

pub(super) async fn open(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    row: MessageRow,
) -> Result<Proposal, MailError> {
    let told_before = match row.subject_id.filter(|_| row.state.is_open()) {
        None => None,
        Some(subject) => told_before(engine, tx, tenant, subject).await?,
    };
    Ok(Proposal {
        letter: compare::letter(engine, tenant, &row)?,
        told: compare::of_message(engine, tenant, &row)?,
        told_before,
        consent: consents::get(tx, tenant, row.id).await?,
        row,
    })
}

/// What was told last: of an occurrence, by a mail about it, or else by the last about its series.
async fn told_before(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    subject: MessageId,
) -> Result<Option<Told>, MailError> {
    let Some(subject) = subjects::get(tx, tenant, subject).await? else {
        return Ok(None);
    };
    let told = compare::told(engine, tenant, &subject)?;
    let (None, Some(start)) = (&told, subject.original_start) else {
        return Ok(told);
    };
    let family = subjects::of_booking(tx, tenant, subject.booking_id).await?;
    let whole = family
        .iter()
        .find(|other| other.original_start.is_none() && other.recipient_key == subject.recipient_key);
    let told = whole.map(|whole| compare::told(engine, tenant, whole)).transpose()?;
    Ok(told.flatten().and_then(|told| told.occurrence(start)))
}

/// Messages in the order in which they were made, after a given one.
pub async fn list(
    engine: &Engine,
    tenant: TenantId,
    filter: &Filter,
    after: Option<MessageId>,
    limit: i64,
) -> Result<Vec<Proposal>, MailError> {
    let mut tx = engine.db.read().await?;
    let mut found = Vec::new();
    for row in messages::list_after(&mut tx, tenant, filter, after, limit).await? {
        found.push(open(engine, &mut tx, tenant, row).await?);
    }
    Ok(found)
}

/// One message.
pub async fn one(engine: &Engine, tenant: TenantId, id: MessageId) -> Result<Proposal, MailError> {
    let mut tx = engine.db.read().await?;
    let row = messages::get(&mut tx, tenant, id).await?.ok_or(MailError::Missing)?;
    open(engine, &mut tx, tenant, row).await
}
