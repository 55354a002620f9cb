//! What mail remembers of what it tells, opened and sealed.
use super::MailError;
use crate::domain::ids::{MessageId, TenantId};
use crate::domain::mail::{Letter, Told};
use crate::engine::Engine;
use crate::store::mail::messages::MessageRow;
use crate::store::mail::subjects::SubjectRow;
use serde::de::DeserializeOwned;

fn read<T: DeserializeOwned>(
    engine: &Engine,
    tenant: TenantId,
    (table, column): (&str, &str),
    id: MessageId,
    sealed: &[u8],
) -> Result<T, MailError> {
    let plain = engine.open(table, column, tenant, &id.to_string(), sealed)?;
    serde_json::from_slice(&plain).map_err(|error| MailError::unreadable(column, &error))
}

fn seal(engine: &Engine, tenant: TenantId, (table, column): (&str, &str), id: MessageId, told: &Told) -> Vec<u8> {
    // What is told always serializes: it holds texts and times.
    let plain = serde_json::to_vec(told).unwrap_or_default();
    engine.seal(table, column, tenant, &id.to_string(), &plain)
}

/// What a subject's version tells.
pub(super) fn content(engine: &Engine, tenant: TenantId, subject: &SubjectRow) -> Result<Told, MailError> {
    read(
        engine,
        tenant,
        ("mail_subjects", "content_sealed"),
        subject.id,
        &subject.content_sealed,
    )
}

/// What was told last.
pub(super) fn told(engine: &Engine, tenant: TenantId, subject: &SubjectRow) -> Result<Option<Told>, MailError> {
    let sealed = subject.told_sealed.as_ref();
    sealed
        .map(|sealed| read(engine, tenant, ("mail_subjects", "told_sealed"), subject.id, sealed))
        .transpose()
}

/// What a message tells; `None` once it was erased.
pub(super) fn of_message(engine: &Engine, tenant: TenantId, message: &MessageRow) -> Result<Option<Told>, MailError> {
    let sealed = message.content_sealed.as_ref();
    sealed
        .map(|sealed| read(engine, tenant, ("messages", "content_sealed"), message.id, sealed))
        .transpose()
}

/// The letter of a message; `None` once it was erased.
pub(super) fn letter(engine: &Engine, tenant: TenantId, message: &MessageRow) -> Result<Option<Letter>, MailError> {
    let sealed = message.letter_sealed.as_ref();
    sealed
        .map(|sealed| read(engine, tenant, ("messages", "letter_sealed"), message.id, sealed))
        .transpose()
}

pub(super) fn seal_content(engine: &Engine, tenant: TenantId, subject: MessageId, told: &Told) -> Vec<u8> {
    seal(engine, tenant, ("mail_subjects", "content_sealed"), subject, told)
}

pub(super) fn seal_told(engine: &Engine, tenant: TenantId, subject: MessageId, told: Option<&Told>) -> Option<Vec<u8>> {
    told.map(|told| seal(engine, tenant, ("mail_subjects", "told_sealed"), subject, told))
}

pub(super) fn seal_of_message(engine: &Engine, tenant: TenantId, message: MessageId, told: &Told) -> Vec<u8> {
    seal(engine, tenant, ("messages", "content_sealed"), message, told)
}
