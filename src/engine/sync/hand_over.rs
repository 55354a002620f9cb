//! A booking that was given to another user: its event leaves one calendar and appears in another.
//!
//! The old calendar comes first. What both sides have edited is agreed on there as always; then the event is deleted with the
//! etag of what was merged, and only then is the booking free for its new user, in whose calendar it is created like any
//! other. There is no moment with two events, and a crash between any two steps is met by the same steps again: that a
//! deletion was sent is stored before, so that its tombstone is not taken for a cancellation.
//!
//! An old account that takes no part any more is not waited for. Its event is left, and removed should the account return,
//! unless somebody edited it meanwhile: then it is theirs. A new user without an account receives the booking all the same;
//! it is in no calendar until they connect.
use super::context::Context;
use super::settle::{self, Gate, Known, Seen};
use super::{PassReport, SyncError, inbound, outbound, removal, restore, waiting};
use crate::domain::booking::Side;
use crate::domain::event::{Event, EventState};
use crate::domain::failure::FailureClass;
use crate::domain::ids::{BookingId, EventId, UserId};
use crate::domain::merge::{Field, FieldConflict, Waiting};
use crate::domain::policy::Guests;
use crate::google::GoogleError;
use crate::google::calendar::ParsedItem;
use crate::store::hand_overs::{self, HandOver, HandOverState};
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::scopes::{self, ScopeKey};
use crate::store::{StoreError, Tx, accounts, bookings, calendars, questions, states};
use serde_json::json;
use std::collections::HashSet;

/// How often an event that is edited while it is to be deleted is merged before it is left to the next pass.
const TRIES: usize = 3;

/// Whether this placement waits for an answer about a hand-over, so that nothing else may act on the answer.
pub(super) fn is_answered(context: &Context<'_>, placement: &Placement) -> bool {
    has_answer(&context.hand_overs, placement)
}

/// The same, of events that have to leave their calendar.
pub(super) fn has_answer(leaving: &HashSet<EventId>, placement: &Placement) -> bool {
    placement.answer.is_some()
        && matches!(placement.waiting, Some(Waiting::Guests | Waiting::Brake))
        && leaving.contains(&placement.event_id)
}

/// An event that Google shows as gone: if it was a hand-over that deleted it, the booking goes on to its new user.
pub(super) async fn was_removal(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &Known,
    event: Option<&Event>,
) -> Result<bool, SyncError> {
    let placement = &known.placement;
    let is_gone = event.is_none_or(|event| event.state == EventState::Cancelled);
    if !is_gone || !context.hand_overs.contains(&placement.event_id) {
        return Ok(false);
    }
    let under_way = hand_overs::of_event(tx, context.tenant(), &placement.calendar_id, &placement.event_id).await?;
    let Some(under_way) = under_way.filter(|found| found.state == HandOverState::Removing) else {
        return Ok(false);
    };
    release(tx, context, &under_way, placement.clone(), true).await?;
    Ok(true)
}

/// Takes over the bookings whose old account cannot send them.
pub(super) async fn receive(context: &Context<'_>, report: &mut PassReport) -> Result<(), SyncError> {
    if !context.scope.is_write_calendar {
        return Ok(());
    }
    let mut tx = context.engine.db.read().await?;
    let stranded = hand_overs::stranded(&mut tx, context.tenant(), context.scope.user_id).await?;
    drop(tx);
    for found in stranded {
        let mut tx = context.begin().await?;
        let placement = placements::get(&mut tx, found.tenant_id, &found.calendar_id, &found.event_id).await?;
        match placement {
            Some(placement) if placement.is_lead && placement.account_id == found.account_id => {
                report.step("take over a booking", Some(found.booking_id), Some(&found.event_id));
                release(&mut tx, context, &found, placement, false).await?;
            }
            // Another account leads it by now.
            _ => hand_overs::forget(&mut tx, &found).await?,
        }
        tx.commit().await?;
    }
    Ok(())
}

/// An event that is ready to go.
struct Ready {
    hand_over: HandOver,
    known: Known,
    /// Whether the brake has nothing to say about it: it was approved, or the booking is elsewhere already.
    approved: bool,
}

