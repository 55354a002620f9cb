//! Handing messages over to the mail server.
//!
//! One transaction checks everything again and notes the attempt, then the bytes go out, then another notes the result. A worker that
//! dies between the two leaves a message in hand; when its time is over it counts as "maybe sent" and is never sent again by itself.
use super::decide::{Stop, consider_soon, is_genuine, no_longer_of_use};
use super::desk::{Desk, Keys};
use super::propose::end;
use super::{MailError, compare};
use crate::domain::ids::{MessageId, TenantId};
use crate::domain::mail::{Letter, Reason, State};
use crate::engine::Engine;
use crate::engine::ledger::{self, Event};
use crate::mail::compose::{Composed, compose};
use crate::mail::transport::{Delivery, SmtpServer};
use crate::store::mail::messages::{self, Attempted, MessageRow};
use crate::store::mail::{consents, deliveries, subjects, tenants as mail_tenants};
use crate::store::{Tx, changes};
use futures_util::StreamExt;
use std::sync::Arc;

/// Messages of one round.
const BATCH: i64 = 50;
/// Handed over at the same time, of all tenants.
const AT_ONCE: usize = 16;
/// Handed over at the same time, of one tenant.
const OF_ONE_TENANT: i64 = 4;
/// How often noting a result is tried: without it a mail counts as "maybe sent".
const TRIES: usize = 3;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Hands over what may be sent. Returns whether there may be more.
pub async fn send_due(engine: &Engine) -> Result<bool, MailError> {
    let mut tx = engine.db.read().await?;
    let due = messages::to_send(&mut tx, engine.now_ms(), OF_ONE_TENANT, BATCH).await?;
    drop(tx);
    let is_more = !due.is_empty();
    let all = futures_util::stream::iter(due).map(async |(tenant, id)| match send_one(engine, tenant, id).await {
        Ok(sent) => sent,
        Err(error) => {
            tracing::error!(%tenant, message = %id, %error, "a mail could not be handed over; it is tried again");
            if let Err(error) = put_off(engine, tenant, id).await {
                tracing::error!(%tenant, message = %id, %error, "nor can it be put off");
            }
            false
        }
    });
    let sent: Vec<bool> = all.buffer_unordered(AT_ONCE).collect().await;
    Ok(is_more && sent.contains(&true))
}

/// A message in hand.
struct InHand {
    message: MessageRow,
    attempt: i64,
    composed: Composed,
    server: Arc<SmtpServer>,
}

/// Hands one message over; `false`: it is not sent now.
async fn send_one(engine: &Engine, tenant: TenantId, id: MessageId) -> Result<bool, MailError> {
    let Some(in_hand) = Box::pin(take(engine, tenant, id)).await? else {
        return Ok(false);
    };
    let InHand {
        message,
        attempt,
        composed,
        server,
    } = in_hand;
    let delivery = engine
        .mail
        .transport
        .send(&server, &composed, &engine.mail.limits)
        .await;
    let mut noted = note(engine, tenant, &message, attempt, &delivery).await;
    for _ in 1..TRIES {
        if noted.is_ok() {
            break;
        }
        noted = note(engine, tenant, &message, attempt, &delivery).await;
    }
    noted.map(|()| true)
}

/// What cannot be taken in hand is not tried on every beat.
async fn put_off(engine: &Engine, tenant: TenantId, id: MessageId) -> Result<(), MailError> {
    let mut tx = engine.db.begin().await?;
    messages::put_off(&mut tx, tenant, id, engine.now_ms() + 5 * MINUTE).await?;
    Ok(tx.commit().await?)
}

