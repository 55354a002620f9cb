//! The brake: removals in masses wait until the admin approves exactly them.
//!
//! It counts what a pass would remove on either side, what goes with it, what is held already and what was removed during
//! the last day, and asks one question that names what it holds.
use super::inbound::CHUNK;
use super::settle::Known;
use super::{PassReport, SyncError, context::Context, waiting};
use crate::domain::ids::{BookingId, QuestionId};
use crate::domain::merge::Waiting;
use crate::store::placements::{self, Placement};
use crate::store::questions::{self, QuestionRow};
use crate::store::{Tx, changes};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::HashSet;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Remembers a removal for the brake's rolling day.
pub(super) async fn note(tx: &mut Tx, context: &Context<'_>, booking: BookingId) -> Result<(), SyncError> {
    let (key, now) = (context.key(), context.engine.now_ms());
    Ok(placements::note_deletion(tx, key.tenant, key.account, &key.calendar, booking, now).await?)
}

/// Whether these removals, with what goes with them, what is held, and those of the last day, are more than the brake lets
/// through.
pub(super) async fn brakes(tx: &mut Tx, context: &Context<'_>, removals: &[BookingId]) -> Result<bool, SyncError> {
    if removals.is_empty() {
        return Ok(false);
    }
    let (key, settings) = (context.key(), context.settings());
    let held = placements::waiting(tx, key.tenant, key.account).await?;
    let held = held
        .iter()
        .filter(|p| p.calendar_id == key.calendar && p.waiting == Some(Waiting::Brake))
        .map(|p| p.booking_id);
    let removed: HashSet<BookingId> = removals.iter().copied().chain(held).collect();
    let removed: Vec<BookingId> = removed.into_iter().collect();
    let going_with = placements::count_going_with(tx, key.tenant, &key.calendar, &removed).await?;
    let since = context.engine.now_ms() - DAY_MS;
    let recent = placements::count_deletions(tx, key.tenant, key.account, &key.calendar, since).await?;
    let live = placements::count_live(tx, key.tenant, key.account, &key.calendar).await?;
    let total = i64::try_from(removed.len())
        .unwrap_or(i64::MAX)
        .saturating_add(going_with)
        .saturating_add(recent);
    Ok(settings.brakes(total, recent, live))
}

/// Holds removals until the admin approves exactly this set.
pub(super) async fn hold(
    tx: &mut Tx,
    context: &Context<'_>,
    removals: Vec<Known>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    mark_held(tx, context, removals, report).await?;
    ask_about_held(tx, context).await
}

/// The same in short transactions, for as many as there may be.
pub(super) async fn hold_in_chunks(
    context: &Context<'_>,
    removals: Vec<Known>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    for chunk in removals.chunks(CHUNK) {
        let mut tx = context.begin().await?;
        mark_held(&mut tx, context, chunk.to_vec(), report).await?;
        tx.commit().await?;
    }
    let mut tx = context.begin().await?;
    ask_about_held(&mut tx, context).await?;
    Ok(tx.commit().await?)
}

/// Marks removals as held; whoever does asks about the whole set afterwards.
pub(super) async fn mark_held(
    tx: &mut Tx,
    context: &Context<'_>,
    removals: Vec<Known>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    for known in removals {
        if known.placement.waiting.is_some_and(|why| why != Waiting::Brake) {
            waiting::no_longer(tx, context, &known, None).await?;
        }
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

/// Asks anew if what is held is not what the open question names: something was taken back, or decided in another way, or a
/// pass ended before it had asked.
pub(super) async fn renew_question(context: &Context<'_>) -> Result<(), SyncError> {
    let key = context.key();
    let mut tx = context.engine.db.read().await?;
    let open = questions::open_of_scope(&mut tx, key, Waiting::Brake.as_str()).await?;
    let (held, digest) = held_set(&mut tx, context).await?;
    let is_asked = match open.first() {
        Some(open) => open.subject_id == digest,
        None => held.is_empty(),
    };
    if is_asked {
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
