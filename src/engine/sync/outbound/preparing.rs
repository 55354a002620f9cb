//! What is to be done about one pending row, as far as what is stored tells.
//!
//! Runs inside a transaction that has checked the fence and makes no request: it does what needs none (sets a row aside,
//! agrees on what is settled anyway, chooses and stores an event id) and says which request comes next.
use super::super::context::Context;
use super::super::settle::{self, Gate, Known, Seen, Settled};
use super::super::{PassReport, SyncError, inbound, series, waiting};
use super::{Prepared, blank};
use crate::domain::booking::Status;
use crate::domain::ids::{BookingId, EventId};
use crate::domain::merge;
use crate::domain::validate;
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::states::{self, BookingState};
use crate::store::{Tx, bookings};

/// Looks at one pending row and does what needs no request.
pub(super) async fn prepare(
    tx: &mut Tx,
    context: &Context<'_>,
    id: BookingId,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    let tenant = context.tenant();
    let Some(state) = states::get_many(tx, tenant, &[id]).await?.pop() else {
        return Ok(Prepared::Done);
    };
    if !state.is_pending() {
        return Ok(Prepared::Done);
    }
    waiting::release(tx, context, "app", &id.to_string()).await?;
    let lead = placements::leads(tx, tenant, &[id]).await?.pop();
    let Some(lead) = lead else {
        return prepare_unplaced(tx, context, id, state, report).await;
    };
    if lead.waiting.is_some() && lead.answer.is_none() {
        // What holds the item holds it whatever the row says; only a question about this very row is asked anew.
        let about_the_row = matches!(lead.waiting, Some(merge::Waiting::Guests | merge::Waiting::Conflict));
        let asked_anew = about_the_row && !waiting::asks_about(tx, context, id, state.version).await?;
        let known = settle::load(tx, tenant, vec![lead]).await?.pop();
        return match known.filter(|known| asked_anew || is_taken_back(known)) {
            Some(known) => Ok(Prepared::Read(Box::new(known))),
            None => {
                states::hold(tx, tenant, id, state.version).await?;
                Ok(Prepared::Done)
            }
        };
    }
    let Some(known) = settle::load(tx, tenant, vec![lead]).await?.pop() else {
        return Ok(Prepared::Done);
    };
    if let Some(reason) = problem_of(&known) {
        waiting::refuse_row(tx, context, &known, &reason, report).await?;
        return Ok(Prepared::Done);
    }
    if let Some(done) = occurrence_of_deleted_series(tx, context, &known).await? {
        return Ok(done);
    }
    match known.placement.state {
        PlacementState::Creating if is_wanted_insert(&known) => Ok(Prepared::Create(Box::new(known))),
        PlacementState::Creating => Ok(Prepared::Read(Box::new(known))),
        _ if known.placement.etag.is_empty() => Ok(Prepared::Read(Box::new(known))),
        PlacementState::Hidden => {
            states::agree(tx, tenant, id, known.version()).await?;
            Ok(Prepared::Done)
        }
        PlacementState::Live | PlacementState::Gone => {
            settle_unchanged(tx, context, known, Gate::Outbound, report).await
        }
    }
}

/// Whether the brake holds this booking although its row is confirmed: the app has taken the removal back, or it is Google
/// that removed the event, which a look at it tells.
pub(super) fn is_taken_back(known: &Known) -> bool {
    let confirmed = |row: &bookings::BookingRow| row.text.status == Status::Confirmed.as_str();
    let base = known.placement.base_remote.as_ref();
    known.placement.waiting == Some(merge::Waiting::Brake)
        && known.row.as_ref().is_some_and(confirmed)
        && base.is_some_and(|base| base.status == Status::Confirmed)
}

/// Whether this is a living booking whose insert is not confirmed.
pub(super) fn is_wanted_insert(known: &Known) -> bool {
    let lives = |row: &bookings::BookingRow| row.text.status != Status::Cancelled.as_str();
    known.placement.state == PlacementState::Creating && known.row.as_ref().is_some_and(lives)
}

/// What the API would have refused about the fields that were changed in SQL.
fn problem_of(known: &Known) -> Option<String> {
    let row = known.row.as_ref()?;
    let content = row.text.content().ok()?;
    let problems = if row.text.series_id.is_some() {
        validate::validate_occurrence(&content)
    } else {
        validate::validate_content(&content)
    };
    let base = known.placement.base_local.as_ref();
    let problem = problems.into_iter().find(|problem| {
        base.is_none_or(|base| match problem.field {
            "title" => base.title != content.title,
            "description" => base.description != content.description,
            "location" => false,
            _ => base.when != content.when,
        })
    })?;
    Some(format!("{} {}", problem.field, problem.problem))
}

