//! Deleted rows that come back: with their customers and their resource as far as these still exist, and a series with its
//! changed occurrences.
use super::settle::Known;
use super::{SyncError, context::Context};
use crate::domain::booking::{Content, Status};
use crate::domain::ids::BookingId;
use crate::domain::merge::Resources;
use crate::engine::times;
use crate::store::bookings::{self, BookingText, DeletedBooking, NewBooking};
use crate::store::placements::{self, Placement};
use crate::store::{Tx, scopes, states};

/// Puts a deleted row back, with its customers as far as they still exist. Returns `false` if its series is gone.
pub(super) async fn reinstate(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &Known,
    new: &Content,
) -> Result<bool, SyncError> {
    let tenant = context.tenant();
    let deleted = known.state.as_ref().and_then(|state| state.deleted.clone());
    let old = deleted.as_ref().map(|deleted| &deleted.text);
    let mut text = BookingText::of(new, None, None, known.origin());
    if let Some(old) = old {
        text.series_id.clone_from(&old.series_id);
        text.original_start.clone_from(&old.original_start);
        text.split_from.clone_from(&old.split_from);
        text.mail_wish.clone_from(&old.mail_wish);
    }
    if let Some(series) = text.series_id.as_ref().and_then(|id| id.parse().ok())
        && bookings::get(tx, tenant, series).await?.is_none()
    {
        return Ok(false);
    }
    let is_series = !text.recurrence.is_empty();
    let row = DeletedBooking {
        user_id: known.owner(context),
        text,
        customer_ids: deleted
            .as_ref()
            .map(|deleted| deleted.customer_ids.clone())
            .unwrap_or_default(),
        created_at: deleted.map_or_else(|| context.engine.now_ms(), |deleted| deleted.created_at),
    };
    insert_again(tx, context, known.booking_id(), row).await?;
    if is_series {
        // What Google has told of its other occurrences while there was no row for them to belong to, it does not repeat.
        scopes::list_again(tx, context.key()).await?;
        reinstate_occurrences(tx, context, &known.placement).await?;
    }
    Ok(true)
}

/// The changed occurrences that were deleted with their series come back with it. They stay pending: whether Google still
/// has them as they are is merged then.
async fn reinstate_occurrences(tx: &mut Tx, context: &Context<'_>, series: &Placement) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let of_series = placements::of_series(tx, tenant, &series.calendar_id, &series.event_id).await?;
    let ids: Vec<BookingId> = of_series.iter().map(|placement| placement.booking_id).collect();
    let id_of_series = series.booking_id.to_string();
    for state in states::get_many(tx, tenant, &ids).await? {
        let Some(deleted) = state.deleted else { continue };
        if deleted.text.series_id.as_ref() != Some(&id_of_series) {
            continue;
        }
        let content = deleted.text.content();
        insert_again(tx, context, state.id, deleted).await?;
        if let Ok(content) = content {
            times::store(tx, tenant, state.id, &content, context.day_zone()).await?;
        }
    }
    Ok(())
}

/// Inserts a deleted row again, with its customers and its resource as far as they still exist.
async fn insert_again(tx: &mut Tx, context: &Context<'_>, id: BookingId, row: DeletedBooking) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let series = row.text.series_id.as_ref().and_then(|id| id.parse().ok());
    let series = match series {
        Some(series) => bookings::get(tx, tenant, series).await?,
        None => None,
    };
    // An occurrence belongs to whom its series belongs, which may have been handed over since.
    let user_id = series.map_or(row.user_id, |series| series.user_id);
    let customers = crate::store::users::customers_among(tx, tenant, user_id, &row.customer_ids).await?;
    let mut text = row.text;
    text.resource_id = text.resource_id.filter(|id| {
        let id = id.parse().ok();
        id.is_some_and(|id| context.resources.name(id).is_some())
    });
    let new = NewBooking {
        tenant_id: tenant,
        id,
        user_id,
        text: &text,
        customer_ids: &customers,
        created_at: row.created_at,
    };
    Ok(bookings::insert(tx, &new).await?)
}

/// A deleted row of an occurrence comes back as cancelled: without it the series would show the occurrence again.
pub(super) async fn keep_cancelled_occurrence(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &mut Known,
) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let Some(deleted) = known.state.as_ref().and_then(|state| state.deleted.clone()) else {
        return Ok(());
    };
    let Some(series) = deleted
        .text
        .series_id
        .as_ref()
        .and_then(|id| id.parse::<BookingId>().ok())
    else {
        return Ok(());
    };
    let Some(series) = bookings::get(tx, tenant, series).await? else {
        return Ok(());
    };
    let text = BookingText {
        status: Status::Cancelled.as_str().to_owned(),
        ..deleted.text
    };
    let new = NewBooking {
        tenant_id: tenant,
        id: known.booking_id(),
        // The series may have been handed over since.
        user_id: series.user_id,
        text: &text,
        customer_ids: &[],
        created_at: deleted.created_at,
    };
    bookings::insert(tx, &new).await?;
    states::agree_as_they_stand(tx, tenant, &[known.booking_id()]).await?;
    if let Ok(content) = text.content() {
        times::store(tx, tenant, known.booking_id(), &content, context.day_zone()).await?;
    }
    Ok(())
}
