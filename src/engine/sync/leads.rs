//! Leads: the placement of a booking that carries its fields is lost, or passes to another.
//!
//! A lost lead is no cancellation yet: the event may only have moved to another calendar. It waits until every other scope
//! that might show it has looked; then a living placement takes the lead, or the booking is to be cancelled.
use super::removal::Removal;
use super::settle::{self, Known};
use super::{PassReport, SyncError, carried, context::Context};
use crate::domain::ids::{BookingId, EventId};
use crate::domain::merge::{self, RemoteForm, Resources, Waiting};
use crate::engine::Engine;
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::scopes::{self, ScopeKey};
use crate::store::{Tx, accounts, questions, states};
use std::collections::HashSet;

/// Whether the loss of a lead has to wait until the other scopes that might show the event elsewhere have been looked at.
pub(super) async fn wait_for_others(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &Known,
    report: &mut PassReport,
) -> Result<bool, SyncError> {
    if known.placement.original_start.is_some() {
        // An occurrence cannot be moved to another calendar alone.
        return Ok(false);
    }
    let key = context.key();
    let since = context.started_at;
    let booking = known.booking_id();
    if scopes::all_looked_since(tx, key, booking, since).await? && !has_living_follower(tx, context, booking).await? {
        return Ok(false);
    }
    let mut lost = Placement {
        waiting: Some(Waiting::LeadLost),
        ..known.placement.clone()
    };
    lost.confirmed_at = since;
    placements::put(tx, &lost).await?;
    context.ask_others(scopes::others(tx, key, booking).await?);
    report.waiting += 1;
    report.step(
        "wait for other calendars",
        Some(booking),
        Some(&known.placement.event_id),
    );
    Ok(true)
}

async fn has_living_follower(tx: &mut Tx, context: &Context<'_>, booking: BookingId) -> Result<bool, SyncError> {
    let all = placements::of_booking(tx, context.tenant(), booking).await?;
    Ok(all
        .iter()
        .any(|placement| !placement.is_lead && placement.state == PlacementState::Live))
}

/// Lost leads for which every other scope has been looked at.
pub(super) async fn lost_leads(tx: &mut Tx, context: &Context<'_>) -> Result<Vec<EventId>, SyncError> {
    let key = context.key();
    let mut ripe = Vec::new();
    for placement in placements::to_plan_again(tx, key.tenant, &key.calendar).await? {
        if is_lost_here(context, &placement)
            && scopes::all_looked_since(tx, key, placement.booking_id, placement.confirmed_at).await?
        {
            ripe.push(placement.event_id);
        }
    }
    Ok(ripe)
}

fn is_lost_here(context: &Context<'_>, placement: &Placement) -> bool {
    placement.account_id == context.key().account && placement.waiting == Some(Waiting::LeadLost)
}

/// A living placement takes such a lead; without one the booking is to be cancelled.
pub(super) async fn decide_lost_lead(
    tx: &mut Tx,
    context: &Context<'_>,
    lost: Placement,
    report: &mut PassReport,
) -> Result<Option<Removal<'static>>, SyncError> {
    let (key, booking) = (context.key(), lost.booking_id);
    if !is_lost_here(context, &lost) {
        return Ok(None);
    }
    let all = placements::of_booking(tx, key.tenant, booking).await?;
    let living = |other: &Placement| !other.is_lead && other.state == PlacementState::Live;
    let Some(heir) = all.into_iter().find(living) else {
        let known = settle::load(tx, key.tenant, vec![lost]).await?.pop();
        return Ok(known.map(|known| Removal::gone(known, None)));
    };
    report.step("pass the lead on", Some(booking), Some(&lost.event_id));
    take_over(tx, context, Some(lost), heir).await?;
    // The heir's own scope reads its event and merges it.
    states::disagree(tx, key.tenant, booking).await?;
    context.ask_others(scopes::others(tx, key, booking).await?);
    Ok(None)
}

