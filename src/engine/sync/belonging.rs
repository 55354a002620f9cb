//! Which series an occurrence belongs to: looked up, noted, and noted anew when Google shows it elsewhere.
use super::newcomer::Arrival;
use super::settle::{self, Known};
use super::{SyncError, context::Context, occurrence};
use crate::domain::booking::{Occurrence, Side};
use crate::domain::event::{Event, InstanceOf};
use crate::domain::ids::{BookingId, EventId, UserId};
use crate::domain::recurrence;
use crate::domain::time::OriginalStart;
use crate::store::bookings::{self, BookingRow};
use crate::store::placements::{self, Placement};
use crate::store::{Tx, states};
use std::collections::HashMap;

/// The placement of an occurrence's series in this calendar, with its booking.
pub(super) struct Series {
    pub placement: Placement,
    pub row: BookingRow,
}

impl Series {
    /// Whether it was made from Google's since the last good pass: its occurrences are part of that first look.
    pub fn is_new(&self, context: &Context<'_>) -> bool {
        self.row.text.origin() == Side::Google && self.row.created_at > context.scope.last_good_at
    }

    /// The placement of an occurrence as the series knows it: a tombstone does not say who may write it.
    pub fn leads(&self, of_occurrence: Placement) -> Placement {
        Placement {
            is_ours: self.placement.is_ours,
            is_writable: self.placement.is_writable,
            has_guests: self.placement.has_guests,
            words: self.placement.words,
            ..of_occurrence
        }
    }

    /// Whether all that Google shows of its occurrences is part of the first look, and for this calendar to say.
    pub fn is_first_seen(&self, context: &Context<'_>) -> bool {
        self.placement.is_lead && self.is_new(context)
    }

    pub fn has(&self, original_start: OriginalStart) -> bool {
        let content = self.row.text.content();
        content.is_ok_and(|content| recurrence::contains(&content.when, original_start))
    }
}

/// What an occurrence belongs to in Google, as far as it is known here.
pub(super) enum Master {
    Series(Box<Series>),
    /// It is no series in the app.
    Single(Box<Placement>),
}

/// What these events are in the app, as far as they are known.
pub(super) async fn masters(
    tx: &mut Tx,
    context: &Context<'_>,
    mut ids: Vec<EventId>,
) -> Result<HashMap<EventId, Master>, SyncError> {
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let tenant = context.tenant();
    let found = placements::get_many(tx, tenant, &context.key().calendar, &ids).await?;
    let ids: Vec<BookingId> = found.iter().map(|placement| placement.booking_id).collect();
    let rows = bookings::get_many(tx, tenant, &ids).await?;
    let master = |placement: Placement| {
        let row = rows.iter().find(|row| row.id == placement.booking_id);
        let event_id = placement.event_id.clone();
        let master = match row.filter(|row| !row.text.recurrence.is_empty()).cloned() {
            Some(row) => Master::Series(Box::new(Series { placement, row })),
            None => Master::Single(Box::new(placement)),
        };
        (event_id, master)
    };
    Ok(found.into_iter().map(master).collect())
}

pub(super) async fn series_of(
    tx: &mut Tx,
    context: &Context<'_>,
    instance: &InstanceOf,
) -> Result<Option<Series>, SyncError> {
    let found = masters(tx, context, vec![instance.series.clone()]).await?;
    Ok(found.into_values().find_map(|master| match master {
        Master::Series(series) => Some(*series),
        Master::Single(_) => None,
    }))
}

/// Occurrences that stood alone, or were cancelled, until their series came.
pub(super) async fn gather(tx: &mut Tx, context: &Context<'_>, arrivals: &[Arrival]) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let mut masters: HashMap<&EventId, &Arrival> = HashMap::new();
    for arrival in arrivals
        .iter()
        .filter(|arrival| !arrival.content.when.recurrence.is_empty())
    {
        masters.extend(
            arrival
                .placement
                .as_ref()
                .map(|placement| (&placement.event_id, arrival)),
        );
    }
    if masters.is_empty() {
        return Ok(());
    }
    let ids: Vec<EventId> = masters.keys().map(|id| (*id).clone()).collect();
    for orphan in placements::of_many_series(tx, tenant, &context.key().calendar, &ids).await? {
        let (Some(series), Some(original_start)) = (orphan.series_event_id.clone(), orphan.original_start) else {
            continue;
        };
        let Some(master) = masters.get(&series) else {
            continue;
        };
        if bookings::get(tx, tenant, orphan.booking_id).await?.is_none() {
            let instance = InstanceOf { series, original_start };
            if let Some(series) = series_of(tx, context, &instance).await?
                && series.has(original_start)
                && let Some(unchanged) = occurrence::unchanged_occurrence(&series.row, original_start)
            {
                occurrence::never_there(tx, context, orphan, original_start, &series, unchanged).await?;
            }
            continue;
        }
        let occurrence = Occurrence {
            series_id: master.id,
            original_start,
        };
        belong(tx, context, orphan.booking_id, Some((&occurrence, master.owner))).await?;
    }
    Ok(())
}

/// Notes which series a booking is an occurrence of, and with it whose it is; nobody's edit, so nothing to push.
pub(super) async fn belong(
    tx: &mut Tx,
    context: &Context<'_>,
    id: BookingId,
    occurrence: Option<(&Occurrence, UserId)>,
) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let before = states::get_many(tx, tenant, &[id]).await?.pop();
    // Where nothing was written, a version that moved meanwhile is an edit of the app.
    let is_noted = bookings::set_occurrence(tx, tenant, id, occurrence).await?;
    if let Some(before) = before.filter(|state| is_noted && !state.is_pending()) {
        states::agree_after(tx, tenant, id, before.version).await?;
    }
    Ok(())
}

/// A changed occurrence that Google shows under another series than before, as after "this and following", goes with it;
/// one that has become an event of its own stands alone.
pub(super) async fn rehome(
    tx: &mut Tx,
    context: &Context<'_>,
    known: Known,
    event: &Event,
) -> Result<Known, SyncError> {
    let series = event.instance_of.as_ref().map(|instance| &instance.series);
    if known.placement.series_event_id.as_ref() == series || known.row.is_none() {
        return Ok(known);
    }
    let tenant = context.tenant();
    let occurrence = match &event.instance_of {
        None => None,
        Some(instance) => {
            let Some(series) = series_of(tx, context, instance).await? else {
                return Ok(known);
            };
            let taken = bookings::occurrence(tx, tenant, series.row.id, instance.original_start).await?;
            if taken.is_some_and(|row| row.id != known.booking_id()) || series.row.user_id != known.owner(context) {
                return Ok(known);
            }
            Some(Occurrence {
                series_id: series.row.id,
                original_start: instance.original_start,
            })
        }
    };
    let owner = known.owner(context);
    let series_and_owner = occurrence.as_ref().map(|occurrence| (occurrence, owner));
    belong(tx, context, known.booking_id(), series_and_owner).await?;
    let placement = Placement {
        series_event_id: series.cloned(),
        original_start: occurrence.map(|occurrence| occurrence.original_start),
        ..known.placement.clone()
    };
    placements::put(tx, &placement).await?;
    let moved = settle::load(tx, tenant, vec![placement]).await?.pop();
    Ok(moved.unwrap_or(known))
}
