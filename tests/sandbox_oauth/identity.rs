//! Who a token speaks for.
use crate::{
    error_of, refused,
    support::google::{ANA, CLIENT, Google, text},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

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
