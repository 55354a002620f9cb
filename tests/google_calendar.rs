//! The Calendar methods: what they ask, and which answers they believe.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod google_support;
use accord::domain::access::AccessRole;
use accord::domain::event::{EventState, Words};
use accord::domain::failure::FailureClass;
use accord::domain::ids::{CalendarId, EventId};
use accord::domain::time::OriginalStart;
use accord::google::GoogleError;
use accord::google::calendar::{CalendarApi, ListParameters, Page, PageEnd, ParsedItem, Query, Reading, Wanted};
use accord::google::transport::Transport;
use axum::body::Body;
use axum::http::{Method, Response};
use chrono_tz::Tz;
use google_support::{PretendGoogle, json, raw};
use secrecy::SecretString;
use serde_json::{Value, json as value};
use std::sync::Arc;
use std::time::Duration;

const OWNER: Reading = Reading {
    zone: Tz::Europe__Prague,
    role: AccessRole::Owner,
    show_private: false,
};
const EVENT_FIELDS: &str = "id,etag,status,summary,description,location,start,end,recurrence,recurringEventId,\
originalStartTime,iCalUID,updated,visibility,eventType,organizer(self),attendees(self,responseStatus),\
attendeesOmitted,extendedProperties/private";

struct Scene {
    google: PretendGoogle,
    api: CalendarApi,
    access: SecretString,
    calendar: CalendarId,
}

async fn scene(answers: Vec<Response<Body>>) -> Scene {
    let google = PretendGoogle::start(answers).await;
    let transport = Arc::new(Transport::new(Duration::from_secs(30)).unwrap());
    let api = CalendarApi::new(transport, &format!("{}/calendar/v3/", google.address));
    Scene {
        google,
        api,
        access: "ya29.a".into(),
        calendar: "en.cz#holiday@group.v.calendar.google.com".into(),
    }
}

const EVENTS_PATH: &str = "/calendar/v3/calendars/en.cz%23holiday%40group.v.calendar.google.com/events";

fn parameters() -> ListParameters {
    ListParameters {
        window_start: "2026-01-01T00:00:00.123Z".parse().unwrap(),
        page_size: 250,
    }
}

impl Scene {
    async fn list(&self, since: Option<&str>, page: Option<&str>) -> Result<Page, GoogleError> {
        let parameters = parameters();
        self.api
            .list_events(
                &self.access,
                &self.calendar,
                &OWNER,
                &Query {
                    parameters: &parameters,
                    since,
                    page,
                },
            )
            .await
    }
}

fn event(id: &str) -> Value {
    value!({"kind": "calendar#event", "id": id, "etag": "\"1\"", "status": "confirmed", "summary": id,
        "start": {"date": "2026-03-01"}, "end": {"date": "2026-03-02"}})
}

