//! What the app changed goes to Google: contacts for new customers, and changed fields of those that have one.
//!
//! An update is read, merged and written: the contact is read with exactly the fields that are to be touched, and when its etag
//! says that somebody was there since the last merge, it is merged again as a whole first.
use super::asking;
use super::context::Context;
use super::creating;
use super::inbound::CHUNK;
use super::settle::{self, Known};
use crate::domain::customer::Details;
use crate::domain::failure::{Denied, FailureClass};
use crate::domain::ids::CustomerId;
use crate::domain::people::check;
use crate::domain::people::merge::{PersonBase, PersonDecision, PersonField, PersonRules, differing, reconcile};
use crate::engine::sync::{PassReport, SyncError};
use crate::google::people::{ParsedPerson, Person, update_body};
use crate::store::contact_links::{self, GoneBecause, LinkState};
use crate::store::{Tx, contact_matches, customer_states, scopes};
use std::collections::{HashMap, HashSet};

/// How often a contact that keeps changing is read again in one pass.
const TRIES: usize = 3;

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
    for customer in todo.update {
        update(context, customer, report).await?;
    }
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
    drop(tx);
    let mut todo = Todo::default();
    for some in pending.chunks(CHUNK) {
        let mut tx = context.begin().await?;
        sort_some(&mut tx, context, some, &mut todo, report).await?;
        tx.commit().await?;
    }
    Ok(todo)
}

