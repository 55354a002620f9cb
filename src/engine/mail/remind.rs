//! Reminders: proposed early enough that their user can decide, each for itself.
//!
//! A subject knows when it has to be looked at next. What was proposed is not proposed again, so a job that runs late, or twice,
//! does no harm; what is due already is not proposed at all.
use super::desk::Desk;
use super::family::Family;
use super::propose::{Asked, end, propose};
use super::{MailError, compare};
use crate::domain::ids::{MessageId, TenantId};
use crate::domain::mail::{Kind, Reason, State};
use crate::domain::recurrence;
use crate::domain::time::OriginalStart;
use crate::engine::Engine;
use crate::store::Tx;
use crate::store::mail::messages;
use crate::store::mail::subjects::{self, SubjectRow};
use crate::templates::mail::MailTemplates;
use chrono::{DateTime, TimeDelta};

/// Subjects looked at in one go.
const BATCH: i64 = 50;
/// When a subject is looked at again that could not be, ms: its tenant has no mail server, or a row cannot be understood.
const LATER: i64 = 5 * 60_000;
/// When a series is looked at again of which so many occurrences come that none has to be asked about yet, ms.
const NEXT_DAY: i64 = 24 * 60 * 60_000;
/// Occurrences of a series that are looked at; the next look comes before the last of them.
const AHEAD: usize = 50;

/// Proposes the reminders whose users have to be asked by now. Returns whether there may be more.
pub async fn remind_due(engine: &Engine) -> Result<bool, MailError> {
    let mut tx = engine.db.read().await?;
    let due = subjects::to_remind(&mut tx, engine.now_ms(), BATCH).await?;
    drop(tx);
    let mut done = 0;
    for (tenant, id) in &due {
        match Box::pin(remind(engine, *tenant, *id)).await {
            Ok(()) => done += 1,
            Err(error) => {
                tracing::error!(%tenant, subject = %id, %error, "a reminder cannot be proposed; it is tried again");
                let mut tx = engine.db.begin().await?;
                subjects::set_remind_at(&mut tx, *tenant, *id, Some(engine.now_ms() + LATER)).await?;
                tx.commit().await?;
            }
        }
    }
    Ok(done > 0 && due.len() as i64 == BATCH)
}

async fn remind(engine: &Engine, tenant: TenantId, id: MessageId) -> Result<(), MailError> {
    let mut tx = engine.db.begin().await?;
    let desk = Desk::open(engine, &mut tx, tenant).await?;
    let Some(mut subject) = subjects::get(&mut tx, tenant, id).await? else {
        return Ok(());
    };
    let family = match &desk {
        Some(desk) => Family::rooted(&mut tx, desk, subject.booking_id).await?,
        None => None,
    };
    subject.remind_at = Some(engine.now_ms() + LATER);
    if let (Some(desk), Some(family)) = (desk, family) {
        subject.remind_at = None;
        let content = compare::content(engine, tenant, &subject)?;
        let now = family.told(subject.original_start, &subject.recipient_key);
        // What changed meanwhile is considered soon, and its reminders with it.
        if now.is_some_and(|now| now.takes_place && now.says_the_same(&content)) {
            let templates = desk.templates(engine);
            of_subject(
                engine,
                &mut tx,
                &desk,
                &templates,
                &family,
                &mut subject,
                &mut Vec::new(),
            )
            .await?;
        }
    }
    subjects::set_remind_at(&mut tx, tenant, id, subject.remind_at).await?;
    Ok(tx.commit().await?)
}

/// Proposes what has to be asked about by now, ends what the tenant's offsets do not ask for any more, and notes when to look again.
/// The subject is what its family says now.
pub(super) async fn of_subject(
    engine: &Engine,
    tx: &mut Tx,
    desk: &Desk,
    templates: &MailTemplates,
    family: &Family,
    subject: &mut SubjectRow,
    made: &mut Vec<MessageId>,
) -> Result<(), MailError> {
    let (now, lead) = (engine.now_ms(), engine.mail.prompt_lead);
    subject.remind_at = None;
    if !subject.is_wished {
        return Ok(());
    }
    for message in messages::open_of_booking(tx, desk.tenant, subject.booking_id).await? {
        let is_asked_for = desk
            .reminders
            .minutes()
            .iter()
            .any(|minutes| i64::from(*minutes) == message.offset_minutes);
        let is_reminder = message.subject_id == Some(subject.id) && message.kind == Kind::Reminder.as_str();
        if is_reminder && !is_asked_for {
            end(engine, tx, desk.tenant, &message, State::Superseded, Reason::Changed).await?;
        }
    }
    let known = messages::reminders_of(tx, desk.tenant, subject.id, subject.mail_version).await?;
    let longest = desk
        .reminders
        .minutes()
        .first()
        .map_or(0, |minutes| i64::from(*minutes) * 60_000);
    let starts = starts(family, subject, now, longest + lead);
    let may_be_more = starts.len() == AHEAD;
    for start in starts {
        let Some(told) = family
            .told(start, &subject.recipient_key)
            .filter(|told| told.takes_place)
        else {
            continue;
        };
        let Some(customer) = family.readers(start, &subject.recipient_key).first().copied() else {
            continue;
        };
        let begins = told.when.span.starts(family.day_zone).timestamp_millis();
        for offset in desk.reminders.minutes() {
            let due_at = begins - i64::from(*offset) * 60_000;
            if due_at <= now || known.contains(&(start, i64::from(*offset))) {
                continue;
            }
            if due_at - lead > now {
                let at = due_at - lead;
                subject.remind_at = Some(subject.remind_at.map_or(at, |other| other.min(at)));
                continue;
            }
            let asked = Asked {
                kind: Kind::Reminder,
                start,
                customer,
                told: &told,
                before: None,
                offset: *offset,
                due_at,
            };
            made.extend(propose(engine, tx, desk, templates, family, subject, &asked).await?);
        }
    }
    if may_be_more {
        subject.remind_at = Some(subject.remind_at.map_or(now + NEXT_DAY, |at| at.min(now + NEXT_DAY)));
    }
    Ok(())
}

/// What a subject reminds of: itself, or the next occurrences of its series that have no subject of their own.
fn starts(family: &Family, subject: &SubjectRow, now: i64, ahead: i64) -> Vec<Option<OriginalStart>> {
    let series = family.booking.as_ref().filter(|booking| booking.is_series());
    let (None, Some(series)) = (subject.original_start, series) else {
        return vec![subject.original_start];
    };
    let from = DateTime::from_timestamp_millis(now).unwrap_or_default();
    // Far enough that the next one is found even in a yearly series.
    let range = from..from + TimeDelta::milliseconds(ahead) + TimeDelta::days(366 * 5);
    let Ok(found) = recurrence::expand(&series.content.when, range, family.day_zone, AHEAD) else {
        return Vec::new();
    };
    let has_own = |start: OriginalStart| {
        let mut subjects = family.subjects.iter();
        subjects.any(|other| other.original_start == Some(start) && other.recipient_key == subject.recipient_key)
    };
    let starts = found.into_iter().map(|occurrence| occurrence.original_start);
    starts.filter(|start| !has_own(*start)).map(Some).collect()
}
