//! Cancellations and deletions: single events, whole series, occurrences that a series has lost, lost leads.
//!
//! Nothing dies without proof, and nothing dies in masses: what would be removed is collected, counted together, and either
//! carried out or held by the brake.
use super::brake::note;
pub(super) use super::brake::{ask_about_held, brakes, hold, hold_in_chunks, mark_held};
use super::inbound;
use super::settle::{self, Gate, Known, Seen, Settled};
use super::{PassReport, SyncError, carried, context::Context, hand_over, newcomer, series, waiting};
use crate::domain::booking::{Content, Side, Status};
use crate::domain::event::{Event, EventState};
use crate::domain::ids::{BookingId, CalendarId, EventId};
use crate::domain::merge::{self, Field, FieldConflict, RemoteForm, Resources, Waiting};
use crate::engine::Engine;
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::questions;
use crate::store::scopes::{self, ScopeKey};
use crate::store::{StoreError, Tx, accounts, bookings, states};
use serde_json::json;
use std::collections::{HashMap, HashSet};

/// Something that would be removed, and why.
pub(super) struct Removal<'e> {
    pub known: Known,
    why: Why<'e>,
}

#[derive(Debug, Clone, Copy)]
enum Why<'e> {
    /// Google shows the event as this: cancelled or declined. `None`: it is not there any more.
    Gone(Option<&'e Event>),
    /// Its series does not have this occurrence any more.
    Lost,
}

/// What is remembered of a removal until the brake has decided.
pub(super) struct Found<'e> {
    pub booking: BookingId,
    pub event: EventId,
    calendar: CalendarId,
    revision: i64,
    why: Why<'e>,
}

impl<'e> Removal<'e> {
    pub fn found(self) -> Found<'e> {
        let placement = self.known.placement;
        Found {
            booking: placement.booking_id,
            event: placement.event_id,
            calendar: placement.calendar_id,
            revision: placement.revision,
            why: self.why,
        }
    }
}

impl Found<'_> {
    /// Lost occurrences go after everything else: what is cancelled with its series is not lost.
    pub fn is_lost(&self) -> bool {
        matches!(self.why, Why::Lost)
    }
}

/// Items that Google does not show any more, or shows as cancelled or declined, in one transaction.
pub(super) async fn inbound(
    tx: &mut Tx,
    context: &Context<'_>,
    candidates: Vec<(Known, Option<&Event>)>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let removals = sort_out(tx, context, candidates, report).await?;
    together(tx, context, removals, report).await
}

/// Changed occurrences that their series do not have any more, in one transaction.
pub(super) async fn of_lost(
    tx: &mut Tx,
    context: &Context<'_>,
    lost: Vec<Known>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let removals = decide_lost(tx, context, lost, report).await?;
    together(tx, context, removals, report).await
}

async fn together(
    tx: &mut Tx,
    context: &Context<'_>,
    removals: Vec<Removal<'_>>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let ids: Vec<BookingId> = removals.iter().map(|removal| removal.known.booking_id()).collect();
    if brakes(tx, context, &ids).await? {
        let held = removals.into_iter().map(|removal| removal.known).collect();
        return hold(tx, context, held, report).await;
    }
    for removal in removals {
        carry_out(tx, context, removal, report).await?;
    }
    Ok(())
}

/// What was found, as it stands now.
///
/// # Errors
/// [`StoreError::Serialization`] if somebody has answered about any of it, or passed its lead on: it is to be found again.
pub(super) async fn reload<'e>(
    tx: &mut Tx,
    context: &Context<'_>,
    found: &[&Found<'e>],
) -> Result<Vec<Removal<'e>>, SyncError> {
    let tenant = context.tenant();
    let ids: Vec<BookingId> = found.iter().map(|found| found.booking).collect();
    let leads = placements::leads(tx, tenant, &ids).await?;
    let known = settle::load(tx, tenant, leads).await?;
    let mut known: HashMap<BookingId, Known> = known.into_iter().map(|known| (known.booking_id(), known)).collect();
    let series = found.iter().filter(|found| found.is_lost());
    let series: Vec<BookingId> = series
        .filter_map(|found| series_of(known.get(&found.booking)?))
        .collect();
    let mut lost = series::lost(tx, context, &series).await?;
    let mut removals = Vec::new();
    for found in found {
        let now = match found.why {
            Why::Gone(_) => known.remove(&found.booking),
            Why::Lost => {
                let at = lost.iter().position(|lost| lost.booking_id() == found.booking);
                at.map(|at| lost.swap_remove(at))
            }
        };
        let Some(mut known) = now else { continue };
        let placement = &mut known.placement;
        let is_as_found = (&placement.calendar_id, &placement.event_id, placement.revision)
            == (&found.calendar, &found.event, found.revision);
        if !is_as_found {
            return Err(StoreError::Serialization.into());
        }
        if placement.waiting == Some(Waiting::LeadLost) {
            // Nobody was asked about it.
            placement.waiting = None;
        }
        removals.push(Removal { known, why: found.why });
    }
    Ok(removals)
}

