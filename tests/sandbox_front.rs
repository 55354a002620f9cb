//! The sandbox's front: errors of the front end, quotas, batches, masks, compression, faults, persons, clock, log, page.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use flate2::read::GzDecoder;
use http::Method;
use serde_json::{Value, json};
use std::io::Read;
use support::{
    google::{ANA, Google, event, text},
    http::Answer,
};

fn reason(answer: &Answer) -> String {
    text(&answer.json()["error"]["errors"][0], "reason")
}

async fn insert(google: &Google, bearer: &str, id: &str) {
    let mut body = event("Meeting");
    body["id"] = json!(id);
    google
        .http
        .post(&google.events(), &[("authorization", bearer)], &body)
        .await
        .expect(200);
}

/// Checklist line 117.
#[tokio::test]
async fn the_back_end_sends_no_status_and_the_front_end_sends_one_and_a_list() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    let missing = google
        .http
        .get(&format!("{}/nothing1", google.events()), &[("authorization", &bearer)])
        .await
        .expect(404)
        .json();
    assert_eq!(missing["error"].get("status"), None);
    assert_eq!(missing["error"]["errors"][0]["reason"], "notFound");

    let wrong = google
        .http
        .get(&google.events(), &[("authorization", "Bearer ya29.wrong")])
        .await
        .expect(401);
    let error = &wrong.json()["error"];
    assert_eq!(
        (error["status"].as_str(), error["code"].as_u64()),
        (Some("UNAUTHENTICATED"), Some(401))
    );
    assert!(
        text(error, "message")
            .starts_with("Request had invalid authentication credentials. Expected OAuth 2 access token")
    );
    assert_eq!(
        error["errors"][0],
        json!({"message": "Invalid Credentials", "domain": "global", "reason": "authError", "location": "Authorization", "locationType": "header"})
    );
    assert!(wrong.header("www-authenticate").unwrap().contains("invalid_token"));

    let none = google.http.get(&google.events(), &[]).await.expect(401);
    assert_eq!(
        (reason(&none).as_str(), none.json()["error"]["status"].as_str()),
        ("required", Some("UNAUTHENTICATED"))
    );
}

/// Checklist line 117: an access token ends after 3599 seconds, and at once by a switch.
#[tokio::test]
async fn an_expired_access_token_is_an_auth_error() {
    let google = Google::start().await;
    let (first, second) = (google.bearer().await, google.bearer().await);
    google.pass(3_598).await;
    google
        .http
        .get(&google.events(), &[("authorization", &first)])
        .await
        .expect(200);
    google.switch("tokens/expire_access", &json!({"email": ANA})).await;
    assert_eq!(
        reason(
            &google
                .http
                .get(&google.events(), &[("authorization", &second)])
                .await
                .expect(401)
        ),
        "authError"
    );
    let third = google.bearer().await;
    google.pass(3_599).await;
    assert_eq!(
        reason(
            &google
                .http
                .get(&google.events(), &[("authorization", &third)])
                .await
                .expect(401)
        ),
        "authError"
    );
}

/// Checklist line 118.
#[tokio::test]
async fn rate_limits_come_as_403_and_as_429() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    for (name, status, told) in [
        ("rateLimitExceeded", 403, "rateLimitExceeded"),
        ("userRateLimitExceeded", 403, "userRateLimitExceeded"),
        ("dailyLimitExceeded", 403, "dailyLimitExceeded"),
        ("429", 429, "rateLimitExceeded"),
        ("backendError", 503, "backendError"),
        ("forbidden", 403, "forbidden"),
        ("authError", 401, "authError"),
    ] {
        google.switch("faults", &json!([{"action": {"refuse": name}}])).await;
        let answer = google
            .http
            .get(&google.events(), &[("authorization", &bearer)])
            .await
            .expect(status);
        assert_eq!(reason(&answer), told);
        google
            .http
            .get(&google.events(), &[("authorization", &bearer)])
            .await
            .expect(200);
    }
}

