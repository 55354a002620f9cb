//! REST API, OAuth redirect, pages.
//!
//! It knows HTTP and calls one engine function for each request; what a booking is, it does not know. Everything that enters is
//! read by name and checked, everything that leaves is either the thing asked for or a problem ([`problem`]).
pub mod api;
pub mod fields;
pub mod log;
pub mod pages;
pub mod problem;
pub mod request;
pub mod serve;

use crate::domain::settings::SyncDefaults;
use crate::engine::Engine;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use problem::{Kind, Problem};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

/// What the handlers work with; cheap to clone.
#[derive(Clone)]
pub struct WebState {
    /// The use cases.
    pub engine: Engine,
    /// What tenants without settings of their own follow.
    pub defaults: SyncDefaults,
    /// Longest body, bytes.
    pub body_limit: usize,
    /// Where browsers reach this server, without a slash at the end.
    pub public_url: String,
}

/// Everything that is served.
pub fn router(state: WebState) -> Router {
    layered(api::router(), &state).with_state(state)
}

/// Everything that is served, the pages of users included.
pub fn with_pages(state: WebState, pages: pages::Pages) -> Router {
    layered(api::router().merge(pages::router(pages)), &state).with_state(state)
}

/// Puts around a router what holds for every request: limits, headers, one log line, and a problem for whatever has no handler.
fn layered(router: Router<WebState>, state: &WebState) -> Router<WebState> {
    let header = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    let router = router
        .fallback(async || Problem::of(Kind::NotFound))
        .method_not_allowed_fallback(async || Problem::of(Kind::MethodNotAllowed))
        .layer(DefaultBodyLimit::max(state.body_limit))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::CACHE_CONTROL, "no-store"))
        .layer(header(header::REFERRER_POLICY, "no-referrer"))
        .layer(header(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ));
    let router = if state.public_url.starts_with("https://") {
        router.layer(header(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"))
    } else {
        router
    };
    router.layer(from_fn(log::log))
}

fn after_panic(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked; its message is on standard error");
    Problem::of(Kind::Internal).into_response()
}
