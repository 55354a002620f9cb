//! How long tokens live, and what ends them.
use crate::{
    DAY, error_of, refused,
    support::google::{ANA, EVENTS, Google, text},
};
use serde_json::json;

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
