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

use crate::domain::settings::TenantDefaults;
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
    pub defaults: TenantDefaults,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{TestClock, TestEntropy};
    use crate::domain::seal::{KeyRing, SealingKey};
    use crate::engine::sync::SyncSettings;
    use crate::engine::tokens::TokenCache;
    use crate::google::calendar::CalendarApi;
    use crate::google::oauth::{Endpoints, OAuth};
    use crate::google::people::PeopleApi;
    use crate::google::transport::Transport;
    use crate::store::{Db, migrate};
    use axum::body::{Body, to_bytes};
    use axum::extract::Request;
    use axum::routing::get;
    use secrecy::ExposeSecret;
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use tower::ServiceExt;

    async fn state(folder: &std::path::Path) -> WebState {
        let db = Db::open_sqlite(&folder.join("accord.db")).await.unwrap();
        migrate(&db).await.unwrap();
        let entropy = Arc::new(TestEntropy::default());
        let transport = Arc::new(Transport::new(std::time::Duration::from_secs(1)).unwrap());
        let nowhere = || "http://127.0.0.1:1/".to_owned();
        let endpoints = Endpoints {
            client_id: "client".to_owned(),
            client_secret: "secret".into(),
            auth_url: nowhere(),
            token_url: nowhere(),
            revoke_url: nowhere(),
            userinfo_url: nowhere(),
            calendar_url: nowhere(),
        };
        WebState {
            engine: Engine {
                db,
                keys: Arc::new(KeyRing::new(SealingKey::generate(entropy.as_ref()), Vec::new())),
                clock: Arc::new(TestClock::at(chrono::DateTime::UNIX_EPOCH)),
                entropy,
                oauth: OAuth::new(transport.clone(), Arc::new(endpoints)),
                google: CalendarApi::new(transport.clone(), &nowhere()),
                people: PeopleApi::new(transport, &nowhere()),
                tokens: TokenCache::default(),
                defaults: TenantDefaults::default(),
                sync: SyncSettings {
                    window_past_days: 30,
                    lease_ms: 60_000,
                    page_size: 250,
                    contact_create_delay_ms: 30 * 60 * 1000,
                },
                mail: crate::engine::mail::MailSettings::without_server().unwrap(),
                public_url: "https://accord.example".into(),
                wake: Arc::default(),
            },
            defaults: TenantDefaults::default(),
            body_limit: 1024,
            public_url: "https://accord.example".to_owned(),
        }
    }

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_without_details_and_keeps_the_headers() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path()).await;
        async fn panics() -> &'static str {
            panic!("Jana has a secret")
        }
        let router = layered(Router::new().route("/panics", get(panics)), &state).with_state(state);
        let request = Request::get("/panics").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert!(response.headers().contains_key("strict-transport-security"));
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            body.contains("urn:accord:problem:internal") && !body.contains("Jana"),
            "{body}"
        );
    }

    #[tokio::test]
    async fn the_log_names_route_status_and_tenant_and_nothing_personal() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path()).await;
        let settings = serde_json::json!({"admin_email": "admin@tenant.example"});
        let (tenant, key) = state
            .engine
            .create_tenant("Tenant", settings.as_object().unwrap())
            .await
            .unwrap();
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let logged = tracing::subscriber::set_default(subscriber);
        let router = router(state);
        for (path, body) in [
            (
                "/api/v1/users",
                r#"{"name": "Jana Personal", "email": "jana@personal.example"}"#,
            ),
            ("/api/v1/users", r#"{"name": "Jana Personal", "email": "personal"}"#),
            ("/api/v1/personal?email=personal", "{}"),
        ] {
            let request = Request::post(path)
                .header("authorization", format!("Bearer {}", key.expose_secret()))
                .header("content-type", "application/json")
                .body(Body::from(body))
                .unwrap();
            router.clone().oneshot(request).await.unwrap();
        }
        drop(logged);
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        // The database driver speaks at this level, too; what we say has the target of this crate.
        let ours: Vec<&str> = text.lines().filter(|line| line.contains("accord::")).collect();
        assert_eq!(ours.len(), 3, "{text}");
        assert!(
            ours[0].contains("method=POST") && ours[0].contains("route=\"/api/v1/users\""),
            "{}",
            ours[0]
        );
        assert!(
            ours[0].contains("status=201") && ours[0].contains(&tenant.id.to_string()),
            "{}",
            ours[0]
        );
        assert!(
            ours[1].contains("status=400") && ours[2].contains("status=404"),
            "{ours:?}"
        );
        let secret = key.expose_secret().rsplit('_').next().unwrap();
        for word in ["ersonal", "@", secret] {
            assert!(!ours.iter().any(|line| line.contains(word)), "{word}: {ours:?}");
        }
    }
}
