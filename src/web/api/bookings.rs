//! `/bookings`: single bookings, series, and what takes place within a range of time.
use super::answer::{created, send_created, versioned};
use super::booking_body::{BookingBody, BookingPatchBody, NewBookingBody, read_edit};
use super::page::{self, Page};
use crate::domain::booking::Status;
use crate::domain::ids::BookingId;
use crate::engine::bookings::{MAX_RANGE_DAYS, OccurrenceKey};
use crate::store::bookings::BookingFilter;
use crate::web::WebState;
use crate::web::fields::{Fields, JsonFields, QueryFields};
use crate::web::problem::Problem;
use crate::web::request::{ByTenant, Id, IfMatch, Repeatable};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use std::ops::Range;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, patch, delete))
}

/// Creates a booking. With the name of a resource, it becomes the event's location.
#[utoipa::path(post, path = "/bookings", tag = "bookings", request_body = NewBookingBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition harmless.")),
    responses((status = 201, body = BookingBody, description = "The booking.")))]
async fn create(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    repeatable: Repeatable,
    JsonFields { mut fields, bytes }: JsonFields,
) -> Result<Response, Problem> {
    let user = fields.text("user_id");
    let mut edit = read_edit(&mut fields);
    edit.bad = fields.finish();
    let answer = state
        .engine
        .create_booking(
            tenant,
            user.as_deref(),
            &edit,
            repeatable.once(&bytes).as_ref(),
            |view| created(&BookingBody::from(view)),
        )
        .await?;
    Ok(send_created(answer, "bookings"))
}

/// Lists bookings: stored rows in the order of their creation, or, with `from` and `to`, what takes place then, in order of
/// start. Series are expanded there, and only what is confirmed is shown unless `status` asks for something else.
#[utoipa::path(get, path = "/bookings", tag = "bookings",
    params(("view" = Option<String>, Query, description = "`stored` or `occurrences`; `occurrences` when `from` and `to` are sent."),
           ("from" = Option<String>, Query, description = "RFC 3339; what overlaps the time from here"),
           ("to" = Option<String>, Query, description = "up to here, at most 400 days later."),
           ("user_id" = Option<String>, Query, description = "The owner."),
           ("resource_id" = Option<String>, Query, description = "The assigned resource."),
           ("customer_id" = Option<String>, Query, description = "One of the customers."),
           ("status" = Option<String>, Query, description = "`confirmed` or `cancelled`."),
           ("cursor" = Option<String>, Query, description = "`next` of the page before."),
           ("limit" = Option<u16>, Query, description = "1 to 500; 100 when not sent.")),
    responses((status = 200, body = Page<BookingBody>, description = "A page.")))]
async fn list(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    QueryFields(mut query): QueryFields,
) -> Result<Json<Page<BookingBody>>, Problem> {
    let filter = filter(&mut query);
    let limit = page::limit(&mut query);
    let range = range(&mut query);
    let engine = &state.engine;
    let (views, next) = match range {
        None => {
            let after: Option<BookingId> = page::id_cursor(&mut query, "stored");
            query.finish_or_refuse()?;
            let (views, next) = engine.stored_bookings(tenant, &filter, after, limit).await?;
            (views, next.map(|id| page::cursor("stored", &id.to_string())))
        }
        Some(range) => {
            let after = occurrence_cursor(&mut query);
            query.finish_or_refuse()?;
            let (views, next) = engine.occurrences_between(tenant, &filter, range, after, limit).await?;
            (views, next.map(|key| page::cursor("occurrences", &write_key(key))))
        }
    };
    let items = views.iter().map(Into::into).collect();
    Ok(Json(Page { items, next }))
}

fn filter(query: &mut Fields) -> BookingFilter {
    let status = match query.text("status").as_deref() {
        None => None,
        Some("confirmed") => Some(Status::Confirmed),
        Some("cancelled") => Some(Status::Cancelled),
        Some(_) => {
            query.problem("status", "must be confirmed or cancelled");
            None
        }
    };
    BookingFilter {
        user_id: query.parsed("user_id"),
        resource_id: query.parsed("resource_id"),
        customer_id: query.parsed("customer_id"),
        status,
    }
}

