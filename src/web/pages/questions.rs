//! The questions that wait for a user, in plain words, with their choices as buttons.
use super::browser::{Fields, field};
use super::me::{me_page, sent};
use super::problem::Failure;
use super::{Pages, see_other, when};
use crate::domain::ids::TenantId;
use crate::domain::people::words;
use crate::domain::time::When;
use crate::engine::connect::{ConnectError, Refusal};
use crate::engine::questions::{self, AnswerError, Answerer, Question, QuestionFilter};
use crate::store::accounts::Account;
use crate::store::scopes::ScopeKind;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum_extra::extract::CookieJar;
use minijinja::{Value, context};
use serde::Deserialize;

/// More than this at once is shown after some were answered.
const SHOWN: usize = 50;

impl From<AnswerError> for ConnectError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::NotOpen => Refusal::Used.into(),
            AnswerError::NotFound
            | AnswerError::NoSuchCustomer
            | AnswerError::NotAChoice { .. }
            | AnswerError::NotYours(_) => Refusal::Unknown.into(),
            AnswerError::Store(error) => error.into(),
            AnswerError::Seal(error) => error.into(),
        }
    }
}

/// What the user's page shows of the questions that are open for them, oldest first, and whether there are more than shown.
pub(super) async fn open(
    pages: &Pages,
    tenant: TenantId,
    account: &Account,
) -> Result<(Vec<Value>, bool), ConnectError> {
    let filter = QuestionFilter {
        user: Some(account.user_id),
        state: Some("open".to_owned()),
    };
    let found = questions::list(&pages.engine, tenant, &filter, None, SHOWN as i64 + 1).await?;
    let theirs = found.iter().filter(|question| question.addressee == "user");
    Ok((theirs.take(SHOWN).map(view).collect(), found.len() > SHOWN))
}

fn view(question: &Question) -> Value {
    let contacts = question.scope == ScopeKind::Contacts;
    let is_match = question.kind == "match";
    let named = |name: &serde_json::Value| name.as_str().filter(|name| !name.trim().is_empty()).map(str::to_owned);
    let title = match (is_match, contacts) {
        (true, _) => {
            named(&question.detail["contact"]["name"]).unwrap_or_else(|| "A contact without a name".to_owned())
        }
        (_, true) => named(&question.detail["name"]).unwrap_or_else(|| "A customer without a name".to_owned()),
        (_, false) => named(&question.detail["title"]).unwrap_or_else(|| "A booking without a name".to_owned()),
    };
    let (mut differences, mut when) = (differences(&question.detail["fields"]), None);
    if differences.is_empty() && !contacts {
        // Nobody contradicts: what is asked about is a time that moved, or a booking that takes place then.
        let side = |side: &str| side_words(&question.detail[side]["when"]);
        match (side("app"), side("google")) {
            (Some(app), Some(google)) if app != google => {
                differences.push(context! { field => field_words(Some("when")), app, google });
            }
            (app, google) => when = app.or(google),
        }
    }
    let choices: Vec<Value> = question
        .choices
        .iter()
        // A choice of a candidate is shown beside that candidate.
        .filter(|choice| !(is_match && choice.starts_with("link:")))
        .map(|choice| context! { answer => choice, words => choice_words(&question.kind, choice, contacts) })
        .collect();
    context! {
        id => question.id.to_string(),
        words => kind_words(&question.kind, contacts),
        contact => is_match.then(|| person(&question.detail["contact"])),
        candidates => if is_match { candidates(question) } else { Vec::new() },
        place => if contacts { "in your contacts" } else { "in your calendar" },
        title, when, differences, choices,
    }
}

/// The customers that a contact may be, each with its answer.
fn candidates(question: &Question) -> Vec<Value> {
    let known = question.detail["candidates"].as_array().into_iter().flatten();
    let known = known.filter_map(|candidate| {
        let answer = format!("link:{}", candidate["customer_id"].as_str()?);
        let name = candidate["name"].as_str().filter(|name| !name.trim().is_empty());
        let is_choice = question.choices.contains(&answer);
        is_choice.then(
            || context! { answer, name => name.unwrap_or("A customer without a name"), lines => person(candidate) },
        )
    });
    known.collect()
}

/// By what a person can be told from another one.
fn person(person: &serde_json::Value) -> Vec<String> {
    let lists = [&person["emails"], &person["phones"]];
    let values = lists.into_iter().filter_map(serde_json::Value::as_array).flatten();
    values.filter_map(words::value).collect()
}

