//! The token endpoint and its refusals.
use crate::{
    error_of, refused,
    support::{
        google::{ANA, CALLBACK, CLIENT, EVENTS, Google, LISTS, SECRET, text},
        http::form,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use serde_json::json;
use sha2::{Digest, Sha256};

/// Checklist line 6.
#[tokio::test]
async fn a_refresh_reply_has_four_fields_and_no_refresh_token() {
    let google = Google::start().await;
    let tokens = google.connect(ANA, &[]).await;
    let reply = google.refresh(&text(&tokens, "refresh_token")).await.expect(200).json();
    let keys: Vec<&str> = reply.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!(reply["scope"], tokens["scope"]);
    assert_ne!(reply["access_token"], tokens["access_token"]);
}

/// Checklist line 9.
#[tokio::test]
async fn a_wrong_secret_and_an_unknown_client_are_told_apart() {
    let google = Google::start().await;
    let refresh = text(&google.connect(ANA, &[]).await, "refresh_token");
    let ask = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let wrong = google.token(&ask, &[("client_secret", "other")]).await;
    assert_eq!(error_of(&wrong), refused(401, "invalid_client", "Unauthorized"));
    let unknown = google.token(&ask, &[("client_id", "nobody")]).await;
    assert_eq!(
        error_of(&unknown),
        refused(401, "invalid_client", "The OAuth client was not found.")
    );
    let missing = google.token(&ask, &[("client_id", "")]).await;
    assert_eq!(
        error_of(&missing),
        refused(400, "invalid_request", "Could not determine client ID from request.")
    );
    let bare = google.token(&ask, &[("client_secret", "")]).await;
    assert_eq!(
        error_of(&bare),
        refused(400, "invalid_request", "client_secret is missing.")
    );
}

/// Checklist line 9: the client may also sign in with HTTP Basic.
#[tokio::test]
async fn a_client_may_authenticate_with_http_basic() {
    let google = Google::start().await;
    let refresh = text(&google.connect(ANA, &[]).await, "refresh_token");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    for (secret, status) in [(SECRET, 200), ("other", 401)] {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{CLIENT}:{secret}"));
        let headers = [("authorization", format!("Basic {basic}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        google
            .http
            .post_form(&google.url("/token"), &headers, &fields)
            .await
            .expect(status);
    }
}

/// Checklist line 10.
#[tokio::test]
async fn a_code_works_once_and_a_malformed_one_never() {
    let google = Google::start().await;
    let code = google.code(&google.request(&[]), ANA).await;
    google.exchange(&code, &[]).await.expect(200);
    assert_eq!(
        error_of(&google.exchange(&code, &[]).await),
        refused(400, "invalid_grant", "Bad Request")
    );
    for odd in ["nonsense", "4%2F0Aabcdefghijklmnopqrstuvwxyz", "4/short"] {
        assert_eq!(
            error_of(&google.exchange(odd, &[]).await),
            refused(400, "invalid_grant", "Malformed auth code."),
            "{odd}"
        );
    }
}

/// Checklist line 10: a code that waited too long, and one of another client, are refused alike.
#[tokio::test]
async fn an_expired_code_and_a_foreign_one_are_refused_alike() {
    let google = Google::start().await;
    let other = json!({"client_id": "other", "client_secret": "other-secret", "redirect_uris": [CALLBACK]});
    google.switch("clients", &other).await;
    let code = google.code(&google.request(&[]), ANA).await;
    let foreign = google
        .exchange(&code, &[("client_id", "other"), ("client_secret", "other-secret")])
        .await;
    assert_eq!(error_of(&foreign), refused(400, "invalid_grant", "Bad Request"));
    google.pass(601).await;
    assert_eq!(
        error_of(&google.exchange(&code, &[]).await),
        refused(400, "invalid_grant", "Bad Request")
    );

    let refresh = text(&google.connect(ANA, &[]).await, "refresh_token");
    let ask = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let foreign = google
        .token(&ask, &[("client_id", "other"), ("client_secret", "other-secret")])
        .await;
    assert_eq!(error_of(&foreign), refused(400, "invalid_grant", "Bad Request"));
}

/// Checklist line 11.
#[tokio::test]
async fn the_code_verifier_must_be_there_and_right() {
    let google = Google::start().await;
    let verifier = "a-verifier-that-is-at-least-forty-three-characters-long";
    let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    for (challenge, method) in [(hashed.as_str(), "S256"), (verifier, "plain"), (verifier, "")] {
        let request = google.request(&[("code_challenge", challenge), ("code_challenge_method", method)]);
        let code = google.code(&request, ANA).await;
        let none = google.exchange(&code, &[]).await;
        assert_eq!(error_of(&none), refused(400, "invalid_grant", "Missing code verifier."));
        let wrong = google
            .exchange(
                &code,
                &[(
                    "code_verifier",
                    "b-verifier-that-is-at-least-forty-three-characters-long",
                )],
            )
            .await;
        assert_eq!(
            error_of(&wrong),
            refused(400, "invalid_grant", "Invalid code verifier.")
        );
        google.exchange(&code, &[("code_verifier", verifier)]).await.expect(200);
    }
}

/// Checklist line 12, and the other rows of the token endpoint's table.
#[tokio::test]
async fn the_exchange_must_name_the_redirect_address_of_the_request() {
    let google = Google::start().await;
    let code = google.code(&google.request(&[]), ANA).await;
    let other = google
        .exchange(&code, &[("redirect_uri", "http://127.0.0.1:9999/")])
        .await;
    assert_eq!(error_of(&other), refused(400, "redirect_uri_mismatch", "Bad Request"));
    let none = google.exchange(&code, &[("redirect_uri", "")]).await;
    assert_eq!(
        error_of(&none),
        refused(400, "invalid_request", "Missing parameter: redirect_uri")
    );
    let no_code = google.exchange(&code, &[("code", "")]).await;
    assert_eq!(
        error_of(&no_code),
        refused(400, "invalid_request", "Missing required parameter: code")
    );
    let grant = google.exchange(&code, &[("grant_type", "foo")]).await;
    assert_eq!(
        error_of(&grant),
        refused(400, "unsupported_grant_type", "Invalid grant_type: foo")
    );
    google.http.get(&google.url("/token"), &[]).await.expect(405);
    google.exchange(&code, &[]).await.expect(200);
}

/// Checklist line 12: a refresh may narrow its scopes but not widen them.
#[tokio::test]
async fn a_refresh_cannot_widen_its_scopes() {
    let google = Google::start().await;
    let refresh = text(&google.connect(ANA, &[("scope", EVENTS)]).await, "refresh_token");
    let ask = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    google.token(&ask, &[("scope", EVENTS)]).await.expect(200);
    for bad in [LISTS, "a-thing"] {
        let answer = google.token(&ask, &[("scope", bad)]).await;
        let words = format!("Some requested scopes were invalid. {{invalid=[{bad}]}}");
        assert_eq!(error_of(&answer), refused(400, "invalid_scope", &words));
        assert!(answer.json()["error_uri"].is_string());
    }
}

/// Checklist line 18: the sandbox's part is that refreshing at the same time is legal and that the log tells how often it was done.
#[tokio::test]
async fn two_refreshes_at_once_both_work_and_are_both_counted() {
    let google = Google::start().await;
    let refresh = text(&google.connect(ANA, &[]).await, "refresh_token");
    google
        .http
        .delete(&google.url("/_sandbox/requests"), &[])
        .await
        .expect(204);
    let (one, two) = tokio::join!(google.refresh(&refresh), google.refresh(&refresh));
    assert_ne!(
        one.expect(200).json()["access_token"],
        two.expect(200).json()["access_token"]
    );
    assert_eq!(google.look("counts").await["classes"]["token"], 2);
    let log = google.look("requests").await;
    assert_eq!(
        (log[0]["user"].as_str(), log[0]["body"]["grant_type"].as_str()),
        (Some(ANA), Some("refresh_token"))
    );
    assert!(!log.to_string().contains(&refresh) && !log.to_string().contains(SECRET));
}

/// Checklist line 8: the sandbox's part is to be such a token endpoint.
#[tokio::test]
async fn the_token_endpoint_can_fail_in_every_way_that_is_no_verdict_on_the_grant() {
    let google = Google::start().await;
    let refresh = text(&google.connect(ANA, &[]).await, "refresh_token");
    let invalid_client = json!({"error": "invalid_client", "error_description": "Unauthorized"});
    let faults = json!([
        {"path": "/token", "action": {"status": 500, "body": {"error": "internal_failure"}}},
        {"path": "/token", "action": {"status": 502, "body": "html"}},
        {"path": "/token", "action": {"status": 401, "body": invalid_client}},
        {"path": "/token", "action": {"cut": "before"}},
    ]);
    google.switch("faults", &faults).await;
    assert_eq!(
        google.refresh(&refresh).await.expect(500).json()["error"],
        "internal_failure"
    );
    assert!(
        google
            .refresh(&refresh)
            .await
            .expect(502)
            .header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    google.refresh(&refresh).await.expect(401);
    let body = form(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
    assert!(
        google
            .http
            .try_send(Method::POST, &google.url("/token"), &[], body)
            .await
            .is_err()
    );
    google.refresh(&refresh).await.expect(200);
}
