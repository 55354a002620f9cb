//! Reads everything a pass has to know from Google, and writes nothing.
//!
//! Beside the pages these are single contacts: those that a person has answered about, those of which a list shows only a part,
//! and, after a full listing, those that it did not show. Absence is only a suspicion: it counts when Google showed the
//! contact long enough ago, and when a direct read says that it is gone.
use super::context::Context;
use crate::domain::failure::FailureClass;
use crate::engine::sync::{PassReport, SyncError};
use crate::google::people::{BATCH, Broken, PageEnd, ParsedPerson, Person};
use crate::store::{contact_links, contact_matches, quarantine};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Answers that one pass acts on; the rest follows in the next.
const ANSWERED_AT_ONCE: usize = 200;

/// What Google shows.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Whether everything was listed.
    pub full: bool,
    /// For the next delta; `None` when what changed could not all be read, so that it has to be asked for again.
    pub token: Option<String>,
    /// By resource name.
    pub people: BTreeMap<String, Person>,
    /// People that cannot be understood.
    pub broken: Vec<Broken>,
    /// Resource names of contacts that are gone: a tombstone or a direct read says so.
    pub gone: BTreeSet<String>,
    /// Whether a full listing lacks nothing that was shown only a moment before it.
    pub is_conclusive: bool,
}

impl Listing {
    /// Whether there is nothing to apply.
    pub fn is_quiet(&self) -> bool {
        !self.full && self.people.is_empty() && self.broken.is_empty() && self.gone.is_empty()
    }

    fn add(&mut self, person: ParsedPerson) {
        match person {
            ParsedPerson::Person(person) if person.deleted => {
                self.gone.insert(person.resource_name);
            }
            ParsedPerson::Person(person) => match self.people.get(&person.resource_name) {
                Some(known) if known.updated_at > person.updated_at => {}
                _ => drop(self.people.insert(person.resource_name.clone(), *person)),
            },
            ParsedPerson::Broken(broken) => self.broken.push(*broken),
        }
    }
}

pub(super) async fn pull(context: &Context<'_>, report: &mut PassReport) -> Result<Listing, SyncError> {
    let stored = context
        .claim
        .sync_token
        .as_deref()
        .filter(|_| context.claim.fingerprint == context.fingerprint && !context.wants_everything());
    let mut listing = match stored {
        None => list(context, None).await?,
        Some(token) => match list(context, Some(token)).await {
            Err(SyncError::Google(error)) if error.class() == FailureClass::TokenExpired => {
                tracing::info!("the sync token of the contacts is void; listing everything");
                list(context, None).await?
            }
            other => other?,
        },
    };
    report.full = listing.full;
    report.read = (listing.people.len() + listing.broken.len() + listing.gone.len()) as u64;
    let doubtful = doubtful(&mut listing);
    let mut names = doubtful.clone();
    let missing = missing(context, &mut listing).await?;
    names.extend(missing.iter().cloned());
    names.extend(set_aside(context, &listing).await?);
    names.extend(answered(context, &listing).await?);
    let unanswered = look_at(context, &mut listing, &names).await?;
    listing.is_conclusive &= unanswered.iter().all(|name| !missing.contains(name));
    if unanswered.iter().any(|name| doubtful.contains(name)) {
        listing.token = None;
    }
    // A name that a contact had before is no contact that is gone.
    for person in listing.people.values() {
        for name in &person.previous_names {
            listing.gone.remove(name);
        }
    }
    Ok(listing)
}

async fn list(context: &Context<'_>, token: Option<&str>) -> Result<Listing, SyncError> {
    let access = context.access().await?;
    let mut listing = Listing {
        full: token.is_none(),
        is_conclusive: true,
        ..Listing::default()
    };
    let mut page_token: Option<String> = None;
    loop {
        let page = context
            .engine
            .people
            .list_page(&access, token, page_token.as_deref(), context.page_size())
            .await?;
        for person in page.people {
            listing.add(person);
        }
        match page.next {
            PageEnd::More(next) => {
                page_token = Some(next);
                context.prolong().await?;
            }
            PageEnd::Done(token) => {
                listing.token = Some(token);
                return Ok(listing);
            }
        }
    }
}

/// Contacts about which the pages do not say enough: those that they show in part, or both as gone and as there.
fn doubtful(listing: &mut Listing) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (name, person) in &listing.people {
        if person.is_partial || listing.gone.contains(name) {
            names.insert(name.clone());
        }
    }
    listing.gone.retain(|name| !names.contains(name));
    names
}