fn differences(fields: &serde_json::Value) -> Vec<Value> {
    let rows = fields.as_array().into_iter().flatten().map(|difference| {
        let field = difference["field"].as_str();
        match field.and_then(words::field) {
            Some(field) => {
                let text = |side: &str| words::value(&difference[side]).unwrap_or_else(|| "nothing".to_owned());
                context! { field, app => text("app"), google => text("google") }
            }
            None => {
                let text = |side: &str| side_words(&difference[side]);
                context! { field => field_words(field), app => text("app"), google => text("google") }
            }
        }
    });
    rows.collect()
}

/// One side of a difference: a text, a time, or, where the other side has deleted the booking, the whole of it.
fn side_words(side: &serde_json::Value) -> Option<String> {
    if side == "cancelled" {
        return Some("deleted".to_owned());
    }
    if let Some(text) = side.as_str() {
        return Some(if text.is_empty() {
            "nothing".to_owned()
        } else {
            text.to_owned()
        });
    }
    if let Ok(time) = When::deserialize(side) {
        return Some(when::words(&time));
    }
    let title = side["title"].as_str()?;
    let time = When::deserialize(&side["when"]).ok()?;
    Some(format!("{title}, {}", when::words(&time)))
}

fn kind_words(kind: &str, contacts: bool) -> &'static str {
    match kind {
        "match" => {
            "This contact of yours may be somebody whom the app knows already. Who is it? Until you say so, neither is \
             changed."
        }
        "conflict" if contacts => {
            "The customer was changed in the app and in your contacts, differently. Which one should count?"
        }
        "conflict" => "It was changed in the app and in your calendar, differently. Which one should count?",
        "cancel" => "It was deleted in your calendar. Should the booking be cancelled too?",
        "move" => "It was moved in your calendar. Should the booking move too?",
        "guests" => {
            "It was changed in the app, and the event in your calendar has guests. Neither Google nor this service \
             informs them of the change: you would have to."
        }
        _ => "It waits for your decision.",
    }
}

fn choice_words(kind: &str, choice: &str, contacts: bool) -> String {
    match (kind, choice) {
        ("match", "separate") => "It is somebody else".to_owned(),
        ("conflict", "google") if contacts => "My contacts' version".to_owned(),
        ("conflict", "app") => "The app's version".to_owned(),
        ("conflict", "google") => "My calendar's version".to_owned(),
        ("cancel", "apply") => "Cancel the booking".to_owned(),
        ("cancel", "keep") => "Keep the booking; the event comes back".to_owned(),
        ("move", "apply") => "Move the booking".to_owned(),
        ("move", "keep") => "Keep the booking's time; the event moves back".to_owned(),
        ("guests", "push") => "Change the event; I inform the guests".to_owned(),
        ("guests", "revert") => "Leave the event, take the change back".to_owned(),
        // A choice that this page has no words for is still a choice.
        (_, other) => other.to_owned(),
    }
}

fn field_words(field: Option<&str>) -> &'static str {
    match field {
        Some("title") => "Name",
        Some("description") => "Description",
        Some("location") => "Location",
        Some("when") => "Date and time",
        Some("status") => "Whether it takes place",
        _ => "Another part",
    }
}

/// Takes an answer.
pub(super) async fn answer(
    State(pages): State<Pages>,
    Path((tenant, id)): Path<(String, String)>,
    jar: CookieJar,
    Form(fields): Form<Fields>,
) -> Response {
    let visit = match sent(&pages, &tenant, &jar, &fields).await {
        Ok(visit) => visit,
        Err(failure) => return pages.problem(failure),
    };
    let by = Answerer::User(visit.overview.account.user_id);
    let word = field(&fields, "answer").unwrap_or_default();
    let taken = match id.parse() {
        Ok(id) => questions::answer(&pages.engine, visit.tenant, id, word, by).await,
        Err(_) => Err(AnswerError::NotFound),
    };
    match taken {
        Ok(()) => see_other(&format!("{}?said=answered", visit.path)),
        Err(AnswerError::NoSuchCustomer) => {
            let gone =
                "That customer does not exist any more, and nothing was changed. Please choose again.".to_owned();
            me_page(&pages, &visit, StatusCode::CONFLICT, None, Some(gone)).await
        }
        Err(error) => pages.problem(Failure::at(error, &visit.path)),
    }
}
