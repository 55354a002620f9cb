//! The app's changes go to Google.
//!
//! What to push is derived from state: rows whose version is not the agreed one. Each write is prepared in a transaction
//! that checks the fence and prolongs the lease by more than a request may take; it carries the etag of what was merged, so
//! that an edit made in between is met again instead of overwritten. An answer that never came needs no bookkeeping: the
//! next try meets a changed etag or a taken id, looks, and finds its own work.
//!
//! - `preparing.rs`: what is to be done about one row, decided without a request
//! - `looking.rs`: requests that only read, where what is stored is not enough to decide
//! - `writing.rs`: creates, patches, deletes, and what a yes means; `refused.rs`: what a no means
mod looking;
mod preparing;
mod refused;
mod writing;

use super::context::Context;
use super::settle::{self, Gate, Known};
use super::{PassReport, SyncError, removal};
use crate::domain::booking::Booking;
use crate::domain::event::Words;
use crate::domain::failure::{Denied, FailureClass};
use crate::domain::ids::{BookingId, EventId};
use crate::domain::merge::RemoteStep;
use crate::google::GoogleError;
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::{Tx, scopes, states};
use looking::{find, read};
use preparing::{prepare, settle_unchanged};
use writing::{create, write};

/// What is to be done about one pending row.
enum Prepared {
    /// Nothing, or nothing more.
    Done,
    /// Insert the event under the id of this placement.
    Create(Box<Known>),
    /// Read the event first: what it looks like is not known.
    Read(Box<Known>),
    /// Find the instance of a series that this changed occurrence is.
    Find(Box<Booking>, Box<Placement>),
    /// Write the event.
    Write(Box<Known>, RemoteStep),
    /// Delete the event, if the brake lets it through.
    Removal(Box<Known>),
}

