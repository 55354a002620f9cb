//! The sandbox's OAuth against what Google documents and what was seen of it. Over real HTTP, nothing but the sandbox.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{
    google::{ANA, CALLBACK, CLIENT, EVENTS, Google, LISTS, SECRET, text},
    http::query_of,
};

const DAY: i64 = 86_400;

fn error_of(answer: &support::http::Answer) -> (u16, String, String) {
    let body = answer.json();
    (
        answer.status,
        text(&body, "error"),
        body["error_description"].as_str().unwrap_or_default().to_owned(),
    )
}

fn refused(status: u16, error: &str, description: &str) -> (u16, String, String) {
    (status, error.to_owned(), description.to_owned())
}

/// Checklist line 1.
#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let google = Google::start().await;
    for access in ["online", ""] {
        let tokens = google.connect(ANA, &[("access_type", access)]).await;
        assert_eq!(tokens.get("refresh_token"), None);
        assert_eq!(tokens["expires_in"], 3599);
        assert_eq!(tokens["token_type"], "Bearer");
    }
}

/// Checklist line 2.
#[tokio::test]
async fn a_second_offline_grant_brings_a_refresh_token_only_when_consent_is_forced() {
    let google = Google::start().await;
    let first = text(&google.connect(ANA, &[]).await, "refresh_token");
    assert_eq!(google.connect(ANA, &[]).await.get("refresh_token"), None);
    let again = text(&google.connect(ANA, &[("prompt", "consent")]).await, "refresh_token");
    assert_ne!(first, again);
    google.refresh(&first).await.expect(200);
    google.refresh(&again).await.expect(200);
}

/// Checklist line 3.
#[tokio::test]
async fn a_redirect_address_that_differs_in_a_slash_or_a_letter_gets_an_error_page_and_no_redirect() {
    let google = Google::start().await;
    let upper = CALLBACK.to_uppercase();
    for odd in [
        format!("{CALLBACK}/"),
        CALLBACK.replace("callback", "Callback"),
        upper,
        format!("{CALLBACK}?x=1"),
    ] {
        let page = google
            .open_page(&google.request(&[("redirect_uri", &odd)]))
            .await
            .expect(400);
        assert!(page.text().contains("Error 400: redirect_uri_mismatch"));
        assert_eq!(page.header("location"), None);
        let forged = google
            .decide(&google.request(&[("redirect_uri", &odd)]), ANA, &[EVENTS], "allow")
            .await
            .expect(400);
        assert_eq!(forged.header("location"), None);
    }
}

/// Checklist line 4.
#[tokio::test]
async fn a_user_who_denies_is_sent_back_with_access_denied_and_the_same_state() {
    let google = Google::start().await;
    let state = "a b&c=d/é";
    let answer = google
        .decide(&google.request(&[("state", state)]), ANA, &[EVENTS], "deny")
        .await
        .expect(302);
    let location = answer.header("location").unwrap();
    assert!(location.starts_with(&format!("{CALLBACK}?")));
    let query = query_of(location);
    assert_eq!(
        (query["error"].as_str(), query["state"].as_str()),
        ("access_denied", state)
    );
    assert_eq!(query.get("code"), None);
}

/// Checklist line 5.
#[tokio::test]
async fn an_unticked_scope_is_missing_from_the_token_and_the_api_refuses_it() {
    let google = Google::start().await;
    let answer = google
        .decide(&google.request(&[]), ANA, &[LISTS], "allow")
        .await
        .expect(302);
    let query = query_of(answer.header("location").unwrap());
    assert!(!query["scope"].contains(EVENTS));
    let tokens = google.exchange(&query["code"], &[]).await.expect(200).json();
    let granted = text(&tokens, "scope");
    let mut scopes: Vec<&str> = granted.split(' ').collect();
    scopes.sort_unstable();
    assert_eq!(
        scopes,
        [LISTS, "https://www.googleapis.com/auth/userinfo.email", "openid"]
    );
    let bearer = format!("Bearer {}", text(&tokens, "access_token"));
    let refused = google
        .http
        .get(&google.events(), &[("authorization", &bearer)])
        .await
        .expect(403)
        .json();
    assert_eq!(
        refused["error"]["details"][0]["reason"],
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    );
    assert_eq!(refused["error"]["status"], "PERMISSION_DENIED");
}

