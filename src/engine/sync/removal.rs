//! Cancellations and deletions: the brake, lost leads, whole series.
//!
//! Nothing dies without proof, and nothing dies in masses: what would be removed is collected, counted together with the
//! removals of the last day, and either carried out or held as one question to the admin that names exactly this set.
use super::inbound;
use super::settle::{self, Gate, Known, Seen, Settled};
use super::{PassReport, SyncError, context::Context, newcomer, waiting};
use crate::domain::booking::{Content, Side, Status};
use crate::domain::event::{Event, EventState};
use crate::domain::ids::{BookingId, EventId, QuestionId};
use crate::domain::merge::{self, Field, FieldConflict, RemoteForm, Resources, Waiting};
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::questions::{self, QuestionRow};
use crate::store::{Tx, accounts, bookings, changes, scopes, states};
use serde_json::json;
use sha2::{Digest, Sha256};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Items that Google does not show any more, or shows as cancelled or declined, in one transaction.
pub(super) async fn inbound(
    tx: &mut Tx,
    context: &Context<'_>,
    candidates: Vec<(Known, Option<&Event>)>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let removals = sort_out(tx, context, candidates, report).await?;
    let ids: Vec<BookingId> = removals.iter().map(|(known, _)| known.booking_id()).collect();
    if brakes(tx, context, &ids).await? {
        let removals = removals.into_iter().map(|(known, _)| known).collect();
        return hold(tx, context, removals, report).await;
    }
    for (known, event) in removals {
        carry_out(tx, context, known, event, report).await?;
    }
    Ok(())
}

/// Does whatever follows for such items, except removals; returns these, for the brake.
pub(super) async fn sort_out<'e>(
    tx: &mut Tx,
    context: &Context<'_>,
    candidates: Vec<(Known, Option<&'e Event>)>,
    report: &mut PassReport,
) -> Result<Vec<(Known, Option<&'e Event>)>, SyncError> {
    let mut removals = Vec::new();
    for (known, event) in candidates {
        let Some(known) = newcomer::led_from_here(tx, context, known, event).await? else {
            continue;
        };
        if !known.placement.is_lead {
            follower_gone(tx, known.placement).await?;
            continue;
        }
        if known.placement.state == PlacementState::Creating {
            // Not confirmed yet: the outbound half will look.
            continue;
        }
        if known.placement.waiting == Some(Waiting::LeadLost) {
            // Decided once the other scopes have looked.
            continue;
        }
        if known.placement.answer.is_some() {
            carry_out(tx, context, known, event, report).await?;
            continue;
        }
        let declined = event.is_some_and(|event| event.state != EventState::Cancelled);
        let was_there = known.placement.state == PlacementState::Live;
        if was_there && !declined && wait_for_others(tx, context, &known, report).await? {
            continue;
        }
        let seen = event.map_or(Seen::Gone, Seen::Event);
        if let Some(Settled::Removal(known)) = inbound::again(tx, context, known, seen, Gate::Inbound, report).await? {
            removals.push((*known, event));
        }
    }
    Ok(removals)
}

async fn follower_gone(tx: &mut Tx, placement: Placement) -> Result<(), SyncError> {
    let gone = Placement {
        state: PlacementState::Gone,
        ..placement
    };
    Ok(placements::put(tx, &gone).await?)
}

/// Cancels the booking, and with a series its changed occurrences.
pub(super) async fn carry_out(
    tx: &mut Tx,
    context: &Context<'_>,
    mut known: Known,
    event: Option<&Event>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (id, key) = (known.booking_id(), context.key());
    if known.placement.waiting == Some(Waiting::LeadLost) {
        // Nobody was asked about it.
        known.placement.waiting = None;
    }
    let is_series = known.row.as_ref().is_some_and(|row| !row.text.recurrence.is_empty());
    let seen = event.map_or(Seen::Gone, Seen::Event);
    let settled = inbound::again(tx, context, known, seen, Gate::Open, report).await?;
    if !matches!(settled, Some(Settled::Agreed)) {
        // It is asked about, or the app's edit brings it back: nothing was removed.
        return Ok(());
    }
    placements::note_deletion(tx, key.tenant, key.account, &key.calendar, id, context.engine.now_ms()).await?;
    if is_series {
        record_unseen_edits(tx, context, id, report).await?;
        cancel_occurrences(tx, context, id).await?;
    }
    Ok(())
}

