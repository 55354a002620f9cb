//! Events that Accord meets for the first time in a calendar.
//!
//! Identity within a tenant is (iCalUID, original start): the same meeting in another calendar becomes a further placement
//! of the booking that is there already. A copy that a user made has an iCalUID of its own and is a foreign event, whatever
//! private property it carries; the tail of a series that was cut by "this and following" becomes a split booking.
use super::inbound;
use super::settle::{self, Gate, Known, Seen};
use super::{PassReport, SyncError, carried, context::Context, removal, waiting};
use crate::domain::booking::{Content, Occurrence, Side, Status};
use crate::domain::event::{Event, EventContent, EventState, InstanceOf, Words};
use crate::domain::ids::{BookingId, CustomerId, EventId, UserId};
use crate::domain::merge::{self, Field, FieldConflict};
use crate::domain::recurrence;
use crate::domain::time::OriginalStart;
use crate::domain::validate::Limits;
use crate::engine::times;
use crate::store::bookings::{self, BookingRow, BookingText, NewBooking};
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::scopes::{self, ScopeKey};
use crate::store::{Tx, calendars, states};
use serde_json::{Value, json};
use std::collections::HashMap;

/// The series of a listing, as they are now: what a new master may be the tail of.
pub(super) struct Families {
    masters: HashMap<EventId, EventContent>,
}

impl Families {
    pub fn of(events: &[Event]) -> Families {
        let masters = events
            .iter()
            .filter(|event| event.is_master())
            .filter_map(|event| match &event.state {
                EventState::Live(content) => Some((event.id.clone(), content.clone())),
                EventState::Cancelled => None,
            })
            .collect();
        Families { masters }
    }
}

/// A live event without a placement.
pub(super) async fn welcome(
    tx: &mut Tx,
    context: &Context<'_>,
    event: &Event,
    families: &Families,
    fresh: &mut Vec<BookingId>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let EventState::Live(content) = &event.state else {
        return Ok(());
    };
    if !event.ordinary {
        return Ok(());
    }
    let content = merge::as_booking(content, event.words, &context.resources);
    if let Some(problem) = Limits::GOOGLE.problems(&content).first() {
        let reason = format!("its {} {}", problem.field, problem.problem);
        return waiting::refuse_event(tx, context, &event.id, &reason, None, report).await;
    }
    if let Some(instance) = &event.instance_of {
        if let Some(series) = series_of(tx, context, instance).await? {
            return welcome_occurrence(tx, context, event, instance, &series, &content, fresh, report).await;
        }
        let (tenant, calendar) = (context.tenant(), &context.key().calendar);
        if let Some(master) = placements::get(tx, tenant, calendar, &instance.series).await? {
            return overruled_occurrence(tx, context, master, instance, &content, report).await;
        }
    }
    // The series is not visible to this user (invited to one occurrence only): it stands alone.
    let original_start = event.instance_of.as_ref().map(|instance| instance.original_start);
    let new_id = BookingId(context.engine.fresh_uuid());
    let id = match &event.ical_uid {
        Some(uid) => placements::identify(tx, context.tenant(), uid, original_start, new_id).await?,
        None => new_id,
    };
    if id != new_id {
        // Another account that reads this calendar may have placed it since this pass has looked.
        let placed = placements::get(tx, context.tenant(), &context.key().calendar, &event.id).await?;
        let placed = settle::load(tx, context.tenant(), placed.into_iter().collect()).await?;
        if let Some(known) = placed.into_iter().next() {
            return inbound::meet(tx, context, known, event, report).await;
        }
        return join(tx, context, event, id, &content, report).await;
    }
    let split = split_from(tx, context, event, &content, families).await?;
    let mut text = BookingText::of(&content, None, split.as_ref().map(|series| series.id), Side::Google);
    let mut customers: Vec<CustomerId> = Vec::new();
    let mut owner = context.scope.user_id;
    if let Some(series) = &split {
        text.origin.clone_from(&series.text.origin);
        text.resource_id.clone_from(&series.text.resource_id);
        customers.clone_from(&series.customer_ids);
        owner = series.user_id;
    }
    create(tx, context, id, owner, &text, &customers, &content).await?;
    if owner != context.scope.user_id {
        states::set_carrier(tx, context.tenant(), id, context.scope.user_id).await?;
    }
    let content = text.content().unwrap_or(content);
    let placement = placement(context, event, id, true, Some(content), event.instance_of.as_ref());
    placements::put(tx, &placement).await?;
    fresh.push(id);
    report.bookings_created += 1;
    report.step("create a booking", Some(id), Some(&event.id));
    if event.is_master() {
        gather(tx, context, event, id, owner).await?;
    }
    Ok(())
}

