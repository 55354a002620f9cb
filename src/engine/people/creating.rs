//! Contacts for customers that have none.
//!
//! Google knows no key that makes a create safe to repeat, so each attempt is committed before it is sent, with what it sends. An
//! answer makes the link live, a definite no takes the attempt back, and whatever else happens leaves it for the full listings to
//! find out. What was once unsure is created alone, so that its next no is a definite one.
use super::asking;
use super::context::Context;
use super::settle::{self, Known};
use crate::domain::customer::Details;
use crate::domain::failure::FailureClass;
use crate::domain::ids::CustomerId;
use crate::domain::people::merge::PersonField;
use crate::engine::sync::{PassReport, SyncError};
use crate::google::GoogleError;
use crate::google::people::{BATCH, ParsedPerson, Person};
use crate::store::contact_links::{self, ContactLink, LinkState};
use crate::store::{Tx, accounts};
use secrecy::SecretString;

/// A customer that is to become a contact.
#[derive(Debug, Clone)]
pub(super) struct New {
    pub customer: CustomerId,
    pub version: i64,
    pub details: Details,
}

/// An attempt that is stored.
struct Attempt {
    link: ContactLink,
    version: i64,
    details: Details,
}

/// Creates contacts: new ones in batches, those whose first attempt is proven to have failed one by one.
pub(super) async fn create(
    context: &mut Context<'_>,
    new: Vec<New>,
    again: Vec<Known>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    if new.is_empty() && again.is_empty() {
        return Ok(());
    }
    let group = ensure_group(context).await?;
    let context = &*context;
    for known in again {
        let version = known.version();
        let Some(Ok(details)) = known.row.map(|row| row.text.details()) else {
            continue;
        };
        alone(context, &group, known.link, version, details, report).await?;
    }
    for chunk in new.chunks(BATCH) {
        if let [new] = chunk {
            let link = fresh(context, new);
            alone(context, &group, link, new.version, new.details.clone(), report).await?;
        } else {
            together(context, &group, chunk, report).await?;
        }
    }
    Ok(())
}

fn fresh(context: &Context<'_>, new: &New) -> ContactLink {
    let account = context.key().account;
    ContactLink {
        state: LinkState::Creating,
        ..ContactLink::new(context.tenant(), context.fresh_link(), account, new.customer)
    }
}

/// Commits that these creates are about to be sent.
async fn attempt(context: &Context<'_>, wishes: Vec<(ContactLink, i64, Details)>) -> Result<Vec<Attempt>, SyncError> {
    let now = context.engine.now_ms();
    let (mut links, mut rest) = (Vec::new(), Vec::new());
    for (link, version, details) in wishes {
        links.push(ContactLink {
            is_ours: true,
            base_local: Some(details.clone()),
            base_remote: None,
            attempted_at: now,
            absences: 0,
            ..link
        });
        rest.push((version, details));
    }
    let mut tx = context.begin().await?;
    contact_links::put_many(&mut tx, &mut links).await?;
    tx.commit().await?;
    let attempts = links
        .into_iter()
        .zip(rest)
        .map(|(link, (version, details))| Attempt { link, version, details });
    Ok(attempts.collect())
}

async fn alone(
    context: &Context<'_>,
    group: &str,
    link: ContactLink,
    version: i64,
    details: Details,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let access = context.access().await?;
    let attempts = attempt(context, vec![(link, version, details)]).await?;
    let Some(attempt) = attempts.first() else { return Ok(()) };
    let key = context.client_key(attempt.link.customer_id);
    let created = context
        .engine
        .people
        .create(&access, &attempt.details, &key, Some(group))
        .await;
    let mut tx = context.begin().await?;
    let stop = match created {
        Ok(ParsedPerson::Person(person)) => {
            created_one(&mut tx, context, attempt, &person, report).await?;
            None
        }
        // It is there, but cannot be understood: the next listing says so, too.
        Ok(ParsedPerson::Broken(_)) => None,
        Err(error) if error.unsure => Some(error),
        Err(error) => {
            // A definite no: the link stays, for it may stand for one that ended, and the next pass tries again.
            let mut link = ContactLink {
                attempted_at: 0,
                base_local: None,
                ..attempt.link.clone()
            };
            contact_links::put(&mut tx, &mut link).await?;
            if is_about_it(&error) {
                let (customer, reason) = (attempt.link.customer_id, format!("Google refuses it: {error}"));
                asking::refuse_customer(&mut tx, context, customer, attempt.version, &reason, report).await?;
                None
            } else {
                Some(error)
            }
        }
    };
    tx.commit().await?;
    stop.map_or(Ok(()), |error| Err(error.into()))
}