/// Sends what was handed over on its way.
pub(super) async fn send(context: &Context<'_>, report: &mut PassReport) -> Result<(), SyncError> {
    let key = context.key();
    let mut tx = context.engine.db.read().await?;
    let wanted = hand_overs::from_calendar(&mut tx, key.tenant, key.account, &key.calendar).await?;
    drop(tx);
    let may_write = context.scope.frozen.is_none() && context.scope.writes_paused_until <= context.engine.now_ms();
    if wanted.is_empty() || !may_write {
        return Ok(());
    }
    let mut ready = Vec::new();
    for hand_over in wanted {
        let mut tx = context.begin().await?;
        ready.extend(look(&mut tx, context, hand_over, report).await?);
        tx.commit().await?;
    }
    let counted = |ready: &&Ready| !ready.approved;
    let ids: Vec<BookingId> = ready.iter().filter(counted).map(|r| r.known.booking_id()).collect();
    let mut tx = context.engine.db.read().await?;
    let brakes = removal::brakes(&mut tx, context, &ids).await?;
    drop(tx);
    if brakes {
        let (approved, held) = ready.into_iter().partition::<Vec<_>, _>(|ready| ready.approved);
        let held = held.into_iter().map(|ready| ready.known).collect();
        removal::hold_in_chunks(context, held, report).await?;
        ready = approved;
    }
    for Ready { hand_over, known, .. } in ready {
        match Box::pin(remove(context, &hand_over, known, report)).await {
            Err(SyncError::Google(error)) if error.class() == FailureClass::QuotaExhausted => {
                return outbound::pause_writes(context, &error).await;
            }
            removed => removed?,
        }
    }
    Ok(())
}

/// What a pass would send, for a plan.
pub(super) async fn plan(context: &Context<'_>, tx: &mut Tx, report: &mut PassReport) -> Result<(), SyncError> {
    let key = context.key();
    for found in hand_overs::from_calendar(tx, key.tenant, key.account, &key.calendar).await? {
        report.step("hand over", Some(found.booking_id), Some(&found.event_id));
    }
    Ok(())
}

/// Looks at one hand-over and does what needs no request; `None` if nothing more is to be done about it in this pass.
async fn look(
    tx: &mut Tx,
    context: &Context<'_>,
    hand_over: HandOver,
    report: &mut PassReport,
) -> Result<Option<Ready>, SyncError> {
    let tenant = context.tenant();
    let found = placements::get(tx, tenant, &hand_over.calendar_id, &hand_over.event_id).await?;
    let Some(placement) = found.filter(|placement| placement.account_id == hand_over.account_id) else {
        hand_overs::forget(tx, &hand_over).await?;
        return Ok(None);
    };
    let Some(known) = settle::load(tx, tenant, vec![placement]).await?.pop() else {
        return Ok(None);
    };
    if !known.placement.is_lead {
        if known.placement.state == PlacementState::Live && known.placement.etag == hand_over.etag {
            let approved = true;
            return Ok(Some(Ready {
                hand_over,
                known,
                approved,
            }));
        }
        // Gone, or edited since it was left.
        hand_overs::forget(tx, &hand_over).await?;
        return Ok(None);
    }
    let Some(owner) = known.row.as_ref().map(|row| row.user_id) else {
        // Deleted; that removes the event in the ordinary way.
        return Ok(None);
    };
    if owner == context.scope.user_id && hand_over.state == HandOverState::Wanted {
        hand_overs::forget(tx, &hand_over).await?;
        return Ok(None);
    }
    let winner = |placement: &Placement| match placement.answer.as_deref() {
        Some("app") => Some(Side::App),
        Some(_) => Some(Side::Google),
        None => None,
    };
    let approved = match (known.placement.waiting, winner(&known.placement)) {
        (None, _) => false,
        (Some(Waiting::Guests), Some(Side::App)) | (Some(Waiting::Brake), Some(Side::Google)) => true,
        (Some(Waiting::Guests | Waiting::Brake), Some(_)) => {
            put_back(tx, context, known, "ask", report).await?;
            return Ok(None);
        }
        _ => return Ok(None),
    };
    match known.placement.state {
        PlacementState::Creating => return Ok(None),
        PlacementState::Gone | PlacementState::Hidden => {
            release(tx, context, &hand_over, known.placement, true).await?;
            return Ok(None);
        }
        PlacementState::Live => {}
    }
    if pass_on(tx, context, &hand_over, &known, owner).await? {
        report.step("hand over", Some(known.booking_id()), Some(&hand_over.event_id));
        return Ok(None);
    }
    let refused = ("app".to_owned(), known.booking_id().to_string());
    if context.quarantined.get(&refused) == Some(&known.version()) || is_unsettled(tx, &known).await? {
        return Ok(None);
    }
    if !known.placement.is_writable {
        put_back(tx, context, known, "readonly", report).await?;
        return Ok(None);
    }
    if known.placement.has_guests && !approved && context.settings().guests == Guests::Ask {
        let asking = Placement {
            waiting: Some(Waiting::Guests),
            ..known.placement.clone()
        };
        placements::put(tx, &asking).await?;
        let mut known = known;
        if let Some(row) = &mut known.row {
            // It is the old user's event, and whom they invited.
            row.user_id = context.scope.user_id;
        }
        waiting::ask(tx, context, &known, Waiting::Guests, &[], Seen::Unchanged, report).await?;
        return Ok(None);
    }
    Ok(Some(Ready {
        hand_over,
        known,
        approved,
    }))
}