/// Checklist line 119.
#[tokio::test]
async fn a_rate_limit_in_the_new_envelope_looks_like_a_lost_permission() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    google
        .switch("switches", &json!({"quota_per_user": 1, "quota_form": "new"}))
        .await;
    google
        .http
        .get(&google.events(), &[("authorization", &bearer)])
        .await
        .expect(200);
    let answer = google
        .http
        .get(&google.events(), &[("authorization", &bearer)])
        .await
        .expect(403);
    let error = &answer.json()["error"];
    assert_eq!(
        (error["status"].as_str(), reason(&answer).as_str()),
        (Some("PERMISSION_DENIED"), "rateLimitExceeded")
    );
    assert_eq!(error["details"][0]["reason"], "RATE_LIMIT_EXCEEDED");
    assert_eq!(
        error["details"][0]["metadata"]["quota_limit"],
        "defaultPerMinutePerUser"
    );
    assert_eq!(error["details"][0]["metadata"]["quota_limit_value"], "1");
    google.switch("switches", &json!({"quota_form": "429"})).await;
    google
        .http
        .get(&google.events(), &[("authorization", &bearer)])
        .await
        .expect(429);
}

/// Checklist line 120.
#[tokio::test]
async fn a_usage_limit_can_stop_writes_while_reads_go_on() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    google.switch("faults", &json!([{"method": "POST", "path": "/calendar/*/events", "times": 100, "action": {"refuse": "quotaExceeded"}}])).await;
    let refused = google
        .http
        .post(&google.events(), &[("authorization", &bearer)], &event("No"))
        .await
        .expect(403);
    assert_eq!(reason(&refused), "quotaExceeded");
    assert_eq!(refused.json()["error"]["message"], "Calendar usage limits exceeded.");
    google
        .http
        .get(&google.events(), &[("authorization", &bearer)])
        .await
        .expect(200);
    assert_eq!(google.look("faults").await[0]["times"], 99);
    google
        .http
        .delete(&google.url("/_sandbox/faults"), &[])
        .await
        .expect(204);
    google
        .http
        .post(&google.events(), &[("authorization", &bearer)], &event("Yes"))
        .await
        .expect(200);
}

/// Checklist line 121.
#[tokio::test]
async fn there_is_no_retry_after_unless_a_switch_or_a_fault_asks_for_it() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    let get = || async { google.http.get(&google.events(), &[("authorization", &bearer)]).await };
    google.switch("switches", &json!({"quota_per_user": 0})).await;
    assert_eq!(get().await.expect(403).header("retry-after"), None);
    google.switch("switches", &json!({"retry_after": "3"})).await;
    assert_eq!(get().await.expect(403).header("retry-after"), Some("3"));
    google.switch("switches", &json!({"quota_per_user": 600})).await;
    google
        .switch(
            "faults",
            &json!({"action": {"refuse": "rateLimitExceeded", "retry_after": "7"}}),
        )
        .await;
    assert_eq!(get().await.expect(403).header("retry-after"), Some("7"));
}

/// Checklist line 122.
#[tokio::test]
async fn a_user_has_six_hundred_units_in_a_sliding_minute() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    let get = || async { google.http.get(&google.events(), &[("authorization", &bearer)]).await };
    for _ in 0..300 {
        get().await.expect(200);
    }
    google.pass(30).await;
    for _ in 0..300 {
        get().await.expect(200);
    }
    assert_eq!(reason(&get().await.expect(403)), "userRateLimitExceeded");
    google.pass(30).await;
    for _ in 0..300 {
        get().await.expect(200);
    }
    assert_eq!(reason(&get().await.expect(403)), "userRateLimitExceeded");
}

