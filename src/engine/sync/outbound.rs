//! The app's changes go to Google.
//!
//! What to push is derived from state: rows whose version is not the agreed one. Each write is prepared in a transaction
//! that checks the fence and prolongs the lease by more than a request may take; it carries the etag of what was merged, so
//! that an edit made in between is met again instead of overwritten. An answer that never came needs no bookkeeping: the
//! next try meets a changed etag or a taken id, looks, and finds its own work.
use super::context::{Context, READ_ONLY};
use super::settle::{self, Gate, Known, Seen, Settled};
use super::{PassReport, SyncError, inbound, newcomer, removal, series, waiting};
use crate::domain::booking::{Booking, Content, Status};
use crate::domain::event::{Event, EventState, OwnResponse, Words};
use crate::domain::failure::{Denied, FailureClass};
use crate::domain::ids::{BookingId, EventId};
use crate::domain::merge::{self, Base, Changed, RemoteStep, Resources};
use crate::domain::validate;
use crate::google::GoogleError;
use crate::google::calendar::{ParsedItem, Target, Wanted, insert_body, patch_body};
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::states::{self, BookingState};
use crate::store::{Tx, bookings, calendars, scopes};

/// What is to be done about one pending row.
enum Prepared {
    /// Nothing, or nothing more.
    Done,
    /// Insert the event under the id of this placement.
    Create(Box<Known>),
    /// Read the event first: what it looks like is not known.
    Read(Box<Known>),
    /// Find the instance of a series that this changed occurrence is.
    Find(Box<Booking>, Box<Placement>),
    /// Write the event.
    Write(Box<Known>, RemoteStep),
    /// Delete the event, if the brake lets it through.
    Removal(Box<Known>),
}