/// Whether an edit of the booking, or the deletion of one of its occurrences, has not reached the old event yet.
async fn is_unsettled(tx: &mut Tx, known: &Known) -> Result<bool, SyncError> {
    if known.state.as_ref().is_some_and(states::BookingState::is_pending) {
        return Ok(true);
    }
    let p = &known.placement;
    let occurrences = placements::of_series(tx, p.tenant_id, &p.calendar_id, &p.event_id).await?;
    let ids: Vec<BookingId> = occurrences.iter().map(|occurrence| occurrence.booking_id).collect();
    let states = states::get_many(tx, p.tenant_id, &ids).await?;
    Ok(states.iter().any(|state| state.is_pending() && state.deleted.is_some()))
}

/// Two accounts that share a calendar: the event is where it shall be, and only its account changes.
async fn pass_on(
    tx: &mut Tx,
    context: &Context<'_>,
    hand_over: &HandOver,
    known: &Known,
    owner: UserId,
) -> Result<bool, SyncError> {
    let (tenant, calendar) = (context.tenant(), &context.key().calendar);
    let Some(account) = accounts::live_of_user(tx, tenant, owner).await? else {
        return Ok(false);
    };
    let scope = ScopeKey {
        account: account.id,
        ..context.key().clone()
    };
    let chosen = calendars::of_account(tx, tenant, account.id).await?;
    let writes = chosen
        .iter()
        .any(|found| found.calendar_id == *calendar && found.access_role.writes() && found.frozen.is_none());
    if !writes || scopes::peek(tx, &scope).await?.is_none() {
        return Ok(false);
    }
    let event = &known.placement.event_id;
    let mut all = placements::of_series(tx, tenant, calendar, event).await?;
    all.push(known.placement.clone());
    for placement in all {
        states::set_carrier(tx, tenant, placement.booking_id, owner).await?;
        let passed = Placement {
            account_id: account.id,
            ..placement
        };
        placements::put(tx, &passed).await?;
    }
    hand_overs::forget(tx, hand_over).await?;
    scopes::make_due(tx, tenant, account.id).await?;
    Ok(true)
}

/// The owner is put back: the event may not be taken away from where it is.
async fn put_back(
    tx: &mut Tx,
    context: &Context<'_>,
    known: Known,
    rule: &'static str,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (tenant, user) = (context.tenant(), context.scope.user_id);
    let row = known.row.as_ref();
    let conflict = FieldConflict {
        field: Field::Owner,
        winner: Some(Side::Google),
        rule,
        base: json!(user),
        app: json!({"user_id": row.map(|row| row.user_id), "customer_ids": row.map(|row| &row.customer_ids)}),
        google: json!(user),
    };
    waiting::record_conflict(tx, context, &known, &conflict, report).await?;
    waiting::no_longer(tx, context, &known, known.placement.answer.clone()).await?;
    let free = Placement {
        waiting: None,
        answer: None,
        ..known.placement
    };
    placements::put(tx, &free).await?;
    report.step("put the owner back", Some(free.booking_id), Some(&free.event_id));
    Ok(bookings::hand_over(tx, tenant, free.booking_id, user, &[]).await?)
}

