//! Persons, switches, the request log, the clock, starting and stopping.
use crate::{
    reason,
    support::google::{ANA, Google, START_US, event},
};
use accord::sandbox::{Sandbox, SandboxOptions};
use http::Method;
use serde_json::json;

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
    assert_eq!(google.look("clock").await["now_us"], START_US);
    google.switch("clock", &json!({"advance_ms": 1_500})).await;
    assert_eq!(google.look("clock").await["now_us"], START_US + 1_500_000);
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
    let options = SandboxOptions {
        listen: address,
        ..Default::default()
    };
    let again = Sandbox::start(options).await.expect("the port is free");
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
    let options = SandboxOptions {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..Default::default()
    };
    let refused = Sandbox::start(options).await.expect_err("not loopback");
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
}
