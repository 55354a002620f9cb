//! Items of Google meet their bookings.
//!
//! Series and single events come first, then occurrences, because pages show them in any order; whatever would cancel or
//! delete something comes last, through the brake, and after it the sync token. Each chunk is one short transaction that
//! may be repeated: an item that was applied before is recognised by its etag.
use super::pull::Listing;
use super::settle::{self, Gate, Known, Seen, Settled};
use super::{PassReport, SyncError, context::Context, halves, hand_over, newcomer, removal, series, waiting};
use crate::domain::event::{Event, EventState, OwnResponse};
use crate::domain::ids::{BookingId, EventId};
use crate::google::calendar::Broken;
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::{Tx, calendars, scopes, states};
use std::collections::HashMap;

/// Items per transaction; SQLite's writer is free again well within a second.
const CHUNK: usize = 100;
/// Events of a full listing that are confirmed in one statement.
const CONFIRMED_AT_ONCE: usize = 1000;
/// How often an item is merged again because its row was edited meanwhile, before it is left to the next pass.
const TRIES: usize = 3;

/// Everything of a listing in the order in which it is applied.
struct Work {
    /// Singles and series, then occurrences.
    upserts: Vec<Event>,
    /// Tombstones, and events that their user declined.
    tombstones: Vec<Event>,
    gone: Vec<EventId>,
    broken: Vec<Broken>,
    shown: Vec<EventId>,
}

impl Work {
    fn of(listing: Listing) -> Work {
        let (mut upserts, mut tombstones) = (Vec::new(), Vec::new());
        for event in listing.events.into_values() {
            if event.state == EventState::Cancelled || event.own_response == OwnResponse::Declined {
                tombstones.push(event);
            } else {
                upserts.push(event);
            }
        }
        let order = |event: &Event| (event.instance_of.is_some(), event.id.clone());
        upserts.sort_by_cached_key(order);
        tombstones.sort_by_cached_key(order);
        Work {
            upserts,
            tombstones,
            gone: listing.gone,
            broken: listing.broken,
            shown: listing.shown,
        }
    }
}

/// Applies a listing in short transactions.
pub(super) async fn apply(
    context: &mut Context<'_>,
    listing: Listing,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let token = listing.token.clone();
    let changed_calendar = listing.changed_calendar;
    let work = Work::of(listing);
    let families = newcomer::Families::of(&work.upserts);
    if changed_calendar.is_some() || context.frozen() != context.scope.frozen.as_deref() {
        let mut tx = context.begin().await?;
        note_calendar(&mut tx, context).await?;
        tx.commit().await?;
        context.scope.frozen = context.frozen().map(str::to_owned);
    }
    for broken in work.broken.chunks(CHUNK) {
        let mut tx = context.begin().await?;
        set_aside(&mut tx, context, broken, report).await?;
        tx.commit().await?;
    }
    for chunk in work.upserts.chunks(CHUNK) {
        let mut tx = context.begin().await?;
        upsert(&mut tx, context, chunk, &families, report).await?;
        tx.commit().await?;
    }
    let (tenant, calendar) = (context.tenant(), &context.key().calendar);
    for chunk in work.shown.chunks(CONFIRMED_AT_ONCE) {
        let mut tx = context.begin().await?;
        placements::confirm(&mut tx, tenant, calendar, chunk, context.started_at).await?;
        tx.commit().await?;
    }
    let mut tx = context.begin().await?;
    last(&mut tx, context, &work, report).await?;
    scopes::keep_token(&mut tx, context.claim, &token, &context.fingerprint).await?;
    tx.commit().await?;
    context.token = Some(token);
    Ok(())
}

/// The same in one transaction, which the caller rolls back.
pub(super) async fn plan(
    context: &Context<'_>,
    tx: &mut Tx,
    listing: Listing,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let work = Work::of(listing);
    let families = newcomer::Families::of(&work.upserts);
    set_aside(tx, context, &work.broken, report).await?;
    for chunk in work.upserts.chunks(CHUNK) {
        upsert(tx, context, chunk, &families, report).await?;
    }
    last(tx, context, &work, report).await
}

/// What the calendar says about itself. One that answers again goes on; one that may not be written any more is frozen.
async fn note_calendar(tx: &mut Tx, context: &Context<'_>) -> Result<(), SyncError> {
    let key = context.key();
    let role = context.reading.role;
    let zone = context.reading.zone.name();
    let title = &context.scope.title;
    calendars::set_role(tx, key.tenant, key.account, &key.calendar, role, zone, title).await?;
    calendars::freeze(tx, key.tenant, key.account, &key.calendar, context.frozen()).await?;
    if context.frozen().is_some() && context.scope.frozen.is_none() {
        scopes::list_again_elsewhere(tx, key).await?;
    }
    Ok(())
}