/// The range of time that is asked for; `None` asks for stored rows. What is wrong is noted, and whatever is returned then
/// is not used.
fn range(query: &mut Fields) -> Option<Range<DateTime<Utc>>> {
    let view = query.text("view");
    let mut instant = |field| {
        let text = query.text(field)?;
        let read = DateTime::parse_from_rfc3339(&text);
        if read.is_err() {
            let problem = "is not a time: write it like 2026-03-01T00:00:00Z, with + as %2B";
            query.problem(field, problem);
        }
        read.ok().map(|instant| instant.to_utc())
    };
    let (from, to) = (instant("from"), instant("to"));
    match (view.as_deref(), from, to) {
        (Some("stored"), None, None) | (None, None, None) => None,
        (Some("occurrences") | None, Some(from), Some(to)) => {
            if to <= from {
                query.problem("to", "must be after from");
            } else if to - from > TimeDelta::days(MAX_RANGE_DAYS) {
                query.problem("to", format!("must be at most {MAX_RANGE_DAYS} days after from"));
            }
            Some(from..to)
        }
        (Some("stored"), ..) => {
            query.problem("view", "must be occurrences when from and to are sent");
            None
        }
        (Some("occurrences") | None, from, _) => {
            let missing = if from.is_none() { "from" } else { "to" };
            query.problem(missing, "is required: occurrences lie between from and to");
            None
        }
        (Some(_), ..) => {
            query.problem("view", "must be stored or occurrences");
            None
        }
    }
}

fn write_key(key: OccurrenceKey) -> String {
    let unchanged = key.unchanged.map(|start| start.to_string()).unwrap_or_default();
    format!("{}/{}/{unchanged}", key.starts_at, key.id)
}

fn read_key(text: &str) -> Option<OccurrenceKey> {
    let mut parts = text.splitn(3, '/');
    Some(OccurrenceKey {
        starts_at: parts.next()?.parse().ok()?,
        id: parts.next()?.parse().ok()?,
        unchanged: match parts.next()? {
            "" => None,
            start => Some(start.parse().ok()?),
        },
    })
}

fn occurrence_cursor(query: &mut Fields) -> Option<OccurrenceKey> {
    let key = read_key(&page::read_cursor(query, "cursor", "occurrences")?);
    if key.is_none() {
        page::not_a_cursor(query, "cursor");
    }
    key
}

/// Shows a booking.
#[utoipa::path(get, path = "/bookings/{id}", tag = "bookings",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = BookingBody, description = "The booking.")))]
async fn show(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<BookingId>,
) -> Result<Response, Problem> {
    let view = state.engine.booking(tenant, id).await?;
    Ok(versioned(view.row.version, BookingBody::from(&view)))
}

/// Changes a booking. An edit that changes nothing makes no version.
#[utoipa::path(patch, path = "/bookings/{id}", tag = "bookings", request_body = BookingPatchBody,
    params(("id" = String, Path, format = "uuid"),
           ("If-Match" = String, Header, description = "The version that was seen, such as `\"5\"`.")),
    responses((status = 200, body = BookingBody, description = "The booking.")))]
async fn patch(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<BookingId>,
    IfMatch(version): IfMatch,
    JsonFields { mut fields, .. }: JsonFields,
) -> Result<Response, Problem> {
    let mut edit = read_edit(&mut fields);
    edit.user_id = fields.text("user_id");
    edit.bad = fields.finish();
    let view = state.engine.patch_booking(tenant, id, version, &edit).await?;
    Ok(versioned(view.row.version, BookingBody::from(&view)))
}

/// Deletes a booking, a series with its changed occurrences included. The event is deleted, too, if it may be; an occurrence
/// that differs from its series is cancelled.
#[utoipa::path(delete, path = "/bookings/{id}", tag = "bookings",
    params(("id" = String, Path, format = "uuid"),
           ("If-Match" = String, Header, description = "The version that was seen, such as `\"5\"`.")),
    responses((status = 204, description = "It is deleted.")))]
async fn delete(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<BookingId>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    state.engine.delete_booking(tenant, id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}
