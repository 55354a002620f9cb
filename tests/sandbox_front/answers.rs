//! Both error envelopes, masks, printing, compression.
use crate::{
    insert, reason,
    support::google::{ANA, Google, event, text},
};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::io::Read;

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
