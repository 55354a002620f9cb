//! One link, its customer and its contact.
use super::asking;
use super::context::Context;
use crate::domain::booking::Side;
use crate::domain::customer::Details;
use crate::domain::ids::CustomerId;
use crate::domain::people::merge::{
    PersonBase, PersonDecision, PersonField, PersonOutcome, PersonRules, differing, reconcile,
};
use crate::engine::customers;
use crate::engine::sync::{PassReport, SyncError};
use crate::google::people::Person;
use crate::store::contact_links::{self, ContactLink, GoneBecause, LinkState, LinkWaiting};
use crate::store::customer_states::{self, CustomerState};
use crate::store::customers::{CustomerRow, CustomerText};
use crate::store::{StoreError, Tx, changes};
use std::collections::HashMap;

/// A link with what the app holds.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub link: ContactLink,
    /// `None`: the customer was deleted.
    pub row: Option<CustomerRow>,
    pub state: Option<CustomerState>,
}

impl Known {
    /// The present version of the customer; 0 if there never was one.
    pub fn version(&self) -> i64 {
        self.state.as_ref().map_or(0, |state| state.version)
    }

    /// Whether the app has something that Google has not.
    pub fn is_pending(&self) -> bool {
        self.state.as_ref().is_some_and(CustomerState::is_pending)
    }

    /// Who wins, as a person said.
    pub fn answer(&self) -> Option<Side> {
        match self.link.answer.as_deref() {
            Some("app") => Some(Side::App),
            Some("google") => Some(Side::Google),
            _ => None,
        }
    }

    fn base(&self) -> PersonBase {
        PersonBase {
            local: self.link.base_local.clone().unwrap_or_default(),
            remote: self.link.base_remote.clone().unwrap_or_default(),
        }
    }
}

/// What the app holds for these links, in their order.
pub(super) async fn load(tx: &mut Tx, context: &Context<'_>, links: Vec<ContactLink>) -> Result<Vec<Known>, SyncError> {
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<CustomerId> = links.iter().map(|link| link.customer_id).collect();
    let rows = crate::store::customers::get_many(tx, context.tenant(), &ids).await?;
    let mut rows: HashMap<CustomerId, CustomerRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let states = customer_states::get_many(tx, context.tenant(), &ids).await?;
    let mut states: HashMap<CustomerId, CustomerState> = states.into_iter().map(|state| (state.id, state)).collect();
    let known = links.into_iter().map(|link| Known {
        row: rows.remove(&link.customer_id),
        state: states.remove(&link.customer_id),
        link,
    });
    Ok(known.collect())
}

/// A contact as Google shows it meets its customer.
pub(super) async fn meet(
    tx: &mut Tx,
    context: &Context<'_>,
    mut known: Known,
    person: &Person,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let link = &mut known.link;
    let is_renamed = link.contact_id != person.resource_name || link.source_id != person.source_id;
    if is_renamed {
        link.contact_id.clone_from(&person.resource_name);
        link.source_id.clone_from(&person.source_id);
    }
    let is_let = context.lets(person, link.is_ours);
    let is_echo = link.etag == person.etag || person.updated_at < link.remote_updated_at;
    // A contact that was held as gone is there after all.
    let is_back = link.waiting == Some(LinkWaiting::Brake) && known.row.is_some();
    if is_echo && !is_back && link.answer.is_none() && is_let == (link.state == LinkState::Live) {
        if is_renamed {
            contact_links::put(tx, link).await?;
        }
        return Ok(());
    }
    if !is_let {
        return freeze(tx, context, known).await;
    }
    // What Accord writes is taken note of with the answer, so any other etag is somebody else's.
    link.is_edited |= link.is_ours && link.etag != person.etag;
    link.state = LinkState::Live;
    asking::release(tx, context, "google", &person.resource_name).await?;
    Box::pin(agree(tx, context, known, person, report)).await
}

/// The contact left what the user lets be read. Both sides stay as they are.
async fn freeze(tx: &mut Tx, context: &Context<'_>, mut known: Known) -> Result<(), SyncError> {
    if known.link.waiting.is_some() {
        asking::no_longer(tx, context, known.link.customer_id, None).await?;
    }
    known.link.state = LinkState::Frozen;
    (known.link.waiting, known.link.answer) = (None, None);
    Ok(contact_links::put(tx, &mut known.link).await?)
}

/// Merges a customer with its contact and keeps what they agree on; what the app still wants stays pending.
pub(super) async fn agree(
    tx: &mut Tx,
    context: &Context<'_>,
    mut known: Known,
    person: &Person,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let Some(row) = known.row.take() else {
        return deleted_here(tx, context, known, person, report).await;
    };
    let details = match row.text.details() {
        Ok(details) => details,
        Err(problem) => {
            // The contact is known all the same; without its etag it is merged as soon as the row can be read.
            as_seen(&mut known.link, context, person);
            known.link.etag.clear();
            known.link.state = LinkState::Live;
            (known.link.attempted_at, known.link.absences) = (0, 0);
            let version = known.version();
            contact_links::put(tx, &mut known.link).await?;
            return asking::refuse_customer(tx, context, row.id, version, &problem.to_string(), report).await;
        }
    };
    let is_first = known.link.base_remote.is_none();
    let rules = PersonRules {
        policy: context.settings().conflict,
        origin: row.origin,
        answer: known
            .answer()
            .filter(|_| known.link.waiting == Some(LinkWaiting::Conflict)),
        is_first,
    };
    match reconcile(&known.base(), &details, &person.details, &rules) {
        PersonDecision::Wait(found) => {
            known.link.waiting = Some(LinkWaiting::Conflict);
            known.link.answer = None;
            known.link.confirmed_at = context.started_at;
            contact_links::put(tx, &mut known.link).await?;
            asking::ask_conflict(tx, context, &row, person, &found, report).await
        }
        PersonDecision::Act(outcome) => {
            if is_first {
                report.linked += 1;
                report.person_step("link", Some(row.id), Some(&person.resource_name), None);
                known.link.before_sealed = Some(before(context, &known.link, &details, &person.details));
            }
            act(tx, context, known, (&row, &details), person, *outcome, report).await
        }
    }
}