/// Checklist line 122: a patch costs three, and the project has its own minute.
#[tokio::test]
async fn a_patch_costs_three_units_and_the_project_has_a_limit_of_its_own() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    insert(&google, &bearer, "patched00").await;
    google.pass(60).await;
    google.switch("switches", &json!({"quota_per_user": 7})).await;
    let url = format!("{}/patched00", google.events());
    for title in ["One", "Two"] {
        google
            .http
            .patch(&url, &[("authorization", &bearer)], &json!({"summary": title}))
            .await
            .expect(200);
    }
    let third = google
        .http
        .patch(&url, &[("authorization", &bearer)], &json!({"summary": "Three"}))
        .await
        .expect(403);
    assert_eq!(reason(&third), "userRateLimitExceeded");
    assert_eq!(
        google
            .http
            .get(&url, &[("authorization", &bearer)])
            .await
            .expect(200)
            .json()["summary"],
        "Two"
    );

    google
        .switch("switches", &json!({"quota_per_user": 600, "quota_per_project": 8}))
        .await;
    google.switch("users", &json!({"email": "ben@example.com"})).await;
    let ben = format!(
        "Bearer {}",
        text(&google.connect("ben@example.com", &[]).await, "access_token")
    );
    google
        .http
        .get(&google.events(), &[("authorization", &ben)])
        .await
        .expect(200);
    assert_eq!(
        reason(
            &google
                .http
                .get(&google.events(), &[("authorization", &ben)])
                .await
                .expect(403)
        ),
        "rateLimitExceeded"
    );
}

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

/// Checklist line 125.
#[tokio::test]
async fn a_disabled_api_says_who_has_to_enable_it() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    google.switch("switches", &json!({"api_disabled": true})).await;
    let answer = google
        .http
        .get(&google.events(), &[("authorization", &bearer)])
        .await
        .expect(403);
    let error = &answer.json()["error"];
    assert_eq!(error["errors"][0]["domain"], "usageLimits");
    assert_eq!(reason(&answer), "accessNotConfigured");
    assert_eq!(error["details"][1]["reason"], "SERVICE_DISABLED");
    assert!(text(error, "message").starts_with("Google Calendar API has not been used in project"));
}

/// Checklist line 126: the sandbox's part is that access can be lost for one user while the calendar is there.
#[tokio::test]
async fn a_calendar_can_answer_404_to_a_client_while_its_owner_still_sees_it() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    google
        .http
        .get(&google.events(), &[("authorization", &bearer)])
        .await
        .expect(200);
    let gone = json!({"error": {"errors": [{"domain": "global", "reason": "notFound", "message": "Not Found"}], "code": 404, "message": "Not Found"}});
    google
        .switch(
            "faults",
            &json!({"user": ANA, "path": "/calendars/primary/", "times": 5, "action": {"status": 404, "body": gone}}),
        )
        .await;
    assert_eq!(
        reason(
            &google
                .http
                .get(&google.events(), &[("authorization", &bearer)])
                .await
                .expect(404)
        ),
        "notFound"
    );
    google
        .http
        .get(&google.events(), &[("authorization", &format!("Bearer person:{ANA}"))])
        .await
        .expect(200);
}

/// Checklist line 127.
#[tokio::test]
async fn a_503_can_come_after_the_write_was_applied() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    google
        .switch(
            "faults",
            &json!({"method": "POST", "action": {"after": {"status": 503}}}),
        )
        .await;
    let mut body = event("Once");
    body["id"] = json!("appliedonce");
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(
        reason(&google.http.post(&google.events(), &headers, &body).await.expect(503)),
        "backendError"
    );
    assert_eq!(
        reason(&google.http.post(&google.events(), &headers, &body).await.expect(409)),
        "duplicate"
    );
    let list = google.http.get(&google.events(), &headers).await.expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

