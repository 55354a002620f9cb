//! Contacts that are gone in Google, and customers that the app deleted: what follows on the other side, and the brake.
//!
//! A contact that is gone unlinks its customer. The customer goes with it unless the app has edited it since or a confirmed
//! booking that is not over needs it. A customer that is gone takes the contact with it only if Accord created that and nobody
//! has written to it since, which a read just before has to confirm; otherwise the two part.
use super::asking;
use super::context::Context;
use super::deleting;
use super::inbound::CHUNK;
use super::settle::{self, Known, part};
use crate::domain::booking::Side;
use crate::domain::ids::{BookingId, CustomerId};
use crate::engine::customers;
use crate::engine::sync::{PassReport, SyncError};
use crate::store::contact_links::{self, ContactLink, GoneBecause, LinkState, LinkWaiting};
use crate::store::customers::NewCustomer;
use crate::store::{Tx, changes, contact_matches, customer_states, placements, questions};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashSet};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Does what follows from every removal on either side, as far as the brake lets it.
pub(super) async fn remove(
    context: &Context<'_>,
    gone: &BTreeSet<String>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let mut tx = context.begin().await?;
    let names: Vec<&str> = gone.iter().map(String::as_str).collect();
    for some in names.chunks(CHUNK) {
        stop_asking(&mut tx, context, some).await?;
    }
    tx.commit().await?;
    let found = find(context, &names).await?;
    // An answer about a conflict is none about a removal.
    let is_answered = |known: &Known| known.link.waiting == Some(LinkWaiting::Brake) && known.link.answer.is_some();
    let (answered, open): (Vec<Known>, Vec<Known>) = found.into_iter().partition(is_answered);
    let mut allowed = Vec::new();
    for known in answered {
        // The deletion is carried out if the side that deleted has won, and else undone there.
        let deleted_by = if known.row.is_some() { Side::Google } else { Side::App };
        let is_gone_on_both = known.row.is_none() && gone.contains(&known.link.contact_id);
        if is_gone_on_both || known.answer() == Some(deleted_by) {
            allowed.push(known);
        } else {
            undo(context, known, report).await?;
        }
    }
    if brakes(context, &open, allowed.len()).await? {
        hold(context, open, report).await?;
    } else {
        allowed.extend(open);
    }
    carry_out(context, allowed, report).await?;
    renew_question(context).await
}

/// The links of contacts that are gone, and those of customers that are gone.
async fn find(context: &Context<'_>, gone: &[&str]) -> Result<Vec<Known>, SyncError> {
    let mut tx = context.engine.db.read().await?;
    let (tenant, account) = (context.tenant(), context.key().account);
    let mut links: Vec<ContactLink> = Vec::new();
    for some in gone.chunks(CHUNK) {
        links.extend(contact_links::of_contacts(&mut tx, tenant, account, some, &[]).await?);
    }
    let pending = customer_states::pending(&mut tx, tenant, context.user(), account).await?;
    for some in pending.chunks(CHUNK) {
        let states = customer_states::get_many(&mut tx, tenant, some).await?;
        let rows = crate::store::customers::get_many(&mut tx, tenant, some).await?;
        let present: HashSet<CustomerId> = rows.iter().map(|row| row.id).collect();
        let deleted: Vec<CustomerId> = states
            .iter()
            .map(|state| state.id)
            .filter(|id| !present.contains(id))
            .collect();
        links.extend(contact_links::of_customers(&mut tx, tenant, account, &deleted).await?);
    }
    links.extend(
        contact_links::waiting(&mut tx, tenant, account)
            .await?
            .into_iter()
            .filter(|link| link.waiting == Some(LinkWaiting::Brake) && link.answer.is_some()),
    );
    let mut seen = HashSet::new();
    links.retain(|link| matches!(link.state, LinkState::Live | LinkState::Frozen) && seen.insert(link.id));
    let held = |known: &Known| known.link.waiting == Some(LinkWaiting::Brake) && known.link.answer.is_none();
    let mut found = Vec::new();
    for some in links.chunks(CHUNK) {
        found.extend(settle::load(&mut tx, context, some.to_vec()).await?);
    }
    // What is held already is counted by the brake and asked about.
    found.retain(|known| !held(known));
    Ok(found)
}

