//! The People methods: what they ask, and which answers they believe.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod google_support;
use accord::domain::customer::Details;
use accord::domain::failure::FailureClass;
use accord::domain::people::merge::PersonField;
use accord::google::people::{Broken, PageEnd, ParsedPerson, PeopleApi, Person, fingerprint, update_body};
use accord::google::transport::Transport;
use axum::body::Body;
use axum::http::{Method, Response};
use google_support::{PretendGoogle, json, raw};
use secrecy::SecretString;
use serde_json::{Value, json as value};
use std::sync::Arc;
use std::time::Duration;

const SLOW: FailureClass = FailureClass::RateLimited { retry_after: None };

fn api(address: &str) -> PeopleApi {
    let transport = Arc::new(Transport::new(Duration::from_secs(30)).unwrap());
    PeopleApi::new(transport, &format!("{address}/v1/"))
}

/// Prepared answers of a server that only listens.
struct Scene {
    google: PretendGoogle,
    api: PeopleApi,
    access: SecretString,
}

async fn scene(answers: Vec<Response<Body>>) -> Scene {
    let google = PretendGoogle::start(answers).await;
    let api = api(&google.address);
    Scene {
        google,
        api,
        access: "ya29.a".into(),
    }
}

fn understood(parsed: ParsedPerson) -> Person {
    match parsed {
        ParsedPerson::Person(person) => *person,
        ParsedPerson::Broken(broken) => panic!("{} {}", broken.reason, broken.raw),
    }
}

