//! What can go wrong on the way, and what it leaves behind.
use crate::{
    reason,
    support::google::{ANA, Google, event},
};
use http::Method;
use serde_json::{Value, json};

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