/// Checks a message for the last time and takes it in hand; `None`: it is not sent now.
async fn take(engine: &Engine, tenant: TenantId, id: MessageId) -> Result<Option<InHand>, MailError> {
    let mut tx = engine.db.begin().await?;
    let desk = Desk::open(engine, &mut tx, tenant).await?;
    let now = engine.now_ms();
    let message = messages::get(&mut tx, tenant, id).await?;
    let Some(message) = message.filter(|message| message.state == State::Queued && message.next_attempt_at <= now)
    else {
        return Ok(None);
    };
    let Some(desk) = desk else {
        messages::put_off(&mut tx, tenant, id, now + 5 * MINUTE).await?;
        tx.commit().await?;
        return Ok(None);
    };
    let is_notice = message.class == "notice";
    let mut stop = None;
    if is_notice {
        if message.expires_at <= now {
            stop = Some(Stop::End(State::Expired, Reason::Past));
        }
    } else {
        stop = no_longer_of_use(engine, &mut tx, tenant, &message).await?;
        if stop.is_none() && !has_consent(engine, &mut tx, tenant, &message).await? {
            stop = Some(Stop::End(State::Withdrawn, Reason::Void));
        }
    }
    let letter = letter(engine, tenant, &message);
    if stop.is_none() && letter.is_none() {
        stop = Some(Stop::End(State::Withdrawn, Reason::Void));
    }
    let (Some(letter), None) = (letter, &stop) else {
        return put_aside(engine, tx, tenant, &message, stop.unwrap_or(Stop::Uncertain)).await;
    };
    let (of_tenant, to_recipient) =
        deliveries::count_since(&mut tx, tenant, &message.recipient_key, now - HOUR, now - 24 * HOUR).await?;
    let is_too_much = of_tenant >= engine.mail.per_tenant_per_hour || to_recipient >= engine.mail.per_recipient_per_day;
    if is_too_much && !is_notice {
        tracing::warn!(%tenant, message = %id, "a mail waits: the limit of mails is reached");
        messages::put_off(&mut tx, tenant, id, now + 5 * MINUTE).await?;
        tx.commit().await?;
        return Ok(None);
    }
    let date = chrono::DateTime::from_timestamp_millis(now).unwrap_or_default();
    let composed = compose(&letter, date).map_err(|error| MailError::unreadable("a mail", &error))?;
    let attempt = message.attempts + 1;
    let longest = engine.mail.limits.total + engine.mail.limits.data + std::time::Duration::from_secs(60);
    let lease = i64::try_from(longest.as_millis()).unwrap_or(i64::MAX);
    if !messages::take(&mut tx, tenant, id, lease, now).await? {
        return Ok(None);
    }
    if !is_notice && !consents::take(&mut tx, tenant, id, now).await? {
        return Ok(None);
    }
    deliveries::begin(&mut tx, tenant, id, attempt, now).await?;
    let (recipient_key, address) = (&message.recipient_key, letter.to.address.as_str());
    let content_hash = letter.hash();
    let event = Event::Sending {
        message: id,
        class: &message.class,
        attempt,
        recipient_key,
        address,
        content_hash,
    };
    ledger::append(engine, &mut tx, tenant, event).await?;
    tx.commit().await?;
    Ok(Some(InHand {
        message,
        attempt,
        composed,
        server: desk.server.clone(),
    }))
}

/// The letter, if it is the one that was proposed.
fn letter(engine: &Engine, tenant: TenantId, message: &MessageRow) -> Option<Letter> {
    let letter = match compare::letter(engine, tenant, message) {
        Ok(letter) => letter?,
        Err(error) => {
            tracing::error!(%tenant, message = %message.id, %error, "a mail cannot be opened");
            return None;
        }
    };
    (letter.hash().as_slice() == message.content_hash).then_some(letter)
}

/// Whether its user said yes to exactly this message, and the yes is good and not used.
async fn has_consent(engine: &Engine, tx: &mut Tx, tenant: TenantId, message: &MessageRow) -> Result<bool, MailError> {
    let Some(consent) = consents::get(tx, tenant, message.id).await? else {
        return Ok(false);
    };
    let is_good = is_genuine(engine, tenant, &consent)
        && Some(consent.user_id) == message.user_id
        && consent.content_hash == message.content_hash
        && consent.expires_at > engine.now_ms()
        && consent.used_at.is_none()
        && consent.withdrawn_at.is_none();
    if !is_good {
        tracing::warn!(%tenant, message = %message.id, "a mail is not sent: the consent that is stored for it does not hold");
    }
    Ok(is_good)
}

