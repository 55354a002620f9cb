//! Customers that the app deleted: which of their contacts go, and how.
//!
//! Only a contact that Accord created and nobody has written to since is deleted, which a read just before has to confirm, for a
//! deletion cannot be guarded by an etag. Whatever else there is, the two part.
use super::asking;
use super::context::Context;
use super::inbound::CHUNK;
use super::removal::note;
use super::settle::{Known, part};
use crate::domain::failure::{Denied, FailureClass};
use crate::engine::sync::{PassReport, SyncError};
use crate::google::people::{BATCH, ParsedPerson};
use crate::store::contact_links::GoneBecause;
use std::collections::HashMap;

/// Customers that the app deleted. Their contacts are read before they are deleted: etags have no other way to say no.
pub(super) async fn gone_in_app(
    context: &Context<'_>,
    removals: Vec<Known>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (ours, others): (Vec<Known>, Vec<Known>) = removals
        .into_iter()
        .partition(|known| known.link.is_ours && !known.link.is_edited);
    for chunk in others.chunks(CHUNK) {
        let mut tx = context.begin().await?;
        for known in chunk {
            note(&mut tx, context, known.link.customer_id).await?;
            part(&mut tx, context, known.clone(), GoneBecause::App, report).await?;
        }
        tx.commit().await?;
    }
    if context.is_plan {
        for known in &ours {
            let link = &known.link;
            report.contacts_deleted += 1;
            report.person_step(
                "delete the contact",
                Some(link.customer_id),
                Some(&link.contact_id),
                None,
            );
        }
        return Ok(());
    }
    if !context.takes_writes() {
        return Ok(());
    }
    for chunk in ours.chunks(BATCH) {
        let deleted = delete_contacts(context, chunk, report).await;
        if !context.goes_on_writing(deleted).await? {
            break;
        }
    }
    Ok(())
}

async fn delete_contacts(context: &Context<'_>, chunk: &[Known], report: &mut PassReport) -> Result<(), SyncError> {
    let access = context.access().await?;
    let names: Vec<&str> = chunk.iter().map(|known| known.link.contact_id.as_str()).collect();
    let answers: HashMap<String, _> = context
        .engine
        .people
        .batch_get(&access, &names)
        .await?
        .into_iter()
        .collect();
    let (mut untouched, mut edited, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for known in chunk {
        match answers.get(&known.link.contact_id) {
            Some(Ok(ParsedPerson::Person(person))) if !person.deleted && person.etag == known.link.etag => {
                untouched.push(known);
            }
            Some(Ok(ParsedPerson::Person(person))) if person.deleted => gone.push(known),
            Some(Err(FailureClass::Gone)) if !context.is_fresh(&known.link) => gone.push(known),
            Some(Ok(_)) => edited.push(known),
            // Not now.
            Some(Err(_)) | None => {}
        }
    }
    let mut tx = context.begin().await?;
    for known in edited.into_iter().chain(gone) {
        note(&mut tx, context, known.link.customer_id).await?;
        part(&mut tx, context, known.clone(), GoneBecause::App, report).await?;
    }
    tx.commit().await?;
    if let [_, _, ..] = untouched.as_slice() {
        let names: Vec<&str> = untouched.iter().map(|known| known.link.contact_id.as_str()).collect();
        match context.engine.people.batch_delete(&access, &names).await {
            Ok(()) => return deleted(context, &untouched, report).await,
            // One of them is to blame, and alone it shows which.
            Err(error) if is_about_one(error.class()) => {}
            Err(error) => return Err(error.into()),
        }
    }
    for known in untouched {
        delete_one(context, known, report).await?;
    }
    Ok(())
}

fn is_about_one(class: FailureClass) -> bool {
    let is_scope = class == FailureClass::Permission(Denied::ScopeMissing);
    matches!(
        class,
        FailureClass::Gone | FailureClass::BadData | FailureClass::Permission(_)
    ) && !is_scope
}

/// Deletes one contact. One that Google does not let go of is set aside, and its neighbours go on.
async fn delete_one(context: &Context<'_>, known: &Known, report: &mut PassReport) -> Result<(), SyncError> {
    let access = context.access().await?;
    match context.engine.people.delete(&access, &known.link.contact_id).await {
        Ok(()) => deleted(context, &[known], report).await,
        Err(error) if error.class() == FailureClass::Gone => deleted(context, &[known], report).await,
        Err(error) if is_about_one(error.class()) => {
            let reason = format!("Google refuses to delete it: {error}");
            let (customer, version) = (known.link.customer_id, known.version());
            let mut tx = context.begin().await?;
            asking::refuse_customer(&mut tx, context, customer, version, &reason, report).await?;
            Ok(tx.commit().await?)
        }
        Err(error) => Err(error.into()),
    }
}

async fn deleted(context: &Context<'_>, removed: &[&Known], report: &mut PassReport) -> Result<(), SyncError> {
    let mut tx = context.begin().await?;
    for known in removed {
        report.contacts_deleted += 1;
        let link = &known.link;
        report.person_step(
            "delete the contact",
            Some(link.customer_id),
            Some(&link.contact_id),
            None,
        );
        note(&mut tx, context, link.customer_id).await?;
        part(&mut tx, context, (*known).clone(), GoneBecause::App, report).await?;
    }
    Ok(tx.commit().await?)
}
