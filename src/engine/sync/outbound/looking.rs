//! Looks at Google before a write: events whose present form is not known, and the instance that a changed occurrence is.
//!
//! These requests change nothing in Google. What they show is merged like anything that a listing shows.
use super::super::context::Context;
use super::super::settle::{self, Gate, Known, Seen};
use super::super::{PassReport, SyncError, occurrence, removal, series, waiting};
use super::preparing::{is_taken_back, is_wanted_insert, settle_seen};
use super::refused::refused;
use super::writing::adopt;
use super::{Prepared, as_read, blank};
use crate::domain::booking::Booking;
use crate::domain::event::{Event, EventState, OwnResponse};
use crate::domain::failure::FailureClass;
use crate::domain::ids::BookingId;
use crate::domain::merge::{self, RemoteStep};
use crate::google::calendar::{ParsedItem, Wanted};
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::{bookings, states};

/// Reads an event whose present form is not known, and settles with it.
pub(super) async fn read(context: &Context<'_>, known: Known, report: &mut PassReport) -> Result<Prepared, SyncError> {
    let access = context.access().await?;
    let (google, key) = (&context.engine.google, context.key());
    let id = known.placement.event_id.clone();
    let item = google.get_event(&access, &key.calendar, &context.reading, &id).await;
    let event = match item {
        Ok(ParsedItem::Event(event)) => Some(event),
        Ok(ParsedItem::Broken(broken)) => {
            let mut tx = context.begin().await?;
            waiting::refuse_event(&mut tx, context, &id, &broken.reason, Some(&broken.raw), report).await?;
            tx.commit().await?;
            return Ok(Prepared::Done);
        }
        Err(error) if error.class() == FailureClass::Gone => {
            // Proof needs a calendar that answers.
            google.calendar(&access, &key.calendar).await?;
            if is_wanted_insert(&known) {
                // Its insert is answered as if there were no calendar: nothing is agreed, the next pass inserts again.
                return Err(error.into());
            }
            None
        }
        Err(error) if error.class() == FailureClass::BadData => return refused(context, known, error, report).await,
        Err(error) => return Err(error.into()),
    };
    if known.placement.state == PlacementState::Creating {
        return match event {
            Some(event) if is_wanted_insert(&known) => {
                adopt(context, known, ParsedItem::Event(event), false, report).await
            }
            event => read_unconfirmed(context, known, event.map(|event| *event)).await,
        };
    }
    let mut tx = context.begin().await?;
    let Some(known) = as_read(&mut tx, &known).await? else {
        // The next pass reads it with what was said in mind.
        return Ok(Prepared::Done);
    };
    let seen = event.as_ref().map_or(Seen::Gone, |event| Seen::Event(event));
    let vanished = event
        .as_ref()
        .is_none_or(|event| event.state == EventState::Cancelled || event.own_response == OwnResponse::Declined);
    if vanished && is_taken_back(&known) && known.placement.answer.is_none() {
        // It is Google's removal that the brake holds.
        states::hold(&mut tx, key.tenant, known.booking_id(), known.version()).await?;
        tx.commit().await?;
        return Ok(Prepared::Done);
    }
    if vanished {
        Box::pin(removal::inbound(
            &mut tx,
            context,
            vec![(known, event.as_deref())],
            report,
        ))
        .await?;
        tx.commit().await?;
        return Ok(Prepared::Done);
    }
    // What was seen is remembered before the brake is asked, because whether to delete is decided from memory after it.
    let prepared = settle_seen(&mut tx, context, known, seen, Gate::Inbound, report).await?;
    tx.commit().await?;
    Ok(match prepared {
        Prepared::Write(known, RemoteStep::Delete) => Prepared::Removal(known),
        prepared => prepared,
    })
}

/// A booking that was cancelled or deleted while its insert was not confirmed.
async fn read_unconfirmed(context: &Context<'_>, known: Known, event: Option<Event>) -> Result<Prepared, SyncError> {
    let mut tx = context.begin().await?;
    if as_read(&mut tx, &known).await?.is_none() {
        return Ok(Prepared::Done);
    }
    let ours = event.filter(|event| event.mark == Some(known.booking_id()) && event.state != EventState::Cancelled);
    let Some(event) = ours else {
        // It never came to be, or is gone again.
        let old = &known.placement;
        placements::remove(&mut tx, old.tenant_id, &old.calendar_id, &old.event_id).await?;
        states::agree(&mut tx, old.tenant_id, known.booking_id(), known.version()).await?;
        tx.commit().await?;
        return Ok(Prepared::Done);
    };
    let mut placement = known.placement.clone();
    placement.state = PlacementState::Live;
    placement.etag.clone_from(&event.etag);
    if let EventState::Live(content) = &event.state {
        placement.base_remote = Some(merge::live_form(content, event.words));
    }
    placements::put(&mut tx, &placement).await?;
    tx.commit().await?;
    Ok(Prepared::Write(
        Box::new(Known { placement, ..known }),
        RemoteStep::Delete,
    ))
}

