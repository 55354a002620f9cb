//! Items of Google meet their bookings.
//!
//! Series and single events come first, then occurrences, because pages show them in any order; whatever would cancel or
//! delete something comes last, through the brake, and after it the sync token. Each chunk is one short transaction that
//! may be repeated: an item that was applied before is recognised by its etag. An item that the database refuses is set
//! aside with the reason, and its neighbours go on.
use super::pull::Listing;
use super::settle::{self, Gate, Known, Seen, Settled};
use super::{PassReport, SyncError, context::Context, newcomer, removal, series, waiting};
use crate::domain::event::{Event, EventState, OwnResponse};
use crate::domain::ids::{BookingId, EventId};
use crate::google::calendar::Broken;
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::{StoreError, Tx, calendars, scopes, states};
use std::collections::{HashMap, HashSet};

/// Items per transaction; SQLite's writer is free again well within a second.
const CHUNK: usize = 128;
/// Events that are confirmed or looked up in one statement.
const NAMED_AT_ONCE: usize = 1000;
/// How often an item is merged again because its row was edited meanwhile, before it is left to the next pass.
const TRIES: usize = 3;

/// An event that Google has said something about.
struct Item {
    id: EventId,
    /// As it was shown; `None`: a direct look says that it is gone.
    event: Option<Event>,
}

/// What is done with a chunk of items.
#[derive(Clone, Copy)]
enum Step<'a> {
    /// Live events meet their bookings; new ones get some.
    Meet(&'a newcomer::Families),
    /// Cancelled occurrences go with the series that Google shows them under.
    Rehome,
    /// Changed occurrences that their series does not have any more go.
    Prune,
    /// Of what is not there any more, everything is done but removals; these are found.
    SortOut,
    /// Lost leads whose time has come pass to an heir; those without one are found.
    PassOn,
    /// Removals that the brake lets through.
    Remove,
    /// Removals that it holds.
    Hold,
}

/// Everything of a listing in the order in which it is applied.
struct Work {
    /// Single events and series.
    wholes: Vec<Item>,
    occurrences: Vec<Item>,
    /// Tombstones, events that their user declined, and what is gone.
    lost: Vec<Item>,
    broken: Vec<Broken>,
    /// The events that a full listing showed, without those that are met.
    shown: Vec<EventId>,
}

