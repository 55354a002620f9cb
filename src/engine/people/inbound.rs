//! What the listing shows meets its links, in short transactions; what has none is kept for the first meeting.
//!
//! A link is found by the contact's resource name, by a name that it had before, or by the id of its source. A contact whose
//! `clientData` says that Accord created it belongs to that customer even when the answer to the create was lost.
use super::asking;
use super::context::Context;
use super::newcomer::{self, Newcomer};
use super::pull::Listing;
use super::removal;
use super::settle::{self, Known};
use crate::domain::ids::{CustomerId, LinkId};
use crate::domain::people::merge::differing;
use crate::engine::sync::{PassReport, SyncError};
use crate::google::people::Person;
use crate::store::contact_links::{self, ContactLink, GoneBecause, LinkState};
use crate::store::{Tx, contact_matches, customer_states, scopes};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Contacts per transaction; SQLite's writer is free again well within a second.
pub(super) const CHUNK: usize = 128;

/// Applies a listing, removals after everything else, and keeps its token last.
pub(super) async fn apply(
    context: &mut Context<'_>,
    listing: Listing,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let mut tx = context.begin().await?;
    customer_states::look_again(&mut tx, context.tenant(), context.user()).await?;
    tx.commit().await?;
    set_aside(context, &listing, report).await?;
    let people: Vec<&Person> = listing.people.values().collect();
    let mut newcomers = Vec::new();
    for chunk in people.chunks(CHUNK) {
        newcomers.extend(in_halves(context, &listing, chunk, report).await?);
    }
    let all_met = Box::pin(newcomer::receive(context, newcomers, &listing.gone, report)).await?;
    look_for_creates(context, &listing).await?;
    removal::remove(context, &listing.gone, report).await?;
    // Whoever could not be met is shown again, as long as the token does not move on.
    let Some(token) = listing.token.as_ref().filter(|_| all_met) else {
        // And the token that stays belongs to the questions it was given for.
        context.fingerprint.clone_from(&context.claim.fingerprint);
        return Ok(());
    };
    let mut tx = context.begin().await?;
    if listing.full {
        let listed_at = context.listed_at(listing.is_conclusive);
        scopes::keep_listing(&mut tx, context.claim, token, &context.fingerprint, listed_at).await?;
    } else {
        scopes::keep_token(&mut tx, context.claim, token, &context.fingerprint).await?;
    }
    Ok(tx.commit().await?)
}

