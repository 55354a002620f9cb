//! The questions that wait for a user, in plain words, with their choices as buttons.
use super::browser::{Fields, field};
use super::me::sent;
use super::problem::Failure;
use super::{Pages, see_other};
use crate::domain::ids::TenantId;
use crate::engine::connect::{ConnectError, Refusal};
use crate::engine::questions::{self, AnswerError, Answerer, Question, QuestionFilter};
use crate::store::accounts::Account;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use axum_extra::extract::CookieJar;
use minijinja::{Value, context};

/// More than this at once is shown after some were answered.
const SHOWN: i64 = 50;

impl From<AnswerError> for ConnectError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::NotOpen => Refusal::Used.into(),
            AnswerError::NotFound | AnswerError::NotAChoice { .. } | AnswerError::NotYours(_) => {
                Refusal::Unknown.into()
            }
            AnswerError::Store(error) => error.into(),
            AnswerError::Seal(error) => error.into(),
        }
    }
}

/// What the user's page shows of the questions that are open for them, oldest first.
pub(super) async fn open(pages: &Pages, tenant: TenantId, account: &Account) -> Result<Vec<Value>, ConnectError> {
    let filter = QuestionFilter {
        user: Some(account.user_id),
        state: Some("open".to_owned()),
    };
    let found = questions::list(&pages.engine, tenant, &filter, None, SHOWN).await?;
    let theirs = found.iter().filter(|question| question.addressee == "user");
    Ok(theirs.map(view).collect())
}

fn view(question: &Question) -> Value {
    let title = question.detail["title"].as_str().filter(|title| !title.is_empty());
    let differences: Vec<Value> = question.detail["fields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|difference| {
            let text = |side: &str| difference[side].as_str().map(str::to_owned);
            context! { field => field_words(difference["field"].as_str()), app => text("app"), google => text("google") }
        })
        .collect();
    let choices: Vec<Value> = question
        .choices
        .iter()
        .map(|choice| context! { answer => choice, words => choice_words(&question.kind, choice) })
        .collect();
    context! {
        id => question.id.to_string(),
        title => title.unwrap_or("A booking without a name"),
        words => kind_words(&question.kind),
        differences, choices,
    }
}

fn kind_words(kind: &str) -> &'static str {
    match kind {
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

fn choice_words(kind: &str, choice: &str) -> String {
    match (kind, choice) {
        ("conflict", "app") => "The app's version".to_owned(),
        ("conflict", "google") => "My calendar's version".to_owned(),
        ("cancel", "apply") => "Cancel the booking".to_owned(),
        ("cancel", "keep") => "Keep the booking".to_owned(),
        ("move", "apply") => "Move the booking".to_owned(),
        ("move", "keep") => "Keep the booking's time".to_owned(),
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
        Ok(()) => see_other(&visit.path),
        Err(error) => pages.problem(Failure::at(error, &visit.path)),
    }
}
