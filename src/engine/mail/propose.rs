//! One message: how it is proposed, and how it ends before it is handed over.
use super::desk::Desk;
use super::family::Family;
use super::letter::{self, Draft};
use super::{MailError, compare};
use crate::domain::ids::{CustomerId, MessageId, TenantId};
use crate::domain::mail::{Kind, Letter, Mailbox, Reason, State, Told};
use crate::domain::time::OriginalStart;
use crate::engine::Engine;
use crate::engine::ledger::{self, Event};
use crate::store::mail::messages::{self, MessageRow};
use crate::store::mail::subjects::SubjectRow;
use crate::store::mail::suppressions;
use crate::store::{Tx, accounts, placements, users};
use crate::templates::mail::MailTemplates;

/// A mail that is to be proposed.
pub(super) struct Asked<'a> {
    pub(super) kind: Kind,
    /// Which occurrence it is about.
    pub(super) start: Option<OriginalStart>,
    /// Whom it names.
    pub(super) customer: CustomerId,
    pub(super) told: &'a Told,
    pub(super) before: Option<&'a Told>,
    /// Of a reminder: minutes before the start.
    pub(super) offset: u32,
    /// Not sent before, ms; 0: at once.
    pub(super) due_at: i64,
}

/// Renders and stores a proposal, unless nobody could use it. Returns its id.
pub(super) async fn propose(
    engine: &Engine,
    tx: &mut Tx,
    desk: &Desk,
    templates: &MailTemplates,
    family: &Family,
    subject: &SubjectRow,
    asked: &Asked<'_>,
) -> Result<Option<MessageId>, MailError> {
    let (tenant, now) = (desk.tenant, engine.now_ms());
    let expires_at = expiry(desk, family, asked);
    if expires_at <= now || asked.told.address.is_empty() {
        return Ok(None);
    }
    let account = accounts::live_of_user(tx, tenant, subject.user_id).await?;
    if accounts::is_mail_paused(tx, tenant, subject.user_id).await?
        || suppressions::has(tx, tenant, &subject.recipient_key).await?
    {
        return Ok(None);
    }
    let user = users::get(tx, tenant, subject.user_id).await?;
    let user = Mailbox {
        name: user.as_ref().map(|user| user.name.clone()).unwrap_or_default(),
        address: match (&account, &user) {
            (Some(account), _) => account.email.clone(),
            (None, Some(user)) => user.email.clone(),
            (None, None) => String::new(),
        },
    };
    let id = MessageId(engine.fresh_uuid());
    let customer = family.people.get(&asked.customer).cloned().unwrap_or_default();
    let row = family.row(asked.start).or(family.booking.as_ref());
    let series = asked
        .start
        .and(family.booking.as_ref())
        .map(|series| series.content.when.span);
    let draft = Draft {
        id,
        kind: asked.kind,
        booking: family.root,
        start: asked.start,
        series,
        told: asked.told,
        before: asked.before,
        sequence: subject.mail_version,
        customer: &customer,
        user: &user,
        description: row
            .map(|row| row.content.description.clone())
            .filter(|_| asked.told.title.is_some()),
        day_zone: family.day_zone,
    };
    let written = letter::write(engine, desk, templates, &draft);
    let letter = match &written {
        Ok(letter) => Some(letter),
        Err(error) => {
            tracing::error!(%tenant, message = %id, %error, "a mail cannot be written; it is kept as failed");
            None
        }
    };
    let message = MessageRow {
        id,
        class: "customer".to_owned(),
        kind: asked.kind.to_string(),
        user_id: Some(subject.user_id),
        subject_id: Some(subject.id),
        booking_id: Some(family.root),
        original_start: asked.start,
        customer_id: Some(asked.customer),
        mail_version: subject.mail_version,
        offset_minutes: i64::from(asked.offset),
        state: if letter.is_some() {
            State::Proposed
        } else {
            State::Failed
        },
        reason: letter.is_none().then(|| Reason::Unwritable.to_string()),
        recipient_key: subject.recipient_key.clone(),
        content_hash: letter.map(|letter| letter.hash().to_vec()).unwrap_or_default(),
        letter_sealed: letter.map(|letter| seal_letter(engine, tenant, id, letter)),
        content_sealed: Some(compare::seal_of_message(engine, tenant, id, asked.told)),
        settle_until: now + engine.mail.settle,
        prompted_at: None,
        due_at: asked.due_at,
        expires_at,
        attempts: 0,
        next_attempt_at: asked.due_at,
        answer: None,
        created_at: now,
        updated_at: now,
    };
    if !messages::insert(tx, tenant, &message).await? {
        return Ok(None);
    }
    crate::store::changes::record(tx, tenant, "message", &id.to_string()).await?;
    let Some(letter) = letter else { return Ok(None) };
    // A customer may be a user too: what their calendar makes of the mail is this booking, when it comes back through Google.
    placements::identify(tx, tenant, &desk.uid(family.root), None, family.root).await?;
    let event = Event::Proposed {
        message: id,
        booking: family.root,
        user: subject.user_id,
        kind: asked.kind.as_str(),
        recipient_key: &subject.recipient_key,
        address: &letter.to.address,
        content_hash: letter.hash(),
        expires_at,
    };
    ledger::append(engine, tx, tenant, event).await?;
    Ok(Some(id))
}

pub(super) fn seal_letter(engine: &Engine, tenant: TenantId, id: MessageId, letter: &Letter) -> Vec<u8> {
    // A letter always serializes: it holds texts.
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(letter).unwrap_or_default());
    engine.seal("messages", "letter_sealed", tenant, &id.to_string(), &plain)
}

/// Until when a mail is of use: its booking's start; of a series, the end of its last occurrence; of a reminder, the next one.
fn expiry(desk: &Desk, family: &Family, asked: &Asked<'_>) -> i64 {
    let start = |told: &Told| match told.when.recurrence.is_empty() {
        true => told.when.span.starts(family.day_zone).timestamp_millis(),
        false => crate::domain::recurrence::last_end(&told.when, family.day_zone)
            .map_or(i64::MAX, |last| last.timestamp_millis()),
    };
    match (asked.kind, asked.before) {
        (Kind::Reminder, _) => start(asked.told) - i64::from(desk.reminders.until(asked.offset)) * 60_000,
        (Kind::Cancellation, Some(before)) => start(before),
        // Who waits at the old time must hear of it as long as either is ahead.
        (Kind::Update, Some(before)) => start(asked.told).max(start(before)),
        _ => start(asked.told),
    }
}

/// Ends a message that waits or may be sent. `false`: it was ended, or taken in hand, meanwhile.
pub(super) async fn end(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    message: &MessageRow,
    to: State,
    reason: Reason,
) -> Result<bool, MailError> {
    if !message.state.is_open()
        || !messages::advance(tx, tenant, message.id, message.state, to, Some(reason), engine.now_ms()).await?
    {
        return Ok(false);
    }
    crate::store::changes::record(tx, tenant, "message", &message.id.to_string()).await?;
    let (message, by) = (message.id, if reason == Reason::User { "user" } else { "engine" });
    let by = if reason == Reason::Suppressed { "customer" } else { by };
    let event = match to {
        State::Superseded => Event::Superseded { message },
        State::Expired => Event::Expired { message },
        _ => Event::Withdrawn {
            message,
            by,
            reason: reason.as_str(),
        },
    };
    ledger::append(engine, tx, tenant, event).await?;
    Ok(true)
}