/// A changed occurrence goes with its series.
pub(super) async fn occurrence_of_deleted_series(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &Known,
) -> Result<Option<Prepared>, SyncError> {
    if known.row.is_some() {
        return Ok(None);
    }
    let series = known
        .text()
        .and_then(|text| text.series_id.as_ref()?.parse::<BookingId>().ok());
    let Some(series) = series else { return Ok(None) };
    if bookings::get(tx, context.tenant(), series).await?.is_some() {
        return Ok(None);
    }
    let state = states::get_many(tx, context.tenant(), &[series]).await?.pop();
    if state.is_some_and(|state| state.deleted.is_some()) {
        // The deletion of the series may yet be taken back, and then its occurrences are as well.
        states::hold(tx, context.tenant(), known.booking_id(), known.version()).await?;
        return Ok(Some(Prepared::Done));
    }
    states::agree(tx, context.tenant(), known.booking_id(), known.version()).await?;
    let gone = Placement {
        state: PlacementState::Gone,
        waiting: None,
        answer: None,
        ..known.placement.clone()
    };
    placements::put(tx, &gone).await?;
    Ok(Some(Prepared::Done))
}

/// A row that is in no calendar yet.
async fn prepare_unplaced(
    tx: &mut Tx,
    context: &Context<'_>,
    id: BookingId,
    state: BookingState,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    let tenant = context.tenant();
    let Some(row) = bookings::get(tx, tenant, id).await? else {
        // Deleted before it was ever pushed.
        states::agree(tx, tenant, id, state.version).await?;
        return Ok(Prepared::Done);
    };
    let mut known = Known {
        placement: blank(context, id),
        row: Some(row),
        state: Some(state),
    };
    let booking = match known.row.as_ref().map(bookings::BookingRow::read) {
        Some(Ok(booking)) => booking,
        Some(Err(problem)) => {
            waiting::refuse_row(tx, context, &known, &problem.to_string(), report).await?;
            return Ok(Prepared::Done);
        }
        None => return Ok(Prepared::Done),
    };
    if let Some(reason) = problem_of(&known) {
        waiting::refuse_row(tx, context, &known, &reason, report).await?;
        return Ok(Prepared::Done);
    }
    if let Some(occurrence) = &booking.occurrence {
        let series = bookings::get(tx, tenant, occurrence.series_id).await?;
        if series.is_some_and(|series| series.text.recurrence.is_empty()) {
            series::vanished(tx, context, id, report).await?;
            return Ok(Prepared::Done);
        }
        let lead = placements::leads(tx, tenant, &[occurrence.series_id]).await?.pop();
        return Ok(match lead {
            Some(lead) if lead.state == PlacementState::Live => Prepared::Find(Box::new(booking), Box::new(lead)),
            _ => {
                // A cancelled series takes its occurrences along; one that is not in Google yet brings them when it is.
                let series = bookings::get(tx, tenant, occurrence.series_id).await?;
                if series.is_none_or(|series| series.text.status == Status::Cancelled.as_str()) {
                    states::agree(tx, tenant, id, booking.version).await?;
                }
                Prepared::Done
            }
        });
    }
    if booking.content.status == Status::Cancelled {
        states::agree(tx, tenant, id, booking.version).await?;
        return Ok(Prepared::Done);
    }
    if !bookings::lock(tx, tenant, id, booking.version).await? {
        // It may be another user's by now; a hand-over that comes later finds the placement.
        return Ok(Prepared::Done);
    }
    for changed in bookings::overrides(tx, tenant, &[id]).await? {
        // Agreed with a series that was cancelled then; with this one they have to go to Google.
        states::disagree(tx, tenant, changed.id).await?;
    }
    known.placement.event_id = EventId(context.engine.fresh_uuid().simple().to_string());
    known.placement.base_local = Some(booking.content);
    placements::put(tx, &known.placement).await?;
    Ok(Prepared::Create(Box::new(known)))
}

pub(super) async fn settle_unchanged(
    tx: &mut Tx,
    context: &Context<'_>,
    known: Known,
    gate: Gate,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    settle_seen(tx, context, known, Seen::Unchanged, gate, report).await
}

pub(super) async fn settle_seen(
    tx: &mut Tx,
    context: &Context<'_>,
    known: Known,
    seen: Seen<'_>,
    gate: Gate,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    let settled = Box::pin(inbound::again(tx, context, known, seen, gate, report)).await?;
    Ok(match settled {
        Some(Settled::Push(known, step)) => Prepared::Write(known, step),
        Some(Settled::Removal(known)) => Prepared::Removal(known),
        _ => Prepared::Done,
    })
}