async fn set_aside(context: &Context<'_>, listing: &Listing, report: &mut PassReport) -> Result<(), SyncError> {
    for chunk in listing.broken.chunks(CHUNK) {
        let mut tx = context.begin().await?;
        for broken in chunk {
            asking::refuse_contact(&mut tx, context, broken, report).await?;
            let names: Vec<&str> = broken.resource_name.as_deref().into_iter().collect();
            removal::stop_asking(&mut tx, context, &names).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Meets some contacts in one transaction. When the database refuses something of them, they are met in halves, until the
/// refused one stands alone; that one is tried once more and then set aside.
async fn in_halves<'p>(
    context: &Context<'_>,
    listing: &Listing,
    chunk: &[&'p Person],
    report: &mut PassReport,
) -> Result<Vec<Newcomer<'p>>, SyncError> {
    let mut newcomers = Vec::new();
    let mut left = vec![(chunk, false)];
    while let Some((part, tried_alone)) = left.pop() {
        let mark = report.mark();
        match Box::pin(transaction(context, listing, part, report)).await {
            Ok(found) => newcomers.extend(found),
            Err(SyncError::Store(error)) if error.is_about_a_row() => {
                report.back_to(mark);
                match part {
                    [person] if tried_alone => {
                        let mut tx = context.begin().await?;
                        let name = &person.resource_name;
                        asking::refuse_shown(&mut tx, context, name, &error.to_string(), None, report).await?;
                        tx.commit().await?;
                    }
                    [_] => left.push((part, true)),
                    _ => {
                        let (first, second) = part.split_at(part.len() / 2);
                        left.extend([(second, false), (first, false)]);
                    }
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(newcomers)
}

async fn transaction<'p>(
    context: &Context<'_>,
    listing: &Listing,
    people: &[&'p Person],
    report: &mut PassReport,
) -> Result<Vec<Newcomer<'p>>, SyncError> {
    let mut tx = context.begin().await?;
    let mut links = Links::of(&mut tx, context, people).await?;
    let current = links
        .by_contact
        .values()
        .flatten()
        .filter(|link| link.state != LinkState::Gone);
    let loaded = settle::load(&mut tx, context, current.cloned().collect()).await?;
    let mut loaded: HashMap<LinkId, Known> = loaded.into_iter().map(|known| (known.link.id, known)).collect();
    let mut newcomers = Vec::new();
    let mut confirmed = Vec::new();
    for person in people {
        let found = links.take(person);
        for merged in found.merged {
            if let Some(known) = loaded.remove(&merged) {
                settle::part(&mut tx, context, known, GoneBecause::Merged, report).await?;
            }
        }
        // Creates whose answers were lost; several when Google has merged their contacts.
        let mut creating = links.creating(&context.customers_of(person)).into_iter();
        let mut newcomer = None;
        if let Some(known) = found.link.and_then(|link| loaded.remove(&link)) {
            confirmed.push(known.link.id);
            settle::meet(&mut tx, context, known, person, report).await?;
        } else if found.is_buried && !found.is_answered {
            // Nobody's: what it was created for may still become another contact.
            creating = Vec::new().into_iter();
        } else if let Some(link) = creating.next() {
            created(&mut tx, context, link, person, report).await?;
        } else {
            newcomer = stranger(&mut tx, context, listing, (person, found.is_answered), &links, report).await?;
        }
        for known in settle::load(&mut tx, context, creating.collect()).await? {
            settle::part(&mut tx, context, known, GoneBecause::Merged, report).await?;
        }
        let names = person.previous_names.iter().chain([&person.resource_name]);
        let asked: Vec<&str> = names
            .filter(|name| links.asked.contains(*name))
            .map(String::as_str)
            .collect();
        if newcomer.is_none() && !asked.is_empty() {
            // Nobody has to say any more who it is.
            removal::stop_asking(&mut tx, context, &asked).await?;
        }
        newcomers.extend(newcomer);
    }
    contact_links::confirm(&mut tx, context.tenant(), &confirmed, context.started_at).await?;
    tx.commit().await?;
    Ok(newcomers)
}

/// A contact without a link of its own: one that was created for a customer before, or somebody new.
async fn stranger<'p>(
    tx: &mut Tx,
    context: &Context<'_>,
    listing: &Listing,
    (person, is_answered): (&'p Person, bool),
    links: &Links,
    report: &mut PassReport,
) -> Result<Option<Newcomer<'p>>, SyncError> {
    let customers = context.customers_of(person);
    if customers.is_empty() {
        return Ok(unknown(context, person));
    }
    let of_customers = customers.iter().filter_map(|customer| links.by_customer.get(customer));
    let of_customers: Vec<&ContactLink> = of_customers.flatten().collect();
    // Google may have merged two contacts that are the same customer; the one that is linked counts while it is there.
    let is_there = |link: &ContactLink| link.state != LinkState::Gone && !listing.gone.contains(&link.contact_id);
    if of_customers.iter().any(|link| is_there(link)) {
        let reason = "another contact carries the same customer already; delete one of the two in Google Contacts";
        asking::refuse_shown(tx, context, &person.resource_name, reason, None, report).await?;
        return Ok(None);
    }
    if let Some(link) = of_customers.iter().find(|link| link.state != LinkState::Gone) {
        let customer = Some(link.customer_id);
        return Ok(Some(Newcomer { person, customer }));
    }
    if is_answered && context.lets(person, false) {
        // Somebody has said who it is, whomever it was made for.
        return Ok(Some(Newcomer { person, customer: None }));
    }
    if !of_customers.is_empty() {
        // Its customer was deleted, or was unlinked from it.
        return Ok(None);
    }
    let rows = crate::store::customers::get_many(tx, context.tenant(), &customers).await?;
    if let Some(row) = rows.iter().find(|row| row.user_id == context.user()) {
        let customer = Some(row.id);
        return Ok(Some(Newcomer { person, customer }));
    }
    let states = customer_states::get_many(tx, context.tenant(), &customers).await?;
    if !states.is_empty() && rows.is_empty() {
        // Its customer was deleted here before the link was known, and does not come back.
        return Ok(None);
    }
    Ok(unknown(context, person))
}

/// A contact that says nothing about a customer.
fn unknown<'p>(context: &Context<'_>, person: &'p Person) -> Option<Newcomer<'p>> {
    let newcomer = Newcomer { person, customer: None };
    context.lets(person, false).then_some(newcomer)
}

/// The contact of a create whose answer was lost. What was sent is what both agreed on, if the contact still shows it.
async fn created(
    tx: &mut Tx,
    context: &Context<'_>,
    link: ContactLink,
    person: &Person,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let Some(mut known) = settle::load(tx, context, vec![link]).await?.pop() else {
        return Ok(());
    };
    let link = &mut known.link;
    let sent = link.base_local.clone().unwrap_or_default();
    link.is_ours = true;
    link.is_edited = !differing(&sent, &person.details).is_empty();
    link.base_remote = Some(sent);
    link.state = LinkState::Live;
    (link.attempted_at, link.absences) = (0, 0);
    report.contacts_created += 1;
    let customer = Some(link.customer_id);
    report.person_step("find the created contact", customer, Some(&person.resource_name), None);
    settle::agree(tx, context, known, person, report).await
}

/// What a contact is known by.
struct Found {
    link: Option<LinkId>,
    /// Other links whose contacts were merged into this one.
    merged: Vec<LinkId>,
    is_buried: bool,
    /// Whether somebody has said who it is.
    is_answered: bool,
}

/// The links that some contacts may have.
struct Links {
    by_contact: HashMap<String, Vec<ContactLink>>,
    by_source: HashMap<String, Vec<ContactLink>>,
    by_customer: BTreeMap<CustomerId, Vec<ContactLink>>,
    /// Contacts about which somebody has said who they are.
    answered: HashSet<String>,
    /// Contacts about which somebody is asked who they are.
    asked: HashSet<String>,
    taken: HashSet<LinkId>,
}

impl Links {
    async fn of(tx: &mut Tx, context: &Context<'_>, people: &[&Person]) -> Result<Links, SyncError> {
        let (tenant, account) = (context.tenant(), context.key().account);
        let names: Vec<&str> = people
            .iter()
            .flat_map(|person| person.previous_names.iter().chain([&person.resource_name]))
            .map(String::as_str)
            .collect();
        let sources: Vec<&str> = people.iter().map(|person| person.source_id.as_str()).collect();
        let mut links = Links {
            by_contact: HashMap::new(),
            by_source: HashMap::new(),
            by_customer: BTreeMap::new(),
            answered: HashSet::new(),
            asked: contact_matches::of_contacts(tx, tenant, account, &names)
                .await?
                .into_iter()
                .collect(),
            taken: HashSet::new(),
        };
        for link in contact_links::of_contacts(tx, tenant, account, &names, &sources).await? {
            let of_source = links.by_source.entry(link.source_id.clone()).or_default();
            of_source.push(link.clone());
            links.by_contact.entry(link.contact_id.clone()).or_default().push(link);
        }
        let customers: Vec<CustomerId> = people.iter().flat_map(|person| context.customers_of(person)).collect();
        if !customers.is_empty() {
            for link in contact_links::of_customers(tx, tenant, account, &customers).await? {
                links.by_customer.entry(link.customer_id).or_default().push(link);
            }
        }
        if context.scope.has_answers {
            let candidates = contact_matches::of_account(tx, tenant, account).await?;
            let answered = candidates.into_iter().filter(|candidate| candidate.answer.is_some());
            links.answered = answered.map(|candidate| candidate.contact_id).collect();
        }
        Ok(links)
    }

    /// The links of these customers whose contacts are not known yet.
    fn creating(&mut self, customers: &[CustomerId]) -> Vec<ContactLink> {
        let links = customers.iter().filter_map(|customer| self.by_customer.get(customer));
        let creating = links.flatten().filter(|link| link.state == LinkState::Creating);
        // Of two contacts with one key the second is not taken for the same create.
        creating.filter(|link| self.taken.insert(link.id)).cloned().collect()
    }

    fn take(&mut self, person: &Person) -> Found {
        let mut current: Vec<LinkId> = Vec::new();
        let mut is_buried = false;
        let names = [&person.resource_name].into_iter().chain(&person.previous_names);
        let by_name = names.filter_map(|name| self.by_contact.get(name)).flatten();
        let by_source = self.by_source.get(&person.source_id).into_iter().flatten();
        for link in by_name.chain(by_source) {
            if link.state == LinkState::Gone {
                is_buried = true;
            } else if self.taken.insert(link.id) {
                current.push(link.id);
            }
        }
        let mut current = current.into_iter();
        Found {
            link: current.next(),
            merged: current.collect(),
            is_buried,
            is_answered: self.answered.contains(&person.resource_name),
        }
    }
}

/// After a full listing: the creates without an answer that it lacks. Two such listings, the later one long enough after the
/// attempt, prove that there is no such contact, and it may be created again.
async fn look_for_creates(context: &Context<'_>, listing: &Listing) -> Result<(), SyncError> {
    // A listing of which some contacts could not be read whole may hold any of them.
    if !listing.full || listing.token.is_none() || context.scope.unsure_since.is_none() {
        return Ok(());
    }
    let mut tx = context.begin().await?;
    let (tenant, account) = (context.tenant(), context.key().account);
    let creating = contact_links::in_state(&mut tx, tenant, account, LinkState::Creating).await?;
    for mut link in creating {
        if link.attempted_at == 0 || link.attempted_at >= context.started_at {
            continue;
        }
        link.absences += 1;
        let long_enough = context.started_at - link.attempted_at >= context.engine.sync.contact_create_delay_ms;
        if link.absences >= 2 && long_enough {
            link.attempted_at = 0;
        }
        contact_links::put(&mut tx, &mut link).await?;
    }
    Ok(tx.commit().await?)
}
