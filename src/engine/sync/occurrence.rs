//! Occurrences that differ from their series, and those that were cancelled.
//!
//! What a series looks like when it is first seen is no change: its occurrences become rows, many at a time. Later ones are
//! judged one by one against what the series says of them, like the change of any other booking. Only the lead of a series
//! carries fields; elsewhere an occurrence is only there.
use super::belonging::{Series, belong, series_of};
use super::newcomer::{Arrival, create, identity, placement};
use super::settle::{self, Gate, Known, Seen};
use super::{PassReport, SyncError, context::Context, inbound, leads, waiting};
use crate::domain::booking::{Content, Occurrence, Side, Status};
use crate::domain::event::{Event, EventState, InstanceOf, Words};
use crate::domain::ids::BookingId;
use crate::domain::merge::{self, Field, FieldConflict};
use crate::domain::time::{OriginalStart, When};
use crate::store::Tx;
use crate::store::bookings::{self, BookingRow, BookingText};
use crate::store::placements::{self, Placement, PlacementState};
use serde_json::{Value, json};

/// An occurrence that differs from its series, and has no placement yet.
pub(super) struct Changed<'a> {
    pub event: &'a Event,
    pub instance: &'a InstanceOf,
    pub series: &'a Series,
    pub content: Content,
}

impl Changed<'_> {
    fn occurrence(&self) -> Occurrence {
        Occurrence {
            series_id: self.series.row.id,
            original_start: self.instance.original_start,
        }
    }

    /// The row that it becomes, as Google shows it.
    fn arrives(self, context: &Context<'_>, id: BookingId) -> Arrival {
        let (event, series, mut content) = (self.event, self.series, self.content);
        if event.words == Words::Withheld {
            // What this user does not show, the series may: the row is everybody's.
            let series = &series.row.text;
            content.title.clone_from(&series.title);
            content.description.clone_from(&series.description);
            content.location.clone_from(&series.location);
        }
        // Overrides inherit the resource unless the place itself was changed.
        if content.resource_id.is_none() && content.location == series.row.text.location {
            content.resource_id = series.row.text.resource_id.as_ref().and_then(|id| id.parse().ok());
        }
        let placement = Placement {
            is_ours: series.placement.is_ours,
            ..placement(context, event, id, true, Some(content.clone()), Some(self.instance))
        };
        arrival(id, self.instance.original_start, series, content, Some(placement))
    }
}

/// A row of an occurrence; it has the owner, the customers and the origin of its series.
fn arrival(
    id: BookingId,
    original_start: OriginalStart,
    series: &Series,
    content: Content,
    placement: Option<Placement>,
) -> Arrival {
    let occurrence = Occurrence {
        series_id: series.row.id,
        original_start,
    };
    Arrival {
        id,
        owner: series.row.user_id,
        text: BookingText::of(&content, Some(&occurrence), None, series.row.text.origin()),
        customers: series.row.customer_ids.clone(),
        content,
        placement,
    }
}

/// Changed occurrences without a placement: those that nobody has seen of a series that is seen for the first time are stored
/// together, then the others are met one by one.
pub(super) async fn welcome(
    tx: &mut Tx,
    context: &Context<'_>,
    changed: Vec<Changed<'_>>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (mut fresh, mut others): (Vec<_>, Vec<_>) = changed
        .into_iter()
        .partition(|changed| changed.series.is_first_seen(context));
    let named: Vec<Occurrence> = fresh.iter().map(Changed::occurrence).collect();
    let known = bookings::known_occurrences(tx, context.tenant(), &named).await?;
    others.extend(fresh.extract_if(.., |changed| known.contains(&changed.occurrence())));
    let fresh: Vec<_> = fresh
        .into_iter()
        .map(|changed| (changed, BookingId(context.engine.fresh_uuid())))
        .collect();
    let identities = fresh
        .iter()
        .filter_map(|(changed, new_id)| Some((identity(changed.event)?, *new_id)));
    let mut identified = placements::identify_many(tx, context.tenant(), identities.collect())
        .await?
        .into_iter();
    let mut arrivals = Vec::new();
    for (changed, new_id) in fresh {
        let uid = changed.event.ical_uid.as_ref();
        let id = uid.and_then(|_| identified.next()).unwrap_or(new_id);
        if id == new_id {
            note(&changed, id, report);
            arrivals.push(changed.arrives(context, id));
        } else {
            others.push(changed);
        }
    }
    create(tx, context, &arrivals).await?;
    for changed in others {
        Box::pin(welcome_one(tx, context, changed, report)).await?;
    }
    Ok(())
}

fn note(changed: &Changed<'_>, id: BookingId, report: &mut PassReport) {
    report.bookings_created += 1;
    report.step("create a changed occurrence", Some(id), Some(&changed.event.id));
}