async fn act(
    tx: &mut Tx,
    context: &Context<'_>,
    mut known: Known,
    (row, details): (&CustomerRow, &Details),
    person: &Person,
    outcome: PersonOutcome,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let mut version = row.version;
    if outcome.local != *details {
        let text = CustomerText::of(&outcome.local);
        if !crate::store::customers::update(tx, tenant, row.id, row.version, &text, &row.reader).await? {
            return Err(StoreError::Serialization.into());
        }
        customers::derive_keys(tx, tenant, &[row.id]).await?;
        // Empty lists may be written in several ways that mean the same.
        if text != row.text {
            version += 1;
        }
        report.customers_updated += 1;
        report.person_step("change the customer", Some(row.id), Some(&person.resource_name), None);
    }
    if known.link.waiting.is_some() {
        let answer = known.link.answer.take();
        asking::no_longer(tx, context, row.id, answer.as_deref()).await?;
        known.link.waiting = None;
    }
    for conflict in &outcome.conflicts {
        asking::record_conflict(tx, context, row.id, conflict, report).await?;
    }
    let is_settled = differing(&outcome.remote, &person.details).is_empty();
    known.link.base_local = Some(outcome.base.local);
    known.link.base_remote = Some(outcome.base.remote);
    as_seen(&mut known.link, context, person);
    contact_links::put(tx, &mut known.link).await?;
    if is_settled {
        customer_states::agree(tx, tenant, &[(row.id, version)]).await?;
    } else if !known.is_pending() && version == row.version {
        // A value that Google was to have and has not any more, although nobody edited the customer.
        customer_states::disagree(tx, tenant, row.id).await?;
    }
    Ok(())
}

/// The link knows this state of the contact.
pub(super) fn as_seen(link: &mut ContactLink, context: &Context<'_>, person: &Person) {
    link.contact_id.clone_from(&person.resource_name);
    link.source_id.clone_from(&person.source_id);
    link.etag.clone_from(&person.etag);
    link.remote_updated_at = person.updated_at;
    link.confirmed_at = context.started_at;
}

/// The app deleted the customer. If somebody has edited the contact meanwhile, the two part: people cannot be brought back, so
/// neither a deletion nor an edit is undone.
async fn deleted_here(
    tx: &mut Tx,
    context: &Context<'_>,
    mut known: Known,
    person: &Person,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let base = known.link.base_remote.clone().unwrap_or_default();
    let is_held = known.link.waiting == Some(LinkWaiting::Brake);
    if is_held || differing(&base, &person.details).is_empty() {
        // Somebody decides about the deletion, or only what Accord does not model has changed: the link tells the deletion
        // that the contact was edited.
        as_seen(&mut known.link, context, person);
        return Ok(contact_links::put(tx, &mut known.link).await?);
    }
    asking::record_deletion(tx, context, &known, None, Some(&person.details), report).await?;
    part(tx, context, known, GoneBecause::App, report).await
}

/// Ends a link. Both sides stay as they are, and neither is linked again by itself.
pub(super) async fn part(
    tx: &mut Tx,
    context: &Context<'_>,
    known: Known,
    because: GoneBecause,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (tenant, customer, version) = (context.tenant(), known.link.customer_id, known.version());
    if known.link.waiting.is_some() {
        asking::no_longer(tx, context, customer, known.link.answer.as_deref()).await?;
    }
    report.unlinked += 1;
    let reason = Some(because.as_str().to_owned());
    report.person_step("unlink", Some(customer), Some(&known.link.contact_id), reason);
    contact_links::put(tx, &mut known.link.buried(because)).await?;
    customer_states::agree(tx, tenant, &[(customer, version)]).await?;
    // Its mark is not in its row.
    Ok(changes::record(tx, tenant, "customer", &customer.to_string()).await?)
}

/// Takes note of what a write of these fields did: Google's writing of them is what was agreed on, whatever it made of ours.
/// What else the answer shows is merged as always.
pub(super) async fn written(
    tx: &mut Tx,
    context: &Context<'_>,
    mut known: Known,
    (sent, touched): (&Details, &[PersonField]),
    person: &Person,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let mut base = known.base();
    base.local.take(sent, touched);
    base.remote.take(&person.details, touched);
    known.link.base_local = Some(base.local);
    known.link.base_remote = Some(base.remote);
    known.link.state = LinkState::Live;
    known.link.attempted_at = 0;
    known.link.absences = 0;
    if known.row.is_none() {
        // Its deletion may have been taken for one that no contact has to hear of.
        customer_states::disagree(tx, context.tenant(), known.link.customer_id).await?;
        as_seen(&mut known.link, context, person);
        return Ok(contact_links::put(tx, &mut known.link).await?);
    }
    Box::pin(agree(tx, context, known, person, report)).await
}

/// Both sides before they were linked, so that it can be undone.
fn before(context: &Context<'_>, link: &ContactLink, local: &Details, remote: &Details) -> Vec<u8> {
    let both = serde_json::json!({"local": local, "remote": remote}).to_string();
    let id = link.id.to_string();
    context
        .engine
        .seal("contact_links", "before_sealed", context.tenant(), &id, both.as_bytes())
}