/// Checklist line 127: the same with a connection that is cut before, after and inside the answer.
#[tokio::test]
async fn a_cut_connection_brings_no_answer_and_only_a_cut_before_the_work_leaves_nothing_behind() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    for (cut, id, written) in [
        ("before", "cutbefore", 404),
        ("after", "cutafter0", 200),
        ("body", "cutinside", 200),
    ] {
        google
            .switch("faults", &json!({"method": "POST", "action": {"cut": cut}}))
            .await;
        let mut body = event("Cut");
        body["id"] = json!(id);
        let sent = google
            .http
            .try_send(Method::POST, &google.events(), &headers, body.to_string())
            .await;
        assert!(sent.is_err(), "{cut}: {sent:?}");
        google
            .http
            .get(&format!("{}/{id}", google.events()), &headers[..1])
            .await
            .expect(written);
    }
    let log = google.look("requests").await;
    let cut: Vec<&Value> = log
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| !entry["fault"].is_null())
        .collect();
    assert_eq!(cut.len(), 3);
    assert!(cut.iter().all(|entry| entry["status"].is_null()));
}

/// Answers that are 200 and useless, delays, and headers of one's own.
#[tokio::test]
async fn a_fault_can_send_garbage_an_empty_object_or_html_and_take_its_time() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    let faults = json!([
        {"action": {"garbage": true}},
        {"action": {"empty_json": true}},
        {"action": {"status": 502, "body": "html", "headers": {"x-trace": "t"}}},
        {"action": {"delay_ms": 30}},
        {"query": "syncToken=", "action": {"status": 410, "body": {"error": {"code": 410}}}},
    ]);
    google.switch("faults", &faults).await;
    let get = |query: &'static str| {
        let (url, bearer) = (format!("{}{query}", google.events()), bearer.clone());
        let http = google.http.clone();
        async move { http.get(&url, &[("authorization", &bearer)]).await }
    };
    assert!(serde_json::from_slice::<Value>(&get("").await.expect(200).body).is_err());
    assert_eq!(get("").await.expect(200).json(), json!({}));
    let page = get("").await.expect(502);
    assert_eq!(page.header("x-trace"), Some("t"));
    assert!(page.text().starts_with("<!DOCTYPE html>"));
    let begun = tokio::time::Instant::now();
    get("").await.expect(200);
    assert!(begun.elapsed().as_millis() >= 30);
    get("").await.expect(200);
    get("?syncToken=x").await.expect(410);
    assert_eq!(google.look("faults").await, json!([]));
}

/// A mistake in a fault, a switch or a user is told, and changes nothing.
#[tokio::test]
async fn a_command_that_is_not_understood_is_refused() {
    let google = Google::start().await;
    for (command, body) in [
        (
            "faults",
            json!([{"action": {"status": 503}}, {"action": {"statsu": 503}}]),
        ),
        ("faults", json!({"metod": "GET", "action": {"status": 503}})),
        ("switches", json!({"api_disable": true})),
        ("users", json!({"email": "nobody"})),
        ("users", json!({"email": ANA})),
        ("users", json!({"email": "cy@example.com", "time_zone": "Mars/Olympus"})),
        ("tokens/expire_access", json!({"email": "who@example.com"})),
        ("tokens/drop_scope", json!({"email": ANA})),
    ] {
        let answer = google
            .http
            .post(&google.url(&format!("/_sandbox/{command}")), &[], &body)
            .await
            .expect(400);
        assert!(answer.json()["error"].is_string(), "{command} {body}");
    }
    google.http.get(&google.url("/_sandbox/nothing"), &[]).await.expect(404);
    assert_eq!(google.look("faults").await, json!([]));
    assert_eq!(google.look("switches").await["api_disabled"], false);
}

