//! What a tenant sees and does with accounts over the API, and what users answer on their page.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod connect_support;
mod support;

use accord::domain::ids::{QuestionId, UserId};
use accord::store::accounts::AccountState;
use accord::store::questions::{self, QuestionRow};
use accord::web::{WebState, router};
use axum::body::Body;
use connect_support::{Bed, PUBLIC};
use http::{Request, header};
use http_body_util::BodyExt;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use support::google::{ANA, CONTACTS, EVENTS, LISTS};
use support::postgres::both_databases;
use tower::ServiceExt;

/// One request with a fresh key of the tenant.
async fn api(bed: &Bed, method: &str, path: &str, body: Value) -> (u16, Value) {
    let key = bed.engine.create_api_key(bed.tenant).await.unwrap();
    let state = WebState {
        engine: bed.engine.clone(),
        defaults: Default::default(),
        body_limit: 10_000,
        public_url: PUBLIC.to_owned(),
    };
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {}", key.expose_secret()))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = router(state).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn ask(bed: &Bed, last: u8, user: UserId, title: &str) -> QuestionId {
    let account = bed.account(bed.ana).await.unwrap();
    let id = QuestionId(uuid::Uuid::from_u128(u128::from(last)));
    let detail = json!({"title": title, "fields": [{"field": "title", "app": "Lunch <b>", "google": "Dinner"}]});
    let row = QuestionRow {
        id,
        kind: "conflict".to_owned(),
        addressee: "user".to_owned(),
        user_id: Some(user),
        account_id: account.id,
        calendar_id: ANA.into(),
        subject_id: format!("0190f3c4-5b1e-7cc0-9d3a-0000000000{last:02}"),
        choices: vec!["app".to_owned(), "google".to_owned()],
        detail_sealed: bed.engine.seal(
            "questions",
            "detail_sealed",
            bed.tenant,
            &id.to_string(),
            detail.to_string().as_bytes(),
        ),
        state: "open".to_owned(),
        answer: None,
        answered_by: None,
        answered_at: None,
        created_at: 0,
    };
    let mut tx = bed.engine.db.begin().await.unwrap();
    assert!(questions::insert(&mut tx, bed.tenant, &row).await.unwrap());
    tx.commit().await.unwrap();
    id
}

