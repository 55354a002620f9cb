//! Consent, tokens and identity against a pretend Google.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod google_support;
use accord::domain::failure::FailureClass;
use accord::google::GoogleError;
use accord::google::oauth::{Authorization, Endpoints, Identity, OAuth, pkce_verifier};
use accord::google::scopes::{self, Feature};
use accord::google::transport::Transport;
use axum::body::Body;
use axum::http::Response;
use google_support::{PretendGoogle, form, json, raw};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json as value;
use std::sync::Arc;
use std::time::Duration;

fn oauth(address: &str) -> OAuth {
    let endpoints = Endpoints {
        client_id: "client".into(),
        client_secret: "s3cret".into(),
        auth_url: "https://accounts.google.com/o/oauth2/v2/auth".into(),
        token_url: format!("{address}/token"),
        revoke_url: format!("{address}/revoke"),
        userinfo_url: format!("{address}/userinfo"),
        calendar_url: format!("{address}/calendar/v3/"),
    };
    OAuth::new(
        Arc::new(Transport::new(Duration::from_secs(30)).unwrap()),
        Arc::new(endpoints),
    )
}

async fn refresh_failure(answer: Response<Body>) -> GoogleError {
    let google = PretendGoogle::start(vec![answer]).await;
    oauth(&google.address)
        .refresh(&"1//04refresh".into())
        .await
        .unwrap_err()
}