/// Finds the instance that a changed occurrence is.
pub(super) async fn find(
    context: &Context<'_>,
    booking: Booking,
    series: Placement,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    let Some(occurrence) = &booking.occurrence else {
        return Ok(Prepared::Done);
    };
    let access = context.access().await?;
    let (google, key) = (&context.engine.google, context.key());
    let wanted = Wanted {
        original_start: Some(occurrence.original_start),
        window: None,
        show_deleted: true,
    };
    let found = google
        .instances(&access, &key.calendar, &context.reading, &series.event_id, &wanted)
        .await;
    let found = match found {
        Ok(found) => found.into_iter().next(),
        Err(error) if error.class() == FailureClass::Gone => {
            // The series is gone, which the next pull finds out, or else the calendar is.
            google.calendar(&access, &key.calendar).await?;
            return Ok(Prepared::Done);
        }
        Err(error) if error.class() == FailureClass::BadData => {
            return set_aside(context, booking.id, &format!("Google refuses it: {error}"), report).await;
        }
        Err(error) => return Err(error.into()),
    };
    let event = match found {
        Some(ParsedItem::Event(event)) => event,
        Some(ParsedItem::Broken(broken)) => {
            let reason = format!("the occurrence in Google cannot be read: {}", broken.reason);
            return set_aside(context, booking.id, &reason, report).await;
        }
        None => {
            let mut tx = context.begin().await?;
            series::vanished(&mut tx, context, booking.id, report).await?;
            tx.commit().await?;
            return Ok(Prepared::Done);
        }
    };
    let mut tx = context.begin().await?;
    let Some(row) = bookings::get(&mut tx, key.tenant, occurrence.series_id).await? else {
        return Ok(Prepared::Done);
    };
    if !placements::leads(&mut tx, key.tenant, &[booking.id]).await?.is_empty() {
        // Another pass has found it meanwhile.
        return Ok(Prepared::Done);
    }
    // The event may have been met before: then what is stored of it is replaced.
    let met = placements::get(&mut tx, key.tenant, &key.calendar, &event.id).await?;
    let base = occurrence::unchanged_occurrence(&row, occurrence.original_start);
    let mut placement = blank(context, booking.id);
    placement.event_id = event.id.clone();
    placement.series_event_id = Some(series.event_id.clone());
    placement.original_start = Some(occurrence.original_start);
    placement.ical_uid.clone_from(&event.ical_uid);
    placement.state = PlacementState::Live;
    placement.is_ours = series.is_ours;
    placement.base_remote = match &event.state {
        EventState::Live(content) => Some(merge::live_form(content, event.words)),
        EventState::Cancelled => base
            .as_ref()
            .map(|base| merge::live_form(&merge::as_event(base, None), event.words)),
    };
    placement.base_local = base;
    placement.revision = met.map_or(0, |met| met.revision);
    placements::put_over(&mut tx, &mut placement).await?;
    let Some(known) = settle::load(&mut tx, key.tenant, vec![placement]).await?.pop() else {
        return Ok(Prepared::Done);
    };
    let prepared = settle_seen(&mut tx, context, known, Seen::Event(&event), Gate::Outbound, report).await?;
    if matches!(prepared, Prepared::Done) {
        series::forget_unchanged(&mut tx, context, booking.id).await?;
    }
    tx.commit().await?;
    Ok(prepared)
}

/// Sets aside a row without a placement, until it changes.
async fn set_aside(
    context: &Context<'_>,
    id: BookingId,
    reason: &str,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    let mut tx = context.begin().await?;
    let known = Known {
        placement: blank(context, id),
        row: None,
        state: states::get_many(&mut tx, context.tenant(), &[id]).await?.pop(),
    };
    waiting::refuse_row(&mut tx, context, &known, reason, report).await?;
    tx.commit().await?;
    Ok(Prepared::Done)
}
