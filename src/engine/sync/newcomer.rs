//! Events that Accord meets for the first time in a calendar.
//!
//! Identity within a tenant is (iCalUID, original start): the same meeting in another calendar becomes a further placement
//! of the booking that is there already. A copy that a user made has an iCalUID of its own and is a foreign event, whatever
//! private property it carries; the tail of a series that was cut by "this and following" becomes a split booking. What is
//! new is looked up and stored for many events together.
use super::belonging::{self, Master};
use super::inbound;
use super::occurrence::{self, Changed};
use super::settle::{self, Gate, Known, Seen};
use super::{PassReport, SyncError, carried, context::Context, leads, waiting};
use crate::domain::booking::{Content, Side};
use crate::domain::event::{Event, EventContent, EventState, InstanceOf, Words};
use crate::domain::ids::{BookingId, CustomerId, EventId, UserId};
use crate::domain::merge;
use crate::domain::recurrence;
use crate::domain::time::OriginalStart;
use crate::domain::validate::Limits;
use crate::engine::times;
use crate::store::bookings::{self, BookingRow, BookingText, NewBooking};
use crate::store::placements::{self, Identity, Placement, PlacementState};
use crate::store::scopes::{self, ScopeKey};
use crate::store::{Tx, calendars, mail, states};
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

/// A booking that is made from an event, with everything that is stored with it.
pub(super) struct Arrival {
    pub id: BookingId,
    pub owner: UserId,
    pub text: BookingText,
    pub customers: Vec<CustomerId>,
    pub content: Content,
    /// `None`: whoever makes it places it.
    pub placement: Option<Placement>,
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
    let of_series = of_series.map(|instance| instance.series.clone()).collect();
    let masters = belonging::masters(tx, context, of_series).await?;
    let (mut changed, mut alone) = (Vec::new(), Vec::new());
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
            Some((instance, Master::Series(series))) => changed.push(Changed {
                event,
                instance,
                series,
                content,
            }),
            Some((instance, Master::Single(master))) => {
                occurrence::overruled(tx, context, (**master).clone(), instance, &content, report).await?;
            }
            // A series that is not visible to this user (invited to one occurrence only): the occurrence stands alone.
            None => alone.push((event, content, BookingId(context.engine.fresh_uuid()))),
        }
    }
    Box::pin(occurrence::welcome(tx, context, changed, report)).await?;
    let identities = alone
        .iter()
        .filter_map(|(event, _, new_id)| Some((identity(event)?, *new_id)));
    let mut known = placements::identify_many(tx, tenant, identities.collect())
        .await?
        .into_iter();
    let (mut arrivals, mut elsewhere) = (Vec::new(), Vec::new());
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
    belonging::gather(tx, context, &arrivals).await?;
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

/// What makes this event the same meeting in every calendar.
pub(super) fn identity(event: &Event) -> Option<Identity> {
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
        placement: Some(placement(
            context,
            event,
            id,
            true,
            Some(base),
            event.instance_of.as_ref(),
        )),
    })
}

/// Stores new bookings, with their placements if they have any. Both sides agree on them.
pub(super) async fn create(tx: &mut Tx, context: &Context<'_>, arrivals: &[Arrival]) -> Result<(), SyncError> {
    if arrivals.is_empty() {
        return Ok(());
    }
    let (tenant_id, created_at) = (context.tenant(), context.engine.now_ms());
    let (mut rows, mut times, mut ids) = (Vec::new(), Vec::new(), Vec::new());
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
        ids.push(arrival.id);
    }
    bookings::insert_many(tx, &rows).await?;
    bookings::set_times(tx, tenant_id, &times, times::TZDB).await?;
    for arrival in arrivals {
        // An occurrence has the carrier of its series.
        if arrival.owner != context.scope.user_id && arrival.text.series_id.is_none() {
            states::set_carrier(tx, tenant_id, arrival.id, context.scope.user_id).await?;
        }
    }
    let placed: Vec<&Placement> = arrivals
        .iter()
        .filter_map(|arrival| arrival.placement.as_ref())
        .collect();
    placements::put_many(tx, &placed).await?;
    states::agree_as_they_stand(tx, tenant_id, &ids).await?;
    // What is read for the first time proposes no mail; there is nobody to write to unless it is half of a series that was ours.
    let with_nobody: Vec<BookingId> = arrivals
        .iter()
        .filter(|arrival| arrival.customers.is_empty())
        .map(|arrival| arrival.id)
        .collect();
    mail::tenants::pass_over(tx, tenant_id, &with_nobody).await?;
    let with_somebody = arrivals.iter().filter(|arrival| !arrival.customers.is_empty());
    let with_somebody: Vec<BookingId> = with_somebody.map(|arrival| arrival.id).collect();
    match with_somebody.is_empty() {
        true => Ok(()),
        false => Ok(mail::tenants::wish(tx, tenant_id, &with_somebody).await?),
    }
}

/// What is remembered of an event that is in this calendar.
pub(super) fn placement(
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
    let mine = Box::pin(leads::take_over(tx, context, lead, mine)).await?;
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