/// Edits of a series' occurrences that Google has not seen yet go down with the series; their values are kept.
async fn record_unseen_edits(
    tx: &mut Tx,
    context: &Context<'_>,
    series: BookingId,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let rows = bookings::overrides(tx, tenant, &[series]).await?;
    let ids: Vec<BookingId> = rows.iter().map(|row| row.id).collect();
    let states = states::get_many(tx, tenant, &ids).await?;
    for row in rows {
        let state = states.iter().find(|state| state.id == row.id && state.is_pending());
        let (Some(state), Ok(content)) = (state, row.text.content()) else {
            continue;
        };
        let conflict = FieldConflict {
            field: Field::Status,
            winner: Some(Side::Google),
            rule: context.settings().conflict.as_str(),
            base: serde_json::Value::Null,
            app: json!(content),
            google: json!(Status::Cancelled),
        };
        let placement = super::outbound::blank(context, row.id);
        let known = Known {
            placement,
            state: Some(state.clone()),
            row: Some(row),
        };
        waiting::record_conflict(tx, context, &known, &conflict, report).await?;
    }
    Ok(())
}

/// The changed occurrences of a series that is cancelled are cancelled with it; Google does not name them one by one.
pub(super) async fn cancel_occurrences(tx: &mut Tx, context: &Context<'_>, series: BookingId) -> Result<(), SyncError> {
    let tenant = context.tenant();
    let Some(lead) = placements::leads(tx, tenant, &[series]).await?.pop() else {
        return Ok(());
    };
    for row in bookings::overrides(tx, tenant, &[series]).await? {
        if let Ok(content) = row.text.content()
            && content.status != Status::Cancelled
        {
            let cancelled = Content {
                status: Status::Cancelled,
                ..content
            };
            // An edit that came between stays pending and meets the cancelled series.
            bookings::update(tx, tenant, row.id, row.version, &cancelled).await?;
            states::agree_after(tx, tenant, row.id, row.version).await?;
        } else {
            states::agree(tx, tenant, row.id, row.version).await?;
        }
    }
    for placement in placements::of_series(tx, tenant, &lead.calendar_id, &lead.event_id).await? {
        // Should the series come back, its occurrences do so with the etags they had.
        let mut gone = Placement {
            state: PlacementState::Gone,
            etag: String::new(),
            waiting: None,
            answer: None,
            ..placement
        };
        if let Some(base) = &mut gone.base_local {
            base.status = Status::Cancelled;
        }
        if let Some(base) = &mut gone.base_remote {
            base.status = Status::Cancelled;
        }
        placements::put(tx, &gone).await?;
    }
    Ok(())
}

/// Whether this many removals, with those of the last day, are more than the brake lets through.
pub(super) async fn brakes(tx: &mut Tx, context: &Context<'_>, removals: &[BookingId]) -> Result<bool, SyncError> {
    if removals.is_empty() {
        return Ok(false);
    }
    let (key, settings) = (context.key(), context.settings());
    let held = placements::waiting(tx, key.tenant, key.account).await?;
    let held = held
        .iter()
        .filter(|p| p.calendar_id == key.calendar && p.waiting == Some(Waiting::Brake))
        .count();
    let since = context.engine.now_ms() - DAY_MS;
    let recent = placements::count_deletions(tx, key.tenant, key.account, &key.calendar, since).await?;
    let live = placements::count_live(tx, key.tenant, key.account, &key.calendar).await?;
    let total = i64::try_from(removals.len() + held)
        .unwrap_or(i64::MAX)
        .saturating_add(recent);
    #[expect(clippy::cast_precision_loss, reason = "counts of bookings are far below 2^52")]
    let share = total as f64 / (live.saturating_add(recent).max(1)) as f64;
    Ok(total >= i64::from(settings.brake_min) && share > settings.brake_share)
}

/// Holds removals until the admin approves exactly this set.
pub(super) async fn hold(
    tx: &mut Tx,
    context: &Context<'_>,
    removals: Vec<Known>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    mark_held(tx, removals, report).await?;
    ask_about_held(tx, context).await
}

