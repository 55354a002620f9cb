//! One placement, its booking and its event: merge, local step, memory.
//!
//! This is the only place where the verdict of [`merge::reconcile`] becomes rows. It runs inside a transaction that has
//! checked the fence, and writes a booking only if it still has the version that was merged.
use super::{PassReport, SyncError, context::Context};
use super::{removal, restore, series, waiting, words};
use crate::domain::booking::{Content, Side, Status};
use crate::domain::event::{Event, EventContent, EventState, OwnResponse, Words};
use crate::domain::ids::{BookingId, TenantId, UserId};
use crate::domain::merge::{
    self, Base, Decision, FieldConflict, Local, LocalStep, Outcome, Remote, RemoteForm, RemoteStep, Resources,
};
use crate::domain::validate::Limits;
use crate::engine::times;
use crate::store::Tx;
use crate::store::bookings::{self, BookingRow, BookingText, RowProblem};
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::states::{self, BookingState};
use std::collections::HashMap;

/// A placement with its booking as both stand in this transaction.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub placement: Placement,
    pub row: Option<BookingRow>,
    pub state: Option<BookingState>,
}

/// What is known of Google's side.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen<'a> {
    /// The event as it was just read.
    Event(&'a Event),
    /// A direct read said that it is gone while the calendar answers.
    Gone,
    /// Nothing new: as at the last agreement.
    Unchanged,
}

/// Which removals are handed back for the brake instead of being carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Bookings that would be cancelled. (Events that would be deleted stay pending for the outbound half.)
    Inbound,
    /// Events that would be deleted.
    Outbound,
    /// None: the brake has let them through.
    Open,
}

impl Gate {
    fn holds(self, outcome: &Outcome) -> bool {
        match self {
            Gate::Inbound => outcome.cancels_booking(),
            Gate::Outbound => outcome.deletes_event(),
            Gate::Open => false,
        }
    }
}

/// How a placement came out.
#[derive(Debug)]
pub(super) enum Settled {
    /// Nothing is left to do.
    Agreed,
    /// The event has to be written, with what was merged: an edit since then is another push.
    Push(Box<Known>, RemoteStep),
    /// It would cancel or delete something, which the gate holds. Nothing was written.
    Removal(Box<Known>),
    /// It waits for a person.
    Waiting,
    /// It was set aside.
    Refused,
    /// Somebody edited the row while it was merged: load and settle again.
    MovedOn,
}

/// The bookings of these placements.
pub(super) async fn load(tx: &mut Tx, tenant: TenantId, found: Vec<Placement>) -> Result<Vec<Known>, SyncError> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<BookingId> = found.iter().map(|placement| placement.booking_id).collect();
    let rows = bookings::get_many(tx, tenant, &ids).await?;
    let mut rows: HashMap<BookingId, BookingRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let states = states::get_many(tx, tenant, &ids).await?;
    let mut states: HashMap<BookingId, BookingState> = states.into_iter().map(|state| (state.id, state)).collect();
    let single = found.len() == 1;
    Ok(found
        .into_iter()
        .map(|placement| {
            let id = placement.booking_id;
            // Two placements of one booking may be in the same list, but only one of them is the lead.
            let take = single || placement.is_lead;
            Known {
                row: if take { rows.remove(&id) } else { rows.get(&id).cloned() },
                state: if take {
                    states.remove(&id)
                } else {
                    states.get(&id).cloned()
                },
                placement,
            }
        })
        .collect())
}

impl Known {
    pub fn booking_id(&self) -> BookingId {
        self.placement.booking_id
    }

    /// Who owns the booking: its row says, or the row that was deleted, or else whoever's pass this is.
    pub fn owner(&self, context: &Context<'_>) -> UserId {
        let deleted = || self.state.as_ref()?.deleted.as_ref().map(|deleted| deleted.user_id);
        self.row
            .as_ref()
            .map(|row| row.user_id)
            .or_else(deleted)
            .unwrap_or(context.scope.user_id)
    }

