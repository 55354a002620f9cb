//! The REST API below `/api/v1`, and its description, which is made from the same code.
//!
//! Each file is one kind of thing with a `router()` of its own; a new kind is one more `merge` here.
pub mod accounts;
mod answer;
mod booking_body;
pub mod bookings;
pub mod changes;
pub mod conflicts;
pub mod consents;
mod customer_contact;
pub mod customers;
pub mod messages;
pub mod occurrences;
mod page;
pub mod questions;
pub mod resources;
pub mod tenant;
pub mod users;

use super::WebState;
use super::problem::{Kind, ProblemBody};
use axum::routing::get;
use axum::{Json, Router};
use std::sync::Arc;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;

/// All routes of the API, and `/api/v1/openapi.json`, which needs no key.
pub fn router() -> Router<WebState> {
    let (router, document) = documented().split_for_parts();
    let document = Arc::new(with_problems(document));
    router.route(
        "/api/v1/openapi.json",
        get(move || async move { Json(OpenApi::clone(&document)) }),
    )
}

fn documented() -> OpenApiRouter<WebState> {
    let api = OpenApiRouter::new()
        .merge(tenant::router())
        .merge(users::router())
        .merge(accounts::router())
        .merge(resources::router())
        .merge(customers::router())
        .merge(customer_contact::router())
        .merge(bookings::router())
        .merge(occurrences::router())
        .merge(conflicts::router())
        .merge(questions::router())
        .merge(consents::router())
        .merge(messages::router())
        .merge(changes::router());
    OpenApiRouter::with_openapi(description()).nest("/api/v1", api)
}

/// What is true of the whole API.
fn description() -> OpenApi {
    let mut words = String::from(
        "Everything belongs to the tenant of the API key. `/consents` also takes the token of a user \
         (`POST /users/{id}/token`), which sees that user's only and cannot say yes. `PATCH` and `DELETE` of bookings, \
         occurrences, customers and resources need `If-Match` with the version that was seen. Where `Idempotency-Key` is among the \
         parameters, a request that carries one is done once however often it is sent. Errors are \
         `application/problem+json` (RFC 9457):\n\n| type | status | meaning |\n|---|---|---|\n",
    );
    for kind in Kind::ALL {
        words.push_str(&format!(
            "| `{}` | {} | {} |\n",
            kind.uri(),
            kind.status().as_u16(),
            kind.title()
        ));
    }
    let info = InfoBuilder::new()
        .title("Accord")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(words))
        .build();
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.description = Some("An API key of the tenant, as `accord tenant create` printed it.".to_owned());
    let components = ComponentsBuilder::new()
        .security_scheme("api_key", SecurityScheme::Http(bearer))
        .schema(ProblemBody::name(), ProblemBody::schema())
        .schema(super::problem::ErrorBody::name(), super::problem::ErrorBody::schema())
        .build();
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .security(Some([SecurityRequirement::new("api_key", Vec::<String>::new())]))
        .build()
}

/// Every operation may also answer with a problem.
fn with_problems(mut document: OpenApi) -> OpenApi {
    let problem: Response = ResponseBuilder::new()
        .description("A problem; the table in the description of this API names every `type`.")
        .content(
            "application/problem+json",
            ContentBuilder::new()
                .schema(Some(Ref::from_schema_name(ProblemBody::name())))
                .build(),
        )
        .build();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let responses = &mut operation.responses.responses;
            responses.insert("default".to_owned(), RefOr::T(problem.clone()));
        }
    }
    document
}
