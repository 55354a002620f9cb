//! Creates, patches and deletes events, and what Google's yes means.
//!
//! What Google returns to a write is the new agreement. A create goes out under an id that was stored before; every other
//! write carries the etag of what was merged.
use super::super::context::Context;
use super::super::settle::{self, Gate, Known, Seen};
use super::super::{PassReport, SyncError, inbound, removal, series, waiting};
use super::preparing::{occurrence_of_deleted_series, settle_seen};
use super::refused::refused;
use super::{Prepared, as_read, is_as_read, stored};
use crate::domain::booking::{Content, Status};
use crate::domain::event::{Event, EventState, Words};
use crate::domain::failure::{Denied, FailureClass};
use crate::domain::ids::EventId;
use crate::domain::merge::{self, Base, Changed, RemoteStep, Resources};
use crate::google::GoogleError;
use crate::google::calendar::{ParsedItem, Target, insert_body, patch_body};
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::{Tx, bookings, scopes, states};

pub(super) async fn create(
    context: &Context<'_>,
    known: Known,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    let access = context.access().await?;
    let (google, key) = (&context.engine.google, context.key());
    // What is sent is what the id was stored with; later edits of the row are pushed when it is there.
    let Some(content) = known.placement.base_local.clone() else {
        return Ok(Prepared::Done);
    };
    let name = content.resource_id.and_then(|id| context.resources.name(id));
    let body = insert_body(&known.placement.event_id, &content, name, known.booking_id());
    match google
        .insert_event(&access, &key.calendar, &context.reading, &body)
        .await
    {
        Ok(item) => {
            report.events_created += 1;
            report.step(
                "create the event",
                Some(known.booking_id()),
                Some(&known.placement.event_id),
            );
            adopt(context, known, item, true, report).await
        }
        Err(error) => match error.class() {
            FailureClass::Duplicate409 => {
                match google
                    .get_event(&access, &key.calendar, &context.reading, &known.placement.event_id)
                    .await
                {
                    Ok(item) => adopt(context, known, item, false, report).await,
                    Err(error) if error.class() == FailureClass::Gone => another_id(context, known).await,
                    Err(error) => Err(error.into()),
                }
            }
            _ => refused(context, known, error, report).await,
        },
    }
}

/// An event under our id: ours and alive is merged, ours and cancelled is brought back, another's means another id.
pub(super) async fn adopt(
    context: &Context<'_>,
    known: Known,
    item: ParsedItem,
    answered: bool,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    let ParsedItem::Event(event) = item else {
        return Err(GoogleError::protocol("Google answers a write with an event that cannot be read").into());
    };
    if event.mark != Some(known.booking_id()) && event.state != EventState::Cancelled {
        return another_id(context, known).await;
    }
    let Some(sent) = known.placement.base_local.clone() else {
        return Ok(Prepared::Done);
    };
    let mut tx = context.begin().await?;
    let tenant = context.tenant();
    if let Some(uid) = &event.ical_uid {
        placements::identify(&mut tx, tenant, uid, None, known.booking_id()).await?;
    }
    let Some(mut known) = stored(&mut tx, &known.placement).await? else {
        return Ok(Prepared::Done);
    };
    let form = match &event.state {
        // The answer to the insert is the agreement. An event that was met by its taken id may have been edited since:
        // then what was sent is.
        EventState::Live(content) if answered => merge::live_form(content, event.words),
        EventState::Live(_) | EventState::Cancelled => settle::sent_form(context, &sent),
    };
    known.placement.state = PlacementState::Live;
    known.placement.base_local = Some(sent);
    known.placement.base_remote = Some(form);
    placements::put(&mut tx, &known.placement).await?;
    if !known.placement.is_lead {
        // The lead was passed on meanwhile; that there is an event here is all that counts.
        tx.commit().await?;
        return Ok(Prepared::Done);
    }
    if event.state == EventState::Cancelled {
        return revive_adopted(tx, known, &event).await;
    }
    let prepared = settle_seen(&mut tx, context, known, Seen::Event(&event), Gate::Outbound, report).await?;
    tx.commit().await?;
    Ok(prepared)
}

/// The insert was performed, the event was deleted, and the answer to the insert was lost: the booking lives, so its event
/// comes back under its id.
async fn revive_adopted(mut tx: Tx, mut known: Known, event: &Event) -> Result<Prepared, SyncError> {
    known.placement.etag.clone_from(&event.etag);
    if let Some(base) = &mut known.placement.base_local {
        base.status = Status::Cancelled;
    }
    if let Some(base) = &mut known.placement.base_remote {
        base.status = Status::Cancelled;
    }
    placements::put(&mut tx, &known.placement).await?;
    tx.commit().await?;
    Ok(Prepared::Write(Box::new(known), RemoteStep::Revive))
}