async fn set_aside(
    tx: &mut Tx,
    context: &Context<'_>,
    broken: &[Broken],
    report: &mut PassReport,
) -> Result<(), SyncError> {
    for item in broken {
        let id = item.id.clone().unwrap_or_else(|| EventId::from("(no id)"));
        waiting::refuse_event(tx, context, &id, &item.reason, Some(&item.raw), report).await?;
    }
    Ok(())
}

async fn upsert(
    tx: &mut Tx,
    context: &Context<'_>,
    events: &[Event],
    families: &newcomer::Families,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let mut known = known_of(tx, context, events).await?;
    let mut fresh = Vec::new();
    for event in events {
        waiting::release(tx, context, "google", event.id.as_str()).await?;
        let known = match known.remove(&event.id) {
            Some(known) if taken_by_another(&known.placement, event) => {
                // The id that was chosen for a booking is somebody else's; the booking gets another one.
                let taken = known.placement;
                placements::remove(tx, taken.tenant_id, &taken.calendar_id, &taken.event_id).await?;
                None
            }
            known => known,
        };
        match known {
            Some(known) => meet(tx, context, known, event, report).await?,
            None => newcomer::welcome(tx, context, event, families, &mut fresh, report).await?,
        }
    }
    states::agree_as_they_stand(tx, context.tenant(), &fresh).await?;
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

async fn known_of(tx: &mut Tx, context: &Context<'_>, events: &[Event]) -> Result<HashMap<EventId, Known>, SyncError> {
    let ids: Vec<EventId> = events.iter().map(|event| event.id.clone()).collect();
    let found = placements::get_many(tx, context.tenant(), &context.key().calendar, &ids).await?;
    // An echo needs no look at its booking.
    let by_id: HashMap<&EventId, &Event> = events.iter().map(|event| (&event.id, event)).collect();
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
pub(super) async fn meet(
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
    let known = newcomer::rehome(tx, context, known, event).await?;
    again(tx, context, known, Seen::Event(event), Gate::Inbound, report)
        .await
        .map(drop)
}

/// Settles; if the row was edited meanwhile, loads it again. `None`: it never stood still, the next pass will see it.
pub(super) async fn again(
    tx: &mut Tx,
    context: &Context<'_>,
    mut known: Known,
    seen: Seen<'_>,
    gate: Gate,
    report: &mut PassReport,
) -> Result<Option<Settled>, SyncError> {
    for _ in 0..TRIES {
        let placement = known.placement.clone();
        match settle::settle(tx, context, &mut known, seen, gate, report).await? {
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

/// Tombstones, answered and lost items, removals.
async fn last(tx: &mut Tx, context: &Context<'_>, work: &Work, report: &mut PassReport) -> Result<(), SyncError> {
    for chunk in work.tombstones.chunks(CHUNK) {
        let mut known = known_of(tx, context, chunk).await?;
        for event in chunk.iter().filter(|event| event.instance_of.is_some()) {
            if let Some(known) = known.remove(&event.id) {
                newcomer::rehome(tx, context, known, event).await?;
            }
        }
    }
    // Echoes too, so that a crash after a series was written forgets none of its occurrences.
    let whole = work.upserts.iter().filter(|event| event.instance_of.is_none());
    let whole: Vec<EventId> = whole.map(|event| event.id.clone()).collect();
    let mut lost: Vec<Known> = Vec::new();
    for chunk in whole.chunks(1000) {
        let found = placements::get_many(tx, context.tenant(), &context.key().calendar, chunk).await?;
        // While a series waits nobody knows which occurrences it will have.
        let decided = found.iter().filter(|placement| placement.waiting.is_none());
        let ids: Vec<BookingId> = decided.map(|placement| placement.booking_id).collect();
        lost.extend(series::lost(tx, context, &ids).await?);
        halves::recognise(tx, context, &work.upserts, &found, report).await?;
    }
    let mut candidates: Vec<(Known, Option<Event>)> = Vec::new();
    for chunk in work.tombstones.chunks(CHUNK) {
        let mut known = known_of(tx, context, chunk).await?;
        for event in chunk {
            waiting::release(tx, context, "google", event.id.as_str()).await?;
            match known.remove(&event.id) {
                Some(known) => candidates.push((known, Some(event.clone()))),
                None => {
                    let known = newcomer::cancelled_occurrence(tx, context, event, report).await?;
                    candidates.extend(known.map(|known| (known, Some(event.clone()))));
                }
            }
        }
    }
    for chunk in work.gone.chunks(CHUNK) {
        let found = placements::get_many(tx, context.tenant(), &context.key().calendar, chunk).await?;
        for known in settle::load(tx, context.tenant(), found).await? {
            waiting::release(tx, context, "google", known.placement.event_id.as_str()).await?;
            candidates.push((known, None));
        }
    }
    removal::together(tx, context, candidates, lost, report).await?;
    removal::decide_lost_leads(tx, context, report).await
}