async fn sort_some(
    tx: &mut Tx,
    context: &Context<'_>,
    ids: &[CustomerId],
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
                LinkState::Live if is_set_aside(context, &link.contact_id) => {
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

fn is_set_aside(context: &Context<'_>, contact: &str) -> bool {
    context
        .quarantined
        .contains_key(&("google".to_owned(), contact.to_owned()))
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

/// Writes the touched fields of one contact.
async fn update(context: &Context<'_>, customer: CustomerId, report: &mut PassReport) -> Result<(), SyncError> {
    for _ in 0..TRIES {
        let mut tx = context.begin().await?;
        let known = current(&mut tx, context, customer).await?;
        let Some(known) = known else {
            return Ok(tx.commit().await?);
        };
        if known.link.etag.is_empty() {
            // It was met while the row could not be read.
            tx.commit().await?;
            if !merge_again(context, &known, report).await? {
                return Ok(());
            }
            continue;
        }
        let Some((known, details, touched)) = wanted(context, known) else {
            return Ok(tx.commit().await?);
        };
        if touched.fields.is_empty() {
            customer_states::agree(&mut tx, context.tenant(), &[(customer, known.version())]).await?;
            return Ok(tx.commit().await?);
        }
        tx.commit().await?;
        match write(context, &known, &touched).await {
            Ok(Some(person)) => {
                report.contacts_updated += 1;
                report.person_step("change the contact", Some(customer), Some(&person.resource_name), None);
                return written(context, customer, (&details, &touched.fields), &person, report).await;
            }
            // Somebody was there since the last merge.
            Ok(None) => {}
            Err(SyncError::Google(error)) => match error.class() {
                FailureClass::Conflict412 => {}
                FailureClass::Gone => return look_for_all(context, &known).await,
                // A scope that is missing is missing for everybody.
                class @ (FailureClass::BadData | FailureClass::Permission(_))
                    if class != FailureClass::Permission(Denied::ScopeMissing) =>
                {
                    let reason = format!("Google refuses it: {error}");
                    let mut tx = context.begin().await?;
                    asking::refuse_customer(&mut tx, context, customer, known.version(), &reason, report).await?;
                    return Ok(tx.commit().await?);
                }
                _ => return Err(error.into()),
            },
            Err(error) => return Err(error),
        }
        if !merge_again(context, &known, report).await? {
            return Ok(());
        }
    }
    // It keeps changing, or Google does not take a fresh etag yet: the next pass tries again.
    Ok(())
}

/// Takes note of what was written, over whatever the row and the link are by now.
async fn written(
    context: &Context<'_>,
    customer: CustomerId,
    sent: (&Details, &[PersonField]),
    person: &Person,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let mut tx = context.begin().await?;
    let (tenant, account) = (context.tenant(), context.key().account);
    let links = contact_links::of_customers(&mut tx, tenant, account, &[customer]).await?;
    let live = links.into_iter().filter(|link| link.state == LinkState::Live);
    if let Some(known) = settle::load(&mut tx, context, live.collect()).await?.pop() {
        settle::written(&mut tx, context, known, sent, person, report).await?;
    }
    Ok(tx.commit().await?)
}

/// Merges a contact with its customer as a whole. Returns whether there is anything to be tried again.
async fn merge_again(context: &Context<'_>, known: &Known, report: &mut PassReport) -> Result<bool, SyncError> {
    let access = context.access().await?;
    let person = match context.engine.people.get(&access, &known.link.contact_id).await {
        Ok(ParsedPerson::Person(person)) if !person.deleted => person,
        Ok(ParsedPerson::Person(_)) => return look_for_all(context, known).await.map(|()| false),
        Ok(ParsedPerson::Broken(broken)) => {
            let mut tx = context.begin().await?;
            asking::refuse_contact(&mut tx, context, &broken, report).await?;
            tx.commit().await?;
            return Ok(false);
        }
        Err(error) if error.class() == FailureClass::Gone => {
            return look_for_all(context, known).await.map(|()| false);
        }
        Err(error) => return Err(error.into()),
    };
    let mut tx = context.begin().await?;
    if let Some(known) = current(&mut tx, context, known.link.customer_id).await? {
        settle::meet(&mut tx, context, known, &person, report).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// The contact is not where it was. What follows is decided like any other absence: after everything was listed.
async fn look_for_all(context: &Context<'_>, known: &Known) -> Result<(), SyncError> {
    if context.is_fresh(&known.link) {
        return Ok(());
    }
    let mut tx = context.begin().await?;
    scopes::list_again(&mut tx, context.key()).await?;
    Ok(tx.commit().await?)
}

/// The customer and its live link as they stand now, if it is still pending.
async fn current(tx: &mut Tx, context: &Context<'_>, customer: CustomerId) -> Result<Option<Known>, SyncError> {
    let (tenant, account) = (context.tenant(), context.key().account);
    let links = contact_links::of_customers(tx, tenant, account, &[customer]).await?;
    let live = links
        .into_iter()
        .filter(|link| link.state == LinkState::Live && link.waiting.is_none());
    let known = settle::load(tx, context, live.collect()).await?.pop();
    Ok(known.filter(|known| known.row.is_some() && known.is_pending()))
}

/// What the contact is to hold, and in which fields that differs from what it holds.
struct Touched {
    wanted: Details,
    fields: Vec<PersonField>,
}

fn wanted(context: &Context<'_>, known: Known) -> Option<(Known, Details, Touched)> {
    let row = known.row.as_ref()?;
    let details = row.text.details().ok()?;
    let base = PersonBase {
        local: known.link.base_local.clone().unwrap_or_default(),
        remote: known.link.base_remote.clone().unwrap_or_default(),
    };
    let rules = PersonRules {
        policy: context.settings().conflict,
        origin: row.origin,
        answer: None,
        is_first: false,
    };
    // Google's side has not changed, so nothing can be in conflict.
    let PersonDecision::Act(outcome) = reconcile(&base, &details, &base.remote, &rules) else {
        return None;
    };
    let fields = differing(&outcome.remote, &base.remote);
    let wanted = outcome.remote;
    Some((known, details, Touched { wanted, fields }))
}

/// `None`: the contact is not what was merged.
async fn write(context: &Context<'_>, known: &Known, touched: &Touched) -> Result<Option<Person>, SyncError> {
    let access = context.access().await?;
    let (people, contact) = (&context.engine.people, &known.link.contact_id);
    let Ok(readable) = people.read_for_update(&access, contact, &touched.fields).await? else {
        return Ok(None);
    };
    if readable.person.etag != known.link.etag || readable.person.resource_name != *contact {
        return Ok(None);
    }
    let update = update_body(&readable.raw, &touched.wanted, &touched.fields);
    Ok(match people.update(&access, contact, &update).await? {
        ParsedPerson::Person(person) => Some(*person),
        ParsedPerson::Broken(_) => None,
    })
}