    /// The columns of the booking, of a deleted one too.
    pub fn text(&self) -> Option<&BookingText> {
        let deleted = || self.state.as_ref()?.deleted.as_ref().map(|deleted| &deleted.text);
        self.row.as_ref().map(|row| &row.text).or_else(deleted)
    }

    /// The version that was merged: the row's own, because the row may have been read before its state.
    pub fn version(&self) -> i64 {
        let state = || self.state.as_ref().map_or(0, |state| state.version);
        self.row.as_ref().map_or_else(state, |row| row.version)
    }

    pub fn origin(&self) -> Side {
        self.text().map_or_else(
            || {
                if self.placement.is_ours {
                    Side::App
                } else {
                    Side::Google
                }
            },
            BookingText::origin,
        )
    }

    pub fn content(&self) -> Result<Option<Content>, RowProblem> {
        self.text().map(BookingText::content).transpose()
    }
}

/// Merges, and does what follows for the booking. `known.placement` is as stored afterwards.
pub(super) async fn settle(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &mut Known,
    seen: Seen<'_>,
    gate: Gate,
    report: &mut PassReport,
) -> Result<Settled, SyncError> {
    let origin = known.origin();
    if words::turn_private(&known.placement, seen, origin) && !words::erase(tx, context, known, report).await? {
        return Ok(Settled::MovedOn);
    }
    let before = known.clone();
    note_facts(context, &mut known.placement, seen);
    let content = match known.content() {
        Ok(content) => content,
        Err(problem) => {
            // What Google has meanwhile is read again when the row is mended.
            known.placement.etag.clear();
            known.placement.words = before.placement.words;
            placements::put(tx, &known.placement).await?;
            waiting::refuse_row(tx, context, known, &problem.to_string(), report).await?;
            return Ok(Settled::Refused);
        }
    };
    let was_gone = known.placement.state == PlacementState::Gone;
    let Some(decision) = decide(context, known, content.as_ref(), seen, origin) else {
        placements::put(tx, &known.placement).await?;
        return Ok(Settled::Agreed);
    };
    let outcome = match decision {
        Decision::Wait(why, fields) => {
            // The memory and the etag stay: what was seen is not applied.
            known.placement = Placement {
                waiting: Some(why),
                answer: None,
                ..before.placement
            };
            placements::put(tx, &known.placement).await?;
            waiting::ask(tx, context, known, why, &fields, seen, report).await?;
            return Ok(Settled::Waiting);
        }
        Decision::Act(outcome) => *outcome,
    };
    if gate.holds(&outcome) && known.placement.answer.is_none() {
        *known = before;
        return Ok(Settled::Removal(Box::new(known.clone())));
    }
    Box::pin(act(tx, context, known, outcome, was_gone, report)).await
}

/// Takes over what the event says about itself.
fn note_facts(context: &Context<'_>, placement: &mut Placement, seen: Seen<'_>) {
    let Seen::Event(event) = seen else { return };
    placement.etag = event.etag.clone();
    placement.remote_updated_at = event.updated_at;
    placement.confirmed_at = context.started_at;
    if event.state == EventState::Cancelled {
        return;
    }
    if placement.ical_uid.is_none() {
        placement.ical_uid = event.ical_uid.clone();
    }
    placement.is_writable = context.may_write(event);
    placement.has_guests = event.has_guests;
    placement.words = event.words;
}

/// The event that an insert of this content asked for.
pub(super) fn sent_form(context: &Context<'_>, sent: &Content) -> RemoteForm {
    let name = sent.resource_id.and_then(|id| context.resources.name(id));
    let without_note = Content {
        location: String::new(),
        ..sent.clone()
    };
    RemoteForm {
        status: Status::Confirmed,
        content: merge::as_event(&without_note, name),
        sent: None,
    }
}