both_databases! {
    async fn the_use_of_a_key_is_noted_once_an_hour(url: String) {
        let bed = Bed::new(&url).await;
        let key = bed.engine.create_api_key(bed.tenant).await.unwrap();
        let used = async || bed.engine.api_keys(bed.tenant).await.unwrap()[0].last_used_at;
        assert_eq!(used().await, None);
        let until = async |at: i64| {
            while used().await != Some(at) {
                tokio::task::yield_now().await;
            }
        };
        bed.engine.authenticate(key.expose_secret()).await.unwrap();
        let first = bed.engine.now_ms();
        until(first).await;
        bed.pass(3_599).await;
        bed.engine.authenticate(key.expose_secret()).await.unwrap();
        bed.pass(1).await;
        bed.engine.authenticate(key.expose_secret()).await.unwrap();
        until(first + 3_600_000).await;
        assert!(bed.engine.authenticate(&format!("{}x", key.expose_secret())).await.is_err());
    }

    async fn the_app_starts_a_connection_and_follows_the_account(url: String) {
        let bed = Bed::new(&url).await;
        let (status, started) = api(&bed, "POST", &format!("/users/{}/connect", bed.ana), Value::Null).await;
        assert_eq!(status, 201, "{started}");
        let link = started["url"].as_str().unwrap().strip_prefix(PUBLIC).unwrap().to_owned();
        bed.browser().get(&link).await.expect(200).says("Ana Ruiz");
        let (status, _) = api(&bed, "POST", &format!("/users/{}/connect", bed.tenant), Value::Null).await;
        assert_eq!(status, 404);

        let account = bed.connect(bed.ana, ANA).await;
        let (_, all) = api(&bed, "GET", "/accounts", Value::Null).await;
        assert_eq!(all["items"][0]["email"], ANA);
        assert_eq!(all["items"][0]["state"], "active");
        let path = format!("/accounts/{}", account.id);
        let (status, one) = api(&bed, "GET", &path, Value::Null).await;
        assert_eq!((status, &one), (200, &all["items"][0]));
        let (_, calendars) = api(&bed, "GET", &format!("{path}/calendars"), Value::Null).await;
        assert_eq!(calendars["items"].as_array().unwrap().len(), 1, "only what the user allowed is shown");
        let narrowed = json!({"calendar_id": ANA, "writes": false});
        let (status, calendars) = api(&bed, "PATCH", &format!("{path}/calendars"), narrowed).await;
        assert_eq!(status, 200, "{calendars}");
        let calendar = &calendars["items"][0];
        assert_eq!((&calendar["reads"], &calendar["writes"], &calendar["user_writes"]), (&json!(true), &json!(false), &json!(true)));
        let (status, _) = api(&bed, "PATCH", &format!("{path}/calendars"), json!({"calendar_id": "x"})).await;
        assert_eq!(status, 400);

        let (status, _) = api(&bed, "DELETE", &path, Value::Null).await;
        assert_eq!(status, 204);
        assert_eq!(bed.account_by_id(account.id).await.state, AccountState::Disconnected);
        let (status, _) = api(&bed, "GET", &format!("/accounts/{}", bed.ana), Value::Null).await;
        assert_eq!(status, 404);
    }

    async fn the_app_sees_the_choice_of_contacts_and_narrows_it(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let scopes = ["openid", "email", EVENTS, LISTS, CONTACTS];
        let arrived = bed.to_choices(&mut browser, bed.ana, ANA, &scopes).await.expect(303);
        let page = browser.get(arrived.location()).await.expect(200);
        let path = format!("/accounts/{}/contacts", bed.account(bed.ana).await.unwrap().id);
        let stands = |choice: Value, label: Value, allowed: bool, in_force: bool| {
            json!({"choice": choice, "label": label, "allowed_by_tenant": allowed, "in_force": in_force})
        };
        let (status, before) = api(&bed, "GET", &path, Value::Null).await;
        assert_eq!((status, before), (200, stands(Value::Null, Value::Null, true, false)));
        browser.submit(&page, 0, &[("contacts", "contactGroups/starred")]).await.expect(303);
        let (_, chosen) = api(&bed, "GET", &path, Value::Null).await;
        assert_eq!(chosen, stands(json!("label"), json!("Starred"), true, true));

        let (status, narrowed) = api(&bed, "PATCH", &path, json!({"allowed_by_tenant": false})).await;
        assert_eq!((status, &narrowed), (200, &stands(json!("label"), json!("Starred"), false, false)));
        assert_eq!(api(&bed, "GET", &path, Value::Null).await.1, narrowed);
        for wrong in [json!({}), json!({"allowed_by_tenant": "no"}), json!({"allowed_by_tenant": true, "choice": "all"})] {
            let (status, problem) = api(&bed, "PATCH", &path, wrong).await;
            assert_eq!(status, 400, "{problem}");
        }
        let (_, back) = api(&bed, "PATCH", &path, json!({"allowed_by_tenant": true})).await;
        assert_eq!(back, chosen);

        // The user's no is not the tenant's to overrule.
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        browser.submit(&page, 0, &[("contacts", "none")]).await.expect(303);
        let (_, none) = api(&bed, "PATCH", &path, json!({"allowed_by_tenant": true})).await;
        assert_eq!(none, stands(json!("none"), Value::Null, true, false));

        let (status, _) = api(&bed, "GET", &format!("/accounts/{}/contacts", bed.ana), Value::Null).await;
        assert_eq!(status, 404);
        api(&bed, "DELETE", path.trim_end_matches("/contacts"), Value::Null).await;
        let (status, _) = api(&bed, "PATCH", &path, json!({"allowed_by_tenant": false})).await;
        assert_eq!(status, 404);
    }

    async fn a_user_answers_their_own_questions_and_no_others(url: String) {
        let bed = Bed::new(&url).await;
        bed.connect(bed.ana, ANA).await;
        ask(&bed, 11, bed.ana, "Planning").await;
        let foreign = ask(&bed, 12, bed.bea, "Somebody else's").await;
        let mut browser = bed.browser();
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        for words in ["Planning", "in the app: <bdi>Lunch &lt;b&gt;", "in your calendar: <bdi>Dinner", "My calendar&#x27;s version"] {
            page.says(words);
        }
        assert!(!page.body.contains("Somebody else"));
        browser.submit(&page, 0, &[("answer", "both")]).await.expect(404);
        browser.submit(&page, 0, &[("answer", "google")]).await.expect(303);
        let answered = "SELECT COUNT(*) AS n FROM questions WHERE state = 'answered' AND answer = 'google' AND answered_by = 'user'";
        assert_eq!(bed.count(answered).await, 1);
        browser.submit(&page, 0, &[("answer", "app")]).await.expect(409);
        let token = page.body.split("name=\"form\" value=\"").nth(1).unwrap();
        let token = &token[..token.find('"').unwrap()];
        let path = format!("/me/{}/questions/{foreign}", bed.tenant);
        browser.post(&path, &[("form", token), ("answer", "app")]).await.expect(404);
        assert_eq!(bed.count(answered).await, 1);
    }
}
