//! What stops at a person: questions, conflict records, quarantine.
use super::context::Context;
use super::settle::Known;
use crate::domain::customer::Details;
use crate::domain::ids::{ConflictId, CustomerId, QuarantineId, QuestionId};
use crate::domain::people::merge::PersonConflict;
use crate::engine::sync::{PassReport, SyncError};
use crate::google::people::{Broken, Person};
use crate::store::conflicts::{self, ConflictRow};
use crate::store::customers::CustomerRow;
use crate::store::quarantine::{self, QuarantineRow};
use crate::store::questions::{self, QuestionRow};
use crate::store::{Tx, changes, contact_matches};
use serde_json::{Value, json};

/// Asks the customer's user who wins, unless exactly this is asked already.
pub(super) async fn ask_conflict(
    tx: &mut Tx,
    context: &Context<'_>,
    row: &CustomerRow,
    person: &Person,
    found: &[PersonConflict],
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (engine, tenant) = (context.engine, context.tenant());
    let subject = row.id.to_string();
    let basis = json!({"version": row.version, "etag": person.etag});
    if let Some(open) = questions::open_in_scope(tx, context.key(), &subject).await? {
        let id = open.id.to_string();
        let detail = engine.open("questions", "detail_sealed", tenant, &id, &open.detail_sealed)?;
        if serde_json::from_slice::<Value>(&detail).is_ok_and(|detail| detail["basis"] == basis) {
            return Ok(());
        }
        no_longer(tx, context, row.id, None).await?;
    }
    let fields: Vec<Value> = found
        .iter()
        .map(|f| json!({"field": f.field, "base": f.base, "app": f.app, "google": f.google}))
        .collect();
    let name = row.text.details().map(|details| name_of(&details)).unwrap_or_default();
    let detail = json!({"customer_id": subject, "name": name, "fields": fields, "basis": basis});
    let choices = vec!["app".to_owned(), "google".to_owned()];
    if ask(tx, context, ("conflict", "user"), subject, choices, &detail).await? {
        report.waiting += 1;
        report.person_step(
            "ask",
            Some(row.id),
            Some(&person.resource_name),
            Some("conflict".to_owned()),
        );
        for conflict in found {
            record_conflict(tx, context, row.id, conflict, report).await?;
        }
    }
    Ok(())
}

/// Asks the user which of these customers a contact is, if any.
pub(super) async fn ask_match(
    tx: &mut Tx,
    context: &Context<'_>,
    person: &Person,
    candidates: &[&CustomerRow],
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (engine, key) = (context.engine, context.key());
    let ids: Vec<CustomerId> = candidates.iter().map(|row| row.id).collect();
    let known = candidates.iter().map(|row| {
        let mut shown = shown(&row.text.details().unwrap_or_default());
        shown["customer_id"] = row.id.to_string().into();
        shown
    });
    let detail = json!({
        "contact_id": person.resource_name,
        "contact": shown(&person.details),
        "candidates": known.collect::<Vec<_>>(),
    });
    let mut choices: Vec<String> = ids.iter().map(|id| format!("link:{id}")).collect();
    choices.push("separate".to_owned());
    if let Some(open) = questions::open_in_scope(tx, key, &person.resource_name).await? {
        let id = open.id.to_string();
        let asked = engine.open("questions", "detail_sealed", key.tenant, &id, &open.detail_sealed)?;
        if serde_json::from_slice::<Value>(&asked).is_ok_and(|asked| asked == detail) {
            return Ok(());
        }
        // Somebody has changed since it was asked about.
        withdraw(tx, context, &person.resource_name).await?;
    }
    contact_matches::set(tx, key.tenant, key.account, &person.resource_name, &ids).await?;
    if ask(
        tx,
        context,
        ("match", "user"),
        person.resource_name.clone(),
        choices,
        &detail,
    )
    .await?
    {
        report.waiting += 1;
        let reason = Some("may be one of the customers".to_owned());
        report.person_step("ask", None, Some(&person.resource_name), reason);
    }
    Ok(())
}

fn shown(details: &Details) -> Value {
    json!({
        "name": name_of(details),
        "emails": details.emails.iter().map(|email| &email.value).collect::<Vec<_>>(),
        "phones": details.phones.iter().map(|phone| &phone.value).collect::<Vec<_>>(),
    })
}

/// What a person is called in a question.
fn name_of(details: &Details) -> String {
    let name = format!("{} {}", details.given_name, details.family_name);
    match (name.trim(), details.organizations.first()) {
        ("", Some(organization)) => organization.name.clone(),
        (name, _) => name.to_owned(),
    }
}

/// Asks. Returns whether the question is new. `words` are its kind and its addressee.
pub(super) async fn ask(
    tx: &mut Tx,
    context: &Context<'_>,
    (kind, addressee): (&str, &str),
    subject_id: String,
    choices: Vec<String>,
    detail: &Value,
) -> Result<bool, SyncError> {
    let (engine, key) = (context.engine, context.key());
    let id = QuestionId(engine.fresh_uuid());
    let text = detail.to_string();
    let question = QuestionRow {
        id,
        kind: kind.to_owned(),
        addressee: addressee.to_owned(),
        user_id: Some(context.user()),
        account_id: key.account,
        calendar_id: key.calendar.clone(),
        subject_id,
        choices,
        detail_sealed: engine.seal(
            "questions",
            "detail_sealed",
            key.tenant,
            &id.to_string(),
            text.as_bytes(),
        ),
        state: "open".to_owned(),
        answer: None,
        answered_by: None,
        created_at: engine.now_ms(),
        answered_at: None,
    };
    let is_new = questions::insert(tx, key.tenant, &question).await?;
    if is_new {
        changes::record(tx, key.tenant, "question", &id.to_string()).await?;
    }
    Ok(is_new)
}

