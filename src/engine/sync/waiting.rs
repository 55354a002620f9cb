//! What stops at a person: questions, conflict records, quarantine.
use super::settle::{Known, Seen};
use super::{PassReport, SyncError, context::Context};
use crate::domain::event::{Event, EventState, Words};
use crate::domain::ids::{BookingId, ConflictId, EventId, QuarantineId, QuestionId};
use crate::domain::merge::{FieldConflict, Waiting};
use crate::store::conflicts::{self, ConflictRow};
use crate::store::quarantine::{self, QuarantineRow};
use crate::store::questions::{self, QuestionRow};
use crate::store::{Tx, changes, placements, states};
use serde_json::json;

/// Asks the booking's user, unless exactly this is asked already.
pub(super) async fn ask(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &Known,
    why: Waiting,
    fields: &[FieldConflict],
    seen: Seen<'_>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (tenant, key) = (context.tenant(), context.key());
    let engine = context.engine;
    let subject = known.booking_id().to_string();
    let etag = match seen {
        Seen::Event(event) => event.etag.clone(),
        _ => known.placement.etag.clone(),
    };
    let basis = json!({"version": known.version(), "etag": etag});
    if let Some(open) = questions::open_about(tx, tenant, &key.calendar, &subject).await? {
        let detail = engine.open(
            "questions",
            "detail_sealed",
            tenant,
            &open.id.to_string(),
            &open.detail_sealed,
        )?;
        let same = serde_json::from_slice::<serde_json::Value>(&detail).is_ok_and(|detail| detail["basis"] == basis);
        if same && open.kind == why.as_str() {
            return Ok(());
        }
        questions::withdraw(tx, tenant, &key.calendar, &subject, engine.now_ms()).await?;
        conflicts::decide_open(tx, tenant, known.booking_id(), None, engine.now_ms()).await?;
    }
    let choices: &[&str] = match why {
        Waiting::Conflict => &["app", "google"],
        Waiting::Guests => &["push", "revert"],
        _ => &["apply", "keep"],
    };
    let shown: Vec<_> = fields
        .iter()
        .map(|f| json!({"field": f.field, "base": f.base, "app": f.app, "google": f.google}))
        .collect();
    let detail = json!({
        "booking_id": subject,
        "title": known.text().filter(|_| known.placement.words == Words::Shared).map(|text| &text.title),
        "app": known.text().and_then(|text| text.content().ok()).map(|content| json!({"when": content.when, "status": content.status})),
        "google": google_side(seen),
        "fields": shown,
        "basis": basis,
    });
    let id = QuestionId(engine.fresh_uuid());
    let question = QuestionRow {
        id,
        kind: why.as_str().to_owned(),
        addressee: "user".to_owned(),
        user_id: Some(known.owner(context)),
        account_id: key.account,
        calendar_id: key.calendar.clone(),
        subject_id: subject,
        choices: choices.iter().map(|choice| (*choice).to_owned()).collect(),
        detail_sealed: engine.seal(
            "questions",
            "detail_sealed",
            tenant,
            &id.to_string(),
            detail.to_string().as_bytes(),
        ),
        state: "open".to_owned(),
        answer: None,
        answered_by: None,
        created_at: engine.now_ms(),
        answered_at: None,
    };
    if questions::insert(tx, tenant, &question).await? {
        changes::record(tx, tenant, "question", &id.to_string()).await?;
        report.waiting += 1;
        let reason = Some(why.as_str().to_owned());
        report.step_because("ask", Some(known.booking_id()), Some(&known.placement.event_id), reason);
        for field in fields {
            record_conflict(tx, context, known, field, report).await?;
        }
    }
    Ok(())
}

/// Whether the open question about a booking was asked about this version of its row.
pub(super) async fn asks_about(
    tx: &mut Tx,
    context: &Context<'_>,
    booking: BookingId,
    version: i64,
) -> Result<bool, SyncError> {
    let tenant = context.tenant();
    let subject = booking.to_string();
    let Some(open) = questions::open_about(tx, tenant, &context.key().calendar, &subject).await? else {
        return Ok(false);
    };
    let id = open.id.to_string();
    let detail = context
        .engine
        .open("questions", "detail_sealed", tenant, &id, &open.detail_sealed)?;
    Ok(serde_json::from_slice::<serde_json::Value>(&detail).is_ok_and(|detail| detail["basis"]["version"] == version))
}

fn google_side(seen: Seen<'_>) -> serde_json::Value {
    match seen {
        Seen::Event(Event {
            state: EventState::Live(content),
            ..
        }) => json!({"when": content.when, "status": "confirmed"}),
        Seen::Event(_) | Seen::Gone => json!({"status": "cancelled"}),
        Seen::Unchanged => serde_json::Value::Null,
    }
}

