//! `/conflicts`: two edits of one field, and putting the losing value back.
use super::page::{self, Page};
use crate::domain::booking::Side;
use crate::domain::ids::ConflictId;
use crate::engine::conflicts::{self, Conflict, ConflictFilter, ResolveError};
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
        .routes(routes!(resolve))
}

/// A conflict. All three values are kept, so that no edit is lost.
#[derive(Debug, Serialize, ToSchema)]
struct ConflictBody {
    #[schema(format = "uuid")]
    id: String,
    /// The booking it is about; null when it is about a customer.
    #[schema(format = "uuid")]
    booking_id: Option<String>,
    /// The customer it is about; null when it is about a booking.
    #[schema(format = "uuid")]
    customer_id: Option<String>,
    #[schema(format = "uuid")]
    user_id: String,
    /// Of a booking: `title`, `description`, `location`, `when` or `status`. Of a customer: `given_name`, `family_name`,
    /// `emails`, `phones`, `organizations`, `addresses`, `birthday`, `gender`, or `contact`: the contact was deleted in
    /// Google while the app changed the customer.
    field: String,
    /// What decided: `origin`, `google`, `app`, `ask`, `readonly`, `replaced` or `vanished`; `first_link`: the two met for
    /// the first time, and each side keeps its own.
    policy: String,
    /// `app` or `google`; null while it is asked, and where each side keeps its own.
    winner: Option<String>,
    /// The value at the last agreement. In a list of a customer, all three are that one value, or null for a side that
    /// lacks it.
    base: Value,
    /// What the app wanted.
    app: Value,
    /// What Google showed.
    google: Value,
    /// `open`: waits for an answer; `decided`; `restored`: the losing value was put back.
    state: String,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    resolved_at: Option<String>,
}

impl From<&Conflict> for ConflictBody {
    fn from(conflict: &Conflict) -> Self {
        Self {
            id: conflict.id.to_string(),
            booking_id: conflict.booking_id.map(|id| id.to_string()),
            customer_id: conflict.customer_id.map(|id| id.to_string()),
            user_id: conflict.user_id.to_string(),
            field: conflict.field.clone(),
            policy: conflict.policy.clone(),
            winner: conflict.winner.clone(),
            base: conflict.base.clone(),
            app: conflict.app.clone(),
            google: conflict.google.clone(),
            state: conflict.state.clone(),
            created_at: page::instant(conflict.created_at),
            resolved_at: conflict.resolved_at.map(page::instant),
        }
    }
}

/// Which side's value the booking shall hold.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct ResolveBody {
    /// `app` or `google`: the side that has lost.
    keep: String,
}

fn problem(error: ResolveError) -> Problem {
    let words = error.to_string();
    match error {
        ResolveError::NotFound => Problem::detailed(Kind::NotFound, words),
        ResolveError::StillAsked | ResolveError::WonAlready(_) | ResolveError::Impossible(_) => {
            Problem::detailed(Kind::NotPossibleNow, words)
        }
        ResolveError::Store(error) => crate::engine::Refusal::Store(error).into(),
        ResolveError::Seal(error) => {
            tracing::error!(%error, "a request failed");
            Problem::of(Kind::Internal)
        }
    }
}

/// Lists conflicts, oldest first.
#[utoipa::path(get, path = "/conflicts", tag = "conflicts",
    params(("cursor" = Option<String>, Query, description = "`next` of the page before."),
           ("limit" = Option<u16>, Query, description = "1 to 500; 100 when not sent."),
           ("booking_id" = Option<String>, Query, description = "Only those of this booking."),
           ("customer_id" = Option<String>, Query, description = "Only those of this customer."),
           ("state" = Option<String>, Query, description = "Only `open`, `decided` or `restored` ones.")),
    responses((status = 200, body = Page<ConflictBody>, description = "A page.")))]
async fn list(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    QueryFields(mut query): QueryFields,
) -> Result<Json<Page<ConflictBody>>, Problem> {
    let after: Option<ConflictId> = page::id_cursor(&mut query, "conflicts");
    let limit = page::limit(&mut query);
    let filter = ConflictFilter {
        booking: query.parsed("booking_id"),
        customer: query.parsed("customer_id"),
        state: query.text("state"),
    };
    if filter
        .state
        .as_deref()
        .is_some_and(|state| !["open", "decided", "restored"].contains(&state))
    {
        query.problem("state", "must be open, decided or restored");
    }
    query.finish_or_refuse()?;
    let rows = conflicts::list(&state.engine, tenant, &filter, after, page::one_more(limit))
        .await
        .map_err(problem)?;
    Ok(Json(page::page(
        rows,
        limit,
        "conflicts",
        |row| row.id.to_string(),
        |row| row.into(),
    )))
}

/// Shows a conflict.
#[utoipa::path(get, path = "/conflicts/{id}", tag = "conflicts",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = ConflictBody, description = "The conflict.")))]
async fn show(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<ConflictId>,
) -> Result<Json<ConflictBody>, Problem> {
    let conflict = conflicts::get(&state.engine, tenant, id).await.map_err(problem)?;
    Ok(Json((&conflict).into()))
}

/// Lets the other side win after all: its value becomes an edit of the booking or the customer, and is then synchronised
/// like any other.
#[utoipa::path(post, path = "/conflicts/{id}/resolve", tag = "conflicts",
    params(("id" = String, Path, format = "uuid")), request_body = ResolveBody,
    responses((status = 200, body = ConflictBody, description = "The conflict, restored.")))]
async fn resolve(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<ConflictId>,
    body: JsonFields,
) -> Result<Json<ConflictBody>, Problem> {
    let mut fields = body.fields;
    let keep = match fields.text("keep").as_deref() {
        Some("app") => Some(Side::App),
        Some("google") => Some(Side::Google),
        _ => {
            fields.problem("keep", "must be app or google");
            None
        }
    };
    fields.finish_or_refuse()?;
    if let Some(keep) = keep {
        conflicts::resolve(&state.engine, tenant, id, keep)
            .await
            .map_err(problem)?;
    }
    let conflict = conflicts::get(&state.engine, tenant, id).await.map_err(problem)?;
    Ok(Json((&conflict).into()))
}