async fn put_aside(
    engine: &Engine,
    mut tx: Tx,
    tenant: TenantId,
    message: &MessageRow,
    stop: Stop,
) -> Result<Option<InHand>, MailError> {
    match stop {
        Stop::End(state, reason) => drop(end(engine, &mut tx, tenant, message, state, reason).await?),
        // It is superseded when its booking is considered, which is soon, and hands its wish on.
        Stop::Changed => {
            messages::put_off(&mut tx, tenant, message.id, engine.now_ms() + 10_000).await?;
            tx.commit().await?;
            consider_soon(engine, tenant, message).await?;
            return Ok(None);
        }
        Stop::Uncertain => messages::put_off(&mut tx, tenant, message.id, engine.now_ms() + MINUTE).await?,
    }
    tx.commit().await?;
    Ok(None)
}

/// When a message is tried again after so many attempts: 1, 2, 4, … minutes, an hour at most.
fn pause(attempts: i64) -> i64 {
    let doublings = u32::try_from(attempts.clamp(1, 7) - 1).unwrap_or(0);
    (MINUTE << doublings).min(HOUR)
}

/// The state that a delivery leaves a message in, and how it is written down: the word, what was said, the code of a refusal.
pub(super) fn named(delivery: &Delivery) -> (State, &'static str, &str, Option<u16>) {
    match delivery {
        Delivery::Accepted { answer } => (State::Sent, "accepted", answer, None),
        Delivery::Refused { code, answer } => (State::Failed, "refused", answer, Some(*code)),
        Delivery::Deferred { reason } => (State::Queued, "deferred", reason, None),
        Delivery::Unknown { reason } => (State::MaybeSent, "unknown", reason, None),
        // A person has to mend the server or its address; the mail is tried until it is of no more use.
        Delivery::Unable { reason } => (State::Queued, "unable", reason, None),
    }
}

/// Notes what became of an attempt.
async fn note(
    engine: &Engine,
    tenant: TenantId,
    message: &MessageRow,
    attempt: i64,
    delivery: &Delivery,
) -> Result<(), MailError> {
    let now = engine.now_ms();
    let again = now + pause(attempt);
    let (state, result, answer, code) = named(delivery);
    let mut tx = engine.db.begin().await?;
    consider_again(&mut tx, tenant, message).await?;
    Keys::open(engine, &mut tx, tenant).await?;
    let outcome = Attempted {
        state,
        answer,
        next_attempt_at: again,
    };
    let is_ours = messages::attempted(&mut tx, tenant, message.id, attempt, &outcome, now).await?;
    deliveries::end(&mut tx, tenant, message.id, attempt, result, answer, now).await?;
    if is_ours {
        if state == State::Queued {
            consents::give_back(&mut tx, tenant, message.id).await?;
        }
        after(engine, &mut tx, tenant, message.id, state).await?;
        changes::record(&mut tx, tenant, "message", &message.id.to_string()).await?;
    }
    let event = Event::Result {
        message: message.id,
        attempt,
        result,
        answer_code: code,
    };
    ledger::append(engine, &mut tx, tenant, event).await?;
    tx.commit().await?;
    match state {
        State::Sent => tracing::info!(%tenant, message = %message.id, kind = message.kind, "a mail was handed over"),
        _ => {
            tracing::warn!(%tenant, message = %message.id, kind = message.kind, attempt, result, answer, "a mail was not, or maybe not, handed over")
        }
    }
    Ok(())
}

/// What follows from the end of an attempt: what was told.
async fn after(engine: &Engine, tx: &mut Tx, tenant: TenantId, id: MessageId, state: State) -> Result<(), MailError> {
    // Read again: its words may have been erased meanwhile.
    let Some(message) = messages::get(tx, tenant, id).await? else {
        return Ok(());
    };
    let Some(subject) = message.subject_id else {
        return Ok(());
    };
    let Some(subject) = subjects::get(tx, tenant, subject).await? else {
        return Ok(());
    };
    let is_about_whole = message.original_start == subject.original_start;
    if matches!(state, State::Sent | State::MaybeSent)
        && is_about_whole
        && let Some(told) = compare::of_message(engine, tenant, &message)?
        && let Some(sealed) = compare::seal_told(engine, tenant, subject.id, Some(&told))
    {
        subjects::set_told(tx, tenant, subject.id, sealed).await?;
    }
    Ok(())
}