fn page(changes: Value) -> Value {
    let mut page = value!({"kind": "calendar#events", "timeZone": "Europe/London", "accessRole": "owner", "items": []});
    page.as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    page
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

/// Checklist line 52.
#[tokio::test]
async fn a_full_listing_asks_for_the_window_and_a_delta_for_its_token_on_every_page() {
    let answer = || json(200, page(value!({"nextPageToken": "p"})));
    let scene = scene(vec![answer(), answer(), answer()]).await;
    scene.list(None, None).await.unwrap();
    scene.list(Some("s+1="), None).await.unwrap();
    scene.list(Some("s+1="), Some("p")).await.unwrap();
    let asked = scene.google.asked();
    assert!(asked.iter().all(|asked| asked.uri.path() == EVENTS_PATH), "{asked:?}");
    let fields = format!("kind,timeZone,accessRole,nextPageToken,nextSyncToken,items({EVENT_FIELDS})");
    let common = [
        ("singleEvents", "false"),
        ("maxAttendees", "1"),
        ("fields", &fields),
        ("maxResults", "250"),
    ];
    let expected = |more: &[(&str, &str)]| pairs(&[&common, more].concat());
    assert_eq!(asked[0].query(), expected(&[("timeMin", "2026-01-01T00:00:00Z")]));
    assert_eq!(asked[1].query(), expected(&[("syncToken", "s+1=")]));
    assert_eq!(asked[2].query(), expected(&[("syncToken", "s+1="), ("pageToken", "p")]));
}

#[tokio::test]
async fn one_event_that_cannot_be_read_does_not_spoil_its_page() {
    let mut poison = event("poison");
    poison["start"] = value!({"dateTime": "soon"});
    let text = page(value!({"items": [event("one"), poison, event("two")], "nextSyncToken": "s"})).to_string();
    let scene = scene(vec![json(200, text)]).await;
    let page = scene.list(None, None).await.unwrap();
    let ids: Vec<String> = page
        .items
        .iter()
        .map(|item| match item {
            ParsedItem::Event(event) => event.id.to_string(),
            ParsedItem::Broken(broken) => format!("{} {}", broken.id.as_ref().unwrap(), broken.reason),
        })
        .collect();
    assert_eq!(ids, ["one", "poison its start cannot be read", "two"]);
    assert_eq!(page.next, PageEnd::Done("s".into()));
    assert_eq!(
        (page.time_zone, page.access_role),
        (Some(Tz::Europe__London), Some(AccessRole::Owner))
    );
}

#[tokio::test]
async fn an_empty_page_may_have_a_successor() {
    let scene = scene(vec![json(200, page(value!({"nextPageToken": "p"})))]).await;
    let page = scene.list(None, None).await.unwrap();
    assert_eq!((page.items.len(), page.next), (0, PageEnd::More("p".into())));
}

#[tokio::test]
async fn what_is_no_page_is_never_taken_for_an_empty_one() {
    let answers = [
        page(value!({})),
        page(value!({"nextPageToken": "p", "nextSyncToken": "s"})),
        page(value!({"nextSyncToken": ""})),
        page(value!({"nextSyncToken": "s", "kind": "calendar#calendarList"})),
        value!({"nextSyncToken": "s", "items": []}),
        value!({"error": {"code": 500}}),
        value!([]),
    ];
    let scene = scene(answers.iter().map(|answer| json(200, answer)).collect()).await;
    for answer in answers {
        assert_eq!(
            scene.list(Some("s"), None).await.unwrap_err().class(),
            FailureClass::Protocol,
            "{answer}"
        );
    }
}

#[tokio::test]
async fn any_410_for_a_sync_token_means_that_the_token_is_void() {
    let gone = |reason: &str| {
        json(
            410,
            value!({"error": {"errors": [{"reason": reason}], "code": 410, "message": "m"}}),
        )
    };
    let scene = scene(vec![
        gone("fullSyncRequired"),
        gone("gone"),
        raw(410, &[], "<html>"),
        gone("deleted"),
    ])
    .await;
    for _ in 0..3 {
        assert_eq!(
            scene.list(Some("s"), None).await.unwrap_err().class(),
            FailureClass::TokenExpired
        );
    }
    assert_eq!(scene.list(None, None).await.unwrap_err().class(), FailureClass::Gone);
}

#[tokio::test]
async fn a_role_that_was_just_lost_withholds_the_words_of_the_same_page() {
    let answer = page(value!({"items": [event("one")], "nextSyncToken": "s", "accessRole": "freeBusyReader"}));
    let scene = scene(vec![json(200, answer)]).await;
    let page = scene.list(None, None).await.unwrap();
    let ParsedItem::Event(event) = &page.items[0] else {
        panic!()
    };
    assert_eq!(event.words, Words::Withheld);
    assert_eq!(page.access_role, Some(AccessRole::FreeBusyReader));
}

#[tokio::test]
async fn all_pages_of_the_calendar_list_are_read() {
    let entry = |id: &str, more: Value| {
        let mut entry =
            value!({"kind": "calendar#calendarListEntry", "id": id, "summary": id, "timeZone": "Europe/Prague"});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    let first = value!({"kind": "calendar#calendarList", "nextPageToken": "p",
        "items": [entry("eve@example.com", value!({"accessRole": "owner", "primary": true}))]});
    let second = value!({"kind": "calendar#calendarList", "nextSyncToken": "s", "items": [
        entry("team", value!({"accessRole": "a-role-of-2030", "hidden": true, "timeZone": "Mars/Olympus"}))]});
    let scene = scene(vec![json(200, first), json(200, second)]).await;
    let list = scene.api.calendar_list(&scene.access).await.unwrap();
    assert_eq!(list.len(), 2);
    assert!(list[0].primary && !list[0].hidden && list[0].access_role == AccessRole::Owner);
    assert_eq!(list[0].time_zone, Some(Tz::Europe__Prague));
    assert!(list[1].hidden && list[1].access_role == AccessRole::FreeBusyReader && list[1].time_zone.is_none());
    let asked = scene.google.asked();
    assert_eq!(asked[0].uri.path(), "/calendar/v3/users/me/calendarList");
    assert_eq!(asked[0].parameter("pageToken"), None);
    assert_eq!(asked[1].parameter("pageToken").as_deref(), Some("p"));
    let fields = "kind,nextPageToken,items(id,summary,timeZone,accessRole,primary,deleted,hidden)";
    assert_eq!(asked[1].parameter("fields").as_deref(), Some(fields));
}

#[tokio::test]
async fn a_list_that_names_itself_as_its_next_page_ends_in_an_error() {
    let same = || {
        json(
            200,
            value!({"kind": "calendar#calendarList", "nextPageToken": "p", "items": []}),
        )
    };
    let scene = scene(vec![same(), same()]).await;
    let error = scene.api.calendar_list(&scene.access).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Protocol);
}

#[tokio::test]
async fn one_calendar_tells_its_role_and_zone_or_that_it_is_gone() {
    let entry = value!({"kind": "calendar#calendarListEntry", "id": "team", "accessRole": "reader", "timeZone": "UTC"});
    let gone = value!({"error": {"errors": [{"reason": "notFound"}], "code": 404, "message": "Not Found"}});
    let scene = scene(vec![json(200, entry), json(404, gone)]).await;
    let calendar = scene.api.calendar(&scene.access, &"team".into()).await.unwrap();
    assert_eq!(
        (calendar.access_role, calendar.time_zone),
        (AccessRole::Reader, Some(Tz::UTC))
    );
    let error = scene.api.calendar(&scene.access, &"team".into()).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Gone);
}