/// A person acts in Google's own screens: everything but the rules about clients.
#[tokio::test]
async fn a_person_meets_no_quota_no_fault_and_no_missing_scope_but_the_same_errors() {
    let google = Google::start().await;
    google
        .switch("switches", &json!({"quota_per_user": 0, "api_disabled": true}))
        .await;
    google
        .switch("faults", &json!({"times": 100, "action": {"status": 500}}))
        .await;
    let bearer = format!("Bearer person:{ANA}");
    let headers = [("authorization", bearer.as_str())];
    google
        .http
        .post(&google.events(), &headers, &event("By hand"))
        .await
        .expect(200);
    let list = google.http.get(&google.events(), &headers).await.expect(200).json();
    assert_eq!(list["items"][0]["summary"], "By hand");
    google
        .http
        .get(&format!("{}/missing00", google.events()), &headers)
        .await
        .expect(404);
    let nobody = google
        .http
        .get(&google.events(), &[("authorization", "Bearer person:who@example.com")])
        .await
        .expect(401);
    assert_eq!(reason(&nobody), "authError");
    assert_eq!(
        google.look("counts").await,
        json!({"reads": 0, "writes": {}, "classes": {}})
    );
    let log = google.look("requests").await;
    assert_eq!(
        (log[0]["person"].as_bool(), log[0]["user"].as_str()),
        (Some(true), Some(ANA))
    );
}

/// `fields`, from google.md 1.1: what is named comes, what is misspelt is refused before anything is done.
#[tokio::test]
async fn a_mask_brings_what_it_names_and_a_bad_one_does_nothing() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    let headers = [("authorization", bearer.as_str())];
    insert(&google, &bearer, "masked000").await;
    let get = |fields: &'static str| {
        let (url, bearer) = (format!("{}?fields={fields}", google.events()), bearer.clone());
        let http = google.http.clone();
        async move { http.get(&url, &[("authorization", &bearer)]).await }
    };
    let masked = get("items(id,start/timeZone),nextPageToken").await.expect(200).json();
    assert_eq!(
        masked,
        json!({"items": [{"id": "masked000", "start": {"timeZone": "Europe/Madrid"}}]})
    );
    assert_eq!(
        get("items/id,kind").await.expect(200).json(),
        json!({"items": [{"id": "masked000"}], "kind": "calendar#events"})
    );
    assert!(get("*").await.expect(200).json()["items"][0]["summary"].is_string());
    for (bad, named) in [
        ("items(id,sumary)", "sumary"),
        ("items(id", "items(id"),
        ("nextpagetoken", "nextpagetoken"),
    ] {
        let refused = get(bad).await.expect(400);
        assert_eq!(reason(&refused), "invalidParameter");
        let error = &refused.json()["error"]["errors"][0];
        assert_eq!(text(error, "message"), format!("Invalid field selection {named}"));
        assert_eq!(
            (error["location"].as_str(), error["locationType"].as_str()),
            (Some("fields"), Some("parameter"))
        );
    }
    let write = format!("{}?fields=idd", google.events());
    google.http.post(&write, &headers, &event("Never")).await.expect(400);
    let list = google.http.get(&google.events(), &headers).await.expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

/// google.md 1.1: printing, compression, headers, `alt`, form bodies, tokens in the query.
#[tokio::test]
async fn answers_are_printed_and_compressed_as_asked() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    let auth = ("authorization", bearer.as_str());
    let plain = google
        .http
        .get(&google.events(), &[auth, ("accept-encoding", "gzip")])
        .await
        .expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    assert!(plain.text().starts_with("{\n \""), "{}", plain.text());
    for (name, value) in [
        ("content-type", "application/json; charset=UTF-8"),
        ("cache-control", "no-cache, no-store, max-age=0, must-revalidate"),
        ("server", "ESF"),
        ("vary", "Origin,X-Origin,Referer"),
        ("date", "Mon, 02 Mar 2026 12:00:00 GMT"),
    ] {
        assert_eq!(plain.header(name), Some(value));
    }
    assert_eq!(plain.header("etag"), plain.json()["etag"].as_str());

    let url = format!("{}?prettyPrint=false", google.events());
    let zipped = google
        .http
        .get(
            &url,
            &[auth, ("accept-encoding", "gzip"), ("user-agent", "test (gzip)")],
        )
        .await
        .expect(200);
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    GzDecoder::new(zipped.body.as_ref()).read_to_string(&mut text).unwrap();
    assert_eq!(text.trim_end().lines().count(), 1);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), plain.json());

    let token = bearer.strip_prefix("Bearer ").unwrap();
    google
        .http
        .get(&format!("{}?oauth_token={token}", google.events()), &[])
        .await
        .expect(200);
    assert!(!google.look("requests").await.to_string().contains(token));
    google
        .http
        .get(&format!("{}?alt=atom", google.events()), &[auth])
        .await
        .expect(400);
    let form = google
        .http
        .post_form(&google.events(), &[auth], &[("summary", "x")])
        .await
        .expect(400);
    assert_eq!(reason(&form), "parseError");
    google
        .http
        .get(&google.url("/calendar/v4/colors"), &[auth])
        .await
        .expect(404);
}