/// A look at this scope may have been the last that lost leads of other calendars waited for: then those can be decided now.
/// Nobody waits while it finds out which.
pub(super) async fn wake_waiting(engine: &Engine, key: &ScopeKey) -> Result<(), SyncError> {
    let mut tx = engine.db.read().await?;
    let mut woken = HashSet::new();
    for lost in placements::lost_leads(&mut tx, key.tenant).await? {
        let scope = ScopeKey {
            tenant: key.tenant,
            account: lost.account_id,
            calendar: lost.calendar_id,
        };
        if scope == *key || woken.contains(&scope) {
            continue;
        }
        if scopes::all_looked_since(&mut tx, &scope, lost.booking_id, lost.confirmed_at).await? {
            woken.insert(scope);
        }
    }
    drop(tx);
    make_due(engine, &woken).await
}

/// Makes the scopes due that this pass asks for a look.
pub(super) async fn wake_others(context: &Context<'_>) -> Result<(), SyncError> {
    make_due(context.engine, &context.take_others()).await
}

/// One scope for each transaction, and none from inside a step: every step holds its own scope first, so whoever waited for
/// another one meanwhile could be waited for in turn.
async fn make_due(engine: &Engine, scopes: &HashSet<ScopeKey>) -> Result<(), SyncError> {
    for scope in scopes {
        let mut tx = engine.db.begin().await?;
        scopes::make_scope_due(&mut tx, scope).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// A placement takes the lead over from the one that had it, if any had; with a series, its changed occurrences follow.
pub(super) async fn take_over(
    tx: &mut Tx,
    context: &Context<'_>,
    old: Option<Placement>,
    heir: Placement,
) -> Result<Placement, SyncError> {
    let lost = old.as_ref().is_some_and(|old| old.waiting == Some(Waiting::LeadLost));
    let before = old.clone();
    let heir = pass_on(tx, context, old, heir).await?;
    if let Some(account) = accounts::get(tx, context.tenant(), heir.account_id).await? {
        carried::by(tx, context, &heir, account.user_id).await?;
    }
    if let Some(mut old) = before {
        if lost {
            old.state = PlacementState::Gone;
        }
        carried::along(tx, context, &old, &heir).await?;
    }
    Ok(heir)
}

/// The same for one placement alone. What both sides agreed on through that one still
/// holds, and the event is read and merged against it: whatever the old lead did not show, be it withheld words or an edit
/// that had not come through yet, is then a change in Google, never one of the app's.
pub(super) async fn pass_on(
    tx: &mut Tx,
    context: &Context<'_>,
    old: Option<Placement>,
    heir: Placement,
) -> Result<Placement, SyncError> {
    let (tenant, booking) = (context.tenant(), heir.booking_id);
    let mut heir = Placement {
        is_lead: true,
        etag: String::new(),
        base_local: None,
        base_remote: None,
        ..heir
    };
    if let Some(mut old) = old {
        heir.is_ours = old.is_ours;
        heir.base_local.clone_from(&old.base_local);
        heir.base_remote.clone_from(&old.base_remote);
        if old.waiting == Some(Waiting::LeadLost) {
            old.state = PlacementState::Gone;
        }
        (old.is_lead, old.waiting, old.answer) = (false, None, None);
        placements::put_over(tx, &mut old).await?;
        let now = context.engine.now_ms();
        questions::withdraw(tx, tenant, &old.calendar_id, &booking.to_string(), now).await?;
    }
    if heir.base_local.is_none() {
        let known = settle::load(tx, tenant, vec![heir.clone()]).await?.pop();
        heir.base_local = known.and_then(|known| known.text()?.content().ok());
    }
    if let (None, Some(local)) = (&heir.base_remote, &heir.base_local) {
        let name = local.resource_id.and_then(|id| context.resources.name(id));
        heir.base_remote = Some(RemoteForm {
            status: local.status,
            content: merge::as_event(local, name),
            sent: None,
        });
    }
    placements::put_over(tx, &mut heir).await?;
    if let Some(account) = accounts::get(tx, tenant, heir.account_id).await? {
        states::set_carrier(tx, tenant, booking, account.user_id).await?;
    }
    Ok(heir)
}