#[tokio::test]
async fn a_deleted_event_that_is_read_directly_is_cancelled() {
    let tombstone = value!({"kind": "calendar#event", "id": "abcde", "etag": "\"1\"", "status": "cancelled"});
    let scene = scene(vec![json(200, tombstone), json(200, value!({"error": {}}))]).await;
    let item = scene
        .api
        .get_event(&scene.access, &scene.calendar, &OWNER, &"abcde".into())
        .await
        .unwrap();
    let ParsedItem::Event(event) = item else {
        panic!("{item:?}")
    };
    assert_eq!(event.state, EventState::Cancelled);
    let asked = scene.google.only();
    assert_eq!(asked.uri.path(), format!("{EVENTS_PATH}/abcde"));
    assert_eq!(
        asked.query(),
        pairs(&[("maxAttendees", "1"), ("fields", &format!("kind,{EVENT_FIELDS}"))])
    );
    let error = scene
        .api
        .get_event(&scene.access, &scene.calendar, &OWNER, &"abcde".into())
        .await
        .unwrap_err();
    assert_eq!(error.class(), FailureClass::Protocol);
}

#[tokio::test]
async fn every_write_sends_no_mail_and_guards_itself_with_the_etag() {
    let ok = || json(200, event("abcde"));
    let scene = scene(vec![ok(), ok(), raw(204, &[], ""), ok()]).await;
    let (api, access, calendar, id) = (&scene.api, &scene.access, &scene.calendar, EventId::from("abcde"));
    let etag = Some("\"304\"");
    let body = value!({"summary": "x", "recurrence": null});
    api.insert_event(access, calendar, &OWNER, &body).await.unwrap();
    api.patch_event(access, calendar, &OWNER, &id, etag, &body)
        .await
        .unwrap();
    api.delete_event(access, calendar, &id, etag).await.unwrap();
    api.move_event(access, calendar, &id, &"b@x".into(), etag)
        .await
        .unwrap();
    let asked = scene.google.asked();
    let seen: Vec<_> = asked
        .iter()
        .map(|asked| (asked.method.clone(), asked.uri.path().to_owned()))
        .collect();
    let expected = [
        (Method::POST, EVENTS_PATH.to_owned()),
        (Method::PATCH, format!("{EVENTS_PATH}/abcde")),
        (Method::DELETE, format!("{EVENTS_PATH}/abcde")),
        (Method::POST, format!("{EVENTS_PATH}/abcde/move")),
    ];
    assert_eq!(seen, expected);
    assert!(
        asked
            .iter()
            .all(|asked| asked.parameter("sendUpdates").as_deref() == Some("none"))
    );
    assert!(
        asked
            .iter()
            .all(|asked| asked.header("authorization") == Some("Bearer ya29.a"))
    );
    let etags: Vec<_> = asked.iter().map(|asked| asked.header("if-match")).collect();
    assert_eq!(etags, [None, etag, etag, etag]);
    let limits: Vec<_> = asked.iter().map(|asked| asked.parameter("maxAttendees")).collect();
    assert_eq!(
        limits,
        [Some("1".into()), Some("1".into()), None, None],
        "Google has it for these methods only"
    );
    assert_eq!(asked[3].parameter("destination").as_deref(), Some("b@x"));
    assert_eq!(serde_json::from_str::<Value>(&asked[1].body).unwrap(), body);
}