/// The id is taken by an event that is not ours.
async fn another_id(context: &Context<'_>, known: Known) -> Result<Prepared, SyncError> {
    let mut tx = context.begin().await?;
    if as_read(&mut tx, &known).await?.is_none() {
        // Whoever leads now decides.
        return Ok(Prepared::Done);
    }
    let old = &known.placement;
    placements::remove(&mut tx, old.tenant_id, &old.calendar_id, &old.event_id).await?;
    let mut placement = old.clone();
    placement.event_id = EventId(context.engine.fresh_uuid().simple().to_string());
    placement.state = PlacementState::Creating;
    placements::put(&mut tx, &placement).await?;
    tx.commit().await?;
    Ok(Prepared::Create(Box::new(Known { placement, ..known })))
}

/// One write, with the etag of what was merged.
pub(super) async fn write(
    context: &Context<'_>,
    known: Known,
    step: RemoteStep,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    let access = context.access().await?;
    let (google, key) = (&context.engine.google, context.key());
    let placement = &known.placement;
    let etag = Some(placement.etag.as_str()).filter(|etag| !etag.is_empty());
    let event_id = &placement.event_id;
    if step == RemoteStep::Delete {
        return match google.delete_event(&access, &key.calendar, event_id, etag).await {
            Ok(()) => deleted(context, known, report).await,
            Err(error) if error.class() == FailureClass::Gone => {
                if error.status() != Some(410) {
                    // 410 says that this event is deleted; 404 may also mean that the calendar is not shown any more.
                    google.calendar(&access, &key.calendar).await?;
                }
                deleted(context, known, report).await
            }
            Err(error) => refused(context, known, error, report).await,
        };
    }
    let Some(content) = known.row.as_ref().and_then(|row| row.text.content().ok()) else {
        return Ok(Prepared::Done);
    };
    let (Some(local), Some(remote)) = (placement.base_local.clone(), placement.base_remote.clone()) else {
        return Ok(Prepared::Done);
    };
    let base = Base { local, remote };
    let (changed, status) = match step {
        RemoteStep::Patch(changed) => (changed, None),
        _ if placement.words == Words::Withheld => {
            // The tombstone still has the words that were never mirrored.
            let times = Changed {
                when: true,
                ..Changed::default()
            };
            (times, Some(Status::Confirmed))
        }
        _ => (Changed::ALL, Some(Status::Confirmed)),
    };
    let location = merge::location_to_write(&base, &content, &context.resources);
    let target = if placement.original_start.is_some() {
        Target::Occurrence
    } else {
        Target::Event
    };
    let body = patch_body(changed, status, &content, &location, target);
    match google
        .patch_event(&access, &key.calendar, &context.reading, event_id, etag, &body)
        .await
    {
        Ok(ParsedItem::Event(event)) => {
            report.events_updated += 1;
            let action = if status.is_some() {
                "bring the event back"
            } else {
                "update the event"
            };
            report.step(action, Some(known.booking_id()), Some(event_id));
            let replaced = changed.location.then(|| base.remote.content.location.clone());
            written(context, known, content, &event, replaced, report).await?;
            if target == Target::Event && (changed.when || status.is_some()) {
                series::after_write(context, &event, report).await?;
            }
            Ok(Prepared::Done)
        }
        Ok(ParsedItem::Broken(_)) => {
            Err(GoogleError::protocol("Google answers a write with an event that cannot be read").into())
        }
        Err(error) if step == RemoteStep::Revive && cannot_come_back(&error, target) => {
            another_id(
                context,
                Known {
                    placement: recreate(known.placement.clone(), &content),
                    ..known
                },
            )
            .await
        }
        Err(error) => refused(context, known, error, report).await,
    }
}

/// Whether the tombstone stays one: Google has forgotten it, or does not let it be revived because the event was not deleted
/// here but moved away.
fn cannot_come_back(error: &GoogleError, target: Target) -> bool {
    match error.class() {
        FailureClass::Gone => true,
        FailureClass::Permission(Denied::Forbidden) => target == Target::Event,
        _ => false,
    }
}

/// The booking gets a new event instead of its tombstone.
fn recreate(placement: Placement, content: &Content) -> Placement {
    Placement {
        base_local: Some(content.clone()),
        base_remote: None,
        etag: String::new(),
        ical_uid: None,
        remote_updated_at: 0,
        ..placement
    }
}

