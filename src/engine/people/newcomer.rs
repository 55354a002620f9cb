//! The first meeting: contacts that have no link meet customers that have none.
//!
//! Who is certainly the same person is linked and merged, who may be is a question for the user, and who is nobody of those
//! becomes a customer. Until a question is answered neither side of it is made on the other.
use super::asking;
use super::context::Context;
use super::inbound::CHUNK;
use super::settle::{self, Known};
use crate::domain::booking::Side;
use crate::domain::ids::CustomerId;
use crate::domain::people::meeting::{self, Traits};
use crate::engine::customers;
use crate::engine::sync::{PassReport, SyncError};
use crate::google::people::Person;
use crate::store::contact_links::{self, ContactLink, LinkState};
use crate::store::contact_matches::{self, Candidate};
use crate::store::customers::{CustomerRow, CustomerText, NewCustomer, Reader};
use crate::store::{Tx, customer_states};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A contact without a link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newcomer<'p> {
    pub person: &'p Person,
    /// The customer that it was once created for.
    pub customer: Option<CustomerId>,
}

/// Links, asks about or takes in all of them. Returns `false` if a customer was deleted meanwhile, so that its contact is
/// still to be met.
pub(super) async fn receive(
    context: &Context<'_>,
    newcomers: Vec<Newcomer<'_>>,
    gone: &BTreeSet<String>,
    report: &mut PassReport,
) -> Result<bool, SyncError> {
    if newcomers.is_empty() {
        return Ok(true);
    }
    let mut tx = context.engine.db.read().await?;
    let (tenant, account) = (context.tenant(), context.key().account);
    let mut candidates = contact_matches::of_account(&mut tx, tenant, account).await?;
    let mut withdrawn = rename(&mut candidates, &newcomers);
    let mut rows = crate::store::customers::unlinked(&mut tx, tenant, context.user(), account).await?;
    let bereft = bereft(&mut tx, context, gone).await?;
    let ids: Vec<CustomerId> = bereft.keys().copied().collect();
    rows.extend(crate::store::customers::get_many(&mut tx, tenant, &ids).await?);
    drop(tx);
    let rows: HashMap<CustomerId, CustomerRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let plan = plan(context, &newcomers, &candidates, &rows, &bereft);
    withdrawn.extend(no_longer_waiting(&candidates, &plan));
    let all_met = link_all(context, &plan.certain, &bereft, report).await?;
    ask_all(context, &plan.ambiguous, &rows, report).await?;
    take_in(context, &plan.strangers, report).await?;
    let mut tx = context.begin().await?;
    for contact in withdrawn {
        contact_matches::remove(&mut tx, tenant, account, &[&contact]).await?;
        asking::withdraw(&mut tx, context, &contact).await?;
    }
    tx.commit().await?;
    Ok(all_met)
}

/// What waited under a name that a contact had before waits under its present one. Returns those names.
fn rename(candidates: &mut [Candidate], newcomers: &[Newcomer<'_>]) -> BTreeSet<String> {
    let people = newcomers.iter().map(|newcomer| newcomer.person);
    let present: HashMap<&str, &str> = people
        .flat_map(|person| {
            person
                .previous_names
                .iter()
                .map(|name| (name.as_str(), person.resource_name.as_str()))
        })
        .collect();
    let mut former = BTreeSet::new();
    for candidate in candidates {
        if let Some(name) = present.get(candidate.contact_id.as_str()) {
            former.insert(std::mem::replace(&mut candidate.contact_id, (*name).to_owned()));
        }
    }
    former
}

/// The links whose contacts are gone. Google may only have merged a contact into another one, so that its customer may meet
/// that one now; who meets nobody for certain is unlinked later.
async fn bereft(
    tx: &mut Tx,
    context: &Context<'_>,
    gone: &BTreeSet<String>,
) -> Result<HashMap<CustomerId, ContactLink>, SyncError> {
    let (tenant, account) = (context.tenant(), context.key().account);
    let names: Vec<&str> = gone.iter().map(String::as_str).collect();
    let mut links = HashMap::new();
    for some in names.chunks(CHUNK) {
        let found = contact_links::of_contacts(tx, tenant, account, some, &[]).await?;
        let live = found
            .into_iter()
            .filter(|link| link.state == LinkState::Live && link.waiting.is_none());
        links.extend(live.map(|link| (link.customer_id, link)));
    }
    Ok(links)
}

/// How the meeting ends.
#[derive(Default)]
struct Plan<'p> {
    certain: Vec<(CustomerId, &'p Person)>,
    ambiguous: BTreeMap<&'p str, (&'p Person, BTreeSet<CustomerId>)>,
    strangers: Vec<&'p Person>,
}