/// An occurrence that is judged against what the series says of it. Its row may be there already: made in the app, or seen
/// through another calendar.
async fn welcome_one(
    tx: &mut Tx,
    context: &Context<'_>,
    changed: Changed<'_>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (event, instance, series) = (changed.event, changed.instance, changed.series);
    let (id, row) = row_of(tx, context, event, instance, series).await?;
    if let Some(known) = placed_meanwhile(tx, context, event).await? {
        return inbound::meet(tx, context, known, event, report).await;
    }
    if !series.placement.is_lead {
        // Only the lead carries fields: it makes the row, and here is told that the occurrence is in this calendar too.
        let follower = placement(context, event, id, false, None, Some(instance));
        return Ok(placements::put(tx, &follower).await?);
    }
    let base = unchanged_occurrence(&series.row, instance.original_start);
    let is_change = row.is_some() || (!series.is_new(context) && series.has(instance.original_start));
    let Some(base) = base.filter(|_| is_change) else {
        note(&changed, id, report);
        return create(tx, context, &[changed.arrives(context, id)]).await;
    };
    let known = lead_occurrence(tx, context, event, instance, series, id, row.is_some(), &base).await?;
    if let Some(known) = known {
        inbound::again(tx, context, known, Seen::Event(event), Gate::Inbound, report).await?;
    }
    Ok(())
}

/// The row of an occurrence, or the id that it is to have. A row that a guest has brought who sees nothing else of the series
/// is the same by its identity, and goes with the series.
async fn row_of(
    tx: &mut Tx,
    context: &Context<'_>,
    event: &Event,
    instance: &InstanceOf,
    series: &Series,
) -> Result<(BookingId, Option<BookingRow>), SyncError> {
    let (tenant, original_start) = (context.tenant(), instance.original_start);
    let row = bookings::occurrence(tx, tenant, series.row.id, original_start).await?;
    let fresh = row
        .as_ref()
        .map_or_else(|| BookingId(context.engine.fresh_uuid()), |row| row.id);
    let id = match &event.ical_uid {
        Some(uid) => placements::identify(tx, tenant, uid, Some(original_start), fresh).await?,
        None => fresh,
    };
    if id == fresh {
        return Ok((id, row));
    }
    match bookings::get(tx, tenant, id).await? {
        _ if row.is_some() => Ok((fresh, row)),
        None => Ok((id, None)),
        Some(alone) if is_alone(tx, &alone, event, instance).await? => {
            let occurrence = Occurrence {
                series_id: series.row.id,
                original_start,
            };
            belong(tx, context, id, Some((&occurrence, series.row.user_id))).await?;
            Ok((id, bookings::get(tx, tenant, id).await?))
        }
        Some(_) => Ok((fresh, None)),
    }
}

/// The placement that another account that reads this calendar has made since this pass has looked. It is seen once the
/// identity is known, because that waits for the other's transaction.
async fn placed_meanwhile(tx: &mut Tx, context: &Context<'_>, event: &Event) -> Result<Option<Known>, SyncError> {
    let tenant = context.tenant();
    let placed = placements::get(tx, tenant, &context.key().calendar, &event.id).await?;
    Ok(settle::load(tx, tenant, placed.into_iter().collect()).await?.pop())
}

/// Whether this booking is the occurrence, shown by itself, and nobody's business but Google's so far.
async fn is_alone(tx: &mut Tx, row: &BookingRow, event: &Event, instance: &InstanceOf) -> Result<bool, SyncError> {
    if row.text.series_id.is_some() || !row.customer_ids.is_empty() {
        return Ok(false);
    }
    let lead = placements::leads(tx, row.tenant_id, &[row.id]).await?.pop();
    Ok(
        lead.is_some_and(|lead| {
            lead.ical_uid == event.ical_uid && lead.original_start == Some(instance.original_start)
        }),
    )
}

/// The placement that leads an occurrence, as if the series had been agreed on with it unchanged; with a row, if it has none.
#[expect(clippy::too_many_arguments, reason = "an event, its series and its row")]
async fn lead_occurrence(
    tx: &mut Tx,
    context: &Context<'_>,
    event: &Event,
    instance: &InstanceOf,
    series: &Series,
    id: BookingId,
    has_row: bool,
    base: &Content,
) -> Result<Option<Known>, SyncError> {
    let tenant = context.tenant();
    if !has_row {
        let row = arrival(id, instance.original_start, series, base.clone(), None);
        create(tx, context, &[row]).await?;
    }
    let series_words = series.placement.words;
    let lead = Placement {
        state: PlacementState::Live,
        etag: String::new(),
        base_remote: Some(merge::live_form(&merge::as_event(base, None), series_words)),
        ..series.leads(placement(context, event, id, true, Some(base.clone()), Some(instance)))
    };
    let others = placements::leads(tx, tenant, &[id]).await?;
    let lead = match others
        .into_iter()
        .find(|other| other.event_id != lead.event_id || other.calendar_id != lead.calendar_id)
    {
        Some(other) => leads::take_over(tx, context, Some(other), lead).await?,
        None => {
            placements::put(tx, &lead).await?;
            lead
        }
    };
    Ok(settle::load(tx, tenant, vec![lead]).await?.pop())
}