/// Whether these removals are more than the brake lets through, with what is held, what was approved and is about to be carried
/// out, and those of the last day.
async fn brakes(context: &Context<'_>, removals: &[Known], approved: usize) -> Result<bool, SyncError> {
    if removals.is_empty() {
        return Ok(false);
    }
    let mut tx = context.engine.db.read().await?;
    let (key, settings) = (context.key(), context.settings());
    let held = held(&mut tx, context).await?;
    let since = context.engine.now_ms() - DAY_MS;
    let recent = placements::count_deletions(&mut tx, key.tenant, key.account, &key.calendar, since).await?;
    let live = contact_links::count_live(&mut tx, key.tenant, key.account).await?;
    let total = i64::try_from(removals.len() + held.len() + approved)
        .unwrap_or(i64::MAX)
        .saturating_add(recent);
    Ok(settings.brakes(total, recent, live))
}

/// The customers whose removal is held and not decided.
async fn held(tx: &mut Tx, context: &Context<'_>) -> Result<Vec<CustomerId>, SyncError> {
    let key = context.key();
    let waiting = contact_links::waiting(tx, key.tenant, key.account).await?;
    let held = |link: &ContactLink| link.waiting == Some(LinkWaiting::Brake) && link.answer.is_none();
    let mut held: Vec<CustomerId> = waiting
        .iter()
        .filter(|link| held(link))
        .map(|link| link.customer_id)
        .collect();
    held.sort();
    Ok(held)
}

async fn hold(context: &Context<'_>, removals: Vec<Known>, report: &mut PassReport) -> Result<(), SyncError> {
    for chunk in removals.chunks(CHUNK) {
        let mut tx = context.begin().await?;
        for known in chunk {
            let mut link = known.link.clone();
            if link.waiting == Some(LinkWaiting::Conflict) {
                asking::no_longer(&mut tx, context, link.customer_id, None).await?;
            }
            link.waiting = Some(LinkWaiting::Brake);
            contact_links::put(&mut tx, &mut link).await?;
            customer_states::hold(&mut tx, context.tenant(), link.customer_id, known.version()).await?;
            report.braked += 1;
            report.person_step("hold a removal", Some(link.customer_id), Some(&link.contact_id), None);
        }
        tx.commit().await?;
    }
    Ok(())
}

/// One question about everything that is held; an older one about another set is void.
async fn renew_question(context: &Context<'_>) -> Result<(), SyncError> {
    let (key, kind) = (context.key(), LinkWaiting::Brake.as_str());
    let mut tx = context.engine.db.read().await?;
    let held = held(&mut tx, context).await?;
    let open = questions::open_of_scope(&mut tx, key, kind).await?;
    drop(tx);
    let ids: Vec<String> = held.iter().map(CustomerId::to_string).collect();
    let digest: String = Sha256::digest(ids.join("\n"))
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if open.iter().all(|open| open.subject_id == digest) && (held.is_empty() == open.is_empty()) {
        return Ok(());
    }
    let mut tx = context.begin().await?;
    for open in open.iter().filter(|open| open.subject_id != digest || held.is_empty()) {
        asking::withdraw(&mut tx, context, &open.subject_id).await?;
    }
    if !held.is_empty() {
        let detail = json!({"count": ids.len(), "customer_ids": ids});
        let choices = vec!["approve".to_owned(), "reject".to_owned()];
        asking::ask(&mut tx, context, (kind, "admin"), digest, choices, &detail).await?;
    }
    Ok(tx.commit().await?)
}

/// Contacts that may have been one of several customers are gone, or nobody's business any more: nobody is asked about them.
pub(super) async fn stop_asking(tx: &mut Tx, context: &Context<'_>, contacts: &[&str]) -> Result<(), SyncError> {
    let key = context.key();
    let waiting = contact_matches::of_contacts(tx, key.tenant, key.account, contacts).await?;
    for contact in &waiting {
        contact_matches::remove(tx, key.tenant, key.account, &[contact]).await?;
        asking::withdraw(tx, context, contact).await?;
    }
    Ok(())
}

