//! "This and following" whose new half came before the cut, and without the id that Google gives to such halves.
//!
//! Until the cut it cannot be told apart from a copy that somebody made: both carry the mark of the series. Once the old half
//! ends where the new one begins, it is its tail, as if both had come at once. An event without our mark stays foreign: many
//! series begin where another ends.
use super::{PassReport, SyncError, context::Context};
use crate::domain::event::{Event, EventState};
use crate::domain::ids::BookingId;
use crate::domain::recurrence;
use crate::domain::time::OriginalStart;
use crate::store::Tx;
use crate::store::bookings::{self, BookingRow};
use crate::store::placements::{self, Placement};
use crate::store::states::{self, BookingState};

/// Recognises the new halves of the series among these events, with the placements that those have here.
pub(super) async fn recognise(
    tx: &mut Tx,
    context: &Context<'_>,
    events: &[&Event],
    placed: &[Placement],
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (tenant, calendar) = (context.tenant(), &context.key().calendar);
    let ids: Vec<BookingId> = placed.iter().map(|placement| placement.booking_id).collect();
    for half in placements::copies_of(tx, tenant, calendar, &ids).await? {
        let whole = placed
            .iter()
            .find(|placement| Some(placement.booking_id) == half.copied_from);
        let event = whole.and_then(|whole| events.iter().find(|event| event.id == whole.event_id));
        let (Some(whole), Some(EventState::Live(shown))) = (whole, event.map(|event| &event.state)) else {
            continue;
        };
        let Some(row) = bookings::get(tx, tenant, half.booking_id).await? else {
            continue;
        };
        let Ok(content) = row.text.content() else { continue };
        let goes_on = !content.when.recurrence.is_empty()
            && recurrence::goes_on_at(&shown.when, OriginalStart::of(&content.when.span));
        if row.text.split_from.is_none() && goes_on {
            adopt(tx, context, half, row, whole.booking_id, report).await?;
        }
    }
    Ok(())
}

/// Gives the new half what the series has: origin, customers, resource.
async fn adopt(
    tx: &mut Tx,
    context: &Context<'_>,
    mut half: Placement,
    row: BookingRow,
    series: BookingId,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let Some(series) = bookings::get(tx, tenant, series).await? else {
        return Ok(());
    };
    bookings::set_split_from(tx, tenant, row.id, series.id).await?;
    report.step("recognise a new half", Some(row.id), Some(&half.event_id));
    let state = states::get_many(tx, tenant, &[row.id]).await?.pop();
    if state.as_ref().is_none_or(BookingState::is_pending) || row.user_id != series.user_id {
        // What the app has made of it meanwhile stands.
        return Ok(());
    }
    let (Ok(mut content), Ok(of_series)) = (row.text.content(), series.text.content()) else {
        return Ok(());
    };
    if content.resource_id.is_none() && content.location == of_series.location {
        content.resource_id = of_series.resource_id;
        if bookings::update(tx, tenant, row.id, row.version, &content).await?
            && let Some(base) = &mut half.base_local
        {
            base.resource_id = of_series.resource_id;
            placements::put(tx, &half).await?;
        }
    }
    if row.customer_ids.is_empty() {
        bookings::set_customers(tx, tenant, row.user_id, row.id, &series.customer_ids).await?;
    }
    Ok(states::agree_as_they_stand(tx, tenant, &[row.id]).await?)
}
