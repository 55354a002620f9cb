//! What a disconnect does about contacts: customers that were read are forgotten, contacts that were written are removed.
//!
//! A deleted contact cannot be brought back, so each is read first: one that somebody has edited since Accord wrote it stays.
use super::{FORGET_BATCH, LeftError, REMOVE_BATCH, Removal};
use crate::domain::failure::FailureClass;
use crate::domain::ids::{AccountId, TenantId};
use crate::engine::{Engine, tokens};
use crate::google::GoogleError;
use crate::google::people::ParsedPerson;
use crate::google::scopes::Feature;
use crate::store::left_contacts::{self, Written};
use crate::store::{StoreError, Tx, accounts, contact_links, disconnects};
use secrecy::SecretString;

/// Deletes a batch of customers that were read through an account and that nothing needs; `false` when none is left.
pub(super) async fn forget_some(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
) -> Result<bool, StoreError> {
    let ids = left_contacts::unneeded(tx, tenant, account, engine.now_ms(), FORGET_BATCH).await?;
    left_contacts::forget_asked(tx, tenant, account).await?;
    if !ids.is_empty() {
        left_contacts::forget(tx, tenant, &ids).await?;
    }
    Ok(!ids.is_empty())
}

/// What became of one contact.
enum Outcome {
    /// It is there no more, or it cannot be named.
    Gone,
    /// Somebody else has written to it.
    Edited,
}

/// Deletes up to a batch of contacts that Accord created through a disconnected account.
pub(super) async fn remove_written(
    engine: &Engine,
    tenant: TenantId,
    account: AccountId,
) -> Result<Removal, LeftError> {
    let mut tx = engine.db.read().await?;
    let known = accounts::get(&mut tx, tenant, account).await?;
    let contacts = left_contacts::written(&mut tx, tenant, account, REMOVE_BATCH).await?;
    drop(tx);
    if !known.is_some_and(|known| Feature::Contacts.is_granted(&known.scopes)) {
        return Ok(Removal::Done);
    }
    for written in &contacts {
        let mut tx = engine.db.read().await?;
        if disconnects::get(&mut tx, tenant, account).await?.is_none() {
            return Ok(Removal::Void);
        }
        drop(tx);
        let access = tokens::access_token(engine, tenant, account).await?;
        let outcome = match remove_one(engine, &access, written).await {
            Ok(outcome) => outcome,
            Err(error) => match error.class() {
                FailureClass::Gone | FailureClass::BadData => Outcome::Gone,
                // The permission has shrunk: no contact can be removed any more.
                FailureClass::Permission(_) => return Ok(Removal::Done),
                FailureClass::Unauthorized => {
                    tokens::invalidate(engine, tenant, account, &access).await?;
                    return Err(error.into());
                }
                _ => return Err(error.into()),
            },
        };
        // Noted even when the account was connected again this moment: our own deletion must not look like the user's, which
        // would delete the customer. Without its link the customer may become a contact again, should its user come back.
        let mut tx = engine.db.begin().await?;
        match outcome {
            Outcome::Gone => contact_links::remove(&mut tx, tenant, written.link).await?,
            Outcome::Edited => left_contacts::is_edited(&mut tx, tenant, written.link).await?,
        }
        tx.commit().await?;
    }
    let is_done = i64::try_from(contacts.len()).is_ok_and(|done| done < REMOVE_BATCH);
    Ok(if is_done { Removal::Done } else { Removal::Unfinished })
}

async fn remove_one(engine: &Engine, access: &SecretString, written: &Written) -> Result<Outcome, GoogleError> {
    let person = match engine.people.get(access, &written.contact_id).await? {
        ParsedPerson::Person(person) if person.deleted => return Ok(Outcome::Gone),
        ParsedPerson::Person(person) => person,
        // Not as we wrote it.
        ParsedPerson::Broken(_) => return Ok(Outcome::Edited),
    };
    if person.source_id != written.source_id || person.etag != written.etag {
        return Ok(Outcome::Edited);
    }
    engine.people.delete(access, &person.resource_name).await?;
    Ok(Outcome::Gone)
}