fn plan<'p>(
    context: &Context<'_>,
    newcomers: &[Newcomer<'p>],
    candidates: &[Candidate],
    rows: &HashMap<CustomerId, CustomerRow>,
    bereft: &HashMap<CustomerId, ContactLink>,
) -> Plan<'p> {
    let mut plan = Plan::default();
    let mut taken: HashSet<CustomerId> = HashSet::new();
    let mut open: Vec<&'p Person> = Vec::new();
    let answered: HashMap<&str, Option<CustomerId>> = candidates
        .iter()
        .filter_map(|candidate| match candidate.answer.as_deref() {
            Some("link") => Some((candidate.contact_id.as_str(), Some(candidate.customer_id))),
            Some(_) => Some((candidate.contact_id.as_str(), None)),
            None => None,
        })
        .collect();
    for newcomer in newcomers {
        let person = newcomer.person;
        let answer = answered.get(person.resource_name.as_str());
        let forced = answer.copied().flatten().or(newcomer.customer);
        match forced.filter(|customer| rows.contains_key(customer)) {
            Some(customer) if taken.insert(customer) => plan.certain.push((customer, person)),
            _ if answer.is_some_and(Option::is_none) => plan.strangers.push(person),
            _ => open.push(person),
        }
    }
    let region = context.region.as_deref();
    let mut traits: Vec<(CustomerId, Traits)> = rows
        .values()
        .filter(|row| !taken.contains(&row.id))
        .filter_map(|row| Some((row.id, Traits::of(&row.text.details().ok()?, region))))
        .collect();
    traits.sort_by_key(|(id, _)| *id);
    // Of a large first listing only those are kept in mind who have anything in common with a customer.
    let keys: HashSet<&str> = traits.iter().flat_map(|(_, traits)| traits.keys()).collect();
    let shown: Vec<(&str, Traits)> = open
        .iter()
        .filter(|_| !keys.is_empty())
        .map(|person| (person.resource_name.as_str(), Traits::of(&person.details, region)))
        .filter(|(_, traits)| traits.keys().any(|key| keys.contains(key)))
        .collect();
    let meeting = meeting::meet(&traits, &shown);
    let by_name: HashMap<&str, &'p Person> = open
        .iter()
        .map(|person| (person.resource_name.as_str(), *person))
        .collect();
    // A customer that another contact may be is nobody's for certain.
    let asked = |contact: &str, customer: CustomerId| {
        candidates.iter().any(|other| {
            other.customer_id == customer
                && other.contact_id != contact
                && other.answer.is_none()
                && !by_name.contains_key(other.contact_id.as_str())
        })
    };
    let mut met: HashSet<&str> = HashSet::new();
    for (customer, contact) in meeting.certain {
        let Some((contact, person)) = by_name.get_key_value(contact) else {
            continue;
        };
        met.insert(*contact);
        if asked(contact, customer) {
            plan.ambiguous.insert(*contact, (*person, BTreeSet::from([customer])));
        } else {
            plan.certain.push((customer, *person));
        }
    }
    for (contact, mut customers) in meeting.ambiguous {
        let Some((contact, person)) = by_name.get_key_value(contact) else {
            continue;
        };
        customers.retain(|customer| !bereft.contains_key(customer));
        if customers.is_empty() {
            continue;
        }
        met.insert(*contact);
        plan.ambiguous.insert(*contact, (*person, customers));
    }
    plan.strangers.extend(
        open.iter()
            .filter(|person| !met.contains(person.resource_name.as_str())),
    );
    plan
}