/// Pushes everything that is pending in this scope.
pub(super) async fn push(context: &mut Context<'_>, report: &mut PassReport) -> Result<(), SyncError> {
    let now = context.engine.now_ms();
    if !context.takes_writes() {
        return Ok(());
    }
    let mut removals = Vec::new();
    for id in pending(context).await? {
        if context.unread.contains(&id) {
            continue;
        }
        match Box::pin(push_one(context, id, &mut removals, report)).await {
            Ok(()) => {}
            Err(SyncError::Google(error)) if error.class() == FailureClass::QuotaExhausted => {
                return pause_writes(context, &error).await;
            }
            Err(SyncError::Google(error)) if error.class() == FailureClass::Permission(Denied::Forbidden) => {
                // The calendar is frozen now; reading goes on.
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    if removals.is_empty() {
        return Ok(());
    }
    let mut tx = context.engine.db.read().await?;
    let removals = still_wanted(&mut tx, removals).await?;
    let ids: Vec<BookingId> = removals.iter().map(Known::booking_id).collect();
    let held = removal::brakes(&mut tx, context, &ids).await?;
    drop(tx);
    if held {
        return removal::hold_in_chunks(context, removals, report).await;
    }
    for known in removals {
        let mut tx = context.begin().await?;
        let Some(known) = still_wanted(&mut tx, vec![known]).await?.pop() else {
            continue;
        };
        let key = context.key();
        placements::note_deletion(&mut tx, key.tenant, key.account, &key.calendar, known.booking_id(), now).await?;
        let prepared = settle_unchanged(&mut tx, context, known, Gate::Open, report).await?;
        tx.commit().await?;
        run(context, prepared, &mut Vec::new(), report).await?;
    }
    Ok(())
}

/// Other rows are pushed between the decision to delete an event and the deletion: what the app has edited meanwhile, or
/// somebody has said something about, is left to the next pass.
async fn still_wanted(tx: &mut Tx, removals: Vec<Known>) -> Result<Vec<Known>, SyncError> {
    let mut wanted = Vec::new();
    for then in removals {
        let now = as_read(tx, &then).await?;
        wanted.extend(now.filter(|now| now.version() == then.version()));
    }
    Ok(wanted)
}

/// What would be pushed, in a transaction on a private copy of the rows.
pub(super) async fn plan(context: &Context<'_>, tx: &mut Tx, report: &mut PassReport) -> Result<(), SyncError> {
    let (key, scope) = (context.key(), &context.scope);
    let ids = states::pending(
        tx,
        key.tenant,
        scope.user_id,
        key.account,
        &key.calendar,
        scope.is_write_calendar,
    )
    .await?;
    let mut removals = Vec::new();
    for id in ids {
        match prepare(tx, context, id, report).await? {
            Prepared::Done => {}
            Prepared::Create(known) => {
                report.events_created += 1;
                report.step("create the event", Some(id), Some(&known.placement.event_id));
            }
            Prepared::Find(..) => report.step("change an occurrence", Some(id), None),
            Prepared::Read(known) => report.step("look at the event", Some(id), Some(&known.placement.event_id)),
            Prepared::Write(known, step) => plan_write(&known, step, report),
            Prepared::Removal(known) => removals.push(*known),
        }
    }
    let ids: Vec<BookingId> = removals.iter().map(|known| known.booking_id()).collect();
    if removal::brakes(tx, context, &ids).await? {
        return removal::hold(tx, context, removals, report).await;
    }
    for known in &removals {
        plan_write(known, RemoteStep::Delete, report);
    }
    Ok(())
}

fn plan_write(known: &Known, step: RemoteStep, report: &mut PassReport) {
    let action = match step {
        RemoteStep::Keep => return,
        RemoteStep::Patch(_) => "update the event",
        RemoteStep::Revive => "bring the event back",
        RemoteStep::Delete => "delete the event",
    };
    if step == RemoteStep::Delete {
        report.events_deleted += 1;
    } else {
        report.events_updated += 1;
    }
    report.step(action, Some(known.booking_id()), Some(&known.placement.event_id));
}

async fn pending(context: &Context<'_>) -> Result<Vec<BookingId>, SyncError> {
    let (key, scope) = (context.key(), &context.scope);
    let mut tx = context.engine.db.read().await?;
    Ok(states::pending(
        &mut tx,
        key.tenant,
        scope.user_id,
        key.account,
        &key.calendar,
        scope.is_write_calendar,
    )
    .await?)
}

/// A limit that lasts hours: reading goes on, writing pauses.
pub(super) async fn pause_writes(context: &Context<'_>, error: &GoogleError) -> Result<(), SyncError> {
    let wait = crate::domain::failure::delay(error.class(), 0, 0.0);
    let until = context.engine.now_ms() + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    let mut tx = context.begin().await?;
    scopes::pause_writes(
        &mut tx,
        context.claim,
        until,
        &format!("{}: {error}", error.class().as_str()),
    )
    .await?;
    Ok(tx.commit().await?)
}

async fn push_one(
    context: &Context<'_>,
    id: BookingId,
    removals: &mut Vec<Known>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let mut tx = context.begin().await?;
    let prepared = Box::pin(prepare(&mut tx, context, id, report)).await?;
    tx.commit().await?;
    run(context, prepared, removals, report).await
}

/// Carries out what was prepared; a write that meets a newer event is merged and tried once more.
async fn run(
    context: &Context<'_>,
    prepared: Prepared,
    removals: &mut Vec<Known>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let mut prepared = prepared;
    // Each round answers one question: find, read, create, write, meet a newer event, write again.
    for _ in 0..5 {
        prepared = match prepared {
            Prepared::Done => return Ok(()),
            Prepared::Removal(known) => {
                removals.push(*known);
                return Ok(());
            }
            Prepared::Create(known) => Box::pin(create(context, *known, report)).await?,
            Prepared::Read(known) => Box::pin(read(context, *known, report)).await?,
            Prepared::Find(booking, series) => Box::pin(find(context, *booking, *series, report)).await?,
            Prepared::Write(known, step) => Box::pin(write(context, *known, step, report)).await?,
        };
    }
    // Somebody keeps editing the event; it is left to the next pass.
    Ok(())
}

/// A placement and its booking as they stand in this transaction; `None` if the placement is not there any more.
async fn stored(tx: &mut Tx, placement: &Placement) -> Result<Option<Known>, SyncError> {
    let tenant = placement.tenant_id;
    let found = placements::get(tx, tenant, &placement.calendar_id, &placement.event_id).await?;
    Ok(settle::load(tx, tenant, found.into_iter().collect()).await?.pop())
}

/// Whether the placement is still what a request was made from.
fn is_as_read(now: &Known, then: &Known) -> bool {
    now.placement.revision == then.placement.revision
}

/// The same as [`stored`], unless somebody has answered, or passed the lead on, since `then`.
async fn as_read(tx: &mut Tx, then: &Known) -> Result<Option<Known>, SyncError> {
    let now = stored(tx, &then.placement).await?;
    Ok(now.filter(|now| is_as_read(now, then)))
}

pub(super) fn blank(context: &Context<'_>, booking: BookingId) -> Placement {
    Placement {
        tenant_id: context.tenant(),
        calendar_id: context.key().calendar.clone(),
        event_id: EventId(String::new()),
        booking_id: booking,
        account_id: context.key().account,
        is_lead: true,
        state: PlacementState::Creating,
        ical_uid: None,
        series_event_id: None,
        original_start: None,
        etag: String::new(),
        remote_updated_at: 0,
        words: Words::Shared,
        is_writable: true,
        has_guests: false,
        is_ours: true,
        base_local: None,
        base_remote: None,
        waiting: None,
        answer: None,
        confirmed_at: context.started_at,
        copied_from: None,
        revision: 0,
    }
}