async fn carry_out(context: &Context<'_>, removals: Vec<Known>, report: &mut PassReport) -> Result<(), SyncError> {
    let (of_google, of_app): (Vec<Known>, Vec<Known>) = removals.into_iter().partition(|known| known.row.is_some());
    for chunk in of_google.chunks(CHUNK) {
        let mut tx = context.begin().await?;
        for known in chunk {
            gone_in_google(&mut tx, context, known.clone(), report).await?;
        }
        tx.commit().await?;
    }
    deleting::gone_in_app(context, of_app, report).await
}

/// For the brake's rolling day.
pub(super) async fn note(tx: &mut Tx, context: &Context<'_>, customer: CustomerId) -> Result<(), SyncError> {
    let (key, now) = (context.key(), context.engine.now_ms());
    let id = BookingId(customer.0);
    Ok(placements::note_deletion(tx, key.tenant, key.account, &key.calendar, id, now).await?)
}

async fn gone_in_google(
    tx: &mut Tx,
    context: &Context<'_>,
    known: Known,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (tenant, id, version) = (context.tenant(), known.link.customer_id, known.version());
    note(tx, context, id).await?;
    let now = context.engine.now_ms();
    if known.link.state == LinkState::Frozen {
        // What the user does to a contact that is not Accord's business any more does not reach the app.
        return part(tx, context, known, GoneBecause::Google, report).await;
    }
    if known.is_pending() {
        let details = known.row.as_ref().and_then(|row| row.text.details().ok());
        asking::record_deletion(tx, context, &known, details.as_ref(), None, report).await?;
        return part(tx, context, known, GoneBecause::Google, report).await;
    }
    if crate::store::customers::is_needed(tx, tenant, id, now).await?
        || crate::store::customers::take_off_bookings(tx, tenant, id, now).await?
    {
        return part(tx, context, known, GoneBecause::Google, report).await;
    }
    part(tx, context, known, GoneBecause::Google, report).await?;
    if crate::store::customers::delete(tx, tenant, id, version).await? {
        report.customers_deleted += 1;
        report.person_step("delete the customer", Some(id), None, None);
        customers::derive_keys(tx, tenant, &[id]).await?;
    }
    Ok(())
}

/// A removal that the admin rejected is undone on the side that removed. A deleted contact cannot be brought back, so the
/// customer gets another one.
async fn undo(context: &Context<'_>, known: Known, report: &mut PassReport) -> Result<(), SyncError> {
    let mut tx = context.begin().await?;
    let (tenant, id) = (context.tenant(), known.link.customer_id);
    let deleted = known.state.as_ref().and_then(|state| state.deleted.clone());
    if known.row.is_some() {
        let fresh = ContactLink {
            state: LinkState::Creating,
            ..ContactLink::new(tenant, context.fresh_link(), known.link.account_id, id)
        };
        contact_links::put(&mut tx, &mut known.link.buried(GoneBecause::Google)).await?;
        contact_links::put(&mut tx, &mut fresh.clone()).await?;
        customer_states::disagree(&mut tx, tenant, id).await?;
    } else if let Some(deleted) = deleted {
        let new = NewCustomer {
            id,
            user_id: context.user(),
            text: deleted.text,
            reader: deleted.reader,
            origin: if deleted.origin == "google" {
                Side::Google
            } else {
                Side::App
            },
            created_at: deleted.created_at,
        };
        crate::store::customers::insert(&mut tx, tenant, &[new]).await?;
        customers::derive_keys(&mut tx, tenant, &[id]).await?;
        report.customers_created += 1;
        report.person_step("bring the customer back", Some(id), Some(&known.link.contact_id), None);
        let mut link = ContactLink {
            waiting: None,
            answer: None,
            ..known.link
        };
        contact_links::put(&mut tx, &mut link).await?;
    } else {
        part(&mut tx, context, known, GoneBecause::App, report).await?;
    }
    changes::record(&mut tx, tenant, "customer", &id.to_string()).await?;
    Ok(tx.commit().await?)
}