/// Makes the booking of a message be looked at with what its customer was told. Before the tenant's mail is locked, like
/// everything about bookings.
async fn consider_again(tx: &mut Tx, tenant: TenantId, message: &MessageRow) -> Result<(), MailError> {
    let mut rows: Vec<_> = message.booking_id.into_iter().collect();
    if let Some(subject) = message.subject_id {
        rows.extend(subjects::get(tx, tenant, subject).await?.map(|subject| subject.row_id));
    }
    Ok(mail_tenants::consider_again(tx, tenant, &rows).await?)
}

/// Calls "maybe sent" what somebody took in hand and gave no result of in time. Returns whether there may be more.
pub async fn give_up_overdue(engine: &Engine) -> Result<bool, MailError> {
    let mut tx = engine.db.read().await?;
    let overdue = messages::overdue(&mut tx, BATCH).await?;
    drop(tx);
    let mut done = 0;
    for (tenant, id) in &overdue {
        match give_up(engine, *tenant, *id).await {
            Ok(()) => done += 1,
            Err(error) => tracing::error!(%tenant, message = %id, %error, "a mail in hand cannot be given up"),
        }
    }
    Ok(done > 0 && overdue.len() as i64 == BATCH)
}

async fn give_up(engine: &Engine, tenant: TenantId, id: MessageId) -> Result<(), MailError> {
    let mut tx = engine.db.begin().await?;
    let Some(message) = messages::get(&mut tx, tenant, id).await? else {
        return Ok(());
    };
    consider_again(&mut tx, tenant, &message).await?;
    Keys::open(engine, &mut tx, tenant).await?;
    let outcome = Attempted {
        state: State::MaybeSent,
        answer: "the worker that handed it over ended before it knew the answer",
        next_attempt_at: 0,
    };
    let now = engine.now_ms();
    if !messages::attempted(&mut tx, tenant, id, message.attempts, &outcome, now).await? {
        return Ok(());
    }
    deliveries::end(&mut tx, tenant, id, message.attempts, "unknown", outcome.answer, now).await?;
    after(engine, &mut tx, tenant, id, State::MaybeSent).await?;
    let event = Event::Overtaken {
        message: id,
        attempt: message.attempts,
    };
    ledger::append(engine, &mut tx, tenant, event).await?;
    changes::record(&mut tx, tenant, "message", &id.to_string()).await?;
    tx.commit().await?;
    tracing::warn!(%tenant, message = %id, "a mail was maybe sent: the worker that handed it over has ended");
    Ok(())
}

/// Ends what nobody decided, or what could not be handed over, while it was of use. Returns whether there may be more.
pub async fn expire(engine: &Engine) -> Result<bool, MailError> {
    let mut tx = engine.db.read().await?;
    let old = messages::to_expire(&mut tx, engine.now_ms(), BATCH).await?;
    drop(tx);
    let mut done = 0;
    for (tenant, id) in &old {
        match end_expired(engine, *tenant, *id).await {
            Ok(()) => done += 1,
            Err(error) => {
                tracing::error!(%tenant, message = %id, %error, "a mail that is of no more use cannot be ended")
            }
        }
    }
    Ok(done > 0 && old.len() as i64 == BATCH)
}

async fn end_expired(engine: &Engine, tenant: TenantId, id: MessageId) -> Result<(), MailError> {
    let mut tx = engine.db.begin().await?;
    Keys::open(engine, &mut tx, tenant).await?;
    if let Some(message) = messages::get(&mut tx, tenant, id).await? {
        end(engine, &mut tx, tenant, &message, State::Expired, Reason::Past).await?;
    }
    Ok(tx.commit().await?)
}
