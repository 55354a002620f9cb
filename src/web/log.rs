//! One line for every request: method, matched route, status, milliseconds, tenant.
//!
//! The route is the pattern (`/api/v1/bookings/{id}`), never the address: ids, queries, headers and bodies stay out of the log.
use crate::domain::ids::TenantId;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::{Arc, OnceLock};
use tokio::time::Instant;

/// Where the request's tenant is noted once it is known.
#[derive(Debug, Clone, Default)]
pub struct LoggedTenant(Arc<OnceLock<TenantId>>);

impl LoggedTenant {
    /// Notes the tenant.
    pub fn set(&self, tenant: TenantId) {
        let _ = self.0.set(tenant);
    }
}

/// Logs a request when its answer is ready.
pub async fn log(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "-".to_owned(), |path| path.as_str().to_owned());
    let tenant = LoggedTenant::default();
    request.extensions_mut().insert(tenant.clone());
    let response = next.run(request).await;
    let tenant = tenant.0.get().map_or_else(|| "-".to_owned(), ToString::to_string);
    tracing::info!(
        %method,
        route,
        status = response.status().as_u16(),
        ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        tenant,
        "request"
    );
    response
}