/// Pushes everything that is pending in this scope.
pub(super) async fn push(context: &mut Context<'_>, report: &mut PassReport) -> Result<(), SyncError> {
    let now = context.engine.now_ms();
    if context.scope.frozen.is_some() || context.scope.writes_paused_until > now {
        return Ok(());
    }
    let mut removals = Vec::new();
    for id in pending(context).await? {
        match push_one(context, id, &mut removals, report).await {
            Ok(()) => {}
            Err(SyncError::Google(error)) if error.class() == FailureClass::QuotaExhausted => {
                return pause_writes(context, &error).await;
            }
            Err(SyncError::Google(error)) if error.class() == FailureClass::Permission(Denied::Forbidden) => {
                // The calendar is frozen now; reading goes on.
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
    if removals.is_empty() {
        return Ok(());
    }
    let ids: Vec<BookingId> = removals.iter().map(|known| known.booking_id()).collect();
    let mut tx = context.begin().await?;
    if removal::brakes(&mut tx, context, &ids).await? {
        removal::hold(&mut tx, context, removals, report).await?;
        return Ok(tx.commit().await?);
    }
    tx.commit().await?;
    for known in removals {
        let mut tx = context.begin().await?;
        let key = context.key();
        placements::note_deletion(&mut tx, key.tenant, key.account, &key.calendar, known.booking_id(), now).await?;
        let prepared = settle_unchanged(&mut tx, context, known, Gate::Open, report).await?;
        tx.commit().await?;
        run(context, prepared, &mut Vec::new(), report).await?;
    }
    Ok(())
}

/// What would be pushed, in a transaction on a private copy of the rows.
pub(super) async fn plan(context: &Context<'_>, tx: &mut Tx, report: &mut PassReport) -> Result<(), SyncError> {
    let (key, scope) = (context.key(), &context.scope);
    let ids = states::pending(
        tx,
        key.tenant,
        scope.user_id,
        key.account,
        &key.calendar,
        scope.is_write_calendar,
    )
    .await?;
    let mut removals = Vec::new();
    for id in ids {
        match prepare(tx, context, id, report).await? {
            Prepared::Done => {}
            Prepared::Create(known) => {
                report.events_created += 1;
                report.step("create the event", Some(id), Some(&known.placement.event_id));
            }
            Prepared::Find(..) => report.step("change an occurrence", Some(id), None),
            Prepared::Read(known) => report.step("look at the event", Some(id), Some(&known.placement.event_id)),
            Prepared::Write(known, step) => plan_write(&known, step, report),
            Prepared::Removal(known) => removals.push(*known),
        }
    }
    let ids: Vec<BookingId> = removals.iter().map(|known| known.booking_id()).collect();
    if removal::brakes(tx, context, &ids).await? {
        return removal::hold(tx, context, removals, report).await;
    }
    for known in &removals {
        plan_write(known, RemoteStep::Delete, report);
    }
    Ok(())
}

fn plan_write(known: &Known, step: RemoteStep, report: &mut PassReport) {
    let action = match step {
        RemoteStep::Keep => return,
        RemoteStep::Patch(_) => "update the event",
        RemoteStep::Revive => "bring the event back",
        RemoteStep::Delete => "delete the event",
    };
    if step == RemoteStep::Delete {
        report.events_deleted += 1;
    } else {
        report.events_updated += 1;
    }
    report.step(action, Some(known.booking_id()), Some(&known.placement.event_id));
}

async fn pending(context: &Context<'_>) -> Result<Vec<BookingId>, SyncError> {
    let (key, scope) = (context.key(), &context.scope);
    let mut tx = context.engine.db.read().await?;
    Ok(states::pending(
        &mut tx,
        key.tenant,
        scope.user_id,
        key.account,
        &key.calendar,
        scope.is_write_calendar,
    )
    .await?)
}

/// A limit that lasts hours: reading goes on, writing pauses.
async fn pause_writes(context: &Context<'_>, error: &GoogleError) -> Result<(), SyncError> {
    let wait = crate::domain::failure::delay(error.class(), 0, 0.0);
    let until = context.engine.now_ms() + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    let mut tx = context.begin().await?;
    scopes::pause_writes(
        &mut tx,
        context.claim,
        until,
        &format!("{}: {error}", error.class().as_str()),
    )
    .await?;
    Ok(tx.commit().await?)
}

async fn push_one(
    context: &Context<'_>,
    id: BookingId,
    removals: &mut Vec<Known>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let mut tx = context.begin().await?;
    let prepared = prepare(&mut tx, context, id, report).await?;
    tx.commit().await?;
    run(context, prepared, removals, report).await
}

/// Looks at one pending row and does what needs no request.
async fn prepare(
    tx: &mut Tx,
    context: &Context<'_>,
    id: BookingId,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    let tenant = context.tenant();
    let Some(state) = states::get_many(tx, tenant, &[id]).await?.pop() else {
        return Ok(Prepared::Done);
    };
    if !state.is_pending() {
        return Ok(Prepared::Done);
    }
    let refused = ("app".to_owned(), id.to_string());
    if context.quarantined.get(&refused) == Some(&state.version) {
        return Ok(Prepared::Done);
    }
    waiting::release(tx, context, "app", &refused.1).await?;
    let lead = placements::leads(tx, tenant, &[id]).await?.pop();
    let Some(lead) = lead else {
        return prepare_unplaced(tx, context, id, state, report).await;
    };
    if lead.waiting.is_some() && lead.answer.is_none() {
        // What holds the item holds it whatever the row says; only a question about this very row is asked anew.
        let about_the_row = matches!(lead.waiting, Some(merge::Waiting::Guests | merge::Waiting::Conflict));
        let asked_anew = about_the_row && !waiting::asks_about(tx, context, id, state.version).await?;
        let known = settle::load(tx, tenant, vec![lead]).await?.pop();
        let again = known.filter(|known| asked_anew || is_taken_back(known));
        return Ok(again.map_or(Prepared::Done, |known| Prepared::Read(Box::new(known))));
    }
    let Some(known) = settle::load(tx, tenant, vec![lead]).await?.pop() else {
        return Ok(Prepared::Done);
    };
    if let Some(reason) = problem_of(&known) {
        waiting::refuse_row(tx, context, &known, &reason, report).await?;
        return Ok(Prepared::Done);
    }
    if let Some(done) = occurrence_of_deleted_series(tx, context, &known).await? {
        return Ok(done);
    }
    match known.placement.state {
        PlacementState::Creating if is_wanted_insert(&known) => Ok(Prepared::Create(Box::new(known))),
        PlacementState::Creating => Ok(Prepared::Read(Box::new(known))),
        _ if known.placement.etag.is_empty() => Ok(Prepared::Read(Box::new(known))),
        PlacementState::Hidden => {
            states::agree(tx, tenant, id, known.version()).await?;
            Ok(Prepared::Done)
        }
        PlacementState::Live | PlacementState::Gone => {
            settle_unchanged(tx, context, known, Gate::Outbound, report).await
        }
    }
}

/// Whether the brake holds this booking although its row is confirmed: the app has taken the removal back, or it is Google
/// that removed the event, which a look at it tells.
fn is_taken_back(known: &Known) -> bool {
    let confirmed = |row: &bookings::BookingRow| row.text.status == Status::Confirmed.as_str();
    let base = known.placement.base_remote.as_ref();
    known.placement.waiting == Some(merge::Waiting::Brake)
        && known.row.as_ref().is_some_and(confirmed)
        && base.is_some_and(|base| base.status == Status::Confirmed)
}

/// What the API would have refused about the fields that were changed in SQL.
fn problem_of(known: &Known) -> Option<String> {
    let row = known.row.as_ref()?;
    let content = row.text.content().ok()?;
    let problems = if row.text.series_id.is_some() {
        validate::validate_occurrence(&content)
    } else {
        validate::validate_content(&content)
    };
    let base = known.placement.base_local.as_ref();
    let problem = problems.into_iter().find(|problem| {
        base.is_none_or(|base| match problem.field {
            "title" => base.title != content.title,
            "description" => base.description != content.description,
            "location" => false,
            _ => base.when != content.when,
        })
    })?;
    Some(format!("{} {}", problem.field, problem.problem))
}

/// A changed occurrence goes with its series.
async fn occurrence_of_deleted_series(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &Known,
) -> Result<Option<Prepared>, SyncError> {
    if known.row.is_some() {
        return Ok(None);
    }
    let series = known
        .text()
        .and_then(|text| text.series_id.as_ref()?.parse::<BookingId>().ok());
    let Some(series) = series else { return Ok(None) };
    if bookings::get(tx, context.tenant(), series).await?.is_some() {
        return Ok(None);
    }
    let state = states::get_many(tx, context.tenant(), &[series]).await?.pop();
    if state.is_some_and(|state| state.deleted.is_some()) {
        // The deletion of the series may yet be taken back, and then its occurrences are as well.
        return Ok(Some(Prepared::Done));
    }
    states::agree(tx, context.tenant(), known.booking_id(), known.version()).await?;
    let gone = Placement {
        state: PlacementState::Gone,
        waiting: None,
        answer: None,
        ..known.placement.clone()
    };
    placements::put(tx, &gone).await?;
    Ok(Some(Prepared::Done))
}

/// A row that is in no calendar yet.
async fn prepare_unplaced(
    tx: &mut Tx,
    context: &Context<'_>,
    id: BookingId,
    state: BookingState,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    let tenant = context.tenant();
    let Some(row) = bookings::get(tx, tenant, id).await? else {
        // Deleted before it was ever pushed.
        states::agree(tx, tenant, id, state.version).await?;
        return Ok(Prepared::Done);
    };
    let mut known = Known {
        placement: blank(context, id),
        row: Some(row),
        state: Some(state),
    };
    let booking = match known.row.as_ref().map(bookings::BookingRow::read) {
        Some(Ok(booking)) => booking,
        Some(Err(problem)) => {
            waiting::refuse_row(tx, context, &known, &problem.to_string(), report).await?;
            return Ok(Prepared::Done);
        }
        None => return Ok(Prepared::Done),
    };
    if let Some(reason) = problem_of(&known) {
        waiting::refuse_row(tx, context, &known, &reason, report).await?;
        return Ok(Prepared::Done);
    }
    if let Some(occurrence) = &booking.occurrence {
        let series = bookings::get(tx, tenant, occurrence.series_id).await?;
        if series.is_some_and(|series| series.text.recurrence.is_empty()) {
            series::vanished(tx, context, id, report).await?;
            return Ok(Prepared::Done);
        }
        let lead = placements::leads(tx, tenant, &[occurrence.series_id]).await?.pop();
        return Ok(match lead {
            Some(lead) if lead.state == PlacementState::Live => Prepared::Find(Box::new(booking), Box::new(lead)),
            _ => {
                // A cancelled series takes its occurrences along; one that is not in Google yet brings them when it is.
                let series = bookings::get(tx, tenant, occurrence.series_id).await?;
                if series.is_none_or(|series| series.text.status == Status::Cancelled.as_str()) {
                    states::agree(tx, tenant, id, booking.version).await?;
                }
                Prepared::Done
            }
        });
    }
    if booking.content.status == Status::Cancelled {
        states::agree(tx, tenant, id, booking.version).await?;
        return Ok(Prepared::Done);
    }
    for changed in bookings::overrides(tx, tenant, &[id]).await? {
        // Agreed with a series that was cancelled then; with this one they have to go to Google.
        states::disagree(tx, tenant, changed.id).await?;
    }
    known.placement.event_id = EventId(context.engine.fresh_uuid().simple().to_string());
    known.placement.base_local = Some(booking.content);
    placements::put(tx, &known.placement).await?;
    Ok(Prepared::Create(Box::new(known)))
}

pub(super) fn blank(context: &Context<'_>, booking: BookingId) -> Placement {
    Placement {
        tenant_id: context.tenant(),
        calendar_id: context.key().calendar.clone(),
        event_id: EventId(String::new()),
        booking_id: booking,
        account_id: context.key().account,
        is_lead: true,
        state: PlacementState::Creating,
        ical_uid: None,
        series_event_id: None,
        original_start: None,
        etag: String::new(),
        remote_updated_at: 0,
        words: Words::Shared,
        is_writable: true,
        has_guests: false,
        is_ours: true,
        base_local: None,
        base_remote: None,
        waiting: None,
        answer: None,
        confirmed_at: context.started_at,
    }
}

async fn settle_unchanged(
    tx: &mut Tx,
    context: &Context<'_>,
    known: Known,
    gate: Gate,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    settle_seen(tx, context, known, Seen::Unchanged, gate, report).await
}

async fn settle_seen(
    tx: &mut Tx,
    context: &Context<'_>,
    known: Known,
    seen: Seen<'_>,
    gate: Gate,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    let placement = known.placement.clone();
    let settled = inbound::again(tx, context, known, seen, gate, report).await?;
    Ok(match settled {
        Some(Settled::Push(step)) => {
            let stored = placements::get(tx, context.tenant(), &placement.calendar_id, &placement.event_id).await?;
            match settle::load(tx, context.tenant(), stored.into_iter().collect())
                .await?
                .pop()
            {
                Some(known) => Prepared::Write(Box::new(known), step),
                None => Prepared::Done,
            }
        }
        Some(Settled::Removal(known)) => Prepared::Removal(known),
        _ => Prepared::Done,
    })
}

/// Carries out what was prepared; a write that meets a newer event is merged and tried once more.
async fn run(
    context: &Context<'_>,
    prepared: Prepared,
    removals: &mut Vec<Known>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let mut prepared = prepared;
    // Each round answers one question: find, read, create, write, meet a newer event, write again.
    for _ in 0..5 {
        prepared = match prepared {
            Prepared::Done => return Ok(()),
            Prepared::Removal(known) => {
                removals.push(*known);
                return Ok(());
            }
            Prepared::Create(known) => create(context, *known, report).await?,
            Prepared::Read(known) => read(context, *known, report).await?,
            Prepared::Find(booking, series) => find(context, *booking, *series, report).await?,
            Prepared::Write(known, step) => write(context, *known, step, report).await?,
        };
    }
    // Somebody keeps editing the event; it is left to the next pass.
    Ok(())
}

async fn create(context: &Context<'_>, known: Known, report: &mut PassReport) -> Result<Prepared, SyncError> {
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
async fn adopt(
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
    let fresh = settle::load(&mut tx, tenant, vec![known.placement.clone()])
        .await?
        .pop();
    let Some(mut known) = fresh else {
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
    let old = &known.placement;
    placements::remove(&mut tx, old.tenant_id, &old.calendar_id, &old.event_id).await?;
    let mut placement = old.clone();
    placement.event_id = EventId(context.engine.fresh_uuid().simple().to_string());
    placement.state = PlacementState::Creating;
    placements::put(&mut tx, &placement).await?;
    tx.commit().await?;
    Ok(Prepared::Create(Box::new(Known { placement, ..known })))
}

/// Reads an event whose present form is not known, and settles with it.
async fn read(context: &Context<'_>, known: Known, report: &mut PassReport) -> Result<Prepared, SyncError> {
    let access = context.access().await?;
    let (google, key) = (&context.engine.google, context.key());
    let id = known.placement.event_id.clone();
    let item = google.get_event(&access, &key.calendar, &context.reading, &id).await;
    let event = match item {
        Ok(ParsedItem::Event(event)) => Some(event),
        Ok(ParsedItem::Broken(broken)) => {
            let mut tx = context.begin().await?;
            waiting::refuse_event(&mut tx, context, &id, &broken.reason, Some(&broken.raw), report).await?;
            tx.commit().await?;
            return Ok(Prepared::Done);
        }
        Err(error) if error.class() == FailureClass::Gone => {
            // Proof needs a calendar that answers.
            google.calendar(&access, &key.calendar).await?;
            if is_wanted_insert(&known) {
                // Its insert is answered as if there were no calendar: nothing is agreed, the next pass inserts again.
                return Err(error.into());
            }
            None
        }
        Err(error) if error.class() == FailureClass::BadData => return refused(context, known, error, report).await,
        Err(error) => return Err(error.into()),
    };
    if known.placement.state == PlacementState::Creating {
        return match event {
            Some(event) if is_wanted_insert(&known) => {
                adopt(context, known, ParsedItem::Event(event), false, report).await
            }
            event => read_unconfirmed(context, known, event.map(|event| *event)).await,
        };
    }
    let mut tx = context.begin().await?;
    let Some(known) = settle::load(&mut tx, key.tenant, vec![known.placement]).await?.pop() else {
        return Ok(Prepared::Done);
    };
    let seen = event.as_ref().map_or(Seen::Gone, |event| Seen::Event(event));
    let vanished = event
        .as_ref()
        .is_none_or(|event| event.state == EventState::Cancelled || event.own_response == OwnResponse::Declined);
    if vanished && is_taken_back(&known) && known.placement.answer.is_none() {
        // It is Google's removal that the brake holds.
        return Ok(Prepared::Done);
    }
    if vanished {
        removal::inbound(&mut tx, context, vec![(known, event.as_deref())], report).await?;
        tx.commit().await?;
        return Ok(Prepared::Done);
    }
    // What was seen is remembered before the brake is asked, because whether to delete is decided from memory after it.
    let prepared = settle_seen(&mut tx, context, known, seen, Gate::Inbound, report).await?;
    tx.commit().await?;
    Ok(match prepared {
        Prepared::Write(known, RemoteStep::Delete) => Prepared::Removal(known),
        prepared => prepared,
    })
}

/// Whether this is a living booking whose insert is not confirmed.
fn is_wanted_insert(known: &Known) -> bool {
    let lives = |row: &bookings::BookingRow| row.text.status != Status::Cancelled.as_str();
    known.placement.state == PlacementState::Creating && known.row.as_ref().is_some_and(lives)
}

/// A booking that was cancelled or deleted while its insert was not confirmed.
async fn read_unconfirmed(context: &Context<'_>, known: Known, event: Option<Event>) -> Result<Prepared, SyncError> {
    let mut tx = context.begin().await?;
    let ours = event.filter(|event| event.mark == Some(known.booking_id()) && event.state != EventState::Cancelled);
    let Some(event) = ours else {
        // It never came to be, or is gone again.
        let old = &known.placement;
        placements::remove(&mut tx, old.tenant_id, &old.calendar_id, &old.event_id).await?;
        states::agree(&mut tx, old.tenant_id, known.booking_id(), known.version()).await?;
        tx.commit().await?;
        return Ok(Prepared::Done);
    };
    let mut placement = known.placement.clone();
    placement.state = PlacementState::Live;
    placement.etag.clone_from(&event.etag);
    if let EventState::Live(content) = &event.state {
        placement.base_remote = Some(merge::live_form(content, event.words));
    }
    placements::put(&mut tx, &placement).await?;
    tx.commit().await?;
    Ok(Prepared::Write(
        Box::new(Known { placement, ..known }),
        RemoteStep::Delete,
    ))
}

/// Sets aside a row without a placement, until it changes.
async fn set_aside(
    context: &Context<'_>,
    id: BookingId,
    reason: &str,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    let mut tx = context.begin().await?;
    let known = Known {
        placement: blank(context, id),
        row: None,
        state: states::get_many(&mut tx, context.tenant(), &[id]).await?.pop(),
    };
    waiting::refuse_row(&mut tx, context, &known, reason, report).await?;
    tx.commit().await?;
    Ok(Prepared::Done)
}

/// Finds the instance that a changed occurrence is.
async fn find(
    context: &Context<'_>,
    booking: Booking,
    series: Placement,
    report: &mut PassReport,
) -> Result<Prepared, SyncError> {
    let Some(occurrence) = &booking.occurrence else {
        return Ok(Prepared::Done);
    };
    let access = context.access().await?;
    let (google, key) = (&context.engine.google, context.key());
    let wanted = Wanted {
        original_start: Some(occurrence.original_start),
        window: None,
        show_deleted: true,
    };
    let found = google
        .instances(&access, &key.calendar, &context.reading, &series.event_id, &wanted)
        .await;
    let found = match found {
        Ok(found) => found.into_iter().next(),
        Err(error) if error.class() == FailureClass::Gone => {
            // The series is gone, which the next pull finds out, or else the calendar is.
            google.calendar(&access, &key.calendar).await?;
            return Ok(Prepared::Done);
        }
        Err(error) if error.class() == FailureClass::BadData => {
            return set_aside(context, booking.id, &format!("Google refuses it: {error}"), report).await;
        }
        Err(error) => return Err(error.into()),
    };
    let event = match found {
        Some(ParsedItem::Event(event)) => event,
        Some(ParsedItem::Broken(broken)) => {
            let reason = format!("the occurrence in Google cannot be read: {}", broken.reason);
            return set_aside(context, booking.id, &reason, report).await;
        }
        None => {
            let mut tx = context.begin().await?;
            series::vanished(&mut tx, context, booking.id, report).await?;
            tx.commit().await?;
            return Ok(Prepared::Done);
        }
    };
    let mut tx = context.begin().await?;
    let Some(row) = bookings::get(&mut tx, key.tenant, occurrence.series_id).await? else {
        return Ok(Prepared::Done);
    };
    let base = newcomer::unchanged_occurrence(&row, occurrence.original_start);
    let mut placement = blank(context, booking.id);
    placement.event_id = event.id.clone();
    placement.series_event_id = Some(series.event_id.clone());
    placement.original_start = Some(occurrence.original_start);
    placement.ical_uid.clone_from(&event.ical_uid);
    placement.state = PlacementState::Live;
    placement.is_ours = series.is_ours;
    placement.base_remote = match &event.state {
        EventState::Live(content) => Some(merge::live_form(content, event.words)),
        EventState::Cancelled => base
            .as_ref()
            .map(|base| merge::live_form(&merge::as_event(base, None), event.words)),
    };
    placement.base_local = base;
    placements::put(&mut tx, &placement).await?;
    let Some(known) = settle::load(&mut tx, key.tenant, vec![placement]).await?.pop() else {
        return Ok(Prepared::Done);
    };
    let prepared = settle_seen(&mut tx, context, known, Seen::Event(&event), Gate::Outbound, report).await?;
    tx.commit().await?;
    Ok(prepared)
}

/// One write, with the etag of what was merged.
async fn write(
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

/// What Google returned to a write is the new agreement.
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
    let mut agreed = known.version();
    let mut sent = Content {
        status: Status::Confirmed,
        ..sent
    };
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
    let placement = Placement {
        state: PlacementState::Live,
        etag: event.etag.clone(),
        remote_updated_at: event.updated_at,
        ical_uid: known.placement.ical_uid.clone().or_else(|| event.ical_uid.clone()),
        has_guests: event.has_guests,
        base_local: Some(sent),
        base_remote: Some(merge::live_form(shown, event.words)),
        waiting: None,
        answer: None,
        ..known.placement.clone()
    };
    placements::put(&mut tx, &placement).await?;
    states::agree(&mut tx, tenant, known.booking_id(), agreed).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether the text that a resource's name has replaced was a person's note and not another resource's name.
fn is_a_note(context: &Context<'_>, known: &Known, old: &str, new: &str) -> bool {
    let base = known.placement.base_local.as_ref().and_then(|base| base.resource_id);
    let old_name = base.and_then(|id| context.resources.name(id));
    !old.trim().is_empty() && !merge::same_name(old, new) && !old_name.is_some_and(|name| merge::same_name(name, old))
}

/// The event is gone; so both sides agree.
async fn deleted(context: &Context<'_>, known: Known, report: &mut PassReport) -> Result<Prepared, SyncError> {
    report.events_deleted += 1;
    report.step(
        "delete the event",
        Some(known.booking_id()),
        Some(&known.placement.event_id),
    );
    let mut tx = context.begin().await?;
    let tenant = context.tenant();
    let mut placement = known.placement.clone();
    if let Some(base) = &mut placement.base_remote {
        base.status = Status::Cancelled;
    }
    // The tombstone's etag is not known; a revival reads it first.
    placement.etag.clear();
    placement.state = PlacementState::Gone;
    let version = known.version();
    placements::put(&mut tx, &placement).await?;
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

/// Google refused a write.
async fn refused(
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
            let placement = Placement {
                is_writable: false,
                ..known.placement
            };
            placements::put(&mut tx, &placement).await?;
            let known = settle::load(&mut tx, context.tenant(), vec![placement]).await?.pop();
            if let Some(known) = known {
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
    tx.commit().await?;
    Err(error.into())
}
