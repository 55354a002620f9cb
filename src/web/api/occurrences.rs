//! `/bookings/{series}/occurrences/{original_start}`: one occurrence of a series.
use super::answer::versioned;
use super::booking_body::{BookingBody, OccurrencePatchBody, read_edit};
use crate::domain::ids::BookingId;
use crate::domain::time::OriginalStart;
use crate::web::WebState;
use crate::web::fields::JsonFields;
use crate::web::problem::Problem;
use crate::web::request::{ByTenant, Ids, IfMatch};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(show, patch, delete))
}

/// Shows an occurrence. Its version is 0 until it differs from its series.
#[utoipa::path(get, path = "/bookings/{series}/occurrences/{original_start}", tag = "occurrences",
    params(("series" = String, Path, format = "uuid"),
           ("original_start" = String, Path, description = "`2026-03-01`, or `2026-03-01T08:00:00Z` (UTC).")),
    responses((status = 200, body = BookingBody, description = "The occurrence.")))]
async fn show(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Ids(series, start): Ids<BookingId, OriginalStart>,
) -> Result<Response, Problem> {
    let view = state.engine.occurrence(tenant, series, start).await?;
    Ok(versioned(view.version(), BookingBody::from(&view)))
}

/// Changes one occurrence. It becomes a booking of its own, which keeps what it does not change from the series as it is now.
#[utoipa::path(patch, path = "/bookings/{series}/occurrences/{original_start}", tag = "occurrences",
    request_body = OccurrencePatchBody,
    params(("series" = String, Path, format = "uuid"),
           ("original_start" = String, Path, description = "`2026-03-01`, or `2026-03-01T08:00:00Z` (UTC)."),
           ("If-Match" = String, Header, description = "The version that the occurrence shows, such as `\"5\"`.")),
    responses((status = 200, body = BookingBody, description = "The occurrence.")))]
async fn patch(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Ids(series, start): Ids<BookingId, OriginalStart>,
    IfMatch(version): IfMatch,
    JsonFields { mut fields, .. }: JsonFields,
) -> Result<Response, Problem> {
    let mut edit = read_edit(&mut fields);
    fields.read_only(&["user_id"], ": hand the series over, its occurrences go along");
    edit.bad = fields.finish();
    let view = state
        .engine
        .patch_occurrence(tenant, series, start, version, &edit)
        .await?;
    Ok(versioned(view.version(), BookingBody::from(&view)))
}

/// Cancels one occurrence.
#[utoipa::path(delete, path = "/bookings/{series}/occurrences/{original_start}", tag = "occurrences",
    params(("series" = String, Path, format = "uuid"),
           ("original_start" = String, Path, description = "`2026-03-01`, or `2026-03-01T08:00:00Z` (UTC)."),
           ("If-Match" = String, Header, description = "The version that the occurrence shows, such as `\"5\"`.")),
    responses((status = 204, description = "It is cancelled.")))]
async fn delete(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Ids(series, start): Ids<BookingId, OriginalStart>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    state.engine.delete_occurrence(tenant, series, start, version).await?;
    Ok(StatusCode::NO_CONTENT)
}