/// Occurrences that stood alone until their series came.
async fn gather(
    tx: &mut Tx,
    context: &Context<'_>,
    event: &Event,
    series_id: BookingId,
    owner: UserId,
) -> Result<(), SyncError> {
    let tenant = context.tenant();
    for orphan in placements::of_series(tx, tenant, &context.key().calendar, &event.id).await? {
        let Some(original_start) = orphan.original_start else {
            continue;
        };
        if bookings::get(tx, tenant, orphan.booking_id).await?.is_none() {
            let instance = InstanceOf {
                series: event.id.clone(),
                original_start,
            };
            if let Some(series) = series_of(tx, context, &instance).await?
                && series.has(original_start)
                && let Some(unchanged) = unchanged_occurrence(&series.row, original_start)
            {
                never_there(tx, context, orphan, &instance, &series, unchanged).await?;
            }
            continue;
        }
        let occurrence = Occurrence {
            series_id,
            original_start,
        };
        belong(tx, context, orphan.booking_id, Some((&occurrence, owner))).await?;
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
    bookings::set_occurrence(tx, tenant, id, occurrence).await?;
    if let Some(before) = before.filter(|state| !state.is_pending()) {
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

async fn create(
    tx: &mut Tx,
    context: &Context<'_>,
    id: BookingId,
    owner: UserId,
    text: &BookingText,
    customers: &[CustomerId],
    content: &Content,
) -> Result<(), SyncError> {
    let tenant_id = context.tenant();
    let created_at = context.engine.now_ms();
    let new = NewBooking {
        tenant_id,
        id,
        user_id: owner,
        text,
        customer_ids: customers,
        created_at,
    };
    bookings::insert(tx, &new).await?;
    Ok(times::store(tx, tenant_id, id, content, context.day_zone()).await?)
}

fn placement(
    context: &Context<'_>,
    event: &Event,
    booking: BookingId,
    is_lead: bool,
    base_local: Option<Content>,
    series: Option<&InstanceOf>,
) -> Placement {
    let base_remote = match &event.state {
        EventState::Live(content) => Some(merge::live_form(content, event.words)),
        EventState::Cancelled => None,
    };
    let live = event.state != EventState::Cancelled;
    Placement {
        tenant_id: context.tenant(),
        calendar_id: context.key().calendar.clone(),
        event_id: event.id.clone(),
        booking_id: booking,
        account_id: context.key().account,
        is_lead,
        state: if live {
            PlacementState::Live
        } else {
            PlacementState::Gone
        },
        ical_uid: event.ical_uid.clone(),
        series_event_id: series.map(|instance| instance.series.clone()),
        original_start: event.instance_of.as_ref().map(|instance| instance.original_start),
        etag: event.etag.clone(),
        remote_updated_at: event.updated_at,
        words: event.words,
        is_writable: context.may_write(event),
        has_guests: event.has_guests,
        is_ours: false,
        base_local,
        base_remote,
        waiting: None,
        answer: None,
        confirmed_at: context.started_at,
        copied_from: event.mark.filter(|mark| *mark != booking),
        revision: 0,
    }
}

/// The placement of an occurrence's series in this calendar, with its booking.
struct Series {
    placement: Placement,
    row: BookingRow,
}

async fn series_of(tx: &mut Tx, context: &Context<'_>, instance: &InstanceOf) -> Result<Option<Series>, SyncError> {
    let (tenant, calendar) = (context.tenant(), &context.key().calendar);
    let Some(placement) = placements::get(tx, tenant, calendar, &instance.series).await? else {
        return Ok(None);
    };
    let row = bookings::get(tx, tenant, placement.booking_id).await?;
    Ok(row
        .filter(|row| !row.text.recurrence.is_empty())
        .map(|row| Series { placement, row }))
}

/// An occurrence that differs from its series. It is judged against what the series says of it, like the change of any other
/// booking; only what a series looks like when it is first seen is no change.
#[expect(clippy::too_many_arguments, reason = "one case of `welcome`")]
async fn welcome_occurrence(
    tx: &mut Tx,
    context: &Context<'_>,
    event: &Event,
    instance: &InstanceOf,
    series: &Series,
    content: &Content,
    fresh: &mut Vec<BookingId>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (id, row) = row_of(tx, context, event, instance, series).await?;
    if !series.placement.is_lead {
        // Only the lead carries fields: it makes the row, and here is told that the occurrence is in this calendar too.
        let follower = placement(context, event, id, false, None, Some(instance));
        return Ok(placements::put(tx, &follower).await?);
    }
    let base = unchanged_occurrence(&series.row, instance.original_start);
    let changes = base
        .as_ref()
        .filter(|_| row.is_some() || (!series.is_new(context) && series.has(instance.original_start)));
    if let Some(base) = changes {
        let known = lead_occurrence(tx, context, event, instance, series, id, row.is_some(), base).await?;
        if let Some(known) = known {
            inbound::again(tx, context, known, Seen::Event(event), Gate::Inbound, report).await?;
        }
        return Ok(());
    }
    let mut content = content.clone();
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
    create_occurrence(tx, context, id, instance, series, &content).await?;
    let mut placement = placement(context, event, id, true, Some(content), Some(instance));
    placement.is_ours = series.placement.is_ours;
    placements::put(tx, &placement).await?;
    fresh.push(id);
    report.bookings_created += 1;
    report.step("create a changed occurrence", Some(id), Some(&event.id));
    Ok(())
}

impl Series {
    /// Whether it was made from Google's since the last good pass: its occurrences are part of that first look.
    fn is_new(&self, context: &Context<'_>) -> bool {
        self.row.text.origin() == Side::Google && self.row.created_at > context.scope.last_good_at
    }

    /// The placement of an occurrence as the series knows it: a tombstone does not say who may write it.
    fn leads(&self, of_occurrence: Placement) -> Placement {
        Placement {
            is_ours: self.placement.is_ours,
            is_writable: self.placement.is_writable,
            has_guests: self.placement.has_guests,
            words: self.placement.words,
            ..of_occurrence
        }
    }

    fn has(&self, original_start: OriginalStart) -> bool {
        let content = self.row.text.content();
        content.is_ok_and(|content| recurrence::contains(&content.when, original_start))
    }
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

async fn create_occurrence(
    tx: &mut Tx,
    context: &Context<'_>,
    id: BookingId,
    instance: &InstanceOf,
    series: &Series,
    content: &Content,
) -> Result<(), SyncError> {
    let occurrence = Occurrence {
        series_id: series.row.id,
        original_start: instance.original_start,
    };
    let text = BookingText::of(content, Some(&occurrence), None, series.row.text.origin());
    let (owner, customers) = (series.row.user_id, &series.row.customer_ids);
    create(tx, context, id, owner, &text, customers, content).await
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
        create_occurrence(tx, context, id, instance, series, base).await?;
        states::agree_as_they_stand(tx, tenant, &[id]).await?;
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
        Some(other) => removal::take_over(tx, context, Some(other), lead).await?,
        None => {
            placements::put(tx, &lead).await?;
            lead
        }
    };
    Ok(settle::load(tx, tenant, vec![lead]).await?.pop())
}

/// A changed occurrence of an event that is no series in the app: the app has moved or deleted the whole, and that won. What
/// the occurrence held is kept in a conflict record.
async fn overruled_occurrence(
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
        when: crate::domain::time::When::once(span),
        ..content
    })
}

/// A tombstone without a placement: only that of an occurrence of a known series means anything. Gives what is to be removed.
pub(super) async fn cancelled_occurrence(
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
    never_there(tx, context, placement, instance, &series, unchanged).await?;
    report.bookings_cancelled += 1;
    report.step("cancel an occurrence", Some(id), Some(&event.id));
    Ok(None)
}

/// An occurrence that was cancelled before its series was ever seen here gets its row, and the placement that leads it.
async fn never_there(
    tx: &mut Tx,
    context: &Context<'_>,
    placement: Placement,
    instance: &InstanceOf,
    series: &Series,
    unchanged: Content,
) -> Result<(), SyncError> {
    let id = placement.booking_id;
    let event = merge::as_event(&unchanged, None);
    let cancelled = Content {
        status: Status::Cancelled,
        ..unchanged
    };
    create_occurrence(tx, context, id, instance, series, &cancelled).await?;
    let placement = Placement {
        state: PlacementState::Gone,
        base_local: Some(cancelled),
        base_remote: Some(merge::RemoteForm {
            status: Status::Cancelled,
            content: merge::live_form(&event, series.placement.words).content,
            sent: None,
        }),
        ..series.leads(placement)
    };
    placements::put(tx, &placement).await?;
    Ok(states::agree_as_they_stand(tx, context.tenant(), &[id]).await?)
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

/// The series that this new master is the tail of, if "this and following" has just cut one.
async fn split_from(
    tx: &mut Tx,
    context: &Context<'_>,
    event: &Event,
    content: &Content,
    families: &Families,
) -> Result<Option<BookingRow>, SyncError> {
    if content.when.recurrence.is_empty() {
        return Ok(None);
    }
    let start = OriginalStart::of(&content.when.span);
    let tenant = context.tenant();
    let mut candidates: Vec<BookingId> = event.mark.into_iter().collect();
    let original = event
        .id
        .as_str()
        .rsplit_once("_R")
        .map(|(original, _)| EventId::from(original));
    if let Some(original) = &original {
        let found = placements::get(tx, tenant, &context.key().calendar, original).await?;
        candidates.extend(found.map(|placement| placement.booking_id));
    }
    for series in bookings::get_many(tx, tenant, &candidates).await? {
        let Some(lead) = placements::leads(tx, tenant, &[series.id]).await?.pop() else {
            continue;
        };
        if lead.calendar_id != context.key().calendar {
            continue;
        }
        // The cut may be in this very listing, applied already, or still to come.
        let now = families.masters.get(&lead.event_id).map(|master| master.when.clone());
        let Ok(stored) = series.text.content() else { continue };
        let before = lead
            .base_remote
            .as_ref()
            .map(|form| form.content.when.clone())
            .unwrap_or(stored.when.clone());
        let cut = [now.as_ref(), Some(&stored.when)]
            .into_iter()
            .flatten()
            .any(|when| recurrence::goes_on_at(when, start));
        let whole = now
            .as_ref()
            .is_some_and(|now| recurrence::is_cut_of(&before, now, start));
        let named = original.as_ref() == Some(&lead.event_id);
        if cut || whole || named {
            return Ok(Some(series));
        }
    }
    Ok(None)
}

/// The same meeting in a further calendar.
async fn join(
    tx: &mut Tx,
    context: &Context<'_>,
    event: &Event,
    booking: BookingId,
    content: &Content,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let others = placements::of_booking(tx, tenant, booking).await?;
    let lead = others.into_iter().find(|other| other.is_lead);
    let mut mine = placement(context, event, booking, false, Some(content.clone()), None);
    report.step("add a placement", Some(booking), Some(&event.id));
    let takes_over = match &lead {
        None => true,
        Some(lead) => {
            let lost = lead.state == PlacementState::Gone || lead.waiting == Some(merge::Waiting::LeadLost);
            let not_the_organizers = !lead.is_writable && context.can_write(event);
            lost || not_the_organizers
        }
    };
    if lead.as_ref().is_some_and(|lead| lead.state == PlacementState::Hidden) {
        mine.state = PlacementState::Hidden;
    }
    if !takes_over {
        return Ok(placements::put(tx, &mine).await?);
    }
    let mine = removal::take_over(tx, context, lead, mine).await?;
    if let Some(known) = settle::load(tx, tenant, vec![mine]).await?.pop() {
        if known.row.is_none() && known.state.as_ref().is_none_or(|state| state.deleted.is_none()) {
            // The app has deleted this booking; the event in a further calendar does not bring it back.
            let hidden = Placement {
                state: PlacementState::Hidden,
                ..known.placement
            };
            return Ok(placements::put(tx, &hidden).await?);
        }
        inbound::again(tx, context, known, Seen::Event(event), Gate::Open, report).await?;
    }
    Ok(())
}

/// Two accounts that read the same calendar share its placements, and each is led by one of them. The other takes it over
/// when that one does not take part any more, or cannot write what this one can. `None`: it stays where it is.
pub(super) async fn led_from_here(
    tx: &mut Tx,
    context: &Context<'_>,
    mut known: Known,
    event: Option<&Event>,
) -> Result<Option<Known>, SyncError> {
    let (placement, key) = (&mut known.placement, context.key());
    if placement.account_id == key.account {
        return Ok(Some(known));
    }
    let other = ScopeKey {
        account: placement.account_id,
        ..key.clone()
    };
    let live = event.filter(|event| event.state != EventState::Cancelled);
    let can_do_more = live.is_some_and(|event| context.can_write(event)) && {
        let calendar = calendars::get(tx, key.tenant, other.account, &key.calendar).await?;
        !placement.is_writable || !calendar.is_some_and(|calendar| calendar.access_role.writes())
    };
    if !can_do_more && scopes::peek(tx, &other).await?.is_some() {
        return Ok(None);
    }
    placement.account_id = key.account;
    placement.etag.clear();
    placements::put_over(tx, placement).await?;
    if placement.is_lead {
        states::set_carrier(tx, key.tenant, placement.booking_id, context.scope.user_id).await?;
        carried::by(tx, context, placement, context.scope.user_id).await?;
    }
    Ok(Some(known))
}

/// A placement that does not lead: it tells that the meeting is in that calendar too, and nothing about its fields.
pub(super) async fn note_follower(
    tx: &mut Tx,
    context: &Context<'_>,
    old: Placement,
    event: &Event,
) -> Result<(), SyncError> {
    let fresh = placement(context, event, old.booking_id, false, None, None);
    let state = if old.state == PlacementState::Hidden {
        old.state
    } else {
        fresh.state
    };
    let base_remote = fresh.base_remote.clone().or(old.base_remote);
    let noted = Placement {
        state,
        base_remote,
        base_local: old.base_local.filter(|_| event.words == Words::Shared),
        series_event_id: old.series_event_id,
        is_ours: old.is_ours,
        ical_uid: fresh.ical_uid.clone().or(old.ical_uid),
        revision: old.revision,
        ..fresh
    };
    Ok(placements::put(tx, &noted).await?)
}
