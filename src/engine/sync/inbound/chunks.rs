//! Steps over many items, in a short transaction for each chunk.
//!
//! What one transaction finds, another may carry out: whoever does reads it again.
use super::meeting;
use crate::domain::event::Event;
use crate::domain::ids::{BookingId, EventId};
use crate::engine::sync::removal::{self, Found, Removal};
use crate::engine::sync::settle::{self, Known};
use crate::engine::sync::{
    PassReport, SyncError, belonging, context::Context, halves, leads, newcomer, occurrence, series, waiting,
};
use crate::store::placements::{self, Placement};
use crate::store::{StoreError, Tx};

/// Items per transaction; SQLite's writer is free again well within a second.
pub(in crate::engine::sync) const CHUNK: usize = 128;

/// How often a chunk gives way to other transactions before its pass does.
const RETRIES: u32 = 3;

/// What a step is done with.
#[derive(Clone, Copy)]
pub(super) enum Item<'w> {
    /// An event as Google shows it.
    Shown(&'w Event),
    /// An event of which a direct look says that it is gone, or that is lost.
    Gone(&'w EventId),
    /// What is to be removed.
    Removal(&'w Found<'w>),
}

impl<'w> Item<'w> {
    fn id(self) -> &'w EventId {
        match self {
            Item::Shown(event) => &event.id,
            Item::Gone(id) => id,
            Item::Removal(found) => &found.event,
        }
    }

    fn event(self) -> Option<&'w Event> {
        match self {
            Item::Shown(event) => Some(event),
            Item::Gone(_) | Item::Removal(_) => None,
        }
    }

    fn removal(self) -> Option<&'w Found<'w>> {
        match self {
            Item::Removal(found) => Some(found),
            Item::Shown(_) | Item::Gone(_) => None,
        }
    }
}

/// What is done with a chunk of items.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    /// Live events meet their bookings; new ones get some.
    Meet(&'a newcomer::Families),
    /// Cancelled occurrences go with the series that Google shows them under.
    Rehome,
    /// Lost leads whose time has come pass to an heir; those without one are found.
    PassOn,
    /// Changed occurrences that their series do not have any more are found; halves that were cut off are recognised.
    Families,
    /// Of what is not there any more, everything is done but removals; these are found.
    SortOut,
    /// Removals that the brake lets through.
    Remove,
    /// Removals that it holds.
    Hold,
}

/// Does a step with items, in a transaction for each chunk; returns the removals that it finds.
///
/// A chunk that the database refuses is rolled back and done in halves, until the refused item stands alone. That one is
/// tried once more, because another pass may only have been in its way, and then set aside. A chunk whose transaction met
/// another one in its way is simply done again, a few times.
pub(super) async fn in_chunks<'w>(
    context: &Context<'_>,
    step: Step<'_>,
    items: &[Item<'w>],
    report: &mut PassReport,
) -> Result<Vec<Found<'w>>, SyncError> {
    let mut removals = Vec::new();
    for chunk in items.chunks(CHUNK) {
        let mut retries = RETRIES;
        let mut left = vec![(chunk, false)];
        while let Some((part, tried_alone)) = left.pop() {
            let mark = report.mark();
            match Box::pin(transaction(context, step, part, report)).await {
                Ok(found) => removals.extend(found),
                Err(SyncError::Store(error)) if error.is_about_a_row() => {
                    report.back_to(mark);
                    match part {
                        [item] if tried_alone => refuse(context, *item, &error, report).await?,
                        [_] => left.push((part, true)),
                        _ => {
                            let (first, second) = part.split_at(part.len() / 2);
                            left.extend([(second, false), (first, false)]);
                        }
                    }
                }
                Err(error) if error.is_in_the_way() && retries > 0 => {
                    report.back_to(mark);
                    retries -= 1;
                    left.push((part, tried_alone));
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(removals)
}

async fn transaction<'w>(
    context: &Context<'_>,
    step: Step<'_>,
    items: &[Item<'w>],
    report: &mut PassReport,
) -> Result<Vec<Found<'w>>, SyncError> {
    let mut tx = context.begin().await?;
    let mut removals = Vec::new();
    match step {
        Step::Meet(families) => Box::pin(meeting::meet_all(&mut tx, context, &events(items), families, report)).await?,
        Step::Rehome => rehome(&mut tx, context, &events(items)).await?,
        Step::PassOn => {
            for placement in placements_of(&mut tx, context, items).await? {
                removals.extend(leads::decide_lost_lead(&mut tx, context, placement, report).await?);
            }
        }
        Step::Families => removals = Box::pin(look_through(&mut tx, context, items, report)).await?,
        Step::SortOut => removals = Box::pin(sort_out(&mut tx, context, items, report)).await?,
        Step::Remove => {
            for removal in reload(&mut tx, context, items).await? {
                removal::carry_out(&mut tx, context, removal, report).await?;
            }
        }
        Step::Hold => {
            let found = reload(&mut tx, context, items).await?;
            let found = found.into_iter().map(|removal| removal.known).collect();
            removal::mark_held(&mut tx, context, found, report).await?;
        }
    }
    tx.commit().await?;
    Ok(removals.into_iter().map(Removal::found).collect())
}

/// Sets an item aside that the database does not take.
async fn refuse(
    context: &Context<'_>,
    item: Item<'_>,
    error: &StoreError,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let mut tx = context.begin().await?;
    waiting::refuse_event(&mut tx, context, item.id(), &error.to_string(), None, report).await?;
    Ok(tx.commit().await?)
}

fn events<'w>(items: &[Item<'w>]) -> Vec<&'w Event> {
    items.iter().filter_map(|item| item.event()).collect()
}