/// What Google returned to a write is the new agreement. Whatever was said about the item meanwhile stands, and the next pass
/// decides with it.
async fn written(
    context: &Context<'_>,
    known: Known,
    sent: Content,
    event: &Event,
    replaced: Option<String>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let EventState::Live(shown) = &event.state else {
        return Ok(());
    };
    let tenant = context.tenant();
    let mut tx = context.begin().await?;
    let Some(now) = stored(&mut tx, &known.placement).await? else {
        return Ok(());
    };
    let mut sent = Content {
        status: Status::Confirmed,
        ..sent
    };
    let mut agreed = known.version();
    if event.words == Words::Shared && sent.location != shown.location {
        // The note mirrors Google's text, which is the resource's name now.
        let noted = Content {
            location: shown.location.clone(),
            ..sent.clone()
        };
        if bookings::update(&mut tx, tenant, known.booking_id(), agreed, &noted).await? {
            let state = states::get_many(&mut tx, tenant, &[known.booking_id()]).await?.pop();
            agreed = state.map_or(agreed, |state| state.version);
        }
        sent = noted;
    }
    if let Some(old) = replaced.filter(|old| is_a_note(context, &known, old, &shown.location)) {
        let conflict = merge::FieldConflict {
            field: merge::Field::Location,
            winner: Some(crate::domain::booking::Side::App),
            rule: "replaced",
            base: serde_json::json!(old),
            app: serde_json::json!(shown.location),
            google: serde_json::json!(old),
        };
        waiting::record_conflict(&mut tx, context, &known, &conflict, report).await?;
    }
    if now.placement.state == PlacementState::Gone && event.is_master() {
        // With it come occurrences that were changed before it was cancelled, and no delta names them.
        scopes::list_again(&mut tx, context.key()).await?;
    }
    let as_read = is_as_read(&now, &known);
    let mut placement = now.placement;
    placement.state = PlacementState::Live;
    placement.etag.clone_from(&event.etag);
    placement.remote_updated_at = event.updated_at;
    placement.ical_uid = placement.ical_uid.or_else(|| event.ical_uid.clone());
    placement.has_guests = event.has_guests;
    placement.base_local = Some(sent);
    placement.base_remote = Some(merge::live_form(shown, event.words));
    if as_read {
        (placement.waiting, placement.answer) = (None, None);
        states::agree(&mut tx, tenant, known.booking_id(), agreed).await?;
    }
    placements::put(&mut tx, &placement).await?;
    Ok(tx.commit().await?)
}

/// Whether the text that a resource's name has replaced was a person's note and not another resource's name.
fn is_a_note(context: &Context<'_>, known: &Known, old: &str, new: &str) -> bool {
    let base = known.placement.base_local.as_ref().and_then(|base| base.resource_id);
    let old_name = base.and_then(|id| context.resources.name(id));
    !old.trim().is_empty() && !merge::same_name(old, new) && !old_name.is_some_and(|name| merge::same_name(name, old))
}

/// The event is gone; so both sides agree, unless something was said about it meanwhile: then the next pass decides.
async fn deleted(context: &Context<'_>, known: Known, report: &mut PassReport) -> Result<Prepared, SyncError> {
    report.events_deleted += 1;
    report.step(
        "delete the event",
        Some(known.booking_id()),
        Some(&known.placement.event_id),
    );
    let mut tx = context.begin().await?;
    let tenant = context.tenant();
    let Some(now) = stored(&mut tx, &known.placement).await? else {
        return Ok(Prepared::Done);
    };
    let as_read = is_as_read(&now, &known);
    let mut placement = now.placement;
    if let Some(base) = &mut placement.base_remote {
        base.status = Status::Cancelled;
    }
    // The tombstone's etag is not known; a revival reads it first.
    placement.etag.clear();
    placement.state = PlacementState::Gone;
    let version = known.version();
    placements::put(&mut tx, &placement).await?;
    if !as_read {
        tx.commit().await?;
        return Ok(Prepared::Done);
    }
    if let Some(fresh) = settle::load(&mut tx, tenant, vec![placement]).await?.pop() {
        if fresh.version() == version {
            inbound::again(&mut tx, context, fresh, Seen::Gone, Gate::Open, report).await?;
        } else {
            // The row moved on; what was deleted is what was agreed on.
            let mut moved = fresh.placement.clone();
            if let Some(base) = &mut moved.base_local {
                base.status = Status::Cancelled;
            }
            placements::put(&mut tx, &moved).await?;
        }
    }
    let is_series = known.text().is_some_and(|text| !text.recurrence.is_empty());
    if is_series && known.row.is_some() {
        removal::cancel_occurrences(&mut tx, context, known.booking_id()).await?;
    } else if is_series {
        let (calendar, event) = (&known.placement.calendar_id, &known.placement.event_id);
        for occurrence in placements::of_series(&mut tx, tenant, calendar, event).await? {
            for occurrence in settle::load(&mut tx, tenant, vec![occurrence]).await? {
                occurrence_of_deleted_series(&mut tx, context, &occurrence).await?;
            }
        }
    }
    tx.commit().await?;
    Ok(Prepared::Done)
}
