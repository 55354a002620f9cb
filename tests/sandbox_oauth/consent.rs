//! The authorization request and the consent page.
use crate::support::{
    google::{ANA, CALLBACK, EVENTS, Google, LISTS, text},
    http::query_of,
};
use serde_json::json;

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