/// Marks removals as held; whoever does asks about the whole set afterwards.
pub(super) async fn mark_held(tx: &mut Tx, removals: Vec<Known>, report: &mut PassReport) -> Result<(), SyncError> {
    for known in removals {
        report.braked += 1;
        report.step(
            "hold a removal",
            Some(known.booking_id()),
            Some(&known.placement.event_id),
        );
        let held = Placement {
            waiting: Some(Waiting::Brake),
            answer: None,
            ..known.placement
        };
        placements::put(tx, &held).await?;
    }
    Ok(())
}

/// The bookings whose removal is held and not decided, with the digest that names exactly this set.
async fn held_set(tx: &mut Tx, context: &Context<'_>) -> Result<(Vec<String>, String), SyncError> {
    let key = context.key();
    let held = |p: &Placement| p.calendar_id == key.calendar && p.waiting == Some(Waiting::Brake) && p.answer.is_none();
    let mut set: Vec<String> = placements::waiting(tx, key.tenant, key.account)
        .await?
        .into_iter()
        .filter(held)
        .map(|placement| placement.booking_id.to_string())
        .collect();
    set.sort();
    let digest = Sha256::digest(set.join("\n"));
    Ok((set, digest.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// Asks anew if what is held is not what the open question names: something was taken back, or decided in another way.
pub(super) async fn renew_question(context: &Context<'_>) -> Result<(), SyncError> {
    let key = context.key();
    let mut tx = context.engine.db.read().await?;
    let open = questions::open_of_scope(&mut tx, key, Waiting::Brake.as_str()).await?;
    let Some(open) = open.first() else { return Ok(()) };
    if held_set(&mut tx, context).await?.1 == open.subject_id {
        return Ok(());
    }
    drop(tx);
    let mut tx = context.begin().await?;
    ask_about_held(&mut tx, context).await?;
    Ok(tx.commit().await?)
}

/// One question about everything that is held; an older one about another set is void.
pub(super) async fn ask_about_held(tx: &mut Tx, context: &Context<'_>) -> Result<(), SyncError> {
    let (engine, key) = (context.engine, context.key());
    let (set, digest) = held_set(tx, context).await?;
    let now = engine.now_ms();
    for open in questions::open_of_scope(tx, key, Waiting::Brake.as_str()).await? {
        if open.subject_id != digest {
            questions::withdraw(tx, key.tenant, &key.calendar, &open.subject_id, now).await?;
            changes::record(tx, key.tenant, "question", &open.id.to_string()).await?;
        }
    }
    if set.is_empty() {
        return Ok(());
    }
    let id = QuestionId(engine.fresh_uuid());
    let detail = json!({"count": set.len(), "booking_ids": set}).to_string();
    let question = QuestionRow {
        id,
        kind: Waiting::Brake.as_str().to_owned(),
        addressee: "admin".to_owned(),
        user_id: Some(context.scope.user_id),
        account_id: key.account,
        calendar_id: key.calendar.clone(),
        subject_id: digest,
        choices: vec!["approve".to_owned(), "reject".to_owned()],
        detail_sealed: engine.seal(
            "questions",
            "detail_sealed",
            key.tenant,
            &id.to_string(),
            detail.as_bytes(),
        ),
        state: "open".to_owned(),
        answer: None,
        answered_by: None,
        created_at: now,
        answered_at: None,
    };
    if questions::insert(tx, key.tenant, &question).await? {
        changes::record(tx, key.tenant, "question", &id.to_string()).await?;
    }
    Ok(())
}

/// Whether the loss of a lead has to wait until the other scopes that might show the event elsewhere have been looked at.
async fn wait_for_others(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &Known,
    report: &mut PassReport,
) -> Result<bool, SyncError> {
    if known.placement.original_start.is_some() {
        // An occurrence cannot be moved to another calendar alone.
        return Ok(false);
    }
    let key = context.key();
    let since = context.started_at;
    let booking = known.booking_id();
    if scopes::all_looked_since(tx, key, booking, since).await? && !has_living_follower(tx, context, booking).await? {
        return Ok(false);
    }
    let mut lost = Placement {
        waiting: Some(Waiting::LeadLost),
        ..known.placement.clone()
    };
    lost.confirmed_at = since;
    placements::put(tx, &lost).await?;
    scopes::make_others_due(tx, key, booking).await?;
    report.waiting += 1;
    report.step(
        "wait for other calendars",
        Some(booking),
        Some(&known.placement.event_id),
    );
    Ok(true)
}

async fn has_living_follower(tx: &mut Tx, context: &Context<'_>, booking: BookingId) -> Result<bool, SyncError> {
    let all = placements::of_booking(tx, context.tenant(), booking).await?;
    Ok(all
        .iter()
        .any(|placement| !placement.is_lead && placement.state == PlacementState::Live))
}

/// Lost leads for which every other scope has been looked at.
pub(super) async fn lost_leads(tx: &mut Tx, context: &Context<'_>) -> Result<Vec<EventId>, SyncError> {
    let key = context.key();
    let mut ripe = Vec::new();
    for placement in placements::to_plan_again(tx, key.tenant, &key.calendar).await? {
        let mine = placement.account_id == key.account && placement.waiting == Some(Waiting::LeadLost);
        if mine && scopes::all_looked_since(tx, key, placement.booking_id, placement.confirmed_at).await? {
            ripe.push(placement.event_id);
        }
    }
    Ok(ripe)
}

/// A living placement takes such a lead; without one the booking is to be cancelled, and the event is returned.
pub(super) async fn pass_on(
    tx: &mut Tx,
    context: &Context<'_>,
    lost: Placement,
    report: &mut PassReport,
) -> Result<Option<EventId>, SyncError> {
    let (key, booking) = (context.key(), lost.booking_id);
    let all = placements::of_booking(tx, key.tenant, booking).await?;
    let living = |other: &Placement| !other.is_lead && other.state == PlacementState::Live;
    let Some(heir) = all.into_iter().find(living) else {
        return Ok(Some(lost.event_id));
    };
    report.step("pass the lead on", Some(booking), Some(&lost.event_id));
    take_over(tx, context, Some(lost), heir).await?;
    // The heir's own scope reads its event and merges it.
    states::disagree(tx, key.tenant, booking).await?;
    scopes::make_others_due(tx, key, booking).await?;
    Ok(None)
}

/// A placement takes the lead over from the one that had it, if any had. What both sides agreed on through that one still
/// holds, and the event is read and merged against it: whatever the old lead did not show, be it withheld words or an edit
/// that had not come through yet, is then a change in Google, never one of the app's.
pub(super) async fn take_over(
    tx: &mut Tx,
    context: &Context<'_>,
    old: Option<Placement>,
    heir: Placement,
) -> Result<Placement, SyncError> {
    let (tenant, booking) = (context.tenant(), heir.booking_id);
    let mut heir = Placement {
        is_lead: true,
        etag: String::new(),
        base_local: None,
        base_remote: None,
        ..heir
    };
    if let Some(mut old) = old {
        heir.is_ours = old.is_ours;
        heir.base_local.clone_from(&old.base_local);
        heir.base_remote.clone_from(&old.base_remote);
        if old.waiting == Some(Waiting::LeadLost) {
            old.state = PlacementState::Gone;
        }
        (old.is_lead, old.waiting, old.answer) = (false, None, None);
        placements::put(tx, &old).await?;
        let now = context.engine.now_ms();
        questions::withdraw(tx, tenant, &old.calendar_id, &booking.to_string(), now).await?;
    }
    if heir.base_local.is_none() {
        let known = settle::load(tx, tenant, vec![heir.clone()]).await?.pop();
        heir.base_local = known.and_then(|known| known.text()?.content().ok());
    }
    if let (None, Some(local)) = (&heir.base_remote, &heir.base_local) {
        let name = local.resource_id.and_then(|id| context.resources.name(id));
        heir.base_remote = Some(RemoteForm {
            status: local.status,
            content: merge::as_event(local, name),
        });
    }
    placements::put(tx, &heir).await?;
    if let Some(account) = accounts::get(tx, tenant, heir.account_id).await? {
        states::set_carrier(tx, tenant, booking, account.user_id).await?;
    }
    Ok(heir)
}
