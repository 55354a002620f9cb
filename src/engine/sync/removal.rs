//! Cancellations and deletions: single events, whole series, occurrences that a series has lost.
//!
//! Nothing dies without proof, and nothing dies in masses: what would be removed is collected, counted together, and either
//! carried out or held by the brake.
use super::brake::note;
pub(super) use super::brake::{ask_about_held, brakes, hold, hold_in_chunks, mark_held};
use super::inbound;
use super::settle::{self, Gate, Known, Seen, Settled};
use super::{PassReport, SyncError, context::Context, hand_over, leads, newcomer, series, waiting};
use crate::domain::booking::{Content, Side, Status};
use crate::domain::event::{Event, EventState};
use crate::domain::ids::{BookingId, CalendarId, EventId};
use crate::domain::merge::{Field, FieldConflict, Waiting};
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::{StoreError, Tx, bookings, states};
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
    pub fn gone(known: Known, event: Option<&'e Event>) -> Removal<'e> {
        let why = Why::Gone(event);
        Removal { known, why }
    }

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
    let removals = Box::pin(sort_out(tx, context, candidates, report)).await?;
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
        if known.placement.answer.is_some() {
            carry_out(tx, context, Removal::gone(known, event), report).await?;
            continue;
        }
        let declined = event.is_some_and(|event| event.state != EventState::Cancelled);
        let was_there = known.placement.state == PlacementState::Live;
        if was_there && !declined && leads::wait_for_others(tx, context, &known, report).await? {
            continue;
        }
        let seen = event.map_or(Seen::Gone, Seen::Event);
        if let Some(Settled::Removal(known)) = inbound::again(tx, context, known, seen, Gate::Inbound, report).await? {
            removals.push(Removal::gone(*known, event));
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
            if bookings::update(tx, tenant, row.id, row.version, &cancelled).await? {
                states::agree_after(tx, tenant, row.id, row.version).await?;
            }
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