/// The log and the counts tell what a client did.
#[tokio::test]
async fn the_log_tells_what_was_asked_and_the_counts_how_often() {
    let google = Google::start().await;
    let bearer = google.bearer().await;
    google
        .http
        .delete(&google.url("/_sandbox/requests"), &[])
        .await
        .expect(204);
    let headers = [("authorization", bearer.as_str()), ("if-match", "\"1\"")];
    google.http.get(&google.events(), &headers[..1]).await.expect(200);
    google
        .http
        .post(&google.events(), &headers[..1], &event("Seen"))
        .await
        .expect(200);
    google
        .http
        .patch(
            &format!("{}/missing00", google.events()),
            &headers,
            &json!({"summary": "x"}),
        )
        .await
        .expect(404);
    let log = google.look("requests").await;
    let first = log[0]["seq"].as_u64().unwrap();
    assert_eq!(log[1]["body"]["summary"], "Seen");
    assert_eq!(
        (log[1]["class"].as_str(), log[1]["user"].as_str()),
        (Some("events.insert"), Some(ANA))
    );
    assert_eq!(
        (log[2]["status"].as_u64(), log[2]["if_match"].as_str()),
        (Some(404), Some("\"1\""))
    );
    assert_eq!(
        google
            .look(&format!("requests?after={}", first + 1))
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let counts = google.look("counts").await;
    assert_eq!(counts["reads"], 1);
    assert_eq!(counts["writes"], json!({"PATCH": 1, "POST": 1}));
    assert_eq!(
        counts["classes"],
        json!({"events.insert": 1, "events.list": 1, "events.patch": 1})
    );
}

/// The clock is the sandbox's own.
#[tokio::test]
async fn the_clock_can_be_set_moved_and_frozen() {
    let google = Google::start().await;
    assert_eq!(google.look("clock").await["now_us"], support::google::START_US);
    google.switch("clock", &json!({"advance_ms": 1_500})).await;
    assert_eq!(
        google.look("clock").await["now_us"],
        support::google::START_US + 1_500_000
    );
    google.switch("clock", &json!({"set_us": 5, "freeze": false})).await;
    let running = google.look("clock").await;
    assert_eq!(running["frozen"], false);
    assert!(running["now_us"].as_i64().unwrap() >= 5);
}

/// Stopping frees the port; what was known is forgotten.
#[tokio::test]
async fn a_stopped_sandbox_answers_nobody_and_frees_its_port() {
    let google = Google::start().await;
    let url = google.events();
    let address = google
        .sandbox
        .base_url()
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap();
    google.sandbox.stop().await;
    assert!(google.http.try_send(Method::GET, &url, &[], "").await.is_err());
    let options = accord::sandbox::SandboxOptions {
        listen: address,
        ..Default::default()
    };
    let again = accord::sandbox::Sandbox::start(options)
        .await
        .expect("the port is free");
    assert_eq!(
        google
            .http
            .get(&format!("{}/_sandbox/users", again.base_url()), &[])
            .await
            .expect(200)
            .json(),
        json!([])
    );
}

/// Everybody who reaches the sandbox may do everything, so it listens on loopback only.
#[tokio::test]
async fn the_sandbox_refuses_to_listen_beyond_loopback() {
    let options = accord::sandbox::SandboxOptions {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..Default::default()
    };
    let refused = accord::sandbox::Sandbox::start(options)
        .await
        .expect_err("not loopback");
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
}

/// The web page: a person makes, renames, moves and deletes an event with nothing but forms.
#[tokio::test]
async fn a_person_can_make_change_and_delete_an_event_on_the_page() {
    let google = Google::start().await;
    let home = google.http.get(&google.url("/"), &[]).await.expect(200).text();
    assert!(home.contains("Pretend Google Calendar") && home.contains(ANA));
    let person = google.url("/people/ana%40example%2Ecom");
    let form = [
        ("calendar", ANA),
        ("summary", "Dentist & <b>co</b>"),
        ("start", "2026-03-04T10:00"),
        ("end", "2026-03-04T11:00"),
    ];
    let created = google
        .http
        .post_form(&format!("{person}/events"), &[], &form)
        .await
        .expect(303);
    let week = google
        .http
        .get(&google.url(created.header("location").unwrap()), &[])
        .await
        .expect(200)
        .text();
    assert!(
        week.contains("Dentist &amp; &lt;b&gt;co&lt;&#x2f;b&gt;") && week.contains("10:00 – 11:00"),
        "{week}"
    );

    let bearer = format!("Bearer person:{ANA}");
    let headers = [("authorization", bearer.as_str())];
    let id = text(
        &google.http.get(&google.events(), &headers).await.json()["items"][0],
        "id",
    );
    let address = format!("{person}/event?calendar={}&id={id}", "ana%40example%2Ecom");
    let shown = google.http.get(&address, &[]).await.expect(200).text();
    assert!(shown.contains("value=\"2026-03-04T10:00\""), "{shown}");
    let change = |what: &'static str, start: &'static str, end: &'static str| {
        let (url, id, http) = (format!("{person}/event"), id.clone(), google.http.clone());
        async move {
            let fields = [
                ("calendar", ANA),
                ("id", &id),
                ("summary", "Moved"),
                ("start", start),
                ("end", end),
                ("what", what),
            ];
            http.post_form(&url, &[], &fields).await
        }
    };
    change("save", "2026-03-05T12:00", "2026-03-05T12:30").await.expect(303);
    let event = google
        .http
        .get(&format!("{}/{id}?timeZone=Europe/Madrid", google.events()), &headers)
        .await
        .expect(200)
        .json();
    assert_eq!(event["summary"], "Moved");
    assert!(
        text(&event["start"], "dateTime").starts_with("2026-03-05T12:00"),
        "{event}"
    );
    change("dance", "2026-03-05T12:00", "2026-03-05T12:30")
        .await
        .expect(400);
    change("delete", "2026-03-05T12:00", "2026-03-05T12:30")
        .await
        .expect(303);
    let left = google.http.get(&google.events(), &headers).await.json();
    assert_eq!(left["items"], json!([]));
    google
        .http
        .get(&google.url("/people/who%40example.com"), &[])
        .await
        .expect(404);
}