fn series_of(known: &Known) -> Option<BookingId> {
    known.text()?.series_id.as_ref()?.parse().ok()
}

/// Does whatever follows for such items, except removals; returns these, for the brake, those of lost occurrences last.
pub(super) async fn sort_out<'e>(
    tx: &mut Tx,
    context: &Context<'_>,
    candidates: Vec<(Known, Option<&'e Event>)>,
    report: &mut PassReport,
) -> Result<Vec<Removal<'e>>, SyncError> {
    let series: Vec<BookingId> = candidates.iter().filter_map(|(known, _)| series_of(known)).collect();
    let mut lost = series::lost(tx, context, &series).await?;
    let ids: HashSet<BookingId> = candidates.iter().map(|(known, _)| known.booking_id()).collect();
    lost.retain(|lost| ids.contains(&lost.booking_id()));
    let ids: HashSet<BookingId> = lost.iter().map(Known::booking_id).collect();
    let lost = decide_lost(tx, context, lost, report).await?;
    let mut removals = Vec::new();
    for (known, event) in candidates {
        if ids.contains(&known.booking_id()) {
            continue;
        }
        let Some(known) = newcomer::led_from_here(tx, context, known, event).await? else {
            continue;
        };
        if !known.placement.is_lead {
            follower_gone(tx, known.placement).await?;
            continue;
        }
        if hand_over::was_removal(tx, context, &known, event).await? {
            continue;
        }
        if known.placement.state == PlacementState::Creating {
            // Not confirmed yet: the outbound half will look.
            continue;
        }
        if known.placement.waiting == Some(Waiting::LeadLost) {
            // Decided once the other scopes have looked.
            continue;
        }
        let removal = |known| Removal {
            known,
            why: Why::Gone(event),
        };
        if known.placement.answer.is_some() {
            carry_out(tx, context, removal(known), report).await?;
            continue;
        }
        let declined = event.is_some_and(|event| event.state != EventState::Cancelled);
        let was_there = known.placement.state == PlacementState::Live;
        if was_there && !declined && wait_for_others(tx, context, &known, report).await? {
            continue;
        }
        let seen = event.map_or(Seen::Gone, Seen::Event);
        if let Some(Settled::Removal(known)) = inbound::again(tx, context, known, seen, Gate::Inbound, report).await? {
            removals.push(removal(*known));
        }
    }
    removals.extend(lost);
    Ok(removals)
}

/// Of changed occurrences that their series do not have any more, those that the brake may yet hold. There is nothing to hold
/// of what is cancelled or was never in Google; what was held is kept or let go as it was answered.
pub(super) async fn decide_lost<'e>(
    tx: &mut Tx,
    context: &Context<'_>,
    lost: Vec<Known>,
    report: &mut PassReport,
) -> Result<Vec<Removal<'e>>, SyncError> {
    let mut open = Vec::new();
    for known in lost {
        let is_confirmed = known
            .text()
            .is_some_and(|text| text.status == Status::Confirmed.as_str());
        if !is_confirmed || known.placement.event_id.as_str().is_empty() {
            series::let_go(tx, context, known, report).await?;
            continue;
        }
        let Some(known) = newcomer::led_from_here(tx, context, known, None).await? else {
            continue;
        };
        match (known.placement.waiting, known.placement.answer.as_deref()) {
            (Some(Waiting::Brake), Some("app")) => series::stand_alone(tx, context, known, report).await?,
            (Some(Waiting::Brake), Some(_)) => series::let_go(tx, context, known, report).await?,
            (Some(Waiting::Brake), None) => {}
            _ => open.push(Removal { known, why: Why::Lost }),
        }
    }
    Ok(open)
}

async fn follower_gone(tx: &mut Tx, placement: Placement) -> Result<(), SyncError> {
    let gone = Placement {
        state: PlacementState::Gone,
        ..placement
    };
    Ok(placements::put(tx, &gone).await?)
}

