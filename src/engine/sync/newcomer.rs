//! Events that Accord meets for the first time in a calendar.
//!
//! Identity within a tenant is (iCalUID, original start): the same meeting in another calendar becomes a further placement
//! of the booking that is there already. A copy that a user made has an iCalUID of its own and is a foreign event, whatever
//! private property it carries; the tail of a series that was cut by "this and following" becomes a split booking.
use super::inbound;
use super::settle::{self, Gate, Known, Seen};
use super::{PassReport, SyncError, context::Context, removal, waiting};
use crate::domain::booking::{Content, Occurrence, Side, Status};
use crate::domain::event::{Event, EventContent, EventState, InstanceOf, Words};
use crate::domain::ids::{BookingId, CustomerId, EventId, UserId};
use crate::domain::merge::{self, Field, FieldConflict};
use crate::domain::recurrence;
use crate::domain::time::OriginalStart;
use crate::domain::validate::Limits;
use crate::engine::times;
use crate::store::bookings::{self, BookingRow, BookingText, NewBooking};
use crate::store::placements::{self, Identity, Placement, PlacementState};
use crate::store::scopes::{self, ScopeKey};
use crate::store::{Tx, states};
use serde_json::{Value, json};
use std::collections::HashMap;

/// The series of a listing, as they are now: what a new master may be the tail of.
pub(super) struct Families {
    masters: HashMap<EventId, EventContent>,
}

impl Families {
    pub fn of<'e>(events: impl Iterator<Item = &'e Event>) -> Families {
        let masters = events
            .filter(|event| event.is_master())
            .filter_map(|event| match &event.state {
                EventState::Live(content) => Some((event.id.clone(), content.clone())),
                EventState::Cancelled => None,
            })
            .collect();
        Families { masters }
    }
}

/// A booking that is made from an event, with everything that is stored with it.
struct Arrival {
    id: BookingId,
    owner: UserId,
    text: BookingText,
    customers: Vec<CustomerId>,
    content: Content,
    placement: Placement,
}

/// Whether this may be what "this and following" has cut off another series. Such a one is welcomed alone, after the others.
pub(super) fn may_be_tail(event: &Event) -> bool {
    event.is_master() && (event.mark.is_some() || cut_from(&event.id).is_some())
}

/// The series that an id like Google's for a tail names.
fn cut_from(id: &EventId) -> Option<EventId> {
    id.as_str()
        .rsplit_once("_R")
        .map(|(original, _)| EventId::from(original))
}

/// Live events without a placement. What they are made of is looked up and stored for all of them together.
pub(super) async fn welcome(
    tx: &mut Tx,
    context: &Context<'_>,
    events: &[&Event],
    families: &Families,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let of_series = events.iter().filter_map(|event| event.instance_of.as_ref());
    let masters = masters(tx, context, of_series.map(|instance| instance.series.clone()).collect()).await?;
    let (mut arrivals, mut alone) = (Vec::new(), Vec::new());
    for event in events.iter().copied() {
        let EventState::Live(content) = &event.state else {
            continue;
        };
        if !event.ordinary {
            continue;
        }
        let content = merge::as_booking(content, event.words, &context.resources);
        if let Some(problem) = Limits::GOOGLE.problems(&content).first() {
            let reason = format!("its {} {}", problem.field, problem.problem);
            waiting::refuse_event(tx, context, &event.id, &reason, None, report).await?;
            continue;
        }
        let instance = event.instance_of.as_ref();
        match instance.and_then(|instance| Some((instance, masters.get(&instance.series)?))) {
            Some((instance, Master::Series(series))) => {
                arrivals.extend(welcome_occurrence(tx, context, event, instance, series, content, report).await?);
            }
            Some((instance, Master::Single(master))) => {
                overruled_occurrence(tx, context, (**master).clone(), instance, &content, report).await?;
            }
            // A series that is not visible to this user (invited to one occurrence only): the occurrence stands alone.
            None => alone.push((event, content, BookingId(context.engine.fresh_uuid()))),
        }
    }
    let identities = alone
        .iter()
        .filter_map(|(event, _, new_id)| Some((identity(event)?, *new_id)));
    let mut known = placements::identify_many(tx, tenant, identities.collect())
        .await?
        .into_iter();
    let mut elsewhere = Vec::new();
    for (event, content, new_id) in alone {
        let id = event.ical_uid.as_ref().and_then(|_| known.next()).unwrap_or(new_id);
        if id == new_id {
            arrivals.push(newcomer(tx, context, event, content, id, families).await?);
            report.bookings_created += 1;
            report.step("create a booking", Some(id), Some(&event.id));
        } else {
            elsewhere.push((event, content, id));
        }
    }
    create(tx, context, &arrivals).await?;
    gather(tx, context, &arrivals).await?;
    for (event, content, id) in elsewhere {
        // Another account that reads this calendar may have placed it since this pass has looked.
        let placed = placements::get(tx, tenant, &context.key().calendar, &event.id).await?;
        let placed = settle::load(tx, tenant, placed.into_iter().collect()).await?;
        match placed.into_iter().next() {
            Some(known) => inbound::meet(tx, context, known, event, report).await?,
            None => join(tx, context, event, id, &content, report).await?,
        }
    }
    Ok(())
}