/// Deletes an event, and what somebody edited in it until then goes with the booking.
async fn remove(
    context: &Context<'_>,
    hand_over: &HandOver,
    known: Known,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (google, key) = (&context.engine.google, context.key());
    let event_id = known.placement.event_id.clone();
    let mut known = known;
    for _ in 0..TRIES {
        if !announce(context, hand_over, &known).await? {
            return Ok(());
        }
        let access = context.access().await?;
        let etag = Some(known.placement.etag.as_str()).filter(|etag| !etag.is_empty());
        let error = match google.delete_event(&access, &key.calendar, &event_id, etag).await {
            Ok(()) => return removed(context, hand_over, report).await,
            Err(error) if known.placement.is_lead && is_a_no(&error) => {
                let mut tx = context.begin().await?;
                hand_overs::set_state(&mut tx, hand_over, HandOverState::Wanted, "").await?;
                tx.commit().await?;
                error
            }
            Err(error) => error,
        };
        match error.class() {
            FailureClass::Gone => {
                if error.status() != Some(410) {
                    google.calendar(&access, &key.calendar).await?;
                }
                return removed(context, hand_over, report).await;
            }
            FailureClass::Conflict412 => {}
            FailureClass::Permission(_) | FailureClass::BadData => {
                return refused(context, &known, &error, report).await;
            }
            _ => return Err(error.into()),
        }
        let event = match google
            .get_event(&access, &key.calendar, &context.reading, &event_id)
            .await
        {
            Ok(ParsedItem::Event(event)) if event.state != EventState::Cancelled => event,
            Ok(ParsedItem::Event(_)) => return removed(context, hand_over, report).await,
            Ok(ParsedItem::Broken(_)) => return Ok(()),
            Err(error) if error.class() == FailureClass::Gone => {
                google.calendar(&access, &key.calendar).await?;
                return removed(context, hand_over, report).await;
            }
            Err(error) => return Err(error.into()),
        };
        let mut tx = context.begin().await?;
        if !known.placement.is_lead {
            // Edited since it was left: it is theirs.
            hand_overs::forget(&mut tx, hand_over).await?;
            return Ok(tx.commit().await?);
        }
        inbound::again(&mut tx, context, known, Seen::Event(&event), Gate::Inbound, report).await?;
        let merged = placements::get(&mut tx, key.tenant, &key.calendar, &event_id).await?;
        let merged = merged.filter(|placement| placement.is_lead && placement.waiting.is_none());
        let fresh = settle::load(&mut tx, key.tenant, merged.into_iter().collect())
            .await?
            .pop();
        tx.commit().await?;
        match fresh {
            Some(fresh) => known = fresh,
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Notes that the event is about to be deleted, unless something was said about it since it was looked at: then it is left to
/// the next pass.
async fn announce(context: &Context<'_>, hand_over: &HandOver, known: &Known) -> Result<bool, SyncError> {
    let (key, placement) = (context.key(), &known.placement);
    let mut tx = context.begin().await?;
    let under_way = hand_overs::of_event(&mut tx, key.tenant, &key.calendar, &hand_over.event_id).await?;
    let Some(under_way) = under_way else {
        return Ok(false);
    };
    // Whoever hands the booking back waits for this row, or has removed it.
    let state = if placement.is_lead {
        HandOverState::Removing
    } else {
        under_way.state
    };
    if !hand_overs::set_state(&mut tx, hand_over, state, &under_way.etag).await? {
        return Ok(false);
    }
    let now = placements::get(&mut tx, key.tenant, &key.calendar, &hand_over.event_id).await?;
    if now.is_none_or(|now| now.revision != placement.revision) {
        return Ok(false);
    }
    if placement.is_lead {
        let owner = bookings::get(&mut tx, key.tenant, placement.booking_id)
            .await?
            .map(|row| row.user_id);
        let is_back = owner == Some(context.scope.user_id) && under_way.state == HandOverState::Wanted;
        if owner.is_none() || is_back {
            return Ok(false);
        }
        let at = context.engine.now_ms();
        placements::note_deletion(
            &mut tx,
            key.tenant,
            key.account,
            &key.calendar,
            placement.booking_id,
            at,
        )
        .await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Whether Google has certainly not deleted the event: then whoever deletes it later is not us.
fn is_a_no(error: &GoogleError) -> bool {
    error.class() != FailureClass::Gone && error.status().is_some_and(|status| (400..500).contains(&status))
}

/// Google does not let this event be deleted: it stays until the booking changes, and is shown meanwhile.
async fn refused(
    context: &Context<'_>,
    known: &Known,
    error: &GoogleError,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let mut tx = context.begin().await?;
    let reason = format!("Google does not let its event be handed over: {error}");
    waiting::refuse_row(&mut tx, context, known, &reason, report).await?;
    Ok(tx.commit().await?)
}

/// The event is gone.
async fn removed(context: &Context<'_>, hand_over: &HandOver, report: &mut PassReport) -> Result<(), SyncError> {
    let mut tx = context.begin().await?;
    let placement = placements::get(
        &mut tx,
        hand_over.tenant_id,
        &hand_over.calendar_id,
        &hand_over.event_id,
    )
    .await?;
    if let Some(placement) = placement {
        release(&mut tx, context, hand_over, placement, true).await?;
    }
    report.events_deleted += 1;
    report.step("hand over", Some(hand_over.booking_id), Some(&hand_over.event_id));
    Ok(tx.commit().await?)
}

/// The booking leaves the old calendar and waits for its new user's. Its changed occurrences go along: they stay rows of
/// their own, and are changes of the new event's occurrences then.
async fn release(
    tx: &mut Tx,
    context: &Context<'_>,
    hand_over: &HandOver,
    placement: Placement,
    is_gone: bool,
) -> Result<(), SyncError> {
    let (tenant, booking) = (hand_over.tenant_id, hand_over.booking_id);
    let (is_lead, etag) = (placement.is_lead, placement.etag.clone());
    let was_there = placement.state == PlacementState::Live && !is_gone;
    let occurrences = placements::of_series(tx, tenant, &placement.calendar_id, &placement.event_id).await?;
    if let (true, Some(row)) = (is_lead, bookings::get(tx, tenant, booking).await?) {
        if !bookings::lock(tx, tenant, booking, row.version).await? {
            // It may be handed over once more: it is to be released to that user.
            return Err(StoreError::Serialization.into());
        }
        for mut known in settle::load(tx, tenant, occurrences.clone()).await? {
            if known.row.is_none() {
                // Its deletion has not reached Google, and must not be forgotten on the way.
                restore::keep_cancelled_occurrence(tx, context, &mut known).await?;
            }
        }
        let changed = bookings::overrides(tx, tenant, &[booking]).await?;
        for id in changed.iter().map(|row| row.id).chain([booking]) {
            states::set_carrier(tx, tenant, id, row.user_id).await?;
            states::disagree(tx, tenant, id).await?;
        }
        if let Some(account) = accounts::live_of_user(tx, tenant, row.user_id).await? {
            scopes::make_due(tx, tenant, account.id).await?;
        }
    }
    let calendar = placement.calendar_id.clone();
    for placement in occurrences.into_iter().chain([placement]) {
        let state = if was_there {
            placement.state
        } else {
            PlacementState::Gone
        };
        let left = Placement {
            is_lead: false,
            state,
            waiting: None,
            answer: None,
            ..placement
        };
        placements::put(tx, &left).await?;
    }
    let now = context.engine.now_ms();
    questions::withdraw(tx, tenant, &calendar, &booking.to_string(), now).await?;
    if was_there {
        hand_overs::set_state(tx, hand_over, HandOverState::Left, &etag).await?;
        return Ok(());
    }
    Ok(hand_overs::forget(tx, hand_over).await?)
}