/// Cancels the booking, and with a series its changed occurrences, or lets a lost occurrence go.
pub(super) async fn carry_out(
    tx: &mut Tx,
    context: &Context<'_>,
    removal: Removal<'_>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let Removal { known, why } = removal;
    let event = match why {
        Why::Gone(event) => event,
        Why::Lost => return series::let_go(tx, context, known, report).await,
    };
    let id = known.booking_id();
    let is_series = known.row.as_ref().is_some_and(|row| !row.text.recurrence.is_empty());
    let seen = event.map_or(Seen::Gone, Seen::Event);
    let settled = inbound::again(tx, context, known, seen, Gate::Open, report).await?;
    if !matches!(settled, Some(Settled::Agreed)) {
        // It is asked about, or the app's edit brings it back: nothing was removed.
        return Ok(());
    }
    note(tx, context, id).await?;
    if is_series {
        record_unseen_edits(tx, context, id, report).await?;
        cancel_occurrences(tx, context, id).await?;
    }
    Ok(())
}

/// Edits of a series' occurrences that Google has not seen yet go down with the series; their values are kept.
async fn record_unseen_edits(
    tx: &mut Tx,
    context: &Context<'_>,
    series: BookingId,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let rows = bookings::overrides(tx, tenant, &[series]).await?;
    let ids: Vec<BookingId> = rows.iter().map(|row| row.id).collect();
    let states = states::get_many(tx, tenant, &ids).await?;
    for row in rows {
        let state = states.iter().find(|state| state.id == row.id && state.is_pending());
        let (Some(state), Ok(content)) = (state, row.text.content()) else {
            continue;
        };
        let conflict = FieldConflict {
            field: Field::Status,
            winner: Some(Side::Google),
            rule: context.settings().conflict.as_str(),
            base: serde_json::Value::Null,
            app: json!(content),
            google: json!(Status::Cancelled),
        };
        let placement = super::outbound::blank(context, row.id);
        let known = Known {
            placement,
            state: Some(state.clone()),
            row: Some(row),
        };
        waiting::record_conflict(tx, context, &known, &conflict, report).await?;
    }
    Ok(())
}

/// The changed occurrences of a series that is cancelled are cancelled with it; Google does not name them one by one.
pub(super) async fn cancel_occurrences(tx: &mut Tx, context: &Context<'_>, series: BookingId) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let Some(lead) = placements::leads(tx, tenant, &[series]).await?.pop() else {
        return Ok(());
    };
    for row in bookings::overrides(tx, tenant, &[series]).await? {
        if let Ok(content) = row.text.content()
            && content.status != Status::Cancelled
        {
            let cancelled = Content {
                status: Status::Cancelled,
                ..content
            };
            // An edit that came between stays pending and meets the cancelled series.
            bookings::update(tx, tenant, row.id, row.version, &cancelled).await?;
            states::agree_after(tx, tenant, row.id, row.version).await?;
        } else {
            states::agree(tx, tenant, row.id, row.version).await?;
        }
    }
    for placement in placements::of_series(tx, tenant, &lead.calendar_id, &lead.event_id).await? {
        // Should the series come back, its occurrences do so with the etags they had.
        let mut gone = Placement {
            state: PlacementState::Gone,
            etag: String::new(),
            waiting: None,
            answer: None,
            ..placement
        };
        if let Some(base) = &mut gone.base_local {
            base.status = Status::Cancelled;
        }
        if let Some(base) = &mut gone.base_remote {
            base.status = Status::Cancelled;
        }
        placements::put(tx, &gone).await?;
    }
    Ok(())
}

/// Whether the loss of a lead has to wait until the other scopes that might show the event elsewhere have been looked at.
async fn wait_for_others(
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
    scopes::make_others_due(tx, key, booking).await?;
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
        let why = Why::Gone(None);
        return Ok(known.map(|known| Removal { known, why }));
    };
    report.step("pass the lead on", Some(booking), Some(&lost.event_id));
    take_over(tx, context, Some(lost), heir).await?;
    // The heir's own scope reads its event and merges it.
    states::disagree(tx, key.tenant, booking).await?;
    scopes::make_others_due(tx, key, booking).await?;
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
    if woken.is_empty() {
        return Ok(());
    }
    let mut tx = engine.db.begin().await?;
    for scope in &woken {
        scopes::make_scope_due(&mut tx, scope).await?;
    }
    Ok(tx.commit().await?)
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