fn named(given: &str) -> Details {
    Details {
        given_name: given.into(),
        ..Details::default()
    }
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

const PERSON_FIELDS: &str =
    "metadata,names,emailAddresses,phoneNumbers,organizations,addresses,birthdays,genders,clientData,memberships";
const MASK: &str = "resourceName,metadata(deleted,previousResourceNames,sources(type,id,etag,updateTime)),\
names(givenName,familyName,metadata(primary,sourcePrimary,source(type,id))),\
emailAddresses(value,type,metadata(primary,sourcePrimary,source(type,id))),\
phoneNumbers(value,type,metadata(primary,sourcePrimary,source(type,id))),\
organizations(name,title,metadata(primary,sourcePrimary,source(type,id))),\
addresses(streetAddress,city,region,postalCode,countryCode,type,metadata(primary,sourcePrimary,source(type,id))),\
birthdays(date,metadata(primary,sourcePrimary,source(type,id))),\
genders(value,metadata(primary,sourcePrimary,source(type,id))),\
clientData(key,value,metadata(primary,sourcePrimary,source(type,id))),\
memberships(contactGroupMembership(contactGroupResourceName),metadata(primary,sourcePrimary,source(type,id)))";

#[tokio::test]
async fn a_listing_asks_for_contacts_only_and_for_exactly_what_is_mirrored_on_every_page() {
    let answer = || json(200, value!({"nextPageToken": "p"}));
    let scene = scene(vec![answer(), answer(), answer()]).await;
    let list = async |token, page| scene.api.list_page(&scene.access, token, page, 500).await.unwrap();
    list(None, None).await;
    list(Some("s+1="), None).await;
    list(Some("s+1="), Some("q")).await;
    let asked = scene.google.asked();
    let fields = format!("nextPageToken,nextSyncToken,connections({MASK})");
    let common = [
        ("personFields", PERSON_FIELDS),
        ("sources", "READ_SOURCE_TYPE_CONTACT"),
        ("requestSyncToken", "true"),
        ("pageSize", "500"),
        ("fields", fields.as_str()),
    ];
    let more: [&[(&str, &str)]; 3] = [
        &[],
        &[("syncToken", "s+1=")],
        &[("syncToken", "s+1="), ("pageToken", "q")],
    ];
    for (asked, more) in asked.iter().zip(more) {
        assert_eq!(asked.uri.path(), "/v1/people/me/connections");
        assert_eq!(asked.header("authorization"), Some("Bearer ya29.a"));
        assert_eq!(asked.query(), pairs(&[&common, more].concat()));
    }
    assert_eq!(fingerprint(500), fingerprint(500));
    assert_ne!(
        fingerprint(500),
        fingerprint(501),
        "Google wants one page size for the life of a token"
    );
}

#[tokio::test]
async fn what_is_no_page_is_never_taken_for_an_empty_one() {
    let answers = [
        value!({}),
        value!({"nextPageToken": "p", "nextSyncToken": "s"}),
        value!({"nextSyncToken": ""}),
        value!({"nextPageToken": ""}),
        value!({"nextPageToken": "mine"}),
        value!({"nextSyncToken": "s", "connections": {}}),
        value!({"error": {"code": 500}}),
        value!([]),
    ];
    let scene = scene(answers.iter().map(|answer| json(200, answer)).collect()).await;
    for answer in answers {
        let page = scene.api.list_page(&scene.access, Some("s"), Some("mine"), 10).await;
        assert_eq!(page.unwrap_err().class(), FailureClass::Protocol, "{answer}");
    }
}

#[tokio::test]
async fn one_person_that_cannot_be_read_does_not_spoil_its_page() {
    let person = |name: &str, given: Value| {
        value!({"resourceName": name, "metadata": {"sources": [{"type": "CONTACT", "id": "1", "etag": "#1"}]},
            "names": [{"givenName": given}]})
    };
    let people = value!([
        person("people/c1", value!("A")),
        person("people/c2", value!(7)),
        5,
        person("people/c3", value!("C"))
    ]);
    let scene = scene(vec![json(200, value!({"connections": people, "nextSyncToken": "s"}))]).await;
    let page = scene.api.list_page(&scene.access, None, None, 10).await.unwrap();
    let shown: Vec<String> = page
        .people
        .iter()
        .map(|parsed| match parsed {
            ParsedPerson::Person(person) => person.resource_name.clone(),
            ParsedPerson::Broken(broken) => {
                let Broken {
                    resource_name, reason, ..
                } = &**broken;
                format!("{} {reason}", resource_name.as_deref().unwrap_or("?"))
            }
        })
        .collect();
    assert_eq!(
        shown,
        [
            "people/c1",
            "people/c2 its names cannot be read",
            "? it is no JSON object",
            "people/c3"
        ]
    );
    assert_eq!(page.next, PageEnd::Done("s".into()));
}

#[tokio::test]
async fn a_list_that_shows_a_hundred_numbers_may_have_left_out_more() {
    let person = |count: usize| {
        let phones: Vec<Value> = (0..count).map(|n| value!({"value": n.to_string()})).collect();
        value!({"resourceName": "people/c1", "metadata": {"sources": [{"type": "CONTACT", "id": "1", "etag": "#1"}]},
            "phoneNumbers": phones})
    };
    let page = value!({"connections": [person(99), person(100)], "nextSyncToken": "s"});
    let scene = scene(vec![json(200, page), json(200, person(130))]).await;
    let page = scene.api.list_page(&scene.access, None, None, 10).await.unwrap();
    let partial: Vec<bool> = page
        .people
        .into_iter()
        .map(|person| understood(person).is_partial)
        .collect();
    assert_eq!(partial, [false, true]);
    let whole = understood(scene.api.get(&scene.access, "people/c1").await.unwrap());
    assert_eq!((whole.is_partial, whole.details.phones.len()), (false, 130));
}

#[tokio::test]
async fn a_void_token_is_told_from_a_bad_question_and_from_a_proxy() {
    let refused = |status: u16, word: &str| {
        json(
            status,
            value!({"error": {"code": status, "message": "Request contains an invalid argument.", "status": word}}),
        )
    };
    let table = [
        (Some("s"), refused(400, "INVALID_ARGUMENT"), FailureClass::TokenExpired),
        (Some("s"), raw(410, &[], "<html>"), FailureClass::TokenExpired),
        (None, refused(400, "INVALID_ARGUMENT"), FailureClass::BadData),
        (
            Some("s"),
            raw(400, &[], "<html>"),
            FailureClass::Transient { retry_after: None },
        ),
        (Some("s"), refused(401, "UNAUTHENTICATED"), FailureClass::Unauthorized),
        (Some("s"), refused(429, "RESOURCE_EXHAUSTED"), SLOW),
    ];
    for (token, answer, class) in table {
        let scene = scene(vec![answer]).await;
        let error = scene.api.list_page(&scene.access, token, None, 10).await.unwrap_err();
        assert_eq!(error.class(), class, "{error}");
    }
    // A page token that is forgotten: begin again.
    let scene = scene(vec![refused(400, "INVALID_ARGUMENT")]).await;
    let error = scene
        .api
        .list_page(&scene.access, None, Some("p"), 10)
        .await
        .unwrap_err();
    assert_eq!(error.class(), FailureClass::TokenExpired);
}

#[tokio::test]
async fn peoples_refusals_say_what_to_do_next() {
    let info = |limit: &str| {
        value!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED",
            "metadata": {"quota_limit": limit}}])
    };
    let refused = |status: u16, word: &str, message: &str, details: Value| {
        json(
            status,
            value!({"error": {"code": status, "message": message, "status": word, "details": details}}),
        )
    };
    let stale =
        "Request person.etag is different than the current person.etag. Clear local cache and get the latest person.";
    let violation = value!([{"@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"subject": "QUOTA_EXCEEDED", "description": "FBS quota limit exceeded"}]}]);
    let table = [
        (
            refused(400, "FAILED_PRECONDITION", stale, value!([])),
            FailureClass::Conflict412,
        ),
        (
            refused(400, "FAILED_PRECONDITION", "MY_CONTACTS_OVERFLOW_COUNT", value!([])),
            FailureClass::QuotaExhausted,
        ),
        (
            refused(
                400,
                "INVALID_ARGUMENT",
                "Sync token is expired. Clear local cache.",
                value!([]),
            ),
            FailureClass::TokenExpired,
        ),
        (
            refused(
                429,
                "RESOURCE_EXHAUSTED",
                "m",
                info("CriticalReadsPerMinutePerProjectPerUser"),
            ),
            SLOW,
        ),
        (
            refused(
                429,
                "RESOURCE_EXHAUSTED",
                "m",
                info("DailyContactWritesPerDayPerProjectPerUser"),
            ),
            FailureClass::QuotaExhausted,
        ),
        (
            refused(
                429,
                "RESOURCE_EXHAUSTED",
                "Resource has been exhausted (e.g. check quota).",
                violation,
            ),
            SLOW,
        ),
        (
            refused(409, "ABORTED", "m", value!([])),
            FailureClass::Transient { retry_after: None },
        ),
        (
            refused(409, "ALREADY_EXISTS", "m", value!([])),
            FailureClass::Duplicate409,
        ),
    ];
    for (answer, class) in table {
        let scene = scene(vec![answer]).await;
        let error = scene.api.get(&scene.access, "people/c1").await.unwrap_err();
        assert_eq!(error.class(), class, "{error}");
        assert!(!error.unsure);
    }
}

#[tokio::test]
async fn a_request_about_one_contact_never_becomes_another_request() {
    let scene = scene(vec![]).await;
    for name in [
        "",
        "people",
        "people/",
        "people/.",
        "people/..",
        "contactGroups/x",
        "c1",
    ] {
        let error = scene.api.delete(&scene.access, name).await.unwrap_err();
        assert_eq!(
            (error.class(), error.unsure),
            (FailureClass::Protocol, false),
            "{name:?}"
        );
        assert!(
            scene
                .api
                .batch_delete(&scene.access, &["people/c1", name])
                .await
                .is_err(),
            "{name:?}"
        );
        assert!(
            scene
                .api
                .modify_group(&scene.access, "people/c1", &["people/c1"], &[])
                .await
                .is_err()
        );
    }
    let too_many: Vec<String> = (0..501).map(|n| format!("people/c{n}")).collect();
    let too_many: Vec<&str> = too_many.iter().map(String::as_str).collect();
    assert!(scene.api.batch_delete(&scene.access, &too_many).await.is_err());
    assert!(scene.api.batch_get(&scene.access, &too_many[..201]).await.is_err());
    assert!(scene.api.batch_get(&scene.access, &[]).await.is_err());
    let contacts = vec![(Details::default(), String::new()); 201];
    assert!(scene.api.batch_create(&scene.access, &contacts, None).await.is_err());
    assert_eq!(scene.google.asked().len(), 0);
    let scene = self::scene(vec![json(200, value!({}))]).await;
    scene.api.delete(&scene.access, "people/c1/../c2:x").await.unwrap();
    let asked = scene.google.only();
    assert_eq!(asked.method, Method::DELETE);
    assert_eq!(asked.uri.path(), "/v1/people/c1%2F..%2Fc2%3Ax:deleteContact");
}

#[tokio::test]
async fn an_update_asks_for_its_mask_and_an_empty_one_is_not_sent() {
    let person = value!({"resourceName": "people/c1", "metadata": {"sources": [{"type": "CONTACT", "id": "1", "etag": "#1"}]},
        "genders": [{"value": "male", "addressMeAs": "him"}]});
    let scene = scene(vec![json(200, &person), json(200, &person)]).await;
    let fields = [PersonField::Gender, PersonField::GivenName, PersonField::FamilyName];
    let read = scene
        .api
        .read_for_update(&scene.access, "people/c1", &fields)
        .await
        .unwrap()
        .unwrap();
    let asked = scene.google.only();
    let mask = "resourceName,metadata(deleted,previousResourceNames,sources(type,id,etag,updateTime)),names,genders";
    assert_eq!(
        asked.query(),
        pairs(&[
            ("personFields", "metadata,names,genders"),
            ("sources", "READ_SOURCE_TYPE_CONTACT"),
            ("fields", mask)
        ])
    );
    let nothing = update_body(&read.raw, &read.person.details, &[]);
    assert!(scene.api.update(&scene.access, "people/c1", &nothing).await.is_err());
    let update = update_body(&read.raw, &named("Jo"), &[PersonField::GivenName]);
    scene.api.update(&scene.access, "people/c1", &update).await.unwrap();
    let asked = scene.google.asked()[1].clone();
    assert_eq!(
        (asked.method.as_str(), asked.uri.path()),
        ("PATCH", "/v1/people/c1:updateContact")
    );
    assert_eq!(
        asked.query(),
        pairs(&[
            ("updatePersonFields", "names"),
            ("personFields", PERSON_FIELDS),
            ("sources", "READ_SOURCE_TYPE_CONTACT"),
            ("fields", MASK)
        ])
    );
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    let sources = value!({"sources": [{"type": "CONTACT", "id": "1", "etag": "#1"}]});
    assert_eq!(body, value!({"metadata": sources, "names": [{"givenName": "Jo"}]}));
}

#[tokio::test]
async fn a_person_that_is_none_is_a_protocol_failure() {
    let scene = scene(vec![
        json(200, value!({})),
        json(200, value!([])),
        json(200, value!({"resourceName": 1})),
    ])
    .await;
    for _ in 0..3 {
        let error = scene.api.get(&scene.access, "people/c1").await.unwrap_err();
        assert_eq!(error.class(), FailureClass::Protocol);
    }
}

#[tokio::test]
async fn batch_answers_are_told_apart_by_name_and_by_key_and_not_by_place() {
    let person = |name: &str, key: &str| {
        value!({"resourceName": name, "metadata": {"sources": [{"type": "CONTACT", "id": "1", "etag": "#1"}]},
            "clientData": [{"key": "accord", "value": key}]})
    };
    let got = value!({"responses": [
        {"requestedResourceName": "people/c3", "status": {"code": 5, "message": "gone"}, "httpStatusCode": 404},
        {"requestedResourceName": "people/c1", "status": {}, "httpStatusCode": 200, "person": person("people/1001", "k")},
        {"requestedResourceName": "people/c4", "httpStatusCode": 404}]});
    let created = value!({"createdPeople": [
        {"status": {}, "person": person("people/c9", "two")}, {"status": {"code": 8}}, {"person": person("people/c8", "one")}]});
    let scene = scene(vec![json(200, got), json(200, created)]).await;
    let got = scene
        .api
        .batch_get(&scene.access, &["people/c1", "people/c2", "people/c3", "people/c4"])
        .await
        .unwrap();
    let shown: Vec<_> = got
        .into_iter()
        .map(|(name, answer)| (name, answer.map(|person| understood(person).resource_name)))
        .collect();
    assert_eq!(
        shown,
        [
            ("people/c1".to_owned(), Ok("people/1001".to_owned())),
            ("people/c2".to_owned(), Err(FailureClass::Protocol)),
            ("people/c3".to_owned(), Err(FailureClass::Gone)),
            ("people/c4".to_owned(), Err(FailureClass::Gone)),
        ]
    );
    let contacts = ["one", "failed", "two"].map(|key| (Details::default(), key.to_owned()));
    let created = scene.api.batch_create(&scene.access, &contacts, None).await.unwrap();
    let shown: Vec<_> = created
        .into_iter()
        .map(|answer| answer.map(|person| understood(person).resource_name))
        .collect();
    assert_eq!(
        shown,
        [Ok("people/c8".to_owned()), Err(SLOW), Ok("people/c9".to_owned())]
    );
}