/// The web page: a weekly series, one occurrence of it renamed, another removed, then the whole.
#[tokio::test]
async fn a_person_can_make_a_series_and_change_one_occurrence_of_it() {
    let google = Google::start().await;
    let person = google.url("/people/ana%40example%2Ecom");
    let bearer = format!("Bearer person:{ANA}");
    let headers = [("authorization", bearer.as_str())];
    let form = [
        ("calendar", ANA),
        ("summary", "Yoga"),
        ("start", "2026-03-25T10:00"),
        ("end", "2026-03-25T11:00"),
        ("weeks", "1"),
    ];
    google
        .http
        .post_form(&format!("{person}/events"), &[], &form)
        .await
        .expect(303);
    let id = text(
        &google.http.get(&google.events(), &headers).await.json()["items"][0],
        "id",
    );
    let post = |id: String, fields: Vec<(&'static str, &'static str)>| {
        let (url, http) = (format!("{person}/event"), google.http.clone());
        async move {
            let mut all = vec![("calendar", ANA), ("id", id.as_str())];
            all.extend(fields);
            http.post_form(&url, &[], &all).await
        }
    };
    post(id.clone(), vec![("what", "repeat"), ("weeks", "1")])
        .await
        .expect(400);
    let repeated = post(id.clone(), vec![("what", "repeat"), ("weeks", "3")])
        .await
        .expect(303);
    let page = google
        .http
        .get(&google.url(repeated.header("location").unwrap()), &[])
        .await
        .expect(200)
        .text();
    assert!(page.contains("RRULE:FREQ=WEEKLY;COUNT=3"), "{page}");
    // Ten o'clock stays ten o'clock when the clocks change in between.
    for when in ["2026-03-25 10:00", "2026-04-01 10:00", "2026-04-08 10:00"] {
        assert!(page.contains(when), "{when}: {page}");
    }

    let instances = format!("{}/{id}/instances", google.events());
    let listed = google.http.get(&instances, &headers).await.expect(200).json();
    let (second, third) = (text(&listed["items"][1], "id"), text(&listed["items"][2], "id"));
    let moved = vec![
        ("what", "save"),
        ("summary", "Yoga late"),
        ("start", "2026-04-01T18:00"),
        ("end", "2026-04-01T19:00"),
    ];
    post(second, moved).await.expect(303);
    post(third, vec![("what", "delete")]).await.expect(303);
    let left = google.http.get(&instances, &headers).await.expect(200).json();
    let titles: Vec<String> = left["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| text(item, "summary"))
        .collect();
    assert_eq!(titles, ["Yoga", "Yoga late"]);
    let week = google
        .http
        .get(&format!("{person}?day=2026-04-01"), &[])
        .await
        .expect(200)
        .text();
    assert!(week.contains("18:00 – 19:00") && week.contains("repeats"), "{week}");

    post(id, vec![("what", "delete")]).await.expect(303);
    assert_eq!(
        google.http.get(&google.events(), &headers).await.json()["items"],
        json!([])
    );
}

/// The web page: an all-day event shows its last day, not the day after it, and keeps its days when only its title changes.
#[tokio::test]
async fn an_all_day_event_keeps_its_days_when_it_is_renamed_on_the_page() {
    let google = Google::start().await;
    let person = google.url("/people/ana%40example%2Ecom");
    let bearer = format!("Bearer person:{ANA}");
    let headers = [("authorization", bearer.as_str())];
    let form = [
        ("calendar", ANA),
        ("summary", "Fair"),
        ("all_day", "yes"),
        ("start", "2026-03-04T10:00"),
        ("end", "2026-03-05T11:00"),
    ];
    google
        .http
        .post_form(&format!("{person}/events"), &[], &form)
        .await
        .expect(303);
    let event = google.http.get(&google.events(), &headers).await.json()["items"][0].clone();
    assert_eq!(
        (&event["start"]["date"], &event["end"]["date"]),
        (&json!("2026-03-04"), &json!("2026-03-06"))
    );
    let id = text(&event, "id");
    let address = format!("{person}/event?calendar=primary&id={id}");
    let page = google.http.get(&address, &[]).await.expect(200).text();
    assert!(page.contains("type=\"date\" value=\"2026-03-05\""), "{page}");
    let rename = [
        ("calendar", "primary"),
        ("id", id.as_str()),
        ("summary", "Book fair"),
        ("start", "2026-03-04"),
        ("end", "2026-03-05"),
        ("what", "save"),
    ];
    google
        .http
        .post_form(&format!("{person}/event"), &[], &rename)
        .await
        .expect(303);
    let renamed = google
        .http
        .get(&format!("{}/{id}", google.events()), &headers)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&renamed["summary"], &renamed["end"]),
        (&json!("Book fair"), &event["end"])
    );
}