#[tokio::test]
async fn an_empty_id_or_etag_is_never_sent() {
    let scene = scene(vec![]).await;
    let nothing = EventId::from("");
    let error = scene
        .api
        .delete_event(&scene.access, &scene.calendar, &nothing, None)
        .await
        .unwrap_err();
    assert!(!error.unsure);
    let error = scene
        .api
        .delete_event(&scene.access, &"".into(), &"abcde".into(), None)
        .await
        .unwrap_err();
    assert!(!error.unsure);
    let error = scene
        .api
        .move_event(&scene.access, &scene.calendar, &"a".into(), &"".into(), None)
        .await
        .unwrap_err();
    assert!(!error.unsure);
    let error = scene
        .api
        .delete_event(&scene.access, &scene.calendar, &"abcde".into(), Some(""))
        .await
        .unwrap_err();
    assert!(!error.unsure, "an empty etag would guard nothing");
    assert!(scene.google.asked().is_empty());
}

#[tokio::test]
async fn one_occurrence_is_looked_up_by_its_original_start_and_all_pages_are_read() {
    let first = page(value!({"items": [event("a")], "nextPageToken": "p"}));
    let second = page(value!({"items": [event("b")]}));
    let scene = scene(vec![json(200, first), json(200, second), json(200, page(value!({})))]).await;
    let instant = "2026-03-01T08:00:00Z".parse().unwrap();
    let wanted = Wanted {
        original_start: Some(OriginalStart::At(instant)),
        window: None,
        show_deleted: true,
    };
    let (api, access, calendar) = (&scene.api, &scene.access, &scene.calendar);
    let items = api
        .instances(access, calendar, &OWNER, &"series".into(), &wanted)
        .await
        .unwrap();
    assert_eq!(items.len(), 2);
    let end = "2026-04-01T00:00:00Z".parse().unwrap();
    let wanted = Wanted {
        original_start: Some(OriginalStart::Date("2026-03-05".parse().unwrap())),
        window: Some((instant, end)),
        show_deleted: false,
    };
    assert!(
        api.instances(access, calendar, &OWNER, &"series".into(), &wanted)
            .await
            .unwrap()
            .is_empty()
    );
    let asked = scene.google.asked();
    assert_eq!(asked[0].uri.path(), format!("{EVENTS_PATH}/series/instances"));
    assert_eq!(
        asked[0].parameter("originalStart").as_deref(),
        Some("2026-03-01T08:00:00Z")
    );
    assert_eq!(asked[0].parameter("showDeleted").as_deref(), Some("true"));
    assert_eq!(asked[0].parameter("timeMin"), None);
    assert_eq!(asked[1].parameter("pageToken").as_deref(), Some("p"));
    assert_eq!(asked[1].parameter("showDeleted").as_deref(), Some("true"));
    assert_eq!(asked[2].parameter("originalStart").as_deref(), Some("2026-03-05"));
    assert_eq!(asked[2].parameter("timeMin").as_deref(), Some("2026-03-01T08:00:00Z"));
    assert_eq!(asked[2].parameter("timeMax").as_deref(), Some("2026-04-01T00:00:00Z"));
    assert_eq!(asked[2].parameter("showDeleted"), None);
}

/// Changing it makes every installation list everything once; that must be meant.
#[test]
fn the_fingerprint_of_the_list_parameters_changes_only_on_purpose() {
    assert_eq!(ListParameters::fingerprint(), "8a13b13a701041fd");
}
