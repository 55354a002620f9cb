//! Live events meet their bookings.
use crate::domain::event::{Event, EventState};
use crate::domain::ids::EventId;
use crate::engine::sync::settle::{self, Gate, Known, Seen, Settled};
use crate::engine::sync::{PassReport, SyncError, belonging, context::Context, hand_over, newcomer, waiting};
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::{Tx, states};
use std::collections::HashMap;

/// How often an item is merged again because its row was edited meanwhile, before it is left to the next pass.
const TRIES: usize = 3;

/// Live events, those that are new included.
pub(super) async fn meet_all(
    tx: &mut Tx,
    context: &Context<'_>,
    events: &[&Event],
    families: &newcomer::Families,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let mut known = known_of(tx, context, events).await?;
    if report.full && !known.is_empty() {
        let (tenant, calendar) = (context.tenant(), &context.key().calendar);
        let ids: Vec<EventId> = known.keys().cloned().collect();
        placements::confirm(tx, tenant, calendar, &ids, context.started_at).await?;
    }
    let (mut new, mut tails) = (Vec::new(), Vec::new());
    for event in events.iter().copied() {
        waiting::release(tx, context, "google", event.id.as_str()).await?;
        match known.remove(&event.id) {
            Some(known) if taken_by_another(&known.placement, event) => {
                // The id that was chosen for a booking is somebody else's; the booking gets another one.
                let taken = known.placement;
                placements::remove(tx, taken.tenant_id, &taken.calendar_id, &taken.event_id).await?;
                new.push(event);
            }
            Some(known) => meet(tx, context, known, event, report).await?,
            None if newcomer::may_be_tail(event) => tails.push(event),
            None => new.push(event),
        }
    }
    Box::pin(newcomer::welcome(tx, context, &new, families, report)).await?;
    for tail in tails {
        Box::pin(newcomer::welcome(tx, context, &[tail], families, report)).await?;
    }
    Ok(())
}

/// Whether the event is what was seen before. How much of it may be known and changed is no part of its etag: that follows
/// from the user's choice and from the calendar's role.
fn is_echo(context: &Context<'_>, placement: &Placement, event: &Event) -> bool {
    let same_rights = placement.words == event.words && placement.is_writable == context.may_write(event);
    placement.etag == event.etag && !event.etag.is_empty() && (same_rights || event.state == EventState::Cancelled)
}

/// Whether an event that is not ours has the id under which one of ours was to be inserted.
fn taken_by_another(placement: &Placement, event: &Event) -> bool {
    placement.state == PlacementState::Creating && event.mark != Some(placement.booking_id)
}

/// The placements of these events, and what is needed to judge them.
pub(super) async fn known_of(
    tx: &mut Tx,
    context: &Context<'_>,
    events: &[&Event],
) -> Result<HashMap<EventId, Known>, SyncError> {
    if events.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<EventId> = events.iter().map(|event| event.id.clone()).collect();
    let found = placements::get_many(tx, context.tenant(), &context.key().calendar, &ids).await?;
    // An echo needs no look at its booking.
    let by_id: HashMap<&EventId, &Event> = events.iter().map(|event| (&event.id, *event)).collect();
    let (echoes, changed): (Vec<_>, Vec<_>) = found.into_iter().partition(|placement| {
        placement.state == PlacementState::Live
            && placement.waiting.is_none()
            && placement.account_id == context.key().account
            && by_id
                .get(&placement.event_id)
                .is_some_and(|event| is_echo(context, placement, event))
    });
    let changed = settle::load(tx, context.tenant(), changed).await?;
    let echoes = echoes.into_iter().map(|placement| Known {
        placement,
        row: None,
        state: None,
    });
    Ok(changed
        .into_iter()
        .chain(echoes)
        .map(|known| (known.placement.event_id.clone(), known))
        .collect())
}

/// An event whose placement is known.
pub(in crate::engine::sync) async fn meet(
    tx: &mut Tx,
    context: &Context<'_>,
    known: Known,
    event: &Event,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let Some(known) = newcomer::led_from_here(tx, context, known, Some(event)).await? else {
        return Ok(());
    };
    let placement = &known.placement;
    let settled_state = matches!(placement.state, PlacementState::Live | PlacementState::Gone);
    if settled_state && placement.waiting.is_none() {
        let stale = event.updated_at < placement.remote_updated_at;
        if stale || is_echo(context, placement, event) {
            return Ok(());
        }
    }
    if let (PlacementState::Creating, Some(uid)) = (placement.state, &event.ical_uid) {
        // The answer to its insert was lost; from here on other calendars find the booking by this identity.
        let start = placement.original_start;
        placements::identify(tx, context.tenant(), uid, start, placement.booking_id).await?;
    }
    if !placement.is_lead {
        return newcomer::note_follower(tx, context, known.placement, event).await;
    }
    if hand_over::is_answered(context, &known.placement) {
        return Ok(());
    }
    let known = belonging::rehome(tx, context, known, event).await?;
    again(tx, context, known, Seen::Event(event), Gate::Inbound, report)
        .await
        .map(drop)
}

/// Settles; if the row was edited meanwhile, loads it again. `None`: it never stood still, the next pass will see it.
pub(in crate::engine::sync) async fn again(
    tx: &mut Tx,
    context: &Context<'_>,
    mut known: Known,
    seen: Seen<'_>,
    gate: Gate,
    report: &mut PassReport,
) -> Result<Option<Settled>, SyncError> {
    for _ in 0..TRIES {
        let placement = known.placement.clone();
        match Box::pin(settle::settle(tx, context, &mut known, seen, gate, report)).await? {
            Settled::MovedOn => {
                let Some(fresh) = settle::load(tx, context.tenant(), vec![placement]).await?.pop() else {
                    return Ok(None);
                };
                known = fresh;
            }
            settled => return Ok(Some(settled)),
        }
    }
    // Without an etag the next pass reads the event first.
    known.placement.etag.clear();
    placements::put(tx, &known.placement).await?;
    states::disagree(tx, context.tenant(), known.booking_id()).await?;
    Ok(None)
}
