//! `/changes`: what moved since the caller last looked.
use super::page;
use crate::store::changes::{Change, Cursor};
use crate::web::WebState;
use crate::web::fields::QueryFields;
use crate::web::problem::Problem;
use crate::web::request::ByTenant;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A change: which thing, never what it holds.
#[derive(Debug, Serialize, ToSchema)]
struct ChangeBody {
    /// `booking`, `customer`, `resource`, `account`, `conflict`, `question` or `message`: a mail, proposed or not (`/consents`, `/messages`).
    kind: String,
    /// Of the thing.
    id: String,
    /// After the change; 0 for things without versions.
    version: i64,
    /// `upsert` or `delete`.
    operation: String,
    #[schema(format = "date-time")]
    at: String,
}

/// A piece of the change feed.
#[derive(Debug, Serialize, ToSchema)]
struct Changes {
    /// Oldest first; empty when nothing moved.
    items: Vec<ChangeBody>,
    /// Send it as `after` next time, also when there were no items.
    next: String,
}

impl From<&Change> for ChangeBody {
    fn from(change: &Change) -> Self {
        Self {
            kind: change.kind.clone(),
            id: change.id.clone(),
            version: change.version,
            operation: change.operation.clone(),
            at: page::instant(change.at),
        }
    }
}

fn read_place(text: &str) -> Option<Cursor> {
    let (xid, seq) = text.split_once('.')?;
    Some(Cursor {
        xid: xid.parse().ok()?,
        seq: seq.parse().ok()?,
    })
}

/// Lists what changed, over the API, in SQL or in Google. A cursor older than what is kept gets 410: read everything again
/// and start without `after`.
#[utoipa::path(get, path = "/changes", tag = "changes",
    params(("after" = Option<String>, Query, description = "`next` of the last answer; the oldest entry kept when not sent."),
           ("limit" = Option<u16>, Query, description = "1 to 500; 100 when not sent.")),
    responses((status = 200, body = Changes, description = "The changes.")))]
async fn list(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    QueryFields(mut query): QueryFields,
) -> Result<Json<Changes>, Problem> {
    let sent = page::read_cursor(&mut query, "after", "changes");
    let after = sent.as_deref().and_then(read_place);
    if sent.is_some() && after.is_none() {
        page::not_a_cursor(&mut query, "after");
    }
    let limit = page::limit(&mut query);
    query.finish_or_refuse()?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (entries, next) = state.engine.changes(tenant, after, limit).await?;
    Ok(Json(Changes {
        items: entries.iter().map(Into::into).collect(),
        next: page::cursor("changes", &format!("{}.{}", next.xid, next.seq)),
    }))
}