/// A changed occurrence of an event that is no series in the app: the app has moved or deleted the whole, and that won. What
/// the occurrence held is kept in a conflict record.
pub(super) async fn overruled(
    tx: &mut Tx,
    context: &Context<'_>,
    master: Placement,
    instance: &InstanceOf,
    content: &Content,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let conflict = FieldConflict {
        field: Field::When,
        winner: Some(Side::App),
        rule: "vanished",
        base: json!(instance.original_start),
        app: Value::Null,
        google: json!(content),
    };
    for known in settle::load(tx, context.tenant(), vec![master]).await? {
        waiting::record_conflict(tx, context, &known, &conflict, report).await?;
    }
    Ok(())
}

/// What an occurrence would be if nobody had changed it.
pub(super) fn unchanged_occurrence(series: &BookingRow, original_start: OriginalStart) -> Option<Content> {
    let content = series.text.content().ok()?;
    let span = content.when.span.shift_to(original_start)?;
    Some(Content {
        when: When::once(span),
        ..content
    })
}

/// A tombstone without a placement: only that of an occurrence of a known series means anything. Gives what is to be removed.
pub(super) async fn cancelled(
    tx: &mut Tx,
    context: &Context<'_>,
    event: &Event,
    report: &mut PassReport,
) -> Result<Option<Known>, SyncError> {
    let Some(instance) = &event.instance_of else {
        return Ok(None);
    };
    let Some(series) = series_of(tx, context, instance).await? else {
        park(tx, context, event, instance).await?;
        return Ok(None);
    };
    let Some(unchanged) = unchanged_occurrence(&series.row, instance.original_start) else {
        return Ok(None);
    };
    if !series.has(instance.original_start) {
        return Ok(None);
    }
    let (id, row) = row_of(tx, context, event, instance, &series).await?;
    if let Some(known) = placed_meanwhile(tx, context, event).await? {
        return Ok(Some(known));
    }
    if !series.placement.is_lead {
        // A guest does not want to see it any more; whether it takes place is the lead's to say.
        let gone = Placement {
            state: PlacementState::Gone,
            ..placement(context, event, id, false, None, Some(instance))
        };
        placements::put(tx, &gone).await?;
        return Ok(None);
    }
    if row.is_some() || !series.is_new(context) {
        return lead_occurrence(tx, context, event, instance, &series, id, row.is_some(), &unchanged).await;
    }
    let placement = placement(context, event, id, true, None, Some(instance));
    never_there(tx, context, placement, instance.original_start, &series, unchanged).await?;
    report.bookings_cancelled += 1;
    report.step("cancel an occurrence", Some(id), Some(&event.id));
    Ok(None)
}

/// An occurrence that was cancelled before its series was ever seen here gets its row, and the placement that leads it.
pub(super) async fn never_there(
    tx: &mut Tx,
    context: &Context<'_>,
    placement: Placement,
    original_start: OriginalStart,
    series: &Series,
    unchanged: Content,
) -> Result<(), SyncError> {
    let id = placement.booking_id;
    let event = merge::as_event(&unchanged, None);
    let cancelled = Content {
        status: Status::Cancelled,
        ..unchanged
    };
    let placement = Placement {
        state: PlacementState::Gone,
        base_local: Some(cancelled.clone()),
        base_remote: Some(merge::RemoteForm {
            status: Status::Cancelled,
            content: merge::live_form(&event, series.placement.words).content,
            sent: None,
        }),
        ..series.leads(placement)
    };
    let arrival = arrival(id, original_start, series, cancelled, Some(placement));
    create(tx, context, &[arrival]).await
}

/// A cancelled occurrence whose series is not shown, or not yet: a tombstone without a booking, until the series comes.
async fn park(tx: &mut Tx, context: &Context<'_>, event: &Event, instance: &InstanceOf) -> Result<(), SyncError> {
    let (tenant, calendar) = (context.tenant(), &context.key().calendar);
    let series_is_known = placements::get(tx, tenant, calendar, &instance.series).await?.is_some();
    if series_is_known || event.state != EventState::Cancelled {
        return Ok(());
    }
    let id = BookingId(context.engine.fresh_uuid());
    placements::put(tx, &placement(context, event, id, true, None, Some(instance))).await?;
    Ok(())
}