/// Checklist line 5: a user cannot grant what was not asked, and ticking nothing at all is a no.
#[tokio::test]
async fn a_consent_never_holds_more_than_was_asked() {
    let google = Google::start().await;
    let request = google.request(&[("scope", EVENTS)]);
    let nothing = google.decide(&request, ANA, &[], "allow").await.expect(302);
    assert_eq!(query_of(nothing.header("location").unwrap())["error"], "access_denied");
    let more = google
        .decide(&request, ANA, &[EVENTS, LISTS], "allow")
        .await
        .expect(302);
    assert_eq!(query_of(more.header("location").unwrap())["scope"], EVENTS);
}

/// Checklist line 5: earlier grants join the new one only when asked for.
#[tokio::test]
async fn earlier_grants_are_included_only_when_asked() {
    let google = Google::start().await;
    google.connect(ANA, &[("scope", EVENTS)]).await;
    assert_eq!(text(&google.connect(ANA, &[("scope", LISTS)]).await, "scope"), LISTS);
    let merged = google
        .connect(ANA, &[("scope", LISTS), ("include_granted_scopes", "true")])
        .await;
    assert_eq!(text(&merged, "scope"), format!("{LISTS} {EVENTS}"));
}

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

/// Checklist line 7.
#[tokio::test]
async fn a_revoked_refresh_token_is_an_invalid_grant() {
    let google = Google::start().await;
    let refresh = text(&google.connect(ANA, &[]).await, "refresh_token");
    google.switch("tokens/revoke_refresh", &json!({"email": ANA})).await;
    let answer = google.refresh(&refresh).await;
    assert_eq!(
        error_of(&answer),
        refused(400, "invalid_grant", "Token has been expired or revoked.")
    );
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

/// Checklist line 13.
#[tokio::test]
async fn the_hundred_and_first_refresh_token_silently_kills_the_oldest() {
    let google = Google::start().await;
    let mut tokens = Vec::new();
    for _ in 0..101 {
        tokens.push(text(
            &google.connect(ANA, &[("prompt", "consent")]).await,
            "refresh_token",
        ));
    }
    assert_eq!(error_of(&google.refresh(&tokens[0]).await).1, "invalid_grant");
    google.refresh(&tokens[1]).await.expect(200);
    google.refresh(&tokens[100]).await.expect(200);
}

/// Checklist line 14.
#[tokio::test]
async fn in_testing_a_refresh_token_dies_after_seven_days_unless_it_only_names_its_user() {
    let google = Google::start().await;
    google.switch("switches", &json!({"testing": true})).await;
    let tokens = google.connect(ANA, &[]).await;
    assert_eq!(tokens["refresh_token_expires_in"], 604_799);
    google.switch("users", &json!({"email": "ben@example.com"})).await;
    let identity = google
        .connect("ben@example.com", &[("scope", "openid email profile")])
        .await;
    assert_eq!(identity.get("refresh_token_expires_in"), None);
    google.pass(7 * DAY - 10).await;
    google.refresh(&text(&tokens, "refresh_token")).await.expect(200);
    google.pass(10).await;
    assert_eq!(
        error_of(&google.refresh(&text(&tokens, "refresh_token")).await).1,
        "invalid_grant"
    );
    google.refresh(&text(&identity, "refresh_token")).await.expect(200);
}

/// Checklist line 15.
#[tokio::test]
async fn six_months_without_use_end_a_refresh_token_and_use_keeps_it() {
    let google = Google::start().await;
    let refresh = text(&google.connect(ANA, &[]).await, "refresh_token");
    google.pass(170 * DAY).await;
    google.refresh(&refresh).await.expect(200);
    google.pass(170 * DAY).await;
    google.refresh(&refresh).await.expect(200);
    google.pass(184 * DAY).await;
    let dead = google.refresh(&refresh).await;
    assert_eq!(
        error_of(&dead),
        refused(400, "invalid_grant", "Token has been expired or revoked.")
    );
}

/// Checklist line 16.
#[tokio::test]
async fn a_password_change_ends_mail_tokens_and_leaves_calendar_tokens() {
    let google = Google::start().await;
    let calendar = text(&google.connect(ANA, &[]).await, "refresh_token");
    let mail_scope = "https://www.googleapis.com/auth/gmail.readonly";
    let mail = text(
        &google
            .connect(ANA, &[("scope", mail_scope), ("prompt", "consent")])
            .await,
        "refresh_token",
    );
    assert_eq!(
        google.switch("tokens/change_password", &json!({"email": ANA})).await,
        json!({"tokens": 1})
    );
    google.refresh(&calendar).await.expect(200);
    assert_eq!(error_of(&google.refresh(&mail).await).1, "invalid_grant");
}

/// Checklist line 17.
#[tokio::test]
async fn revoking_either_token_ends_the_whole_grant() {
    let google = Google::start().await;
    for which in ["access_token", "refresh_token"] {
        let tokens = google.connect(ANA, &[]).await;
        let bearer = format!("Bearer {}", text(&tokens, "access_token"));
        google
            .http
            .get(&google.events(), &[("authorization", &bearer)])
            .await
            .expect(200);
        let token = text(&tokens, which);
        let revoked = google
            .http
            .post_form(&google.url("/revoke"), &[], &[("token", &token)])
            .await
            .expect(200);
        assert_eq!(revoked.json(), json!({}));
        google
            .http
            .get(&google.events(), &[("authorization", &bearer)])
            .await
            .expect(401);
        assert_eq!(
            error_of(&google.refresh(&text(&tokens, "refresh_token")).await).1,
            "invalid_grant"
        );
        let again = google
            .http
            .post_form(&google.url("/revoke"), &[], &[("token", &token)])
            .await;
        assert_eq!(
            error_of(&again),
            refused(400, "invalid_token", "Token expired or revoked")
        );
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
    assert_eq!(log[0]["body"]["grant_type"], "refresh_token");
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
    let body = support::http::form(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
    assert!(
        google
            .http
            .try_send(http::Method::POST, &google.url("/token"), &[], body)
            .await
            .is_err()
    );
    google.refresh(&refresh).await.expect(200);
}

/// Checklist line 22: the sandbox's part is that every form of identity names the same `sub`.
#[tokio::test]
async fn every_form_of_identity_names_the_same_account_number() {
    let google = Google::start().await;
    let sub = text(&google.look("users").await[0], "sub");
    let tokens = google
        .connect(ANA, &[("scope", "openid email profile"), ("nonce", "n-1")])
        .await;
    let access = text(&tokens, "access_token");
    let bearer = format!("Bearer {access}");

    let jwt = text(&tokens, "id_token");
    let parts: Vec<Vec<u8>> = jwt
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap())
        .collect();
    let header: Value = serde_json::from_slice(&parts[0]).unwrap();
    let claims: Value = serde_json::from_slice(&parts[1]).unwrap();
    assert_eq!(
        (header["alg"].as_str(), parts.len(), parts[2].len()),
        (Some("RS256"), 3, 256)
    );
    assert_eq!(claims["iss"], "https://accounts.google.com");
    assert_eq!(
        (claims["aud"].as_str(), claims["nonce"].as_str()),
        (Some(CLIENT), Some("n-1"))
    );
    assert_eq!(
        (claims["sub"].as_str(), claims["email"].as_str()),
        (Some(sub.as_str()), Some(ANA))
    );

    let openid = google
        .http
        .get(&google.url("/v1/userinfo"), &[("authorization", &bearer)])
        .await
        .expect(200)
        .json();
    assert_eq!(
        (openid["sub"].as_str(), openid["given_name"].as_str()),
        (Some(sub.as_str()), Some("Ana"))
    );
    assert_eq!(
        (openid["email"].as_str(), openid["email_verified"].as_bool()),
        (Some(ANA), Some(true))
    );
    let v2 = google
        .http
        .get(&google.url("/oauth2/v2/userinfo"), &[("authorization", &bearer)])
        .await
        .expect(200)
        .json();
    assert_eq!(
        (v2["id"].as_str(), v2["verified_email"].as_bool()),
        (Some(sub.as_str()), Some(true))
    );
    let info = google
        .http
        .get(&google.url(&format!("/tokeninfo?access_token={access}")), &[])
        .await
        .expect(200)
        .json();
    assert_eq!(
        (info["sub"].as_str(), info["expires_in"].as_str()),
        (Some(sub.as_str()), Some("3599"))
    );
    google.pass(3_599).await;
    let dead = google
        .http
        .get(&google.url(&format!("/tokeninfo?access_token={access}")), &[])
        .await;
    assert_eq!(error_of(&dead), refused(400, "invalid_token", "Invalid Value"));
}

/// The page is a form that works without scripts and can be answered as it stands.
#[tokio::test]
async fn the_consent_page_offers_the_hinted_user_and_one_box_per_scope() {
    let google = Google::start().await;
    google.switch("users", &json!({"email": "ben@example.com"})).await;
    let page = google
        .open_page(&google.request(&[("login_hint", ANA)]))
        .await
        .expect(200)
        .text();
    assert!(
        page.contains(&format!("name=\"user\" value=\"{ANA}\" checked")),
        "{page}"
    );
    assert!(!page.contains("ben@example.com"));
    for scope in [EVENTS, LISTS] {
        assert!(
            page.contains(&format!(
                "type=\"checkbox\" name=\"scope\" value=\"{}\"",
                scope.replace('/', "&#x2f;")
            )),
            "{page}"
        );
    }
    assert!(!page.contains("<script"));
    let all = google.open_page(&google.request(&[])).await.expect(200).text();
    assert!(all.contains("ben@example.com"));
}

/// `prompt=none` never shows a page.
#[tokio::test]
async fn without_a_prompt_only_an_earlier_grant_gives_a_code() {
    let google = Google::start().await;
    let request = google.request(&[("prompt", "none"), ("login_hint", ANA)]);
    let before = google.open_page(&request).await.expect(302);
    assert_eq!(
        query_of(before.header("location").unwrap())["error"],
        "consent_required"
    );
    google.connect(ANA, &[]).await;
    let after = google.open_page(&request).await.expect(302);
    let code = query_of(after.header("location").unwrap())["code"].clone();
    assert_eq!(
        google
            .exchange(&code, &[])
            .await
            .expect(200)
            .json()
            .get("refresh_token"),
        None
    );
}

/// A scope that a user or an administrator takes away is gone from the next token and from the live one.
#[tokio::test]
async fn a_dropped_scope_is_missing_from_live_and_new_tokens() {
    let google = Google::start().await;
    let tokens = google.connect(ANA, &[]).await;
    google
        .switch("tokens/drop_scope", &json!({"email": ANA, "scope": EVENTS}))
        .await;
    let bearer = format!("Bearer {}", text(&tokens, "access_token"));
    google
        .http
        .get(&google.events(), &[("authorization", &bearer)])
        .await
        .expect(403);
    let reply = google.refresh(&text(&tokens, "refresh_token")).await.expect(200).json();
    assert!(!text(&reply, "scope").contains(EVENTS));
}