#[test]
fn the_consent_address_asks_for_offline_access_with_pkce_and_the_narrowest_scopes() {
    let verifier = pkce_verifier(&[7; 32]);
    let scopes = scopes::requested(&[Feature::Calendar]);
    let ask = Authorization {
        redirect_uri: "https://accord.example/oauth/callback",
        state: "st&te",
        verifier: &verifier,
        login_hint: Some("eve@example.com"),
        scopes: &scopes,
        purpose: accord::google::oauth::Purpose::Connect,
    };
    let url = oauth("http://127.0.0.1:1").authorize_url(&ask).unwrap();
    let (address, query) = url.split_once('?').unwrap();
    assert_eq!(address, "https://accounts.google.com/o/oauth2/v2/auth");
    let mut pairs = form(query);
    pairs.sort();
    use base64::Engine;
    use sha2::Digest;
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .encode(sha2::Sha256::digest(verifier.expose_secret().as_bytes()));
    let expected = [
        ("access_type", "offline"),
        ("client_id", "client"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("include_granted_scopes", "true"),
        ("login_hint", "eve@example.com"),
        ("prompt", "consent"),
        ("redirect_uri", "https://accord.example/oauth/callback"),
        ("response_type", "code"),
        (
            "scope",
            "openid email https://www.googleapis.com/auth/calendar.events \
             https://www.googleapis.com/auth/calendar.calendarlist.readonly",
        ),
        ("state", "st&te"),
    ];
    assert_eq!(pairs, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

#[test]
fn a_verifier_of_a_forbidden_length_is_refused_instead_of_a_panic() {
    let short = SecretString::from("short");
    let ask = Authorization {
        redirect_uri: "https://x.example/",
        state: "s",
        verifier: &short,
        login_hint: None,
        scopes: &[],
        purpose: accord::google::oauth::Purpose::Connect,
    };
    assert!(oauth("http://127.0.0.1:1").authorize_url(&ask).is_err());
}

#[tokio::test]
async fn a_code_becomes_tokens() {
    let answer = value!({"access_token": "ya29.a", "expires_in": 3599, "refresh_token": "1//04r",
        "scope": "openid https://www.googleapis.com/auth/userinfo.email", "token_type": "Bearer", "id_token": "eyJ"});
    let google = PretendGoogle::start(vec![json(200, &answer)]).await;
    let verifier = pkce_verifier(&[1; 32]);
    let tokens = oauth(&google.address)
        .exchange("4/0A+b", &verifier, "https://accord.example/cb")
        .await
        .unwrap();
    assert_eq!(tokens.access_token.expose_secret(), "ya29.a");
    assert_eq!(tokens.refresh_token.as_ref().unwrap().expose_secret(), "1//04r");
    assert_eq!(tokens.expires_in, Duration::from_secs(3599));
    assert_eq!(
        tokens.scopes.as_deref().unwrap(),
        ["openid", "https://www.googleapis.com/auth/userinfo.email"]
    );
    let shown = format!("{tokens:?}");
    assert!(!shown.contains("ya29") && !shown.contains("1//04r"), "{shown}");
    let mut sent = form(&google.only().body);
    sent.sort();
    let expected = [
        ("client_id", "client"),
        ("client_secret", "s3cret"),
        ("code", "4/0A+b"),
        ("code_verifier", verifier.expose_secret()),
        ("grant_type", "authorization_code"),
        ("redirect_uri", "https://accord.example/cb"),
    ];
    assert_eq!(sent, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(google.only().header("authorization"), None);
}

#[tokio::test]
async fn a_refresh_brings_no_new_refresh_token() {
    let answer = value!({"access_token": "ya29.b", "expires_in": 3599, "scope": "openid", "token_type": "Bearer"});
    let google = PretendGoogle::start(vec![json(200, &answer)]).await;
    let tokens = oauth(&google.address).refresh(&"1//04r".into()).await.unwrap();
    assert!(tokens.refresh_token.is_none());
    let sent = form(&google.only().body);
    assert!(
        sent.contains(&("grant_type".into(), "refresh_token".into())),
        "{sent:?}"
    );
    assert!(sent.contains(&("refresh_token".into(), "1//04r".into())), "{sent:?}");
}

/// Google's token endpoint errors, as recorded.
#[tokio::test]
async fn only_invalid_grant_means_that_the_user_must_reconnect() {
    use FailureClass::{OperatorAlarm, Reconnect};
    const TRANSIENT: FailureClass = FailureClass::Transient { retry_after: None };
    let table = [
        (400, "invalid_grant", "Token has been expired or revoked.", Reconnect),
        (400, "invalid_grant", "Bad Request", Reconnect),
        (400, "invalid_grant", "Malformed auth code.", Reconnect),
        (401, "invalid_client", "Unauthorized", OperatorAlarm),
        (401, "invalid_client", "The OAuth client was not found.", OperatorAlarm),
        (401, "unauthorized_client", "Client is unauthorized", OperatorAlarm),
        (400, "redirect_uri_mismatch", "Bad Request", TRANSIENT),
        (400, "invalid_request", "client_secret is missing.", TRANSIENT),
        (400, "unsupported_grant_type", "Invalid grant_type: foo", TRANSIENT),
        (400, "invalid_scope", "Some requested scopes were invalid.", TRANSIENT),
        (500, "internal_failure", "", TRANSIENT),
        (503, "invalid_grant", "", TRANSIENT),
    ];
    for (status, code, text, class) in table {
        let error = refresh_failure(json(status, value!({"error": code, "error_description": text}))).await;
        assert_eq!(error.class(), class, "{status} {code} {text}");
    }
    for status in [400, 401, 403, 404, 405, 502, 503] {
        let error = refresh_failure(raw(status, &[("content-type", "text/html")], "<html>no</html>")).await;
        assert_eq!(error.class(), TRANSIENT, "{status}");
    }
    let error = refresh_failure(raw(503, &[("retry-after", "9")], "")).await;
    assert_eq!(
        error.class(),
        FailureClass::Transient {
            retry_after: Some(Duration::from_secs(9))
        }
    );
}

#[tokio::test]
async fn the_subtype_of_a_workspace_reauthentication_is_kept() {
    let body = value!({"error": "invalid_grant", "error_description": "reauth related error", "error_subtype": "invalid_rapt"});
    let error = refresh_failure(json(400, body)).await;
    assert_eq!(error.to_string(), "Google answered 400 invalid_grant invalid_rapt");
}

#[tokio::test]
async fn a_success_without_tokens_is_no_dead_grant_and_shows_no_token() {
    for body in ["<html>hello</html>", "{}", r#"{"access_token":"ya29.x"}"#, ""] {
        let error = refresh_failure(json(200, body)).await;
        assert_eq!(error.class(), FailureClass::Protocol, "{body}");
        assert!(!format!("{error} {error:?}").contains("ya29"));
    }
}

#[tokio::test]
async fn revoking_twice_is_no_error() {
    let void = value!({"error": "invalid_token", "error_description": "Token expired or revoked"});
    let google = PretendGoogle::start(vec![json(200, "{}"), json(400, void), json(503, "")]).await;
    let oauth = oauth(&google.address);
    let token = SecretString::from("1//0+4&r");
    oauth.revoke(&token).await.unwrap();
    oauth.revoke(&token).await.unwrap();
    assert!(oauth.revoke(&token).await.is_err());
    for asked in google.asked() {
        assert_eq!(
            asked.uri.to_string(),
            "/revoke",
            "a token in an address would reach logs"
        );
        assert_eq!(form(&asked.body), [("token".to_owned(), "1//0+4&r".to_owned())]);
    }
}

#[tokio::test]
async fn an_identity_is_its_sub_and_its_verified_address() {
    let info = value!({"sub": "10769150350006150715113082367", "name": "Eve", "email": "eve@example.com", "email_verified": true});
    let google = PretendGoogle::start(vec![json(200, &info), json(200, value!({"sub": "1"})), json(401, "{}")]).await;
    let oauth = oauth(&google.address);
    let access = SecretString::from("ya29.a");
    let expected = Identity {
        sub: "10769150350006150715113082367".into(),
        email: "eve@example.com".into(),
        email_verified: true,
    };
    assert_eq!(oauth.userinfo(&access).await.unwrap(), expected);
    assert_eq!(
        oauth.userinfo(&access).await.unwrap_err().class(),
        FailureClass::Protocol
    );
    assert_eq!(
        oauth.userinfo(&access).await.unwrap_err().class(),
        FailureClass::Unauthorized
    );
    assert_eq!(google.asked()[0].header("authorization"), Some("Bearer ya29.a"));
}
