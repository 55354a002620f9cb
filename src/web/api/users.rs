//! `/users`: the people with a softphone.
use super::answer::{created, send_created};
use super::page::{self, Page};
use crate::domain::ids::UserId;
use crate::engine::users::NewUser;
use crate::store::users::User;
use crate::web::WebState;
use crate::web::fields::{JsonFields, QueryFields};
use crate::web::problem::Problem;
use crate::web::request::{ByTenant, Id, Repeatable};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show))
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
struct UserBody {
    #[schema(format = "uuid")]
    id: String,
    name: String,
    /// As the app knows them; a hint for Google's sign-in page, never an identity.
    email: String,
    /// IANA name: where their whole days begin.
    #[schema(example = "Europe/Prague")]
    time_zone: String,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// What a user is made of.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct NewUserBody {
    name: String,
    email: String,
    /// IANA name; the tenant's when not sent.
    #[schema(required = false, nullable = false)]
    time_zone: String,
}

impl From<&User> for UserBody {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            name: user.name.clone(),
            email: user.email.clone(),
            time_zone: user.time_zone.name().to_owned(),
            created_at: page::instant(user.created_at),
            updated_at: page::instant(user.updated_at),
        }
    }
}

/// Creates a user.
#[utoipa::path(post, path = "/users", tag = "users", request_body = NewUserBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition harmless.")),
    responses((status = 201, body = UserBody, description = "The user.")))]
async fn create(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    repeatable: Repeatable,
    JsonFields { mut fields, bytes }: JsonFields,
) -> Result<Response, Problem> {
    let new = NewUser {
        name: fields.text("name").unwrap_or_default(),
        email: fields.text("email").unwrap_or_default(),
        time_zone: fields.text("time_zone"),
        bad: fields.finish(),
    };
    let answer = state
        .engine
        .create_user(tenant, &new, repeatable.once(&bytes).as_ref(), |user| {
            created(&UserBody::from(user))
        })
        .await?;
    Ok(send_created(answer, "users"))
}

/// Lists the users in the order of their creation.
#[utoipa::path(get, path = "/users", tag = "users",
    params(("cursor" = Option<String>, Query, description = "`next` of the page before."),
           ("limit" = Option<u16>, Query, description = "1 to 500; 100 when not sent.")),
    responses((status = 200, body = Page<UserBody>, description = "A page.")))]
async fn list(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    QueryFields(mut query): QueryFields,
) -> Result<Json<Page<UserBody>>, Problem> {
    let after: Option<UserId> = page::id_cursor(&mut query, "users");
    let limit = page::limit(&mut query);
    query.finish_or_refuse()?;
    let users = state.engine.users(tenant, after, page::one_more(limit)).await?;
    let page = page::page(users, limit, "users", |user| user.id.to_string(), |user| user.into());
    Ok(Json(page))
}

/// Shows a user.
#[utoipa::path(get, path = "/users/{id}", tag = "users",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = UserBody, description = "The user.")))]
async fn show(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<UserId>,
) -> Result<Json<UserBody>, Problem> {
    let user = state.engine.user(tenant, id).await?;
    Ok(Json((&user).into()))
}