/// The verdict; `None` when this placement has nothing to do with the booking's fields.
fn decide(
    context: &Context<'_>,
    known: &Known,
    content: Option<&Content>,
    seen: Seen<'_>,
    origin: Side,
) -> Option<Decision> {
    let placement = &known.placement;
    if placement.state == PlacementState::Hidden {
        return None;
    }
    let remote_event = match seen {
        Seen::Event(event) => match &event.state {
            EventState::Live(live) if event.own_response != OwnResponse::Declined => {
                // Words that are withheld go nowhere, not even into a record.
                Some(merge::live_form(live, event.words).content)
            }
            _ => None,
        },
        Seen::Gone => None,
        Seen::Unchanged => {
            let form = placement.base_remote.as_ref()?;
            (form.status == Status::Confirmed).then(|| form.content.clone())
        }
    };
    let Some(content) = content.cloned() else {
        // The deletion of the row is settled. Only a person who brings the event back in Google brings the booking back.
        let event = remote_event?;
        let content = merge::as_booking(&event, placement.words, &context.resources);
        let base = Base {
            local: content.clone(),
            remote: merge::live_form(&event, placement.words),
        };
        let outcome = Outcome {
            local: LocalStep::Reinstate(content),
            remote: RemoteStep::Keep,
            base,
            conflicts: Vec::new(),
        };
        return Some(Decision::Act(Box::new(outcome)));
    };
    let mut base = Base {
        local: placement.base_local.clone().unwrap_or_else(|| content.clone()),
        remote: placement
            .base_remote
            .clone()
            .or_else(|| {
                // Its insert was not answered, and somebody may have edited the event since: what was sent is the agreement.
                let sent = (placement.state == PlacementState::Creating).then_some(placement.base_local.as_ref())?;
                Some(sent_form(context, sent?))
            })
            .or_else(|| {
                remote_event
                    .as_ref()
                    .map(|event| merge::live_form(event, placement.words))
            })?,
    };
    if let Some(event) = remote_event.as_ref().filter(|_| matches!(seen, Seen::Event(_))) {
        merge::arrived(&mut base, event, &context.resources);
    }
    let local = if known.row.is_some() {
        Local::Row(&content)
    } else {
        Local::Deleted(&content)
    };
    let remote = remote_event.as_ref().map_or(Remote::Cancelled, Remote::Live);
    Some(merge::reconcile(
        &base,
        local,
        remote,
        &context.rules(placement, origin, placement.words),
    ))
}

