//! `/resources`: rooms, devices, services.
use super::answer::{created, send_created, versioned};
use super::page::{self, Page};
use crate::domain::ids::ResourceId;
use crate::store::resources::Resource;
use crate::web::WebState;
use crate::web::fields::{JsonFields, QueryFields};
use crate::web::problem::Problem;
use crate::web::request::{ByTenant, Id, IfMatch, Repeatable};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, rename, delete))
}

const READ_ONLY: [&str; 4] = ["id", "version", "created_at", "updated_at"];

/// A resource.
#[derive(Debug, Serialize, ToSchema)]
struct ResourceBody {
    #[schema(format = "uuid")]
    id: String,
    /// What is written into an event's location when the resource is assigned.
    name: String,
    /// Grows with every change; also the `ETag`.
    version: i64,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// What a resource is made of.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct NewResourceBody {
    /// Unique within the tenant; letter case and spaces at the ends do not count.
    name: String,
}

impl From<&Resource> for ResourceBody {
    fn from(resource: &Resource) -> Self {
        Self {
            id: resource.id.to_string(),
            name: resource.name.clone(),
            version: resource.version,
            created_at: page::instant(resource.created_at),
            updated_at: page::instant(resource.updated_at),
        }
    }
}

/// Creates a resource.
#[utoipa::path(post, path = "/resources", tag = "resources", request_body = NewResourceBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition harmless.")),
    responses((status = 201, body = ResourceBody, description = "The resource.")))]
async fn create(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    repeatable: Repeatable,
    JsonFields { mut fields, bytes }: JsonFields,
) -> Result<Response, Problem> {
    let name = fields.text("name");
    fields.read_only(&READ_ONLY, "");
    fields.finish_or_refuse()?;
    let answer = state
        .engine
        .create_resource(
            tenant,
            &name.unwrap_or_default(),
            repeatable.once(&bytes).as_ref(),
            |resource| created(&ResourceBody::from(resource)),
        )
        .await?;
    Ok(send_created(answer, "resources"))
}

/// Lists the resources in the order of their creation.
#[utoipa::path(get, path = "/resources", tag = "resources",
    params(("cursor" = Option<String>, Query, description = "`next` of the page before."),
           ("limit" = Option<u16>, Query, description = "1 to 500; 100 when not sent.")),
    responses((status = 200, body = Page<ResourceBody>, description = "A page.")))]
async fn list(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    QueryFields(mut query): QueryFields,
) -> Result<Json<Page<ResourceBody>>, Problem> {
    let after: Option<ResourceId> = page::id_cursor(&mut query, "resources");
    let limit = page::limit(&mut query);
    query.finish_or_refuse()?;
    let rows = state.engine.resources(tenant, after, page::one_more(limit)).await?;
    let page = page::page(rows, limit, "resources", |row| row.id.to_string(), |row| row.into());
    Ok(Json(page))
}

/// Shows a resource.
#[utoipa::path(get, path = "/resources/{id}", tag = "resources",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = ResourceBody, description = "The resource.")))]
async fn show(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<ResourceId>,
) -> Result<Response, Problem> {
    let resource = state.engine.resource(tenant, id).await?;
    Ok(versioned(resource.version, ResourceBody::from(&resource)))
}

/// Renames a resource. Events that carry the old name keep it.
#[utoipa::path(patch, path = "/resources/{id}", tag = "resources", request_body = NewResourceBody,
    params(("id" = String, Path, format = "uuid"),
           ("If-Match" = String, Header, description = "The version that was seen, such as `\"5\"`.")),
    responses((status = 200, body = ResourceBody, description = "The resource.")))]
async fn rename(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<ResourceId>,
    IfMatch(version): IfMatch,
    JsonFields { mut fields, .. }: JsonFields,
) -> Result<Response, Problem> {
    let name = fields.text("name");
    fields.read_only(&READ_ONLY, "");
    fields.finish_or_refuse()?;
    let resource = state
        .engine
        .rename_resource(tenant, id, version, name.as_deref())
        .await?;
    Ok(versioned(resource.version, ResourceBody::from(&resource)))
}

/// Deletes a resource that no booking names.
#[utoipa::path(delete, path = "/resources/{id}", tag = "resources",
    params(("id" = String, Path, format = "uuid"),
           ("If-Match" = String, Header, description = "The version that was seen, such as `\"5\"`.")),
    responses((status = 204, description = "It is deleted.")))]
async fn delete(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<ResourceId>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    state.engine.delete_resource(tenant, id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}
