//! The transport against a server that misbehaves in the ways that networks and Google do.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod google_support;
use accord::domain::failure::{Denied, FailureClass};
use accord::google::GoogleError;
use accord::google::error::ErrorKind;
use accord::google::transport::{BODY_CAP, Call, Reply, Transport};
use axum::body::Body;
use axum::http::{Method, Response};
use google_support::{PretendGoogle, json, raw};
use secrecy::SecretString;
use serde_json::{Value, json as value};
use std::io::Write;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn transport() -> Transport {
    Transport::new(Duration::from_secs(30)).unwrap()
}

fn get(address: &str) -> Call<'static> {
    Call::new(Method::GET, format!("{address}/x"))
}

async fn ask(answer: Response<Body>) -> Result<Reply, GoogleError> {
    let google = PretendGoogle::start(vec![answer]).await;
    transport().send(get(&google.address)).await
}

async fn failure(answer: Response<Body>) -> GoogleError {
    ask(answer).await.err().expect("a failure")
}

/// A server that reads a request and then sends exactly these bytes and hangs up.
async fn blunt(bytes: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        stream.write_all(bytes).await.unwrap();
    });
    address
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

const TRANSIENT: FailureClass = FailureClass::Transient { retry_after: None };

#[tokio::test]
async fn a_request_carries_token_etag_nulls_and_the_wish_for_gzip() {
    let google = PretendGoogle::start(vec![json(200, "{}")]).await;
    let token = SecretString::from("ya29.token");
    let body = value!({"start": {"date": null, "dateTime": "2026-01-01T09:00:00"}});
    let call = Call::new(Method::PATCH, format!("{}/x", google.address));
    transport()
        .send(call.bearer(&token).if_match(Some("\"304\"")).json(&body))
        .await
        .unwrap();
    let asked = google.only();
    assert_eq!(asked.method, Method::PATCH);
    assert_eq!(asked.header("authorization"), Some("Bearer ya29.token"));
    assert_eq!(asked.header("if-match"), Some("\"304\""));
    assert_eq!(asked.header("accept-encoding"), Some("gzip"));
    let agent = asked.header("user-agent").unwrap();
    assert!(agent.starts_with("accord/") && agent.ends_with("(gzip)"), "{agent}");
    assert_eq!(serde_json::from_str::<Value>(&asked.body).unwrap(), body);
}

#[tokio::test]
async fn a_packed_answer_is_unpacked() {
    let reply = ask(raw(200, &[("content-encoding", "gzip")], gzip(b"{\"a\":1}")))
        .await
        .unwrap();
    assert_eq!(reply.json::<Value>().unwrap(), value!({"a": 1}));
}

#[tokio::test]
async fn a_packed_error_is_understood() {
    let body = r#"{"error":{"errors":[{"reason":"notFound"}],"code":404,"message":"Not Found"}}"#;
    let error = failure(raw(404, &[("content-encoding", "gzip")], gzip(body.as_bytes()))).await;
    assert_eq!(error.class(), FailureClass::Gone);
}

#[tokio::test]
async fn a_packed_answer_that_is_cut_off_is_a_network_failure() {
    let mut packed = gzip(&[b'x'; 10_000]);
    packed.truncate(packed.len() / 2);
    let error = failure(raw(200, &[("content-encoding", "gzip")], packed)).await;
    assert_eq!((error.class(), error.unsure), (TRANSIENT, true));
}

#[tokio::test]
async fn a_small_answer_that_unpacks_to_a_huge_one_is_refused() {
    let bomb = gzip(&vec![b' '; BODY_CAP + 1]);
    assert!(bomb.len() < BODY_CAP / 10);
    let error = failure(raw(200, &[("content-encoding", "gzip")], bomb)).await;
    assert_eq!(error.class(), FailureClass::Protocol);
}

#[tokio::test]
async fn the_cap_itself_is_allowed_and_one_byte_more_is_not() {
    let reply = ask(raw(200, &[], vec![b' '; BODY_CAP])).await.unwrap();
    assert_eq!(reply.body.len(), BODY_CAP);
    let error = failure(raw(200, &[], vec![b' '; BODY_CAP + 1])).await;
    assert_eq!(error.class(), FailureClass::Protocol);
}

