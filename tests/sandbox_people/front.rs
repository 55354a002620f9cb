//! The People API over real HTTP: credentials, quotas, one write at a time, masks, faults, the request log.
use crate::support::{
    google::{ANA, Google, text},
    http::Answer,
};
use http::Method;
use serde_json::{Value, json};

const CONTACTS: &str = "https://www.googleapis.com/auth/contacts";
const READ_ONLY: &str = "https://www.googleapis.com/auth/contacts.readonly";

/// A sandbox and a token of Ana's with these scopes.
async fn started(scope: &str) -> (Google, String) {
    let google = Google::start().await;
    let tokens = google.connect(ANA, &[("scope", scope)]).await;
    let bearer = format!("Bearer {}", text(&tokens, "access_token"));
    (google, bearer)
}

async fn get(google: &Google, bearer: &str, path: &str) -> Answer {
    google.http.get(&google.url(path), &[("authorization", bearer)]).await
}

async fn create(google: &Google, bearer: &str, person: &Value) -> Answer {
    let url = google.url("/v1/people:createContact?personFields=names,metadata,clientData");
    google.http.post(&url, &[("authorization", bearer)], person).await
}

async fn listed(google: &Google) -> Vec<Value> {
    let path = "/v1/people/me/connections?personFields=names,clientData";
    let page = get(google, &format!("Bearer person:{ANA}"), path)
        .await
        .expect(200)
        .json();
    page["connections"].as_array().cloned().unwrap_or_default()
}

fn info(answer: &Answer) -> Value {
    answer.json()["error"]["details"][0].clone()
}

/// Checklist line 148: the sandbox's part is that the second of two writes of one user is refused, and counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writes_of_one_user_at_once_are_refused_and_of_two_users_are_not() {
    let (google, bearer) = started(CONTACTS).await;
    google.switch("switches", &json!({"people_write_ms": 1_500})).await;
    let person = json!({"names": [{"givenName": "Ana"}]});
    for (mode, second) in [("aborted", 409), ("unavailable", 503), ("allowed", 200)] {
        google.switch("switches", &json!({"people_overlap": mode})).await;
        google.http.delete(&google.url("/_sandbox/requests"), &[]).await;
        let early = async {
            // The second is sent when the first is known to be under way.
            while google.look("requests").await == json!([]) {}
            create(&google, &bearer, &person).await
        };
        let (one, two) = tokio::join!(create(&google, &bearer, &person), early);
        assert_eq!((one.status, two.status), (200, second), "{mode}");
    }
    google.switch("switches", &json!({"people_write_ms": 0})).await;
    assert_eq!(google.look("switches").await["people_overlaps"], 3);
    assert_eq!(listed(&google).await.len(), 4);

    google.switch("switches", &json!({"people_overlap": "aborted"})).await;
    google.switch("users", &json!({"email": "ben@example.com"})).await;
    let tokens = google.connect("ben@example.com", &[("scope", CONTACTS)]).await;
    let ben = format!("Bearer {}", text(&tokens, "access_token"));
    let person = json!({});
    let path = "/v1/people/me/connections?personFields=names";
    let (one, two, read) = tokio::join!(
        create(&google, &bearer, &person),
        create(&google, &ben, &person),
        get(&google, &bearer, path)
    );
    assert_eq!((one.status, two.status, read.status), (200, 200, 200));
    // A write whose client goes away ends its turn.
    google.switch("faults", &json!({"action": {"cut": "after"}})).await;
    let url = google.url("/v1/people:createContact");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    google
        .http
        .try_send(Method::POST, &url, &headers, "{}")
        .await
        .unwrap_err();
    create(&google, &bearer, &person).await.expect(200);
}

/// Checklist line 150: the sandbox's part is that a create may be applied without an answer, and its key is then in the list.
#[tokio::test]
async fn a_create_without_an_answer_is_found_by_its_client_data() {
    let (google, bearer) = started(CONTACTS).await;
    let url = google.url("/v1/people:createContact");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    for (cut, key) in [("before", "1"), ("after", "2"), ("body", "3")] {
        google
            .switch(
                "faults",
                &json!({"path": "/v1/people:createContact", "action": {"cut": cut}}),
            )
            .await;
        let person = json!({"clientData": [{"key": "accord", "value": key}]});
        google
            .http
            .try_send(Method::POST, &url, &headers, person.to_string())
            .await
            .unwrap_err();
    }
    let keys: Vec<Value> = listed(&google)
        .await
        .iter()
        .map(|person| person["clientData"][0]["value"].clone())
        .collect();
    assert_eq!(keys, ["2", "3"]);
    google
        .switch("faults", &json!({"action": {"after": {"status": 503}}}))
        .await;
    let unavailable = create(&google, &bearer, &json!({})).await.expect(503).json();
    assert_eq!(unavailable["error"]["status"], "UNAVAILABLE");
    assert_eq!(listed(&google).await.len(), 3);
}