/// What was asked about a subject is void.
pub(super) async fn withdraw(tx: &mut Tx, context: &Context<'_>, subject: &str) -> Result<(), SyncError> {
    let tenant = context.tenant();
    if let Some(open) = questions::open_in_scope(tx, context.key(), subject).await? {
        questions::withdraw_one(tx, tenant, open.id, context.engine.now_ms()).await?;
        changes::record(tx, tenant, "question", &open.id.to_string()).await?;
    }
    Ok(())
}

/// A customer has stopped waiting for an answer: what was asked about it is void or done.
pub(super) async fn no_longer(
    tx: &mut Tx,
    context: &Context<'_>,
    customer: CustomerId,
    answer: Option<&str>,
) -> Result<(), SyncError> {
    withdraw(tx, context, &customer.to_string()).await?;
    let now = context.engine.now_ms();
    conflicts::decide_open_of_customer(tx, context.tenant(), customer, answer, now).await?;
    Ok(())
}

/// Keeps both values.
pub(super) async fn record_conflict(
    tx: &mut Tx,
    context: &Context<'_>,
    customer: CustomerId,
    conflict: &PersonConflict,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let values = json!({"base": conflict.base, "app": conflict.app, "google": conflict.google});
    let winner = conflict.winner.map(|side| side.as_str().to_owned());
    let state = if winner.is_some() || conflict.rule == "first_link" {
        "decided"
    } else {
        "open"
    };
    let words = (conflict.field.as_str(), conflict.rule, state);
    record(tx, context, customer, words, winner, &values, report).await
}

/// Keeps what was edited on one side when the other side deleted. `app` and `google` are what each still holds.
pub(super) async fn record_deletion(
    tx: &mut Tx,
    context: &Context<'_>,
    known: &Known,
    app: Option<&Details>,
    google: Option<&Details>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let json = |details: Option<&Details>| details.map_or(Value::Null, |details| json!(details));
    let values = json!({
        "base": json(known.link.base_local.as_ref()),
        "app": json(app),
        "google": json(google),
    });
    let policy = context.settings().conflict.as_str();
    let words = ("contact", policy, "decided");
    record(tx, context, known.link.customer_id, words, None, &values, report).await
}

async fn record(
    tx: &mut Tx,
    context: &Context<'_>,
    customer: CustomerId,
    (field, policy, state): (&str, &str, &str),
    winner: Option<String>,
    values: &Value,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    let (engine, tenant) = (context.engine, context.tenant());
    let id = ConflictId(engine.fresh_uuid());
    let text = values.to_string();
    let row = ConflictRow {
        id,
        booking_id: None,
        customer_id: Some(customer),
        user_id: context.user(),
        field: field.to_owned(),
        policy: policy.to_owned(),
        winner,
        values_sealed: engine.seal(
            "conflicts",
            "values_sealed",
            tenant,
            &customer.to_string(),
            text.as_bytes(),
        ),
        state: state.to_owned(),
        created_at: engine.now_ms(),
        resolved_at: (state == "decided").then(|| engine.now_ms()),
    };
    conflicts::insert(tx, tenant, &row).await?;
    changes::record(tx, tenant, "conflict", &id.to_string()).await?;
    report.conflicts += 1;
    let reason = Some(format!(
        "{field}: {}",
        row.winner.as_deref().unwrap_or("each keeps its own")
    ));
    report.person_step("record a conflict", Some(customer), None, reason);
    Ok(())
}

/// Sets a contact aside.
pub(super) async fn refuse_contact(
    tx: &mut Tx,
    context: &Context<'_>,
    broken: &Broken,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    // One without a name can be neither found nor tried again.
    let Some(name) = &broken.resource_name else {
        tracing::warn!(reason = broken.reason, "Google shows a contact without a name");
        return Ok(());
    };
    let tenant = context.tenant();
    let engine = context.engine;
    let sealed = engine.seal("quarantine", "payload_sealed", tenant, name, broken.raw.as_bytes());
    refuse_shown(tx, context, name, &broken.reason, Some(sealed), report).await
}

/// The same for one that can be read.
pub(super) async fn refuse_shown(
    tx: &mut Tx,
    context: &Context<'_>,
    contact: &str,
    reason: &str,
    payload_sealed: Option<Vec<u8>>,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    put(tx, context, ("google", contact), reason, payload_sealed, 0).await?;
    report.quarantined += 1;
    report.person_step("set the contact aside", None, Some(contact), Some(reason.to_owned()));
    Ok(())
}

/// Sets a customer aside until its row changes.
pub(super) async fn refuse_customer(
    tx: &mut Tx,
    context: &Context<'_>,
    customer: CustomerId,
    version: i64,
    reason: &str,
    report: &mut PassReport,
) -> Result<(), SyncError> {
    put(tx, context, ("app", &customer.to_string()), reason, None, version).await?;
    report.quarantined += 1;
    report.person_step("set the customer aside", Some(customer), None, Some(reason.to_owned()));
    Ok(())
}

async fn put(
    tx: &mut Tx,
    context: &Context<'_>,
    (side, item): (&str, &str),
    reason: &str,
    payload_sealed: Option<Vec<u8>>,
    version: i64,
) -> Result<(), SyncError> {
    let row = QuarantineRow {
        id: QuarantineId(context.engine.fresh_uuid()),
        account_id: context.key().account,
        calendar_id: context.key().calendar.clone(),
        side: side.to_owned(),
        item_id: item.to_owned(),
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