async fn together(context: &Context<'_>, group: &str, chunk: &[New], report: &mut PassReport) -> Result<(), SyncError> {
    let access = context.access().await?;
    let wishes = chunk
        .iter()
        .map(|new| (fresh(context, new), new.version, new.details.clone()));
    let attempts = attempt(context, wishes.collect()).await?;
    let contacts: Vec<(Details, String)> = attempts
        .iter()
        .map(|attempt| (attempt.details.clone(), context.client_key(attempt.link.customer_id)))
        .collect();
    let created = context
        .engine
        .people
        .batch_create(&access, &contacts, Some(group))
        .await;
    let mut tx = context.begin().await?;
    let stop = match created {
        Ok(answers) => {
            for (attempt, answer) in attempts.iter().zip(answers) {
                if let Ok(ParsedPerson::Person(person)) = answer {
                    created_one(&mut tx, context, attempt, &person, report).await?;
                }
            }
            None
        }
        Err(error) if error.unsure => {
            let refused = error
                .refusal()
                .map(|refusal| refusal.items.as_slice())
                .unwrap_or_default();
            for item in refused {
                let attempt = item.key.parse().ok().and_then(|index: usize| attempts.get(index));
                if let Some(attempt) = attempt.filter(|_| item.class == FailureClass::BadData) {
                    let reason = format!("Google refuses it: {error}");
                    let (customer, version) = (attempt.link.customer_id, attempt.version);
                    asking::refuse_customer(&mut tx, context, customer, version, &reason, report).await?;
                }
            }
            // A batch that was refused for one of its contacts says nothing about the next batch.
            (!is_about_it(&error)).then_some(error)
        }
        Err(error) => {
            for attempt in &attempts {
                contact_links::remove(&mut tx, context.tenant(), attempt.link.id).await?;
            }
            Some(error)
        }
    };
    tx.commit().await?;
    stop.map_or(Ok(()), |error| Err(error.into()))
}

fn is_about_it(error: &GoogleError) -> bool {
    matches!(error.class(), FailureClass::BadData)
}

async fn created_one(
    tx: &mut Tx,
    context: &Context<'_>,
    attempt: &Attempt,
    person: &Person,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    report.contacts_created += 1;
    let customer = attempt.link.customer_id;
    report.person_step("create the contact", Some(customer), Some(&person.resource_name), None);
    let known = settle::load(tx, context, vec![attempt.link.clone()]).await?;
    for known in known {
        settle::written(
            tx,
            context,
            known,
            (&attempt.details, &PersonField::ALL),
            person,
            report,
        )
        .await?;
    }
    Ok(())
}

/// The contact group that holds what Accord creates: the one that is known, else one that bears the tenant's name.
async fn ensure_group(context: &mut Context<'_>) -> Result<String, SyncError> {
    let access = context.access().await?;
    if let Some(group) = &context.scope.group {
        match context.engine.people.get_group(&access, group, 0).await {
            Ok(_) => return Ok(group.clone()),
            // The user has deleted it.
            Err(error) if error.class() == FailureClass::Gone => {}
            Err(error) => return Err(error.into()),
        }
    }
    let group = find_or_create(context, &access).await?;
    let mut tx = context.begin().await?;
    accounts::set_contact_group(&mut tx, context.tenant(), context.key().account, Some(&group)).await?;
    tx.commit().await?;
    context.scope.group = Some(group.clone());
    Ok(group)
}

async fn find_or_create(context: &Context<'_>, access: &SecretString) -> Result<String, SyncError> {
    let people = &context.engine.people;
    let name = context.tenant_name.trim();
    // Google's own groups have names, too, and nobody can put contacts into most of them.
    let other = format!("{name} (Accord)");
    let groups = people.groups(access).await?;
    let own = |name: &str| groups.iter().find(|group| !group.is_system && group.name == name);
    if let Some(group) = own(name).or_else(|| own(&other)) {
        return Ok(group.resource_name.clone());
    }
    match people.create_group(access, name).await {
        Err(error) if error.class() == FailureClass::Duplicate409 => {
            Ok(people.create_group(access, &other).await?.resource_name)
        }
        created => Ok(created?.resource_name),
    }
}