fn identity(event: &Event) -> Option<Identity> {
    Some(Identity {
        ical_uid: event.ical_uid.clone()?,
        original_start: event.instance_of.as_ref().map(|instance| instance.original_start),
    })
}

/// The booking of an event that no calendar has shown before.
async fn newcomer(
    tx: &mut Tx,
    context: &Context<'_>,
    event: &Event,
    content: Content,
    id: BookingId,
    families: &Families,
) -> Result<Arrival, SyncError> {
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
    let base = text.content().unwrap_or_else(|_| content.clone());
    Ok(Arrival {
        id,
        owner,
        text,
        customers,
        content,
        placement: placement(context, event, id, true, Some(base), event.instance_of.as_ref()),
    })
}

/// Stores new bookings with their placements. Both sides agree on them.
async fn create(tx: &mut Tx, context: &Context<'_>, arrivals: &[Arrival]) -> Result<(), SyncError> {
    if arrivals.is_empty() {
        return Ok(());
    }
    let (tenant_id, created_at) = (context.tenant(), context.engine.now_ms());
    let (mut rows, mut times) = (Vec::new(), Vec::new());
    let (mut placed, mut ids) = (Vec::new(), Vec::new());
    for arrival in arrivals {
        rows.push(NewBooking {
            tenant_id,
            id: arrival.id,
            user_id: arrival.owner,
            text: &arrival.text,
            customer_ids: &arrival.customers,
            created_at,
        });
        times.push((arrival.id, times::of(&arrival.content, context.day_zone())));
        placed.push(&arrival.placement);
        ids.push(arrival.id);
    }
    bookings::insert_many(tx, &rows).await?;
    bookings::set_times(tx, tenant_id, &times, times::TZDB).await?;
    placements::put_many(tx, &placed).await?;
    Ok(states::agree_as_they_stand(tx, tenant_id, &ids).await?)
}

/// Occurrences that stood alone until their series came.
async fn gather(tx: &mut Tx, context: &Context<'_>, arrivals: &[Arrival]) -> Result<(), SyncError> {
    let series = arrivals
        .iter()
        .filter(|arrival| !arrival.content.when.recurrence.is_empty());
    let series: HashMap<&EventId, BookingId> = series.map(|series| (&series.placement.event_id, series.id)).collect();
    if series.is_empty() {
        return Ok(());
    }
    let ids: Vec<EventId> = series.keys().map(|id| (*id).clone()).collect();
    for orphan in placements::of_many_series(tx, context.tenant(), &context.key().calendar, &ids).await? {
        let series_id = orphan.series_event_id.as_ref().and_then(|id| series.get(id));
        let (Some(original_start), Some(series_id)) = (orphan.original_start, series_id) else {
            continue;
        };
        let occurrence = Occurrence {
            series_id: *series_id,
            original_start,
        };
        belong(tx, context, orphan.booking_id, Some(&occurrence)).await?;
    }
    Ok(())
}