/// Contacts of links that a full listing does not show although it should.
async fn missing(context: &Context<'_>, listing: &mut Listing) -> Result<Vec<String>, SyncError> {
    if !listing.full {
        return Ok(Vec::new());
    }
    let mut tx = context.engine.db.read().await?;
    let key = context.key();
    let links = contact_links::not_confirmed_since(&mut tx, key.tenant, key.account, i64::MAX).await?;
    let matches = contact_matches::of_account(&mut tx, key.tenant, key.account).await?;
    drop(tx);
    let shown = |people: &BTreeMap<String, Person>| -> HashSet<String> {
        people
            .values()
            .flat_map(|person| person.previous_names.iter().chain([&person.source_id]))
            .cloned()
            .collect()
    };
    let known = shown(&listing.people);
    let long_ago = context.started_at - context.engine.sync.contact_create_delay_ms;
    let mut missing = Vec::new();
    for link in links {
        let name = &link.contact_id;
        if listing.people.contains_key(name) || known.contains(name) || known.contains(&link.source_id) {
            continue;
        }
        if listing
            .broken
            .iter()
            .any(|broken| broken.resource_name.as_ref() == Some(name))
        {
            continue;
        }
        if link.confirmed_at < long_ago {
            missing.push(link.contact_id);
        } else {
            listing.is_conclusive = false;
        }
    }
    let matches = matches.into_iter().map(|candidate| candidate.contact_id);
    missing.extend(matches.filter(|name| !listing.people.contains_key(name) && !known.contains(name)));
    Ok(missing)
}

/// Contacts that were set aside, when others are gone: one of them may be the same person.
async fn set_aside(context: &Context<'_>, listing: &Listing) -> Result<Vec<String>, SyncError> {
    if listing.gone.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = context.engine.db.read().await?;
    let key = context.key();
    let aside = quarantine::list(&mut tx, key.tenant, Some(key.account)).await?;
    let contacts = aside
        .into_iter()
        .filter(|item| item.side == "google" && item.calendar_id == key.calendar)
        .map(|item| item.item_id);
    let unknown = |name: &String| !listing.people.contains_key(name) && !listing.gone.contains(name);
    Ok(contacts.filter(unknown).take(ANSWERED_AT_ONCE).collect())
}

/// Contacts that a person has answered about, or whose candidates are others by now; Google may show something else, too.
async fn answered(context: &Context<'_>, listing: &Listing) -> Result<Vec<String>, SyncError> {
    if !context.scope.has_answers {
        return Ok(Vec::new());
    }
    let mut tx = context.engine.db.read().await?;
    let key = context.key();
    let links = contact_links::waiting(&mut tx, key.tenant, key.account).await?;
    let links = links.into_iter().filter(|link| link.answer.is_some());
    let matches = contact_matches::of_account(&mut tx, key.tenant, key.account).await?;
    let matches = matches
        .into_iter()
        .filter(|candidate| candidate.answer.is_some() || candidate.is_stale);
    let mut names: BTreeSet<String> = links
        .map(|link| link.contact_id)
        .chain(matches.map(|candidate| candidate.contact_id))
        .collect();
    names.retain(|name| !name.is_empty() && !listing.people.contains_key(name) && !listing.gone.contains(name));
    Ok(names.into_iter().take(ANSWERED_AT_ONCE).collect())
}

/// Reads single contacts, and returns those about which Google does not answer.
async fn look_at(
    context: &Context<'_>,
    listing: &mut Listing,
    names: &BTreeSet<String>,
) -> Result<Vec<String>, SyncError> {
    let mut unanswered = Vec::new();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for some in names.chunks(BATCH) {
        context.prolong().await?;
        let access = context.access().await?;
        for (name, answer) in context.engine.people.batch_get(&access, some).await? {
            match answer {
                Ok(ParsedPerson::Person(mut person)) if !person.deleted => {
                    if person.resource_name != name {
                        listing.people.remove(&name);
                        person.previous_names.push(name);
                    }
                    listing.people.insert(person.resource_name.clone(), *person);
                }
                Ok(ParsedPerson::Person(_)) | Err(FailureClass::Gone) => {
                    listing.people.remove(&name);
                    listing.gone.insert(name);
                }
                Ok(ParsedPerson::Broken(broken)) => {
                    listing.people.remove(&name);
                    listing.broken.push(*broken);
                }
                // Not now: a part of a contact must not be merged as if it were the whole.
                Err(_) => {
                    listing.people.remove(&name);
                    unanswered.push(name);
                }
            }
        }
    }
    Ok(unanswered)
}
