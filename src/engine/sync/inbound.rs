//! Items of Google meet their bookings.
//!
//! Series and single events come first, then occurrences, because pages show them in any order; whatever would cancel or
//! delete something comes last, through the brake, and after it the sync token. Each chunk is one short transaction that
//! may be repeated: an item that was applied before is recognised by its etag. An item that the database refuses is set
//! aside with the reason, and its neighbours go on.
mod chunks;
mod meeting;

pub(super) use self::chunks::CHUNK;
pub(super) use self::meeting::{again, meet};

use self::chunks::{Item, Step, in_chunks};
use super::pull::Listing;
use super::removal::{self, Found};
use super::{PassReport, SyncError, context::Context, leads, newcomer, waiting};
use crate::domain::event::{Event, EventState, OwnResponse};
use crate::domain::ids::{BookingId, EventId};
use crate::google::calendar::Broken;
use crate::store::{Tx, calendars, placements, scopes};
use std::collections::HashSet;

/// Events that are confirmed or looked up in one statement.
const NAMED_AT_ONCE: usize = 1000;

/// Everything of a listing in the order in which it is applied.
struct Work {
    /// Single events and series.
    wholes: Vec<Event>,
    occurrences: Vec<Event>,
    /// Tombstones, and events that their user declined.
    lost: Vec<Event>,
    /// A direct look says that these are gone.
    gone: Vec<EventId>,
    broken: Vec<Broken>,
    /// The events that a full listing showed, without those that are met.
    shown: Vec<EventId>,
}

impl Work {
    fn of(listing: Listing) -> Work {
        let (mut wholes, mut occurrences, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        let mut shown = listing.shown;
        shown.retain(|id| listing.events.get(id).is_none_or(is_lost));
        for event in listing.events.into_values() {
            if is_lost(&event) {
                lost.push(event);
            } else if event.instance_of.is_some() {
                occurrences.push(event);
            } else {
                wholes.push(event);
            }
        }
        for events in [&mut wholes, &mut occurrences, &mut lost] {
            events.sort_by_cached_key(|event| (event.instance_of.is_some(), event.id.clone()));
        }
        Work {
            wholes,
            occurrences,
            lost,
            gone: listing.gone,
            broken: listing.broken,
            shown,
        }
    }
}

fn is_lost(event: &Event) -> bool {
    event.state == EventState::Cancelled || event.own_response == OwnResponse::Declined
}

fn items<'w>(events: impl IntoIterator<Item = &'w Event>) -> Vec<Item<'w>> {
    events.into_iter().map(Item::Shown).collect()
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
    let families = newcomer::Families::of(&work.wholes);
    for events in [&work.wholes, &work.occurrences] {
        in_chunks(context, Step::Meet(&families), &items(events), report).await?;
    }
    let (tenant, calendar) = (context.tenant(), &context.key().calendar);
    for shown in work.shown.chunks(NAMED_AT_ONCE) {
        let mut tx = context.begin().await?;
        placements::confirm(&mut tx, tenant, calendar, shown, context.started_at).await?;
        tx.commit().await?;
    }
    remove(context, &work, report).await?;
    let mut tx = context.begin().await?;
    scopes::keep_token(&mut tx, context.claim, &token, &context.fingerprint).await?;
    Ok(tx.commit().await?)
}

/// Finds everything that would be removed, decides once on all of it, and then carries it out or holds it.
async fn remove(context: &Context<'_>, work: &Work, report: &mut PassReport) -> Result<(), SyncError> {
    let moved = items(work.lost.iter().filter(|event| event.instance_of.is_some()));
    in_chunks(context, Step::Rehome, &moved, report).await?;
    let leads = lost_leads(context).await?;
    let leads: Vec<Item<'_>> = leads.iter().map(Item::Gone).collect();
    let mut found = in_chunks(context, Step::PassOn, &leads, report).await?;
    let series = with_family(context, &work.wholes).await?;
    found.extend(in_chunks(context, Step::Families, &series, report).await?);
    let mut lost = items(&work.lost);
    lost.extend(work.gone.iter().map(Item::Gone));
    found.extend(in_chunks(context, Step::SortOut, &lost, report).await?);
    found.sort_by_key(Found::is_lost);
    let mut named = HashSet::new();
    found.retain(|found| named.insert(found.booking));
    if found.is_empty() {
        return Ok(());
    }
    let mut tx = context.engine.db.read().await?;
    let ids: Vec<BookingId> = found.iter().map(|found| found.booking).collect();
    let held = removal::brakes(&mut tx, context, &ids).await?;
    drop(tx);
    let found: Vec<Item<'_>> = found.iter().map(Item::Removal).collect();
    if !held {
        return in_chunks(context, Step::Remove, &found, report).await.map(drop);
    }
    in_chunks(context, Step::Hold, &found, report).await?;
    let mut tx = context.begin().await?;
    removal::ask_about_held(&mut tx, context).await?;
    Ok(tx.commit().await?)
}

/// Series that have changed occurrences in the app, or may have been cut. Echoes too, so that a crash after a series was
/// written forgets none of its occurrences.
async fn with_family<'w>(context: &Context<'_>, wholes: &'w [Event]) -> Result<Vec<Item<'w>>, SyncError> {
    let mut series = Vec::new();
    let mut tx = context.engine.db.read().await?;
    for chunk in wholes.chunks(NAMED_AT_ONCE) {
        let ids: Vec<EventId> = chunk.iter().map(|event| event.id.clone()).collect();
        let found = placements::with_family(&mut tx, context.tenant(), &context.key().calendar, &ids).await?;
        series.extend(chunk.iter().filter(|event| found.contains(&event.id)));
    }
    Ok(items(series))
}

/// Lost leads that may be decided now.
async fn lost_leads(context: &Context<'_>) -> Result<Vec<EventId>, SyncError> {
    if !context.has_waiting {
        return Ok(Vec::new());
    }
    let mut tx = context.engine.db.read().await?;
    leads::lost_leads(&mut tx, context).await
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