/// Notes which series a booking is an occurrence of; nobody's edit, so nothing to push.
async fn belong(
    tx: &mut Tx,
    context: &Context<'_>,
    id: BookingId,
    occurrence: Option<&Occurrence>,
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
    belong(tx, context, known.booking_id(), occurrence.as_ref()).await?;
    let placement = Placement {
        series_event_id: series.cloned(),
        original_start: occurrence.map(|occurrence| occurrence.original_start),
        ..known.placement.clone()
    };
    placements::put(tx, &placement).await?;
    let moved = settle::load(tx, tenant, vec![placement]).await?.pop();
    Ok(moved.unwrap_or(known))
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
    }
}

/// The placement of an occurrence's series in this calendar, with its booking.
struct Series {
    placement: Placement,
    row: BookingRow,
}

/// What an occurrence belongs to in Google, as far as it is known here.
enum Master {
    Series(Box<Series>),
    /// It is no series in the app.
    Single(Box<Placement>),
}

async fn masters(
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

async fn series_of(tx: &mut Tx, context: &Context<'_>, instance: &InstanceOf) -> Result<Option<Series>, SyncError> {
    let found = masters(tx, context, vec![instance.series.clone()]).await?;
    Ok(found.into_values().find_map(|master| match master {
        Master::Series(series) => Some(*series),
        Master::Single(_) => None,
    }))
}

/// An occurrence that differs from its series. Its row may be there already: made in the app, or seen through another
/// calendar.
async fn welcome_occurrence(
    tx: &mut Tx,
    context: &Context<'_>,
    event: &Event,
    instance: &InstanceOf,
    series: &Series,
    mut content: Content,
    report: &mut PassReport,
) -> Result<Option<Arrival>, SyncError> {
    let tenant = context.tenant();
    let is_lead = series.placement.is_lead;
    let existing = bookings::occurrence(tx, tenant, series.row.id, instance.original_start).await?;
    if let Some(row) = existing {
        let base = unchanged_occurrence(&series.row, instance.original_start);
        let mut placement = placement(context, event, row.id, is_lead, base.clone(), Some(instance));
        placement.is_ours = series.placement.is_ours;
        if !is_lead {
            placements::put(tx, &placement).await?;
            return Ok(None);
        }
        // Both sides have changed the same occurrence: merged against what the series says.
        placement.etag.clear();
        placement.base_remote = base.map(|base| merge::live_form(&merge::as_event(&base, None), event.words));
        placements::put(tx, &placement).await?;
        if let Some(known) = settle::load(tx, tenant, vec![placement]).await?.pop() {
            inbound::again(tx, context, known, Seen::Event(event), Gate::Open, report).await?;
        }
        return Ok(None);
    }
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
    let arrival = occurrence(context, event, instance, series, content);
    report.bookings_created += 1;
    report.step("create a changed occurrence", Some(arrival.id), Some(&event.id));
    Ok(Some(arrival))
}

/// A new row of an occurrence; it has the owner, the customers and the lead of its series.
fn occurrence(
    context: &Context<'_>,
    event: &Event,
    instance: &InstanceOf,
    series: &Series,
    content: Content,
) -> Arrival {
    let id = BookingId(context.engine.fresh_uuid());
    let occurrence = Occurrence {
        series_id: series.row.id,
        original_start: instance.original_start,
    };
    let is_lead = series.placement.is_lead;
    let mut placement = placement(context, event, id, is_lead, Some(content.clone()), Some(instance));
    placement.is_ours = series.placement.is_ours;
    Arrival {
        id,
        owner: series.row.user_id,
        text: BookingText::of(&content, Some(&occurrence), None, series.row.text.origin()),
        customers: series.row.customer_ids.clone(),
        content,
        placement,
    }
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

/// A tombstone without a placement: only that of an occurrence of a known series means anything.
pub(super) async fn cancelled_occurrence(
    tx: &mut Tx,
    context: &Context<'_>,
    event: &Event,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let Some(instance) = &event.instance_of else {
        return Ok(());
    };
    let Some(series) = series_of(tx, context, instance).await? else {
        return Ok(());
    };
    let Some(unchanged) = unchanged_occurrence(&series.row, instance.original_start) else {
        return Ok(());
    };
    if !recurrence::contains(
        &unchanged_series(&series.row).unwrap_or(unchanged.when.clone()),
        instance.original_start,
    ) {
        return Ok(());
    }
    let tenant = context.tenant();
    if let Some(row) = bookings::occurrence(tx, tenant, series.row.id, instance.original_start).await? {
        let mut placement = placement(
            context,
            event,
            row.id,
            series.placement.is_lead,
            Some(unchanged.clone()),
            Some(instance),
        );
        placement.state = PlacementState::Live;
        placement.base_remote = Some(merge::live_form(&merge::as_event(&unchanged, None), placement.words));
        placements::put(tx, &placement).await?;
        if let (true, Some(known)) = (
            placement.is_lead,
            settle::load(tx, tenant, vec![placement]).await?.pop(),
        ) {
            inbound::again(tx, context, known, Seen::Event(event), Gate::Open, report).await?;
        }
        return Ok(());
    }
    let content = Content {
        status: Status::Cancelled,
        ..unchanged.clone()
    };
    let mut arrival = occurrence(context, event, instance, &series, content);
    arrival.customers.clear();
    arrival.placement.base_remote = Some(merge::RemoteForm {
        status: Status::Cancelled,
        content: merge::as_event(&unchanged, None),
    });
    report.bookings_cancelled += 1;
    report.step("cancel an occurrence", Some(arrival.id), Some(&event.id));
    create(tx, context, &[arrival]).await
}

fn unchanged_series(series: &BookingRow) -> Option<crate::domain::time::When> {
    series.text.content().ok().map(|content| content.when)
}

/// The series that this new master is the tail of, if "this and following" has just cut one.
async fn split_from(
    tx: &mut Tx,
    context: &Context<'_>,
    event: &Event,
    content: &Content,
    families: &Families,
) -> Result<Option<BookingRow>, SyncError> {
    if !may_be_tail(event) {
        return Ok(None);
    }
    let start = OriginalStart::of(&content.when.span);
    let tenant = context.tenant();
    let mut candidates: Vec<BookingId> = event.mark.into_iter().collect();
    let original = cut_from(&event.id);
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
            let not_the_organizers = !lead.is_writable && mine.is_writable;
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
/// when that one does not take part any more, or may not write what this one may. `None`: it stays where it is.
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
    let live = event.filter(|event| event.state != EventState::Cancelled);
    let may_do_more = !placement.is_writable && live.is_some_and(|event| context.may_write(event));
    let other = ScopeKey {
        account: placement.account_id,
        ..key.clone()
    };
    if !may_do_more && scopes::peek(tx, &other).await?.is_some() {
        return Ok(None);
    }
    placement.account_id = key.account;
    placement.etag.clear();
    placements::put(tx, placement).await?;
    if placement.is_lead {
        states::set_carrier(tx, key.tenant, placement.booking_id, context.scope.user_id).await?;
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
        base_local: old.base_local,
        series_event_id: old.series_event_id,
        is_ours: old.is_ours,
        ical_uid: fresh.ical_uid.clone().or(old.ical_uid),
        ..fresh
    };
    Ok(placements::put(tx, &noted).await?)
}