async fn placements_of(tx: &mut Tx, context: &Context<'_>, items: &[Item<'_>]) -> Result<Vec<Placement>, SyncError> {
    let ids: Vec<EventId> = items.iter().map(|item| item.id().clone()).collect();
    Ok(placements::get_many(tx, context.tenant(), &context.key().calendar, &ids).await?)
}

async fn reload<'w>(tx: &mut Tx, context: &Context<'_>, items: &[Item<'w>]) -> Result<Vec<Removal<'w>>, SyncError> {
    let found: Vec<&'w Found<'w>> = items.iter().filter_map(|item| item.removal()).collect();
    removal::reload(tx, context, &found).await
}

async fn rehome(tx: &mut Tx, context: &Context<'_>, events: &[&Event]) -> Result<(), SyncError> {
    let mut known = meeting::known_of(tx, context, events).await?;
    for event in events {
        if let Some(known) = known.remove(&event.id) {
            belonging::rehome(tx, context, known, event).await?;
        }
    }
    Ok(())
}

async fn look_through<'w>(
    tx: &mut Tx,
    context: &Context<'_>,
    items: &[Item<'w>],
    report: &mut PassReport,
) -> Result<Vec<Removal<'w>>, SyncError> {
    let placed = placements_of(tx, context, items).await?;
    // While a series waits nobody knows which occurrences it will have.
    let decided = placed.iter().filter(|placement| placement.waiting.is_none());
    let ids: Vec<BookingId> = decided.map(|placement| placement.booking_id).collect();
    let lost = series::lost(tx, context, &ids).await?;
    let removals = Box::pin(removal::decide_lost(tx, context, lost, report)).await?;
    halves::recognise(tx, context, &events(items), &placed, report).await?;
    Ok(removals)
}

/// Does whatever follows for items that are not there any more, except removals; returns these.
async fn sort_out<'w>(
    tx: &mut Tx,
    context: &Context<'_>,
    items: &[Item<'w>],
    report: &mut PassReport,
) -> Result<Vec<Removal<'w>>, SyncError> {
    let mut known = meeting::known_of(tx, context, &events(items)).await?;
    let gone: Vec<Item<'_>> = items.iter().copied().filter(|item| item.event().is_none()).collect();
    if !gone.is_empty() {
        let found = placements_of(tx, context, &gone).await?;
        let found = settle::load(tx, context.tenant(), found).await?;
        known.extend(found.into_iter().map(|known| (known.placement.event_id.clone(), known)));
    }
    let mut candidates: Vec<(Known, Option<&Event>)> = Vec::new();
    for item in items {
        waiting::release(tx, context, "google", item.id().as_str()).await?;
        match (known.remove(item.id()), item.event()) {
            (Some(known), event) => candidates.push((known, event)),
            (None, Some(event)) => {
                let known = occurrence::cancelled(tx, context, event, report).await?;
                candidates.extend(known.map(|known| (known, Some(event))));
            }
            (None, None) => {}
        }
    }
    removal::sort_out(tx, context, candidates, report).await
}
