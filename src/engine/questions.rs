//! Questions: listing them, and taking a person's answer.
//!
//! An answer says who wins; the next pass of the calendar, or of the contacts, acts on it, merging with what both sides hold then. What is
//! addressed to the user is answered by the user alone; the admin, the command line and the tenant's key answer what is
//! addressed to the admin, and a tenant's key may decline for the user, because declining changes nothing in Google.
//!
//! `contacts.rs`: what answers about customers and contacts mean
mod contacts;

use super::Engine;
use crate::domain::ids::{AccountId, BookingId, CalendarId, QuestionId, TenantId, UserId};
use crate::domain::merge::Waiting;
use crate::domain::seal::SealError;
use crate::store::questions::{self, QuestionRow};
use crate::store::scopes::ScopeKind;
use crate::store::{StoreError, Tx, changes, placements, scopes};
use serde::Serialize;
use serde_json::Value;

/// A question as a person sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Question {
    /// Id.
    pub id: QuestionId,
    /// `conflict`, `cancel`, `move`, `guests`, `brake` or `match`: which customer a contact is, if any.
    pub kind: String,
    /// `user` or `admin`.
    pub addressee: String,
    /// The user it is about.
    pub user_id: Option<UserId>,
    /// Account.
    pub account_id: AccountId,
    /// Whether it is about a calendar or about the contacts of the account.
    pub scope: ScopeKind,
    /// Calendar; empty for the contacts.
    pub calendar_id: CalendarId,
    /// What is asked about: booking or customer, both sides, contact and candidates, count. Its fields depend on the kind.
    pub detail: Value,
    /// The words that may be answered.
    pub choices: Vec<String>,
    /// `open`, `answered` or `withdrawn`.
    pub state: String,
    /// What was answered.
    pub answer: Option<String>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    /// A user who has signed in.
    User(UserId),
    /// The tenant's admin.
    Admin,
    /// The app, with the tenant's key.
    TenantKey,
    /// The operator.
    CommandLine,
}

impl Answerer {
    fn as_str(self) -> &'static str {
        match self {
            Answerer::User(_) => "user",
            Answerer::Admin => "admin",
            Answerer::TenantKey => "tenant_key",
            Answerer::CommandLine => "command_line",
        }
    }

    /// Whether this answer may come from here.
    ///
    /// Declining leaves both sides as they are, so the tenant's key may do it. So may it, and the command line, say who a
    /// contact is: both the contact and the customer are already the user's own and within what the user lets be
    /// synchronised, the app's people know their customers best, and a wrong answer can be undone by unlinking.
    fn may(self, question: &QuestionRow, answer: &str) -> bool {
        match self {
            Answerer::User(user) => question.addressee == "user" && question.user_id == Some(user),
            Answerer::Admin => question.addressee == "admin",
            Answerer::CommandLine | Answerer::TenantKey => {
                question.addressee == "admin" || question.kind == "match" || declines(answer)
            }
        }
    }
}

fn declines(answer: &str) -> bool {
    // "keep" would bring an event back, or move it back, in the user's calendar.
    matches!(answer, "revert" | "reject")
}

/// Why an answer was not taken. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// There is no such question in this tenant, or it is another user's.
    #[error("there is no such question")]
    NotFound,
    /// It was answered or withdrawn meanwhile.
    #[error("this question is not open any more; list the questions again")]
    NotOpen,
    /// The word is none of the choices.
    #[error("answer: `{given}` is none of {}", choices.join(", "))]
    NotAChoice {
        /// What was given.
        given: String,
        /// What would be taken.
        choices: Vec<String>,
    },
    /// The customer that a contact shall be is gone.
    #[error("there is no such customer any more; choose another one, or answer `separate`")]
    NoSuchCustomer,
    /// The question is addressed to somebody else.
    #[error("this question is addressed to the {0}, who alone can answer it so")]
    NotYours(String),
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The question cannot be read.
    #[error("{0}")]
    Seal(#[from] SealError),
}

/// What a list of questions is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct QuestionFilter {
    /// About this user's bookings and customers.
    pub user: Option<UserId>,
    /// `open`, `answered` or `withdrawn`.
    pub state: Option<String>,
}

/// Questions of a tenant, oldest first, after a given one.
pub async fn list(
    engine: &Engine,
    tenant: TenantId,
    filter: &QuestionFilter,
    after: Option<QuestionId>,
    limit: i64,
) -> Result<Vec<Question>, AnswerError> {
    let mut tx = engine.db.read().await?;
    let rows = questions::list(&mut tx, tenant, filter.user, filter.state.as_deref(), after, limit).await?;
    rows.into_iter().map(|row| shown(engine, tenant, row)).collect()
}

/// One question.
pub async fn get(engine: &Engine, tenant: TenantId, id: QuestionId) -> Result<Question, AnswerError> {
    let mut tx = engine.db.read().await?;
    let row = questions::get(&mut tx, tenant, id)
        .await?
        .ok_or(AnswerError::NotFound)?;
    shown(engine, tenant, row)
}

