//! Quotas and rate limits in all their forms.
use crate::{
    insert, reason,
    support::google::{Google, event, text},
};
use serde_json::json;

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
