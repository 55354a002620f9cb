//! What Google's no to a write means: the event moved on, it is not ours to change, the calendar may only be read now, or
//! the row cannot be written as it is.
use super::super::context::{Context, READ_ONLY};
use super::super::settle::{Gate, Known};
use super::super::{PassReport, SyncError, waiting};
use super::preparing::settle_unchanged;
use super::{Prepared, as_read};
use crate::domain::failure::{Denied, FailureClass};
use crate::google::GoogleError;
use crate::store::placements::{self, PlacementState};
use crate::store::{calendars, scopes};

/// Google refused a write.
pub(super) async fn refused(
    context: &Context<'_>,
    known: Known,
    error: GoogleError,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    match error.class() {
        FailureClass::Conflict412 | FailureClass::Gone => {
            // The event is not what was merged: look at it, merge again.
            Ok(Prepared::Read(Box::new(known)))
        }
        FailureClass::Permission(Denied::NotOrganizer | Denied::EventType) => {
            let mut tx = context.begin().await?;
            if let Some(mut known) = as_read(&mut tx, &known).await? {
                known.placement.is_writable = false;
                placements::put(&mut tx, &known.placement).await?;
                settle_unchanged(&mut tx, context, known, Gate::Open, report).await?;
            }
            tx.commit().await?;
            Ok(Prepared::Done)
        }
        FailureClass::Permission(Denied::Forbidden) => forbidden(context, known, error, report).await,
        FailureClass::BadData => {
            let mut tx = context.begin().await?;
            let mut is_present = true;
            if known.placement.state == PlacementState::Creating {
                if as_read(&mut tx, &known).await?.is_none() {
                    return Ok(Prepared::Done);
                }
                // A definite no: the next insert takes another id, and what the row holds then.
                let old = &known.placement;
                placements::remove(&mut tx, old.tenant_id, &old.calendar_id, &old.event_id).await?;
                let content = known.row.as_ref().and_then(|row| row.text.content().ok());
                is_present = content == old.base_local;
            }
            if is_present {
                waiting::refuse_row(&mut tx, context, &known, &format!("Google refuses it: {error}"), report).await?;
            }
            tx.commit().await?;
            Ok(Prepared::Done)
        }
        _ => Err(error.into()),
    }
}

/// A write that is forbidden: because the role was lost, which holds everything of this calendar, or for this item alone.
async fn forbidden(
    context: &Context<'_>,
    known: Known,
    error: GoogleError,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    let access = context.access().await?;
    let key = context.key();
    let calendar = context.engine.google.calendar(&access, &key.calendar).await?;
    let mut tx = context.begin().await?;
    if calendar.access_role.writes() {
        waiting::refuse_row(&mut tx, context, &known, &format!("Google refuses it: {error}"), report).await?;
        tx.commit().await?;
        return Ok(Prepared::Done);
    }
    let role = calendar.access_role;
    let zone = context.reading.zone.name();
    calendars::set_role(
        &mut tx,
        key.tenant,
        key.account,
        &key.calendar,
        role,
        zone,
        &calendar.summary,
    )
    .await?;
    calendars::freeze(&mut tx, key.tenant, key.account, &key.calendar, Some(READ_ONLY)).await?;
    scopes::list_again_elsewhere(&mut tx, key).await?;
    tx.commit().await?;
    Err(error.into())
}