impl Work {
    fn of(listing: Listing) -> Work {
        let (mut wholes, mut occurrences, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        let mut shown = listing.shown;
        shown.retain(|id| listing.events.get(id).is_none_or(is_lost));
        for (id, event) in listing.events {
            let kind = match &event {
                event if is_lost(event) => &mut lost,
                Event {
                    instance_of: Some(_), ..
                } => &mut occurrences,
                _ => &mut wholes,
            };
            let event = Some(event);
            kind.push(Item { id, event });
        }
        let is_occurrence = |item: &Item| item.event.as_ref().is_some_and(|event| event.instance_of.is_some());
        wholes.sort_by(|a, b| a.id.cmp(&b.id));
        occurrences.sort_by(|a, b| a.id.cmp(&b.id));
        lost.sort_by_cached_key(|item| (is_occurrence(item), item.id.clone()));
        lost.extend(listing.gone.into_iter().map(|id| Item { id, event: None }));
        Work {
            wholes,
            occurrences,
            lost,
            broken: listing.broken,
            shown,
        }
    }
}

fn is_lost(event: &Event) -> bool {
    event.state == EventState::Cancelled || event.own_response == OwnResponse::Declined
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
    let families = newcomer::Families::of(work.wholes.iter().filter_map(|item| item.event.as_ref()));
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
    for items in [&work.wholes, &work.occurrences] {
        in_chunks(
            context,
            Step::Meet(&families),
            &items.iter().collect::<Vec<_>>(),
            report,
        )
        .await?;
    }
    for shown in work.shown.chunks(NAMED_AT_ONCE) {
        let mut tx = context.begin().await?;
        placements::confirm(
            &mut tx,
            context.tenant(),
            &context.key().calendar,
            shown,
            context.started_at,
        )
        .await?;
        tx.commit().await?;
    }
    let lost: Vec<&Item> = work.lost.iter().collect();
    let moved = |item: &&Item| item.event.as_ref().is_some_and(|event| event.instance_of.is_some());
    let moved: Vec<&Item> = lost.iter().copied().filter(moved).collect();
    in_chunks(context, Step::Rehome, &moved, report).await?;
    let series = series_to_prune(context, &work.wholes).await?;
    in_chunks(context, Step::Prune, &series, report).await?;
    let found = in_chunks(context, Step::SortOut, &lost, report).await?;
    let removals: Vec<&Item> = lost.into_iter().filter(|item| found.contains(&item.id)).collect();
    remove(context, &removals, report).await?;
    let leads = lost_leads(context).await?;
    let leads: Vec<&Item> = leads.iter().collect();
    let found = in_chunks(context, Step::PassOn, &leads, report).await?;
    let removals: Vec<&Item> = leads.into_iter().filter(|item| found.contains(&item.id)).collect();
    remove(context, &removals, report).await?;
    let mut tx = context.begin().await?;
    scopes::keep_token(&mut tx, context.claim, &token, &context.fingerprint).await?;
    tx.commit().await?;
    context.token = Some(token);
    Ok(())
}

/// Does a step with items, in a transaction for each chunk; returns which of them are removals.
///
/// A chunk that the database refuses is rolled back and done in halves, until the refused item stands alone. That one is
/// tried once more, because another pass may only have been in its way, and then set aside.
async fn in_chunks(
    context: &Context<'_>,
    step: Step<'_>,
    items: &[&Item],
    report: &mut PassReport,
) -> Result<HashSet<EventId>, SyncError> {
    let mut removals = HashSet::new();
    for chunk in items.chunks(CHUNK) {
        let mut left = vec![(chunk, false)];
        while let Some((part, tried_alone)) = left.pop() {
            let mark = report.mark();
            match transaction(context, step, part, report).await {
                Ok(found) => removals.extend(found),
                Err(SyncError::Store(error)) if error.is_about_a_row() => {
                    report.back_to(mark);
                    match part {
                        [item] if tried_alone => refuse(context, item, &error, report).await?,
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
    }
    Ok(removals)
}

async fn transaction(
    context: &Context<'_>,
    step: Step<'_>,
    items: &[&Item],
    report: &mut PassReport,
) -> Result<Vec<EventId>, SyncError> {
    let mut tx = context.begin().await?;
    let mut removals = Vec::new();
    match step {
        Step::Meet(families) => meet_all(&mut tx, context, items, families, report).await?,
        Step::Rehome => rehome(&mut tx, context, items).await?,
        Step::Prune => {
            let found = placements_of(&mut tx, context, items).await?;
            let ids: Vec<BookingId> = found.iter().map(|placement| placement.booking_id).collect();
            series::prune(&mut tx, context, &ids, report).await?;
        }
        Step::SortOut => removals = sort_out(&mut tx, context, items, report).await?,
        Step::PassOn => {
            for placement in placements_of(&mut tx, context, items).await? {
                removals.extend(removal::pass_on(&mut tx, context, placement, report).await?);
            }
        }
        Step::Remove => {
            for (known, event) in known_with(&mut tx, context, items).await? {
                removal::carry_out(&mut tx, context, known, event, report).await?;
            }
        }
        Step::Hold => {
            let found = known_with(&mut tx, context, items).await?;
            let found = found.into_iter().map(|(known, _)| known).collect();
            removal::mark_held(&mut tx, found, report).await?;
        }
    }
    tx.commit().await?;
    Ok(removals)
}

/// Sets an item aside that the database does not take.
async fn refuse(
    context: &Context<'_>,
    item: &Item,
    error: &StoreError,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let mut tx = context.begin().await?;
    waiting::refuse_event(&mut tx, context, &item.id, &error.to_string(), None, report).await?;
    Ok(tx.commit().await?)
}

/// Decides once on all removals, and then carries them out or holds them.
async fn remove(context: &Context<'_>, removals: &[&Item], report: &mut PassReport) -> Result<(), SyncError> {
    if removals.is_empty() {
        return Ok(());
    }
    let mut tx = context.engine.db.read().await?;
    let mut ids: Vec<BookingId> = Vec::new();
    for chunk in removals.chunks(NAMED_AT_ONCE) {
        ids.extend(
            placements_of(&mut tx, context, chunk)
                .await?
                .iter()
                .map(|placement| placement.booking_id),
        );
    }
    let held = removal::brakes(&mut tx, context, &ids).await?;
    drop(tx);
    if !held {
        return in_chunks(context, Step::Remove, removals, report).await.map(drop);
    }
    in_chunks(context, Step::Hold, removals, report).await?;
    let mut tx = context.begin().await?;
    removal::ask_about_held(&mut tx, context).await?;
    Ok(tx.commit().await?)
}

/// Series that have changed occurrences in the app. Echoes too, so that a crash after a series was written forgets none of
/// its occurrences.
async fn series_to_prune<'w>(context: &Context<'_>, wholes: &'w [Item]) -> Result<Vec<&'w Item>, SyncError> {
    let mut series = Vec::new();
    let mut tx = context.engine.db.read().await?;
    for chunk in wholes.chunks(NAMED_AT_ONCE) {
        let ids: Vec<EventId> = chunk.iter().map(|item| item.id.clone()).collect();
        let found = placements::with_occurrences(&mut tx, context.tenant(), &context.key().calendar, &ids).await?;
        series.extend(chunk.iter().filter(|item| found.contains(&item.id)));
    }
    Ok(series)
}

/// Lost leads that may be decided now.
async fn lost_leads(context: &Context<'_>) -> Result<Vec<Item>, SyncError> {
    if !context.has_waiting {
        return Ok(Vec::new());
    }
    let mut tx = context.engine.db.read().await?;
    let leads = removal::lost_leads(&mut tx, context).await?;
    Ok(leads.into_iter().map(|id| Item { id, event: None }).collect())
}

/// What the calendar says about itself. One that answers again goes on; one that may not be written any more is frozen.
async fn note_calendar(tx: &mut Tx, context: &Context<'_>) -> Result<(), SyncError> {
    let key = context.key();
    let role = context.reading.role;
    let zone = context.reading.zone.name();
    let title = &context.scope.title;
    calendars::set_role(tx, key.tenant, key.account, &key.calendar, role, zone, title).await?;
    Ok(calendars::freeze(tx, key.tenant, key.account, &key.calendar, context.frozen()).await?)
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

async fn meet_all(
    tx: &mut Tx,
    context: &Context<'_>,
    items: &[&Item],
    families: &newcomer::Families,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let events: Vec<&Event> = items.iter().filter_map(|item| item.event.as_ref()).collect();
    let mut known = known_of(tx, context, &events).await?;
    if report.full && !known.is_empty() {
        let (tenant, calendar) = (context.tenant(), &context.key().calendar);
        let ids: Vec<EventId> = known.keys().cloned().collect();
        placements::confirm(tx, tenant, calendar, &ids, context.started_at).await?;
    }
    let (mut new, mut tails) = (Vec::new(), Vec::new());
    for event in events {
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
    newcomer::welcome(tx, context, &new, families, report).await?;
    for tail in tails {
        newcomer::welcome(tx, context, &[tail], families, report).await?;
    }
    Ok(())
}

async fn rehome(tx: &mut Tx, context: &Context<'_>, items: &[&Item]) -> Result<(), SyncError> {
    let events: Vec<&Event> = items.iter().filter_map(|item| item.event.as_ref()).collect();
    let mut known = known_of(tx, context, &events).await?;
    for event in events {
        if let Some(known) = known.remove(&event.id) {
            newcomer::rehome(tx, context, known, event).await?;
        }
    }
    Ok(())
}

/// Does whatever follows for items that are not there any more, except removals; returns these.
async fn sort_out(
    tx: &mut Tx,
    context: &Context<'_>,
    items: &[&Item],
    report: &mut PassReport,
) -> Result<Vec<EventId>, SyncError> {
    let shown: Vec<&Event> = items.iter().filter_map(|item| item.event.as_ref()).collect();
    let mut known = known_of(tx, context, &shown).await?;
    let gone: Vec<EventId> = items
        .iter()
        .filter(|item| item.event.is_none())
        .map(|item| item.id.clone())
        .collect();
    if !gone.is_empty() {
        let found = placements::get_many(tx, context.tenant(), &context.key().calendar, &gone).await?;
        let found = settle::load(tx, context.tenant(), found).await?;
        known.extend(found.into_iter().map(|known| (known.placement.event_id.clone(), known)));
    }
    let mut candidates = Vec::new();
    for item in items {
        waiting::release(tx, context, "google", item.id.as_str()).await?;
        match (known.remove(&item.id), &item.event) {
            (Some(known), event) => candidates.push((known, event.as_ref())),
            (None, Some(event)) if event.state == EventState::Cancelled => {
                newcomer::cancelled_occurrence(tx, context, event, report).await?;
            }
            (None, _) => {}
        }
    }
    let removals = removal::sort_out(tx, context, candidates, report).await?;
    Ok(removals
        .into_iter()
        .map(|(known, _)| known.placement.event_id)
        .collect())
}

async fn placements_of(tx: &mut Tx, context: &Context<'_>, items: &[&Item]) -> Result<Vec<Placement>, SyncError> {
    let ids: Vec<EventId> = items.iter().map(|item| item.id.clone()).collect();
    Ok(placements::get_many(tx, context.tenant(), &context.key().calendar, &ids).await?)
}

/// The items' placements and bookings as they stand now, in order.
async fn known_with<'i>(
    tx: &mut Tx,
    context: &Context<'_>,
    items: &[&'i Item],
) -> Result<Vec<(Known, Option<&'i Event>)>, SyncError> {
    let found = placements_of(tx, context, items).await?;
    let found = settle::load(tx, context.tenant(), found).await?;
    let mut known: HashMap<EventId, Known> = found
        .into_iter()
        .map(|known| (known.placement.event_id.clone(), known))
        .collect();
    let with = |item: &&'i Item| Some((known.remove(&item.id)?, item.event.as_ref()));
    Ok(items.iter().filter_map(with).collect())
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

async fn known_of(tx: &mut Tx, context: &Context<'_>, events: &[&Event]) -> Result<HashMap<EventId, Known>, SyncError> {
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
