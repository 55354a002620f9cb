//! What the app changed goes to Google: contacts for new customers, and changed fields of those that have one.
//!
//! Here it is decided what each pending customer needs; `creating.rs` and `updating.rs` do it.
use super::asking;
use super::context::Context;
use super::creating;
use super::inbound::CHUNK;
use super::settle::Known;
use super::updating;
use crate::domain::customer::Details;
use crate::domain::failure::FailureClass;
use crate::domain::ids::CustomerId;
use crate::domain::people::check;
use crate::domain::people::merge::differing;
use crate::engine::sync::{PassReport, SyncError};
use crate::store::contact_links::{self, GoneBecause, LinkState};
use crate::store::{Tx, contact_matches, customer_states};
use std::collections::{HashMap, HashSet};

/// Writes everything that is pending.
pub(super) async fn push(context: &mut Context<'_>, report: &mut PassReport) -> Result<(), SyncError> {
    if !context.takes_writes() {
        return Ok(());
    }
    let pushed = push_all(context, report).await;
    context.goes_on_writing(pushed).await.map(drop)
}

async fn push_all(context: &mut Context<'_>, report: &mut PassReport) -> Result<(), SyncError> {
    let todo = sort(context, report).await?;
    let created = creating::create(context, todo.create, todo.create_again, report).await;
    // An account that is full takes changes as before.
    let is_full = |error: &SyncError| error.class() == FailureClass::QuotaExhausted;
    if !created.as_ref().err().is_none_or(is_full) {
        return created;
    }
    Box::pin(updating::update(context, &todo.update, report)).await?;
    created
}

/// Says what [`push`] would do.
pub(super) async fn plan(context: &Context<'_>, report: &mut PassReport) -> Result<(), SyncError> {
    let todo = sort(context, report).await?;
    for new in todo.create {
        report.contacts_created += 1;
        report.person_step("create the contact", Some(new.customer), None, None);
    }
    for known in todo.create_again {
        report.contacts_created += 1;
        report.person_step("create the contact", Some(known.link.customer_id), None, None);
    }
    for customer in todo.update {
        report.contacts_updated += 1;
        report.person_step("change the contact", Some(customer), None, None);
    }
    Ok(())
}

/// What there is to do.
#[derive(Default)]
struct Todo {
    create: Vec<creating::New>,
    /// Creates that are proven not to have happened.
    create_again: Vec<Known>,
    update: Vec<CustomerId>,
}

/// Looks at every pending customer: most have something to be written, others wait, or have nothing after all.
async fn sort(context: &Context<'_>, report: &mut PassReport) -> Result<Todo, SyncError> {
    let (tenant, account) = (context.tenant(), context.key().account);
    let mut tx = context.engine.db.read().await?;
    let pending = customer_states::pending(&mut tx, tenant, context.user(), account).await?;
    let aside = context.set_aside(&mut tx).await?;
    drop(tx);
    let aside: HashSet<String> = aside
        .into_keys()
        .filter_map(|(side, item)| (side == "google").then_some(item))
        .collect();
    let mut todo = Todo::default();
    for some in pending.chunks(CHUNK) {
        let mut tx = context.begin().await?;
        sort_some(&mut tx, context, (some, &aside), &mut todo, report).await?;
        tx.commit().await?;
    }
    Ok(todo)
}

async fn sort_some(
    tx: &mut Tx,
    context: &Context<'_>,
    (ids, aside): (&[CustomerId], &HashSet<String>),
    todo: &mut Todo,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (tenant, account) = (context.tenant(), context.key().account);
    let mut buried = HashSet::new();
    let mut links = HashMap::new();
    for link in contact_links::of_customers(tx, tenant, account, ids).await? {
        if link.state == LinkState::Gone {
            buried.insert(link.customer_id);
        } else {
            links.insert(link.customer_id, link);
        }
    }
    let asked: HashSet<CustomerId> = contact_matches::of_customers(tx, tenant, account, ids)
        .await?
        .into_iter()
        .collect();
    let rows = crate::store::customers::get_many(tx, tenant, ids).await?;
    let mut rows: HashMap<CustomerId, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    for state in customer_states::get_many(tx, tenant, ids).await? {
        let (id, version) = (state.id, state.version);
        let Some(row) = rows.remove(&id) else {
            match links.remove(&id) {
                // Proven not to have become a contact.
                Some(link) if link.state == LinkState::Creating && link.attempted_at == 0 => {
                    contact_links::put(tx, &mut link.buried(GoneBecause::App)).await?;
                    customer_states::agree(tx, tenant, &[(id, version)]).await?;
                }
                // Held by the brake, or a create that is still unsure, or Google takes no writes now.
                Some(link) if link.waiting.is_some() || link.state != LinkState::Live => {
                    customer_states::hold(tx, tenant, id, version).await?;
                }
                Some(_) => {}
                None => customer_states::agree(tx, tenant, &[(id, version)]).await?,
            }
            continue;
        };
        let link = links.get(&id);
        let details = match readable(&row.text, link.and_then(|link| link.base_local.as_ref())) {
            Ok(details) => details,
            Err(reason) => {
                asking::refuse_customer(tx, context, id, version, &reason, report).await?;
                continue;
            }
        };
        asking::release(tx, context, "app", &id.to_string()).await?;
        match links.remove(&id) {
            None if asked.contains(&id) => customer_states::hold(tx, tenant, id, version).await?,
            None if buried.contains(&id) => customer_states::agree(tx, tenant, &[(id, version)]).await?,
            None => todo.create.push(creating::New {
                customer: id,
                version,
                details,
            }),
            Some(link) if link.waiting.is_some() => customer_states::hold(tx, tenant, id, version).await?,
            Some(link) => match link.state {
                LinkState::Live if aside.contains(&link.contact_id) => {
                    customer_states::hold(tx, tenant, id, version).await?;
                }
                LinkState::Live => todo.update.push(id),
                LinkState::Creating if link.attempted_at == 0 => todo.create_again.push(Known {
                    link,
                    row: Some(row),
                    state: Some(state),
                }),
                LinkState::Creating | LinkState::Frozen | LinkState::Gone => {
                    customer_states::hold(tx, tenant, id, version).await?;
                }
            },
        }
    }
    Ok(())
}

/// What may be written to Google of a row. Fields that are as they were agreed on are not written, and may hold what Google
/// let its user write and the app may not.
fn readable(text: &crate::store::customers::CustomerText, agreed: Option<&Details>) -> Result<Details, String> {
    let details = text.details().map_err(|problem| problem.to_string())?;
    let touched = differing(&details, agreed.unwrap_or(&Details::default()));
    let is_touched = |field: &str| touched.iter().any(|touched| touched.as_str() == field);
    match check::app_problems(&details)
        .iter()
        .find(|problem| is_touched(problem.field))
    {
        Some(problem) => Err(format!("{} {}", problem.field, problem.problem)),
        None => Ok(details),
    }
}
