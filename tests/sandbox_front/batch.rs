//! `multipart/mixed` batches.
use crate::{
    insert,
    support::{google::Google, http::Answer},
};
use http::Method;
use serde_json::{Value, json};

fn batch_body(parts: &[(&str, String)]) -> String {
    let mut body = String::new();
    for (id, request) in parts {
        body.push_str(&format!(
            "--b1\r\nContent-Type: application/http\r\nContent-ID: <{id}>\r\n\r\n{request}\r\n\r\n"
        ));
    }
    body + "--b1--\r\n"
}

async fn batch(google: &Google, bearer: &str, parts: &[(&str, String)]) -> Answer {
    let headers = [
        ("authorization", bearer),
        ("content-type", "multipart/mixed; boundary=b1"),
    ];
    google
        .http
        .send(
            Method::POST,
            &google.url("/batch/calendar/v3"),
            &headers,
            batch_body(parts),
        )
        .await
}

/// The parts of a batch's answer: content id, status line, body.
#[expect(clippy::unwrap_used, reason = "an answer that is no batch fails the test")]
fn batch_answers(answer: &Answer) -> Vec<(String, String, String)> {
    let kind = answer.header("content-type").unwrap();
    let boundary = kind
        .strip_prefix("multipart/mixed; boundary=")
        .expect("a batch answers multipart/mixed");
    let whole = answer.text();
    let parts: Vec<&str> = whole.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.last().unwrap().trim(), "--");
    parts[1..parts.len() - 1]
        .iter()
        .map(|part| {
            let (own, inner) = part.trim_start().split_once("\r\n\r\n").unwrap();
            let id = own
                .lines()
                .find_map(|line| line.strip_prefix("Content-ID: "))
                .unwrap_or_default();
            let (head, body) = inner.split_once("\r\n\r\n").unwrap();
            (
                id.to_owned(),
                head.lines().next().unwrap().to_owned(),
                body.trim().to_owned(),
            )
        })
        .collect()
}

/// Checklist line 123.
#[tokio::test]
async fn a_batch_answers_each_part_in_order_and_a_failed_part_harms_no_other() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    insert(&google, &bearer, "batched00").await;
    let events = "/calendar/v3/calendars/primary/events";
    let created =
        json!({"id": "batched01", "summary": "New", "start": {"date": "2026-03-04"}, "end": {"date": "2026-03-05"}});
    let answer = batch(
        &google,
        &bearer,
        &[
            ("op-1", format!("GET {events}/batched00?fields=summary HTTP/1.1")),
            (
                "op-2",
                format!("GET {events}/missing00 HTTP/1.1\r\nAccept: application/json"),
            ),
            (
                "op-3",
                format!("POST {events} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{created}"),
            ),
            ("op-4", format!("DELETE {events}/batched00 HTTP/1.1")),
            (
                "op-5",
                format!("GET {events} HTTP/1.1\r\nAuthorization: Bearer ya29.wrong"),
            ),
        ],
    )
    .await
    .expect(200);
    let parts = batch_answers(&answer);
    let ids: Vec<&str> = parts.iter().map(|part| part.0.as_str()).collect();
    assert_eq!(
        ids,
        [
            "<response-op-1>",
            "<response-op-2>",
            "<response-op-3>",
            "<response-op-4>",
            "<response-op-5>"
        ]
    );
    let lines: Vec<&str> = parts.iter().map(|part| part.1.as_str()).collect();
    assert_eq!(
        lines,
        [
            "HTTP/1.1 200 OK",
            "HTTP/1.1 404 Not Found",
            "HTTP/1.1 200 OK",
            "HTTP/1.1 204 No Content",
            "HTTP/1.1 401 Unauthorized"
        ]
    );
    assert_eq!(
        serde_json::from_str::<Value>(&parts[0].2).unwrap(),
        json!({"summary": "Meeting"})
    );
    google
        .http
        .get(&format!("{}/batched01", google.events()), &[("authorization", &bearer)])
        .await
        .expect(200);
}

/// Checklist line 124.
#[tokio::test]
async fn a_batch_of_n_costs_n_units_and_an_absolute_inner_address_is_refused() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    google.switch("switches", &json!({"quota_per_user": 2})).await;
    let get = "GET /calendar/v3/calendars/primary/events HTTP/1.1";
    let absolute = format!("GET {} HTTP/1.1", google.events());
    let answer = batch(
        &google,
        &bearer,
        &[("a", get.into()), ("b", absolute), ("c", get.into()), ("d", get.into())],
    )
    .await
    .expect(200);
    let parts = batch_answers(&answer);
    let lines: Vec<&str> = parts.iter().map(|part| &part.1[9..12]).collect();
    assert_eq!(lines, ["200", "400", "200", "403"]);
    assert!(parts[3].2.contains("userRateLimitExceeded"));
}

/// Checklist line 124: in a batch a patch costs one unit like any part.
#[tokio::test]
async fn a_patch_in_a_batch_costs_one_unit() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    insert(&google, &bearer, "batched00").await;
    google.pass(60).await;
    google.switch("switches", &json!({"quota_per_user": 2})).await;
    let patch = |title: &str| {
        let body = json!({"summary": title});
        format!(
            "PATCH /calendar/v3/calendars/primary/events/batched00 HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{body}"
        )
    };
    let answer = batch(
        &google,
        &bearer,
        &[("a", patch("One")), ("b", patch("Two")), ("c", patch("Three"))],
    )
    .await
    .expect(200);
    let lines: Vec<String> = batch_answers(&answer)
        .into_iter()
        .map(|part| part.1[9..12].to_owned())
        .collect();
    assert_eq!(lines, ["200", "200", "403"]);
}

/// Checklist line 124: more parts than allowed, no boundary, no end: nothing of it is done.
#[tokio::test]
async fn a_batch_that_is_too_long_or_broken_is_refused_whole() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    google.switch("switches", &json!({"batch_limit": 50})).await;
    let get = "GET /calendar/v3/calendars/primary/events HTTP/1.1".to_owned();
    let answer = batch(&google, &bearer, &vec![("x", get.clone()); 51]).await.expect(400);
    assert_eq!(
        answer.json()["error"]["message"],
        "Inner request count exceeds the limit. Received: 51, Limit: 50"
    );
    batch(&google, &bearer, &vec![("x", get.clone()); 50]).await.expect(200);

    let url = google.url("/batch/calendar/v3");
    let whole = batch_body(&[("x", get)]);
    for (kind, body) in [
        ("multipart/mixed", whole.as_str()),
        ("application/json", "{}"),
        (
            "multipart/mixed; boundary=b1",
            whole.trim_end().trim_end_matches("--b1--"),
        ),
        ("multipart/mixed; boundary=b1", "--b1--"),
    ] {
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        google
            .http
            .send(Method::POST, &url, &headers, body.to_owned())
            .await
            .expect(400);
    }
}

/// Checklist line 107: the part of it that only the batch can see.
#[tokio::test]
async fn a_working_location_cannot_be_made_in_a_batch() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    let post = format!(
        "POST /calendar/v3/calendars/primary/events HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{}",
        json!({"eventType": "workingLocation"})
    );
    let parts = batch_answers(&batch(&google, &bearer, &[("a", post)]).await.expect(200));
    assert!(parts[0].1.contains("400") && parts[0].2.contains("eventTypeRestriction"));
}