#[tokio::test]
async fn a_body_that_never_ends_runs_into_the_timeout() {
    let first = futures_util::stream::iter([Ok::<_, std::io::Error>("{")]);
    let body = futures_util::StreamExt::chain(first, futures_util::stream::pending());
    let google = PretendGoogle::start(vec![raw(200, &[], Body::from_stream(body))]).await;
    let hasty = Transport::new(Duration::from_millis(300)).unwrap();
    let error = hasty.send(get(&google.address)).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert_eq!((error.class(), error.unsure), (TRANSIENT, true));
}

#[tokio::test]
async fn a_server_that_never_answers_runs_into_the_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let hasty = Transport::new(Duration::from_millis(300)).unwrap();
    let error = hasty.send(get(&address)).await.err().unwrap();
    assert_eq!((error.kind, error.unsure), (ErrorKind::Timeout, true));
    drop(listener);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_network_failure_whose_request_may_be_done() {
    let address = blunt(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":").await;
    let error = transport().send(get(&address)).await.err().unwrap();
    assert!(matches!(error.kind, ErrorKind::Network(_)), "{error:?}");
    assert!(error.unsure);
}

#[tokio::test]
async fn a_connection_cut_after_sending_leaves_the_outcome_unsure() {
    let address = blunt(b"").await;
    let error = transport().send(get(&address)).await.err().unwrap();
    assert!(matches!(error.kind, ErrorKind::Network(_)), "{error:?}");
    assert!(error.unsure);
}

#[tokio::test]
async fn a_refused_connection_is_proof_that_nothing_was_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = transport().send(get(&address)).await.err().unwrap();
    assert_eq!((error.class(), error.unsure), (TRANSIENT, false));
}