fn shown(engine: &Engine, tenant: TenantId, row: QuestionRow) -> Result<Question, AnswerError> {
    let detail = engine.open(
        "questions",
        "detail_sealed",
        tenant,
        &row.id.to_string(),
        &row.detail_sealed,
    )?;
    let mut detail: Value = serde_json::from_slice(&detail).unwrap_or(Value::Null);
    if let Some(fields) = detail.as_object_mut() {
        fields.remove("basis");
    }
    Ok(Question {
        id: row.id,
        kind: row.kind,
        addressee: row.addressee,
        user_id: row.user_id,
        account_id: row.account_id,
        scope: ScopeKind::of(&row.calendar_id),
        calendar_id: row.calendar_id,
        detail,
        choices: row.choices,
        state: row.state,
        answer: row.answer,
        created_at: row.created_at,
    })
}

/// Takes an answer and makes the account's scopes due, so that it is acted on at once.
pub async fn answer(
    engine: &Engine,
    tenant: TenantId,
    id: QuestionId,
    answer: &str,
    by: Answerer,
) -> Result<(), AnswerError> {
    let mut tx = engine.db.begin().await?;
    let question = questions::get(&mut tx, tenant, id)
        .await?
        .ok_or(AnswerError::NotFound)?;
    if matches!(by, Answerer::User(user) if question.user_id != Some(user)) {
        return Err(AnswerError::NotFound);
    }
    if !question.choices.iter().any(|choice| choice == answer) {
        return Err(AnswerError::NotAChoice {
            given: answer.to_owned(),
            choices: question.choices,
        });
    }
    if !by.may(&question, answer) {
        return Err(AnswerError::NotYours(question.addressee));
    }
    if !questions::answer(&mut tx, tenant, id, answer, by.as_str(), engine.now_ms()).await? {
        return Err(AnswerError::NotOpen);
    }
    match question.kind.as_str() {
        _ if ScopeKind::of(&question.calendar_id) == ScopeKind::Contacts => {
            contacts::note(&mut tx, engine, tenant, &question, answer).await?;
        }
        "brake" => answer_brake(&mut tx, engine, tenant, &question, answer).await?,
        kind => {
            let (waiting, winner) = verdict(kind, answer);
            let booking: Option<BookingId> = question.subject_id.parse().ok();
            placements::set_answer(&mut tx, tenant, booking.as_slice(), waiting, winner).await?;
        }
    }
    scopes::make_due(&mut tx, tenant, question.account_id).await?;
    changes::record(&mut tx, tenant, "question", &id.to_string()).await?;
    tx.commit().await?;
    Ok(())
}

/// What an answer means: what the placement waits for, and who wins.
fn verdict(kind: &str, answer: &str) -> (Waiting, &'static str) {
    match (kind, answer) {
        ("cancel", "apply") => (Waiting::Cancel, "google"),
        ("cancel", _) => (Waiting::Cancel, "app"),
        ("move", "apply") => (Waiting::Move, "google"),
        ("move", _) => (Waiting::Move, "app"),
        ("guests", "push") => (Waiting::Guests, "app"),
        ("guests", _) => (Waiting::Guests, "google"),
        (_, "google") => (Waiting::Conflict, "google"),
        _ => (Waiting::Conflict, "app"),
    }
}

/// A held removal that is approved is carried out; one that is rejected is undone on the side that removed: what Google
/// cancelled is brought back there, what the app deleted is put back here.
async fn answer_brake(
    tx: &mut Tx,
    engine: &Engine,
    tenant: TenantId,
    question: &QuestionRow,
    answer: &str,
) -> Result<(), AnswerError> {
    let detail = engine.open(
        "questions",
        "detail_sealed",
        tenant,
        &question.id.to_string(),
        &question.detail_sealed,
    )?;
    let detail: Value = serde_json::from_slice(&detail).unwrap_or(Value::Null);
    let ids = detail["booking_ids"].as_array().cloned().unwrap_or_default();
    let ids: Vec<BookingId> = ids.iter().filter_map(|id| id.as_str()?.parse().ok()).collect();
    let rows = crate::store::bookings::get_many(tx, tenant, &ids).await?;
    // A booking that is still confirmed is held because Google removed its event; any other because the app did.
    let confirmed: Vec<BookingId> = rows
        .iter()
        .filter(|row| row.text.status == "confirmed")
        .map(|row| row.id)
        .collect();
    let removed_in_app: Vec<BookingId> = ids.into_iter().filter(|id| !confirmed.contains(id)).collect();
    let approved = answer == "approve";
    let (google, app) = if approved { ("google", "app") } else { ("app", "google") };
    placements::set_answer(tx, tenant, &confirmed, Waiting::Brake, google).await?;
    placements::set_answer(tx, tenant, &removed_in_app, Waiting::Brake, app).await?;
    Ok(())
}
