//! Changed fields of customers go to their contacts.
//!
//! An update is read, merged and written: the contact is read with exactly the fields that are to be touched, and when its etag
//! says that somebody was there since the last merge, it is merged again as a whole first. Many that touch the same fields go
//! together; whatever a batch could not do is done one by one, where every no is a definite one.
use super::asking;
use super::context::Context;
use super::inbound::CHUNK;
use super::settle::{self, Known};
use crate::domain::customer::Details;
use crate::domain::failure::{Denied, FailureClass};
use crate::domain::ids::CustomerId;
use crate::domain::people::merge::{PersonBase, PersonDecision, PersonField, PersonRules, differing, reconcile};
use crate::engine::sync::{PassReport, SyncError};
use crate::google::people::{BATCH, ParsedPerson, Person, google_fields, update_body};
use crate::store::contact_links::{self, LinkState};
use crate::store::{Tx, customer_states, scopes};
use std::collections::{BTreeMap, HashMap};

/// How often a contact that keeps changing is read again in one pass.
const TRIES: usize = 3;
/// Google counts a batch as six writes, however many contacts are in it.
const TOGETHER: usize = 7;

/// Writes the touched fields of all these customers' contacts.
pub(super) async fn update(
    context: &Context<'_>,
    customers: &[CustomerId],
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let mut alike: BTreeMap<Vec<&'static str>, Vec<CustomerId>> = BTreeMap::new();
    for some in customers.chunks(CHUNK) {
        let mut tx = context.engine.db.read().await?;
        for known in current(&mut tx, context, some).await? {
            let customer = known.link.customer_id;
            let is_merged = !known.link.etag.is_empty();
            let fields = wanted(context, known)
                .filter(|_| is_merged)
                .map(|(_, _, touched)| touched.fields);
            alike
                .entry(google_fields(&fields.unwrap_or_default()))
                .or_default()
                .push(customer);
        }
    }
    for (fields, customers) in alike {
        for some in customers.chunks(BATCH) {
            let alone = if fields.is_empty() || some.len() < TOGETHER {
                some.to_vec()
            } else {
                update_together(context, some, report).await?
            };
            for customer in alone {
                Box::pin(update_one(context, customer, report)).await?;
            }
        }
    }
    Ok(())
}

/// Writes many contacts with one request, and returns those that it left out.
async fn update_together(
    context: &Context<'_>,
    customers: &[CustomerId],
    report: &mut PassReport,
) -> Result<Vec<CustomerId>, SyncError> {
    let mut tx = context.begin().await?;
    let known = current(&mut tx, context, customers).await?;
    tx.commit().await?;
    let mut wishes: HashMap<String, (Known, Details, Touched)> = known
        .into_iter()
        .filter_map(|known| wanted(context, known))
        .map(|wish| (wish.0.link.contact_id.clone(), wish))
        .collect();
    let mut fields: Vec<PersonField> = wishes
        .values()
        .flat_map(|(_, _, touched)| touched.fields.clone())
        .collect();
    fields.sort();
    fields.dedup();
    let names: Vec<&str> = wishes.keys().map(String::as_str).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let (access, people) = (context.access().await?, &context.engine.people);
    let mut updates = Vec::new();
    for (name, answer) in people.batch_read_for_update(&access, &names, &fields).await? {
        let Some((known, _, touched)) = wishes.get(&name) else {
            continue;
        };
        let Ok(Ok(readable)) = answer else { continue };
        if readable.person.etag == known.link.etag && readable.person.resource_name == name {
            updates.push((name, update_body(&readable.raw, &touched.wanted, &touched.fields)));
        }
    }
    let updates: Vec<_> = updates
        .iter()
        .map(|(name, update)| (name.as_str(), update.clone()))
        .collect();
    if updates.len() >= TOGETHER {
        context.prolong().await?;
        let answers = match people.batch_update(&access, &updates).await {
            Ok(answers) => answers,
            // One stale etag, or one contact that Google does not take, is enough for a no to all of them.
            Err(error)
                if matches!(error.class(), FailureClass::Conflict412 | FailureClass::BadData) && !error.unsure =>
            {
                Vec::new()
            }
            Err(error) => return Err(error.into()),
        };
        for (name, answer) in answers {
            let Ok(ParsedPerson::Person(person)) = answer else {
                continue;
            };
            let Some((known, details, touched)) = wishes.remove(&name) else {
                continue;
            };
            let customer = known.link.customer_id;
            report.contacts_updated += 1;
            report.person_step("change the contact", Some(customer), Some(&name), None);
            written(context, customer, (&details, &touched.fields), &person, report).await?;
        }
    }
    let mut left: Vec<CustomerId> = wishes.values().map(|(known, _, _)| known.link.customer_id).collect();
    left.sort();
    Ok(left)
}

/// Writes the touched fields of one contact.
async fn update_one(context: &Context<'_>, customer: CustomerId, report: &mut PassReport) -> Result<(), SyncError> {
    for _ in 0..TRIES {
        let mut tx = context.begin().await?;
        let known = current(&mut tx, context, &[customer]).await?.pop();
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
    if let Some(known) = current(&mut tx, context, &[known.link.customer_id]).await?.pop() {
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

/// Those of these customers that have a live link and are still pending, with it, as they stand now.
async fn current(tx: &mut Tx, context: &Context<'_>, customers: &[CustomerId]) -> Result<Vec<Known>, SyncError> {
    let (tenant, account) = (context.tenant(), context.key().account);
    let links = contact_links::of_customers(tx, tenant, account, customers).await?;
    let live = links
        .into_iter()
        .filter(|link| link.state == LinkState::Live && link.waiting.is_none());
    let mut known = settle::load(tx, context, live.collect()).await?;
    known.retain(|known| known.row.is_some() && known.is_pending());
    Ok(known)
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
