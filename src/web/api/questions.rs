//! `/questions`: what waits for a person.
use super::page::{self, Page};
use crate::domain::ids::QuestionId;
use crate::engine::questions::{self, AnswerError, Answerer, Question, QuestionFilter};
use crate::web::WebState;
use crate::web::fields::{JsonFields, QueryFields};
use crate::web::problem::{Kind, Problem};
use crate::web::request::{ByTenant, Id};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(answer))
}

/// A question.
#[derive(Debug, Serialize, ToSchema)]
struct QuestionBody {
    #[schema(format = "uuid")]
    id: String,
    /// `conflict`, `cancel`, `move`, `guests`, `brake`, or `match`: which customer a contact of the user is, if any.
    kind: String,
    /// `user`: only the user can say yes, on their page, but for a `match`, which a tenant's key may answer, too; `admin`: a
    /// tenant's key may answer.
    addressee: String,
    #[schema(format = "uuid")]
    user_id: Option<String>,
    #[schema(format = "uuid")]
    account_id: String,
    /// `calendar`: it is about a booking, or removals of one calendar; `contacts`: about a customer and the user's contacts.
    scope: &'static str,
    /// Empty with `contacts`.
    calendar_id: String,
    /// What is asked about: the booking or the customer and both sides; the contact and the customers that it may be; or the
    /// count and ids of what the brake holds.
    detail: Value,
    /// The words that may be answered. Of a `match`: `link:` and the customer's id, or `separate`.
    choices: Vec<String>,
    /// `open`, `answered` or `withdrawn`.
    state: String,
    answer: Option<String>,
    #[schema(format = "date-time")]
    created_at: String,
}

impl From<&Question> for QuestionBody {
    fn from(question: &Question) -> Self {
        Self {
            id: question.id.to_string(),
            kind: question.kind.clone(),
            addressee: question.addressee.clone(),
            user_id: question.user_id.map(|id| id.to_string()),
            account_id: question.account_id.to_string(),
            scope: question.scope.as_str(),
            calendar_id: question.calendar_id.to_string(),
            detail: question.detail.clone(),
            choices: question.choices.clone(),
            state: question.state.clone(),
            answer: question.answer.clone(),
            created_at: page::instant(question.created_at),
        }
    }
}

/// One of the question's choices.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct AnswerBody {
    answer: String,
}

fn problem(error: AnswerError) -> Problem {
    let words = error.to_string();
    match error {
        AnswerError::NotFound => Problem::detailed(Kind::NotFound, words),
        AnswerError::NotAChoice { choices, .. } => {
            Problem::field("answer", format!("must be one of {}", choices.join(", ")))
        }
        AnswerError::NotOpen | AnswerError::NoSuchCustomer | AnswerError::NotYours(_) => {
            Problem::detailed(Kind::NotPossibleNow, words)
        }
        AnswerError::Store(error) => crate::engine::Refusal::Store(error).into(),
        AnswerError::Seal(error) => {
            tracing::error!(%error, "a request failed");
            Problem::of(Kind::Internal)
        }
    }
}

/// Lists questions, oldest first.
#[utoipa::path(get, path = "/questions", tag = "questions",
    params(("cursor" = Option<String>, Query, description = "`next` of the page before."),
           ("limit" = Option<u16>, Query, description = "1 to 500; 100 when not sent."),
           ("user_id" = Option<String>, Query, description = "Only those about this user's bookings and customers."),
           ("state" = Option<String>, Query, description = "Only `open`, `answered` or `withdrawn` ones.")),
    responses((status = 200, body = Page<QuestionBody>, description = "A page.")))]
async fn list(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    QueryFields(mut query): QueryFields,
) -> Result<Json<Page<QuestionBody>>, Problem> {
    let after: Option<QuestionId> = page::id_cursor(&mut query, "questions");
    let limit = page::limit(&mut query);
    let filter = QuestionFilter {
        user: query.parsed("user_id"),
        state: query.text("state"),
    };
    if filter
        .state
        .as_deref()
        .is_some_and(|state| !["open", "answered", "withdrawn"].contains(&state))
    {
        query.problem("state", "must be open, answered or withdrawn");
    }
    query.finish_or_refuse()?;
    let rows = questions::list(&state.engine, tenant, &filter, after, page::one_more(limit))
        .await
        .map_err(problem)?;
    Ok(Json(page::page(
        rows,
        limit,
        "questions",
        |row| row.id.to_string(),
        |row| row.into(),
    )))
}

/// Shows a question.
#[utoipa::path(get, path = "/questions/{id}", tag = "questions",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = QuestionBody, description = "The question.")))]
async fn show(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<QuestionId>,
) -> Result<Json<QuestionBody>, Problem> {
    let question = questions::get(&state.engine, tenant, id).await.map_err(problem)?;
    Ok(Json((&question).into()))
}

/// Answers what is addressed to the admin, says which customer a contact is, or declines for the user. Any other yes of the
/// user's is given on the user's page only.
#[utoipa::path(post, path = "/questions/{id}/answer", tag = "questions",
    params(("id" = String, Path, format = "uuid")), request_body = AnswerBody,
    responses((status = 200, body = QuestionBody, description = "The question, answered.")))]
async fn answer(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<QuestionId>,
    body: JsonFields,
) -> Result<Json<QuestionBody>, Problem> {
    let mut fields = body.fields;
    let answer = fields.text("answer");
    if answer.is_none() {
        fields.problem("answer", "is required: send one of the question's choices");
    }
    fields.finish_or_refuse()?;
    let answer = answer.unwrap_or_default();
    questions::answer(&state.engine, tenant, id, &answer, Answerer::TenantKey)
        .await
        .map_err(problem)?;
    let question = questions::get(&state.engine, tenant, id).await.map_err(problem)?;
    Ok(Json((&question).into()))
}