/// Keeps both values of a field.
pub(super) async fn record_conflict(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &Known,
    conflict: &FieldConflict,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (engine, tenant) = (context.engine, context.tenant());
    let id = ConflictId(engine.fresh_uuid());
    let values = json!({"base": conflict.base, "app": conflict.app, "google": conflict.google}).to_string();
    // Bound to the booking, so that all conflicts of a booking can be erased with one value.
    let sealed = engine.seal(
        "conflicts",
        "values_sealed",
        tenant,
        &known.booking_id().to_string(),
        values.as_bytes(),
    );
    let row = ConflictRow {
        id,
        booking_id: Some(known.booking_id()),
        customer_id: None,
        user_id: known.owner(context),
        field: conflict.field.as_str().to_owned(),
        policy: conflict.rule.to_owned(),
        winner: conflict.winner.map(|side| side.as_str().to_owned()),
        values_sealed: sealed,
        state: if conflict.winner.is_some() { "decided" } else { "open" }.to_owned(),
        created_at: engine.now_ms(),
        resolved_at: conflict.winner.map(|_| engine.now_ms()),
    };
    conflicts::insert(tx, tenant, &row).await?;
    changes::record(tx, tenant, "conflict", &id.to_string()).await?;
    report.conflicts += 1;
    let reason = Some(format!("{}: {}", row.field, row.winner.as_deref().unwrap_or("asked")));
    report.step_because(
        "record a conflict",
        Some(known.booking_id()),
        Some(&known.placement.event_id),
        reason,
    );
    Ok(())
}

/// A placement has stopped waiting: what was asked about it is void or done.
pub(super) async fn no_longer(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &Known,
    answer: Option<String>,
) -> Result<(), SyncError> {
    let (tenant, now) = (context.tenant(), context.engine.now_ms());
    let subject = known.booking_id().to_string();
    questions::withdraw(tx, tenant, &context.key().calendar, &subject, now).await?;
    conflicts::decide_open(tx, tenant, known.booking_id(), answer.as_deref(), now).await?;
    Ok(())
}

/// Sets an event aside, and with it what its booking holds now.
pub(super) async fn refuse_event(
    tx: &mut Tx,
    context: &Context<'_>,
    event: &EventId,
    reason: &str,
    payload: Option<&str>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let id = QuarantineId(context.engine.fresh_uuid());
    let sealed = payload.map(|payload| {
        context.engine.seal(
            "quarantine",
            "payload_sealed",
            context.tenant(),
            event.as_str(),
            payload.as_bytes(),
        )
    });
    let (tenant, calendar) = (context.tenant(), &context.key().calendar);
    let version = match placements::get(tx, tenant, calendar, event).await? {
        Some(placement) => {
            let state = states::get_many(tx, tenant, &[placement.booking_id]).await?.pop();
            state.map_or(0, |state| state.version)
        }
        None => 0,
    };
    let item = event.as_str().to_owned();
    put(tx, context, id, "google", item, reason, sealed, version).await?;
    report.quarantined += 1;
    report.step_because("set the event aside", None, Some(event), Some(reason.to_owned()));
    Ok(())
}

/// Sets a booking aside until its row changes.
pub(super) async fn refuse_row(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &Known,
    reason: &str,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let id = QuarantineId(context.engine.fresh_uuid());
    let booking = known.booking_id();
    put(
        tx,
        context,
        id,
        "app",
        booking.to_string(),
        reason,
        None,
        known.version(),
    )
    .await?;
    report.quarantined += 1;
    report.step_because("set the booking aside", Some(booking), None, Some(reason.to_owned()));
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
async fn put(
    tx: &mut Tx,
    context: &Context<'_>,
    id: QuarantineId,
    side: &str,
    item_id: String,
    reason: &str,
    payload_sealed: Option<Vec<u8>>,
    version: i64,
) -> Result<(), SyncError> {
    let row = QuarantineRow {
        id,
        account_id: context.key().account,
        calendar_id: context.key().calendar.clone(),
        side: side.to_owned(),
        item_id,
        reason: reason.to_owned(),
        payload_sealed,
        version,
        created_at: context.engine.now_ms(),
    };
    Ok(quarantine::put(tx, context.tenant(), &row).await?)
}

/// An item that was set aside is understood now.
pub(super) async fn release(tx: &mut Tx, context: &Context<'_>, side: &str, item: &str) -> Result<(), SyncError> {
    if context.quarantined.contains_key(&(side.to_owned(), item.to_owned())) {
        let key = context.key();
        quarantine::release(tx, key.tenant, key.account, &key.calendar, side, item).await?;
    }
    Ok(())
}
