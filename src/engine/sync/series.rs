//! What a write to a series does to its changed occurrences: Google decides, so Google is asked.
use super::settle::{self, Gate, Seen};
use super::{PassReport, SyncError, context::Context, inbound, waiting};
use crate::domain::booking::Side;
use crate::domain::ids::{BookingId, EventId};
use crate::domain::merge::{Field, FieldConflict};
use crate::google::calendar::{ParsedItem, Wanted};
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::{Tx, bookings, states};
use serde_json::json;

/// Reads every changed occurrence of a series again after its times were written.
pub(super) async fn after_write(
    context: &Context<'_>,
    series: EventId,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let key = context.key();
    let mut tx = context.engine.db.read().await?;
    let occurrences = placements::of_series(&mut tx, key.tenant, &key.calendar, &series).await?;
    drop(tx);
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
            .instances(&access, &key.calendar, &context.reading, &series, &wanted)
            .await?;
        let event = found.into_iter().find_map(|item| match item {
            ParsedItem::Event(event) => Some(*event),
            ParsedItem::Broken(_) => None,
        });
        let mut tx = context.begin().await?;
        match event {
            Some(event) if event.id == placement.event_id => {
                if let Some(known) = settle::load(&mut tx, key.tenant, vec![placement]).await?.pop() {
                    inbound::again(&mut tx, context, known, Seen::Event(&event), Gate::Open, report).await?;
                }
            }
            Some(event) => {
                // The occurrence is there under another id: nothing of the change has survived.
                rename(&mut tx, placement, event.id).await?;
            }
            None => vanished(&mut tx, context, placement.booking_id, report).await?,
        }
        tx.commit().await?;
    }
    Ok(())
}

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

/// The series has no such occurrence any more. What the row held is kept in a conflict record.
pub(super) async fn vanished(
    tx: &mut Tx,
    context: &Context<'_>,
    id: BookingId,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let Some(row) = bookings::get(tx, tenant, id).await? else {
        return Ok(());
    };
    let lead = placements::leads(tx, tenant, &[id]).await?.pop();
    let content = row.text.content().ok();
    let conflict = FieldConflict {
        field: Field::When,
        winner: Some(Side::Google),
        rule: "vanished",
        base: json!(row.text.original_start),
        app: json!(content),
        google: serde_json::Value::Null,
    };
    let placement = lead.unwrap_or_else(|| Placement {
        event_id: EventId(String::new()),
        ..super::outbound::blank(context, id)
    });
    let known = settle::Known {
        placement: placement.clone(),
        state: None,
        row: Some(row.clone()),
    };
    waiting::record_conflict(tx, context, &known, &conflict, report).await?;
    bookings::delete(tx, tenant, id, row.version).await?;
    states::agree_as_they_stand(tx, tenant, &[id]).await?;
    if !placement.event_id.as_str().is_empty() {
        placements::put(
            tx,
            &Placement {
                state: PlacementState::Gone,
                waiting: None,
                answer: None,
                ..placement
            },
        )
        .await?;
    }
    Ok(())
}
