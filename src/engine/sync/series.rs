//! What a write to a series does to its changed occurrences: Google decides, so Google is asked.
use super::settle::{self, Gate, Known, Seen};
use super::{PassReport, SyncError, belonging, brake, context::Context, inbound, occurrence, removal, waiting};
use crate::domain::booking::{Side, Status};
use crate::domain::event::{Event, Words};
use crate::domain::failure::FailureClass;
use crate::domain::ids::{BookingId, EventId};
use crate::domain::merge::{self, Field, FieldConflict};
use crate::domain::recurrence;
use crate::domain::time::{OriginalStart, When};
use crate::google::calendar::{ParsedItem, Wanted};
use crate::store::placements::{self, Placement};
use crate::store::{Tx, bookings, states};
use serde_json::json;
use std::collections::HashMap;

/// Reads every changed occurrence of a series again after its times were written.
pub(super) async fn after_write(
    context: &Context<'_>,
    written: &Event,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (key, series) = (context.key(), &written.id);
    if !written.is_master() {
        // It does not recur any more, so there is nothing to ask Google about.
        let mut tx = context.begin().await?;
        if let Some(placement) = placements::get(&mut tx, key.tenant, &key.calendar, series).await? {
            let lost = lost(&mut tx, context, &[placement.booking_id]).await?;
            removal::of_lost(&mut tx, context, lost, report).await?;
        }
        return Ok(tx.commit().await?);
    }
    let mut tx = context.engine.db.read().await?;
    let occurrences = placements::of_series(&mut tx, key.tenant, &key.calendar, series).await?;
    drop(tx);
    let mut gone = Vec::new();
    for placement in occurrences {
        let Some(original_start) = placement.original_start else {
            continue;
        };
        let access = context.access().await?;
        let wanted = Wanted {
            original_start: Some(original_start),
            window: None,
            show_deleted: true,
        };
        let found = context
            .engine
            .google
            .instances(&access, &key.calendar, &context.reading, series, &wanted)
            .await;
        let found = match found {
            Ok(found) => found.into_iter().next(),
            Err(error) if matches!(error.class(), FailureClass::Gone | FailureClass::BadData) => {
                // Nothing is proved of this one: it stays pending, and the next pass reads it by its id.
                let mut tx = context.begin().await?;
                let id = placement.event_id.clone();
                rename(&mut tx, placement, id).await?;
                tx.commit().await?;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let mut tx = context.begin().await?;
        match found {
            Some(ParsedItem::Broken(broken)) => {
                let id = broken.id.as_ref().unwrap_or(&placement.event_id);
                waiting::refuse_event(&mut tx, context, id, &broken.reason, Some(&broken.raw), report).await?;
            }
            Some(ParsedItem::Event(event)) if event.id == placement.event_id => {
                if let Some(known) = settle::load(&mut tx, key.tenant, vec![placement]).await?.pop() {
                    inbound::again(&mut tx, context, known, Seen::Event(&event), Gate::Open, report).await?;
                }
            }
            Some(ParsedItem::Event(event)) => {
                // The occurrence is there under another id: nothing of the change has survived.
                rename(&mut tx, placement, event.id).await?;
            }
            None => gone.push(placement.booking_id),
        }
        tx.commit().await?;
    }
    if !gone.is_empty() {
        let mut tx = context.begin().await?;
        let lost = changed(&mut tx, context, &gone).await?;
        removal::of_lost(&mut tx, context, lost, report).await?;
        tx.commit().await?;
    }
    push_unplaced(context, series).await
}

/// Changed occurrences that are not in Google were agreed on with a series that was cancelled; as the series is there again,
/// they have to go there too.
async fn push_unplaced(context: &Context<'_>, series: &EventId) -> Result<(), SyncError> {
    let key = context.key();
    let mut tx = context.begin().await?;
    let Some(placement) = placements::get(&mut tx, key.tenant, &key.calendar, series).await? else {
        return Ok(());
    };
    let changed = bookings::overrides(&mut tx, key.tenant, &[placement.booking_id]).await?;
    let changed: Vec<BookingId> = changed.into_iter().map(|row| row.id).collect();
    let placed = placements::leads(&mut tx, key.tenant, &changed).await?;
    for id in changed {
        if placed.iter().all(|lead| lead.booking_id != id) {
            states::disagree(&mut tx, key.tenant, id).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Gives a placement this id, and lets the next pass read it.
async fn rename(tx: &mut Tx, placement: Placement, id: EventId) -> Result<(), SyncError> {
    placements::remove(tx, placement.tenant_id, &placement.calendar_id, &placement.event_id).await?;
    let renamed = Placement {
        event_id: id,
        etag: String::new(),
        ..placement
    };
    placements::put(tx, &renamed).await?;
    Ok(states::disagree(tx, renamed.tenant_id, renamed.booking_id).await?)
}

/// The changed occurrences that their series, as they are stored now, do not have any more. Series that the app has changed
/// are left until that is pushed.
pub(super) async fn lost(tx: &mut Tx, context: &Context<'_>, series: &[BookingId]) -> Result<Vec<Known>, SyncError> {
    let tenant = context.tenant();
    if series.is_empty() {
        return Ok(Vec::new());
    }
    let mut of_series: HashMap<BookingId, Vec<(BookingId, OriginalStart)>> = HashMap::new();
    for row in bookings::overrides(tx, tenant, series).await? {
        if let Ok(Some(occurrence)) = row.text.occurrence() {
            let changed = of_series.entry(occurrence.series_id).or_default();
            changed.push((row.id, occurrence.original_start));
        }
    }
    let ids: Vec<BookingId> = of_series.keys().copied().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let states = states::get_many(tx, tenant, &ids).await?;
    let mut lost = Vec::new();
    for row in bookings::get_many(tx, tenant, &ids).await? {
        let is_pending = states.iter().any(|state| state.id == row.id && state.is_pending());
        let Ok(content) = row.text.content() else { continue };
        let occurrences = of_series.remove(&row.id).unwrap_or_default();
        lost.extend(
            occurrences
                .into_iter()
                .filter(|(_, original_start)| !is_pending && !has(&content.when, *original_start))
                .map(|(id, _)| id),
        );
    }
    changed(tx, context, &lost).await
}

/// Changed occurrences with the placements that lead them; one that never was in Google has a blank one.
async fn changed(tx: &mut Tx, context: &Context<'_>, ids: &[BookingId]) -> Result<Vec<Known>, SyncError> {
    let tenant = context.tenant();
    let leads = placements::leads(tx, tenant, ids).await?;
    let mut leads: HashMap<BookingId, Placement> = leads.into_iter().map(|lead| (lead.booking_id, lead)).collect();
    let rows = bookings::get_many(tx, tenant, ids).await?;
    Ok(rows
        .into_iter()
        .map(|row| Known {
            placement: leads
                .remove(&row.id)
                .unwrap_or_else(|| super::outbound::blank(context, row.id)),
            state: None,
            row: Some(row),
        })
        .collect())
}

/// Whether these times have an occurrence with this original start. What does not recur has no occurrences.
pub(super) fn has(when: &When, original_start: OriginalStart) -> bool {
    !when.recurrence.is_empty() && recurrence::contains(when, original_start)
}

/// The series has no such occurrence any more, and what the row held is nowhere else.
pub(super) async fn vanished(
    tx: &mut Tx,
    context: &Context<'_>,
    id: BookingId,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    for known in changed(tx, context, &[id]).await? {
        let_go(tx, context, known, report).await?;
    }
    Ok(())
}

/// Removes a changed occurrence that its series does not have any more. What the row held is kept in a conflict record, from
/// which it can be had back; of a cancelled occurrence there is nothing to keep.
pub(super) async fn let_go(
    tx: &mut Tx,
    context: &Context<'_>,
    known: Known,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (tenant, id, placement) = (context.tenant(), known.booking_id(), &known.placement);
    let Some(row) = &known.row else { return Ok(()) };
    if !bookings::delete(tx, tenant, id, row.version).await? {
        // Somebody has just edited it; it stays pending, and the next pass decides on what it holds then.
        return Ok(());
    }
    if placement.waiting.is_some() {
        waiting::no_longer(tx, context, &known, None).await?;
    }
    if row.text.status != Status::Cancelled.as_str() {
        let mut kept = json!(row.text.content().ok());
        if let Some(kept) = kept.as_object_mut() {
            kept.insert("customer_ids".to_owned(), json!(row.customer_ids));
        }
        let conflict = FieldConflict {
            field: Field::When,
            winner: Some(Side::Google),
            rule: "vanished",
            base: json!(row.text.original_start),
            app: kept,
            google: serde_json::Value::Null,
        };
        waiting::record_conflict(tx, context, &known, &conflict, report).await?;
        brake::note(tx, context, id).await?;
    }
    states::agree_as_they_stand(tx, tenant, &[id]).await?;
    if !placement.event_id.as_str().is_empty() {
        // Should the series have this occurrence again, it will be an unchanged one.
        placements::remove(tx, tenant, &placement.calendar_id, &placement.event_id).await?;
    }
    if let Some(uid) = &placement.ical_uid {
        // By its identity the record is found when the series turns private.
        placements::identify(tx, tenant, uid, placement.original_start, id).await?;
    }
    Ok(())
}

/// An occurrence that its series does not have any more stays as a booking of its own, and gets an event of its own.
pub(super) async fn stand_alone(
    tx: &mut Tx,
    context: &Context<'_>,
    known: Known,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (tenant, id, placement) = (context.tenant(), known.booking_id(), &known.placement);
    belonging::belong(tx, context, id, None).await?;
    placements::remove(tx, tenant, &placement.calendar_id, &placement.event_id).await?;
    waiting::no_longer(tx, context, &known, None).await?;
    states::disagree(tx, tenant, id).await?;
    report.bookings_updated += 1;
    report.step("keep a lost occurrence as a booking of its own", Some(id), None);
    Ok(())
}

/// What the app has changed about an occurrence was put back, or it has taken it back itself: the occurrence is as its series
/// says, and needs no row of its own, which would not follow the series.
pub(super) async fn forget_unchanged(tx: &mut Tx, context: &Context<'_>, id: BookingId) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let Some(row) = bookings::get(tx, tenant, id).await? else {
        return Ok(());
    };
    let Ok(Some(occurrence)) = row.text.occurrence() else {
        return Ok(());
    };
    let Some(series) = bookings::get(tx, tenant, occurrence.series_id).await? else {
        return Ok(());
    };
    let (Some(unchanged), Ok(content)) = (
        occurrence::unchanged_occurrence(&series, occurrence.original_start),
        row.text.content(),
    ) else {
        return Ok(());
    };
    let same = content.status == unchanged.status && merge::to_push(&unchanged, &content, Words::Shared).is_empty();
    if !same || row.customer_ids != series.customer_ids || !bookings::delete(tx, tenant, id, row.version).await? {
        return Ok(());
    }
    states::agree_as_they_stand(tx, tenant, &[id]).await?;
    for lead in placements::leads(tx, tenant, &[id]).await? {
        placements::remove(tx, tenant, &lead.calendar_id, &lead.event_id).await?;
    }
    Ok(())
}