/// Checklist line 158.
#[tokio::test]
async fn quotas_are_refused_by_metric_and_full_syncs_have_their_own() {
    let (google, bearer) = started(CONTACTS).await;
    google
        .switch(
            "switches",
            &json!({"people_quota": {"critical_reads": 3, "full_syncs": 1}}),
        )
        .await;
    let list = "/v1/people/me/connections?personFields=names";
    let full = format!("{list}&requestSyncToken=true");
    let first = get(&google, &bearer, &full).await.expect(200).json();
    let second = get(&google, &bearer, &full).await.expect(429);
    assert_eq!(
        second.json()["error"],
        json!({"code": 429, "message": "Resource has been exhausted (e.g. check quota).", "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"subject": "QUOTA_EXCEEDED", "description": "FBS quota limit exceeded"}]}]})
    );
    // A delta is no full sync.
    let delta = format!("{full}&syncToken={}", text(&first, "nextSyncToken"));
    get(&google, &bearer, &delta).await.expect(200);
    get(&google, &bearer, list).await.expect(200);
    let refused = get(&google, &bearer, list).await.expect(429);
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(
        text(&refused.json()["error"], "message"),
        "Quota exceeded for quota metric 'Critical read requests (Contact and Profile Reads)' and limit 'Critical read requests (Contact and Profile Reads) per minute per user' of service 'people.googleapis.com' for consumer 'project_number:336992806363'."
    );
    let detail = info(&refused);
    assert_eq!(detail["reason"], "RATE_LIMIT_EXCEEDED");
    assert_eq!(
        detail["metadata"]["quota_metric"],
        "people.googleapis.com/critical_read_requests"
    );
    create(&google, &bearer, &json!({})).await.expect(429);
    google.pass(60).await;
    get(&google, &bearer, list).await.expect(200);
    // A batch costs more than a single write, a deletion draws on another purse, and a person in Google's screens on none.
    google
        .switch(
            "switches",
            &json!({"people_quota": {"critical_writes": 6, "writes": 1, "daily_writes": 201}}),
        )
        .await;
    google.pass(60).await;
    let post = |path: &'static str, body: Value| {
        let (url, bearer, http) = (google.url(path), bearer.clone(), google.http.clone());
        async move { http.post(&url, &[("authorization", &bearer)], &body).await }
    };
    let one = json!({"contacts": [{"contactPerson": {}}]});
    post("/v1/people:batchCreateContacts", one.clone()).await.expect(200);
    let refused = create(&google, &bearer, &json!({})).await.expect(429);
    assert_eq!(
        info(&refused)["metadata"]["quota_metric"],
        "people.googleapis.com/critical_write_requests"
    );
    post("/v1/contactGroups", json!({"contactGroup": {"name": "Team"}}))
        .await
        .expect(200);
    post("/v1/contactGroups", json!({"contactGroup": {"name": "Other"}}))
        .await
        .expect(429);
    create(&google, &format!("Bearer person:{ANA}"), &json!({}))
        .await
        .expect(200);
    google.pass(60).await;
    create(&google, &bearer, &json!({})).await.expect(200);
    let daily = create(&google, &bearer, &json!({})).await.expect(429);
    assert_eq!(
        info(&daily)["metadata"]["quota_metric"],
        "people.googleapis.com/daily_contact_writes"
    );
    google.pass(24 * 3_600).await;
    let tokens = google.connect(ANA, &[("scope", CONTACTS)]).await;
    let bearer = format!("Bearer {}", text(&tokens, "access_token"));
    create(&google, &bearer, &json!({})).await.expect(200);
}

/// google.md 1.2, envelope C: credentials, enablement, scopes. No `errors[]`.
#[tokio::test]
async fn refusals_of_the_front_are_statuses_with_details() {
    let (google, bearer) = started(READ_ONLY).await;
    let list = "/v1/people/me/connections?personFields=names";
    let none = google.http.get(&google.url(list), &[]).await.expect(401);
    assert_eq!(info(&none)["reason"], "CREDENTIALS_MISSING");
    assert_eq!(none.json()["error"].get("errors"), None);
    let wrong = get(&google, "Bearer ya29.wrong", list).await.expect(401);
    assert_eq!(text(&wrong.json()["error"], "status"), "UNAUTHENTICATED");
    get(&google, &bearer, list).await.expect(200);
    let write = create(&google, &bearer, &json!({})).await.expect(403);
    assert_eq!(info(&write)["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    assert_eq!(
        info(&write)["metadata"]["method"],
        "google.people.v1.PeopleService.CreateContact"
    );
    get(&google, &google.bearer().await, list).await.expect(403);
    google.switch("switches", &json!({"people_api_disabled": true})).await;
    let disabled = get(&google, &bearer, list).await.expect(403);
    assert!(text(&disabled.json()["error"], "message").starts_with("People API has not been used in project"));
    assert_eq!(disabled.json()["error"]["details"][1]["reason"], "SERVICE_DISABLED");
    // Unknown paths have no API behind them, and the identity service keeps its own.
    let page = get(&google, &bearer, "/v1/people/c1:updateContactPhoto")
        .await
        .expect(404);
    assert!(page.text().contains("<!DOCTYPE html>"));
    get(&google, &google.bearer().await, "/v1/userinfo").await.expect(200);
}

/// The consent page says what the two contacts scopes allow, and a user may untick them.
#[tokio::test]
async fn the_consent_page_names_both_contacts_scopes() {
    let google = Google::start().await;
    let request = google.request(&[("scope", &format!("openid {CONTACTS} {READ_ONLY}"))]);
    let page = google.open_page(&request).await.expect(200).text();
    for words in [
        "See, edit, download, and permanently delete your contacts",
        "See and download your contacts",
    ] {
        assert!(page.contains(words), "{page}");
    }
    let answer = google.decide(&request, ANA, &[READ_ONLY], "allow").await.expect(302);
    let code = crate::support::http::query_of(answer.header("location").unwrap())["code"].clone();
    let tokens = google.exchange(&code, &[]).await.expect(200).json();
    let bearer = format!("Bearer {}", text(&tokens, "access_token"));
    create(&google, &bearer, &json!({})).await.expect(403);
}

/// `fields`, printing and headers.
#[tokio::test]
async fn a_mask_cuts_the_answer_and_a_wrong_one_does_nothing() {
    let (google, bearer) = started(CONTACTS).await;
    create(&google, &bearer, &json!({"names": [{"givenName": "Ana"}]}))
        .await
        .expect(200);
    let list = "/v1/people/me/connections?personFields=names,metadata&requestSyncToken=true";
    let page = get(
        &google,
        &bearer,
        &format!("{list}&fields=connections(names/givenName),totalItems"),
    )
    .await;
    assert_eq!(
        page.json(),
        json!({"connections": [{"names": [{"givenName": "Ana"}]}], "totalItems": 1})
    );
    assert_eq!(
        (page.header("cache-control"), page.header("etag")),
        (Some("private"), None)
    );
    let refused = get(&google, &bearer, &format!("{list}&fields=connections/name"))
        .await
        .expect(400);
    assert_eq!(
        info(&refused)["fieldViolations"][0]["description"],
        "Error expanding 'fields' parameter. Cannot find matching fields for path 'name'."
    );
    let url = google.url("/v1/people:createContact?fields=nothing");
    google
        .http
        .post(&url, &[("authorization", &bearer)], &json!({}))
        .await
        .expect(400);
    assert_eq!(listed(&google).await.len(), 1);
    get(&google, &bearer, &format!("{list}&alt=media")).await.expect(400);
}

/// Faults by People's own names, in People's envelope, and the log's class names.
#[tokio::test]
async fn faults_speak_peoples_words_and_the_log_its_method_names() {
    let (google, bearer) = started(CONTACTS).await;
    let list = "/v1/people/me/connections?personFields=names";
    for (name, status, word) in [
        ("people_quota", 429, "RESOURCE_EXHAUSTED"),
        ("people_back_end_quota", 429, "RESOURCE_EXHAUSTED"),
        ("people_unavailable", 503, "UNAVAILABLE"),
        ("people_internal", 500, "INTERNAL"),
        ("people_aborted", 409, "ABORTED"),
        ("people_expired_sync_token", 400, "FAILED_PRECONDITION"),
        ("people_expired_sync_token_410", 410, "FAILED_PRECONDITION"),
        ("people_invalid_argument", 400, "INVALID_ARGUMENT"),
        ("people_stale_etag", 400, "FAILED_PRECONDITION"),
        ("people_not_found", 404, "NOT_FOUND"),
        ("people_scope", 403, "PERMISSION_DENIED"),
        ("people_disabled", 403, "PERMISSION_DENIED"),
        ("people_credentials", 401, "UNAUTHENTICATED"),
    ] {
        google
            .switch(
                "faults",
                &json!({"user": ANA, "path": "/v1/people/", "action": {"refuse": name}}),
            )
            .await;
        let answer = get(&google, &bearer, list).await.expect(status);
        assert_eq!(answer.json()["error"]["status"], word, "{name}");
        assert_eq!(answer.json()["error"]["code"], status, "{name}");
    }
    for (action, status) in [
        (json!({"status": 502}), 502),
        (json!({"status": 502, "body": "html"}), 502),
        (json!({"garbage": true}), 200),
        (json!({"empty_json": true}), 200),
        (json!({"delay_ms": 20}), 200),
        (json!({"refuse": "people_quota", "retry_after": 7}), 429),
    ] {
        google.switch("faults", &json!({"action": action})).await;
        let answer = get(&google, &bearer, list).await.expect(status);
        if action.get("retry_after").is_some() {
            assert_eq!(answer.header("retry-after"), Some("7"));
        }
    }
    create(&google, &bearer, &json!({})).await.expect(200);
    let counts = google.look("counts").await;
    assert_eq!(counts["classes"]["people.createContact"], 1);
    assert_eq!(counts["classes"]["people.connections.list"], 19);
    let log = google.look("requests?after=0").await;
    let last = log.as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["class"], &last["user"]),
        (&json!("people.createContact"), &json!(ANA))
    );
}