/// Carries out the local step and remembers the agreement.
async fn act(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &mut Known,
    outcome: Outcome,
    was_gone: bool,
    report: &mut PassReport,
) -> Result<Settled, SyncError> {
    let (tenant, id) = (context.tenant(), known.booking_id());
    let cancels = outcome.cancels_booking();
    let mut step = outcome.local;
    if let LocalStep::Write(new) | LocalStep::Reinstate(new) = &mut step {
        name_no_removed_resource(context, known, new);
    }
    if let LocalStep::Write(new) | LocalStep::Reinstate(new) = &step {
        let problems = Limits::GOOGLE.problems(new);
        if let Some(problem) = problems.first() {
            let reason = format!("{} {}", problem.field, problem.problem);
            waiting::refuse_event(tx, context, &known.placement.event_id, &reason, None, report).await?;
            return Ok(Settled::Refused);
        }
    }
    let mut agreed_version = known.version();
    match &step {
        LocalStep::Keep => {}
        LocalStep::Hide => known.placement.state = PlacementState::Hidden,
        LocalStep::Write(new) => {
            let planned = known.row.as_ref().map_or(agreed_version, |row| row.version);
            if !bookings::update(tx, tenant, id, planned, new).await? {
                return Ok(Settled::MovedOn);
            }
            agreed_version = reread(tx, context, known, new).await?;
            if cancels {
                report.bookings_cancelled += 1;
                report.step("cancel the booking", Some(id), Some(&known.placement.event_id));
            } else {
                report.bookings_updated += 1;
                report.step("update the booking", Some(id), Some(&known.placement.event_id));
            }
        }
        LocalStep::Reinstate(new) => {
            if known.row.is_none() && bookings::get(tx, tenant, id).await?.is_some() {
                // It came back with its series meanwhile.
                return Ok(Settled::MovedOn);
            }
            if !restore::reinstate(tx, context, known, new).await? {
                return Ok(Settled::Refused);
            }
            agreed_version = reread(tx, context, known, new).await?;
            report.bookings_updated += 1;
            report.step("put the booking back", Some(id), Some(&known.placement.event_id));
        }
    }
    for conflict in &outcome.conflicts {
        waiting::record_conflict(tx, context, known, conflict, report).await?;
    }
    if known.placement.waiting.is_some() {
        waiting::no_longer(tx, context, known, known.placement.answer.clone()).await?;
    }
    if outcome.remote == RemoteStep::Keep || known.placement.answer.is_none() {
        // An answer holds until Google has what was answered.
        (known.placement.waiting, known.placement.answer) = (None, None);
    }
    if step != LocalStep::Hide {
        known.placement.state = match outcome.base.remote.status {
            Status::Confirmed => PlacementState::Live,
            Status::Cancelled => PlacementState::Gone,
        };
    }
    let mut base = outcome.base;
    base.remote.sent = to_be_sent(context, known, &base, outcome.remote);
    known.placement.base_local = Some(base.local);
    known.placement.base_remote = Some(base.remote);
    placements::put(tx, &known.placement).await?;
    let goes = known.placement.state == PlacementState::Gone && !was_gone && outcome.remote == RemoteStep::Keep;
    let is_series = known.row.as_ref().is_some_and(|row| !row.text.recurrence.is_empty());
    if goes && !cancels && is_series {
        // Cancelled on both sides: nobody removes it any more, and its changed occurrences go with it.
        removal::cancel_occurrences(tx, context, id).await?;
    }
    if outcome.remote != RemoteStep::Keep {
        if !known.state.as_ref().is_some_and(BookingState::is_pending) || agreed_version != known.version() {
            states::disagree(tx, tenant, id).await?;
        }
        return Ok(Settled::Push(Box::new(known.clone()), outcome.remote));
    }
    if was_gone || agreed_version != 0 {
        states::agree(tx, tenant, id, agreed_version).await?;
    }
    if known.row.is_none() && known.placement.state == PlacementState::Gone {
        restore::keep_cancelled_occurrence(tx, context, known).await?;
    }
    let lost = |conflict: &FieldConflict| conflict.winner == Some(Side::Google);
    if matches!(step, LocalStep::Write(_)) && outcome.conflicts.iter().any(lost) {
        series::forget_unchanged(tx, context, id).await?;
    }
    Ok(Settled::Agreed)
}

/// What the event will hold if the write that follows arrives.
fn to_be_sent(context: &Context<'_>, known: &Known, base: &Base, step: RemoteStep) -> Option<EventContent> {
    if !matches!(step, RemoteStep::Patch(_) | RemoteStep::Revive) || known.placement.words == Words::Withheld {
        return None;
    }
    let content = known.row.as_ref()?.text.content().ok()?;
    let location = merge::location_to_write(base, &content, &context.resources);
    Some(EventContent {
        location,
        ..merge::as_event(&content, None)
    })
}

/// The agreement may name a resource that was removed since. The row keeps the one it has, which must exist.
fn name_no_removed_resource(context: &Context<'_>, known: &Known, new: &mut Content) {
    if new.resource_id.is_some_and(|id| context.resources.name(id).is_none()) {
        let present = known.row.as_ref().and_then(|row| row.text.content().ok());
        new.resource_id = present.and_then(|content| content.resource_id);
    }
}

/// The row as this transaction has just written it; returns its version.
pub(super) async fn reread(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &mut Known,
    new: &Content,
) -> Result<i64, SyncError> {
    let (tenant, id) = (context.tenant(), known.booking_id());
    times::store(tx, tenant, id, new, context.day_zone()).await?;
    known.row = bookings::get(tx, tenant, id).await?;
    known.state = states::get_many(tx, tenant, &[id]).await?.pop();
    states::set_noticed(tx, tenant, id, known.version()).await?;
    Ok(known.version())
}