#[tokio::test]
async fn a_refusal_whose_body_breaks_off_keeps_its_status() {
    let address = blunt(b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 100\r\n\r\n{").await;
    let error = transport().send(get(&address)).await.err().unwrap();
    assert_eq!((error.class(), error.unsure), (FailureClass::Conflict412, false));
}

#[tokio::test]
async fn an_html_page_is_never_proof_of_anything() {
    for status in [400, 403, 404, 409, 410, 502, 503] {
        let error = failure(raw(status, &[("content-type", "text/html")], "<html>Error</html>")).await;
        assert_eq!(error.class(), TRANSIENT, "{status}");
        assert_eq!(error.unsure, status >= 500, "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let error = failure(raw(302, &[("location", "http://127.0.0.1:1/")], "")).await;
    assert_eq!(error.class(), FailureClass::Protocol);
}

#[tokio::test]
async fn both_forms_of_retry_after_are_read() {
    let later = |header: &'static str| {
        raw(
            503,
            &[("retry-after", header), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")],
            "",
        )
    };
    for header in ["90", "Sun, 06 Nov 1994 08:51:07 GMT"] {
        let retry_after = Some(Duration::from_secs(90));
        assert_eq!(
            failure(later(header)).await.class(),
            FailureClass::Transient { retry_after },
            "{header}"
        );
    }
}

#[tokio::test]
async fn an_error_shows_its_reason_but_neither_message_nor_body() {
    let body = r#"{"error":{"errors":[{"reason":"invalid","message":"Dinner with Eve"}],"code":400,"message":"Dinner with Eve"}}"#;
    let error = failure(json(400, body)).await;
    let shown = format!("{error} {error:?} {:?}", error.kind);
    assert!(shown.contains("400 invalid") && !shown.contains("Eve"), "{shown}");
    let odd = failure(json(
        400,
        r#"{"error":{"errors":[{"reason":"Dinner with Eve"}],"code":400}}"#,
    ))
    .await;
    assert!(!format!("{odd} {odd:?}").contains("Eve"));
}

#[tokio::test]
async fn an_answer_of_another_shape_is_a_protocol_failure_that_quotes_nothing() {
    for body in ["", "<html>Eve</html>", r#"{"a":"Eve"}"#, r#"{"a":"#] {
        #[derive(Debug, serde::Deserialize)]
        struct Wanted {
            #[expect(dead_code, reason = "only its type matters")]
            a: u8,
        }
        let error = ask(json(200, body)).await.unwrap().json::<Wanted>().unwrap_err();
        assert_eq!(error.class(), FailureClass::Protocol);
        assert!(error.unsure, "a write may have been carried out");
        assert!(!format!("{error} {error:?}").contains("Eve"));
    }
}

/// Google's error bodies as recorded or documented, with what each asks for.
/// Checklist lines 117, 119, 125.
#[tokio::test]
async fn every_known_refusal_says_what_to_do_next() {
    use FailureClass::*;
    let a = |reason: &str, message: &str| value!({"error": {"errors": [{"domain": "global", "reason": reason, "message": message}], "message": message}});
    let b = |reason: &str, detail: &str| value!({"error": {"message": "m", "errors": [{"message": "m", "domain": "global", "reason": reason}], "status": "PERMISSION_DENIED", "details": [{"@type": "type.googleapis.com/google.rpc.Help"}, {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": detail}]}});
    let c = |status: &str, detail: Option<&str>| value!({"error": {"message": "m", "status": status, "details": detail.map(|reason| vec![value!({"reason": reason})])}});
    let slow = RateLimited { retry_after: None };
    let table = [
        (400, a("required", "Missing end time."), BadData),
        (400, a("timeRangeEmpty", "The specified time range is empty."), BadData),
        (400, a("invalid", "Invalid sync token value."), TokenExpired),
        (400, a("syncTokenWithRequestRestrictions", "m"), TokenExpired),
        (400, a("syncTokenWithNonDefaultOrdering", "m"), TokenExpired),
        (
            400,
            a(
                "invalid",
                "Invalid sequence value. The specified sequence number is below the current",
            ),
            Conflict412,
        ),
        (400, c("INVALID_ARGUMENT", None), BadData),
        (400, c("FAILED_PRECONDITION", Some("EXPIRED_SYNC_TOKEN")), TokenExpired),
        (401, a("authError", "Invalid Credentials"), Unauthorized),
        (401, value!(null), Unauthorized),
        (403, a("forbidden", "Forbidden"), Permission(Denied::Forbidden)),
        (
            403,
            a("forbiddenForNonOrganizer", "m"),
            Permission(Denied::NotOrganizer),
        ),
        (403, a("eventTypeRestriction", "m"), Permission(Denied::EventType)),
        (400, a("eventTypeRestriction", "m"), Permission(Denied::EventType)),
        (
            403,
            b("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
            Permission(Denied::ScopeMissing),
        ),
        (
            403,
            c("PERMISSION_DENIED", Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT")),
            Permission(Denied::ScopeMissing),
        ),
        (403, b("rateLimitExceeded", "RATE_LIMIT_EXCEEDED"), slow),
        (403, c("PERMISSION_DENIED", Some("RATE_LIMIT_EXCEEDED")), slow),
        (403, a("userRateLimitExceeded", "User Rate Limit Exceeded"), slow),
        (429, c("RESOURCE_EXHAUSTED", None), slow),
        (429, value!(null), slow),
        (
            403,
            a("quotaExceeded", "Calendar usage limits exceeded."),
            QuotaExhausted,
        ),
        (
            429,
            a("quotaExceeded", "Calendar usage limits exceeded."),
            QuotaExhausted,
        ),
        (403, b("accessNotConfigured", "SERVICE_DISABLED"), OperatorAlarm),
        (404, a("notFound", "Not Found"), Gone),
        (404, c("NOT_FOUND", None), Gone),
        (
            409,
            a("duplicate", "The requested identifier already exists."),
            Duplicate409,
        ),
        (409, a("conflict", "Conflict"), TRANSIENT),
        (410, a("deleted", "Resource has been deleted"), Gone),
        (410, a("fullSyncRequired", "m"), TokenExpired),
        (410, a("updatedMinTooLongAgo", "m"), TokenExpired),
        (412, a("conditionNotMet", "Precondition Failed"), Conflict412),
        (412, value!(null), Conflict412),
        (500, a("backendError", "Backend Error"), TRANSIENT),
        (503, a("backendError", "Backend Error"), TRANSIENT),
    ];
    for (status, body, class) in table {
        let error = failure(json(status, &body)).await;
        assert_eq!(error.class(), class, "{status} {body}");
        assert_eq!(error.status(), Some(status));
        assert_eq!(error.unsure, status >= 500);
    }
}