/// Contacts that waited for an answer and have found their end in this pass.
fn no_longer_waiting(candidates: &[Candidate], plan: &Plan<'_>) -> BTreeSet<String> {
    let certain = plan.certain.iter().map(|(_, person)| *person);
    let decided = certain.chain(plan.strangers.iter().copied());
    let decided: HashSet<&str> = decided.map(|person| person.resource_name.as_str()).collect();
    let waited = candidates.iter().map(|candidate| &candidate.contact_id);
    waited
        .filter(|contact| decided.contains(contact.as_str()))
        .cloned()
        .collect()
}

/// Returns whether every customer was still there.
async fn link_all(
    context: &Context<'_>,
    certain: &[(CustomerId, &Person)],
    bereft: &HashMap<CustomerId, ContactLink>,
    report: &mut PassReport,
) -> Result<bool, SyncError> {
    let tenant = context.tenant();
    let mut all_met = true;
    for chunk in certain.chunks(CHUNK) {
        let mut tx = context.begin().await?;
        let fresh = chunk.iter().map(|(customer, person)| {
            let fresh = || ContactLink::new(tenant, context.fresh_link(), context.key().account, *customer);
            let link = bereft.get(customer).cloned().unwrap_or_else(fresh);
            ContactLink {
                contact_id: person.resource_name.clone(),
                source_id: person.source_id.clone(),
                is_ours: context.customers_of(person).contains(customer),
                // Whoever made it what it is now, it was not the last write of Accord.
                is_edited: true,
                ..link
            }
        });
        let known: Vec<Known> = settle::load(&mut tx, context, fresh.collect()).await?;
        for (known, (_, person)) in known.into_iter().zip(chunk) {
            if known.row.is_some() {
                settle::agree(&mut tx, context, known, person, report).await?;
            } else {
                all_met = false;
            }
        }
        tx.commit().await?;
    }
    Ok(all_met)
}

async fn ask_all(
    context: &Context<'_>,
    ambiguous: &BTreeMap<&str, (&Person, BTreeSet<CustomerId>)>,
    rows: &HashMap<CustomerId, CustomerRow>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let all: Vec<_> = ambiguous.values().collect();
    for chunk in all.chunks(CHUNK) {
        let mut tx = context.begin().await?;
        for (person, customers) in chunk {
            let candidates: Vec<&CustomerRow> = customers.iter().filter_map(|id| rows.get(id)).collect();
            asking::ask_match(&mut tx, context, person, &candidates, report).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Makes customers of contacts that are nobody else.
async fn take_in(context: &Context<'_>, strangers: &[&Person], report: &mut PassReport) -> Result<(), SyncError> {
    for chunk in strangers.chunks(CHUNK) {
        let mut tx = context.begin().await?;
        take_in_chunk(&mut tx, context, chunk, report).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn take_in_chunk(
    tx: &mut Tx,
    context: &Context<'_>,
    chunk: &[&Person],
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let mut links = Vec::with_capacity(chunk.len());
    let mut rows = Vec::with_capacity(chunk.len());
    for person in chunk {
        let id = CustomerId(context.engine.fresh_uuid());
        rows.push(NewCustomer {
            id,
            user_id: context.user(),
            text: CustomerText::of(&person.details),
            reader: Reader::default(),
            origin: Side::Google,
            created_at: context.engine.now_ms(),
        });
        let mut link = ContactLink::new(tenant, context.fresh_link(), context.key().account, id);
        settle::as_seen(&mut link, context, person);
        link.base_local = Some(person.details.clone());
        link.base_remote = Some(person.details.clone());
        links.push(link);
        report.customers_created += 1;
        report.person_step("create the customer", Some(id), Some(&person.resource_name), None);
        asking::release(tx, context, "google", &person.resource_name).await?;
    }
    crate::store::customers::insert(tx, tenant, &rows).await?;
    contact_links::put_many(tx, &mut links).await?;
    let all = rows
        .iter()
        .zip(chunk)
        .map(|(row, person)| (row.id, row.user_id, &person.details));
    customers::derive_keys_of(tx, tenant, context.region.as_deref(), all).await?;
    let ids: Vec<CustomerId> = rows.iter().map(|row| row.id).collect();
    Ok(customer_states::agree_as_they_stand(tx, tenant, &ids).await?)
}
