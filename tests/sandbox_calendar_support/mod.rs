//! Two pretend users and short ways to call the pretend calendar service as they would over HTTP.
#![allow(dead_code, reason = "each test file uses its own part")]
use accord::sandbox::calendar::CalendarService;
use accord::sandbox::wire::{Call, Reply};
use axum::http::Method;
use serde_json::{Value, json};

/// Lives in Prague.
pub const ANNA: &str = "anna@example.org";
/// Lives in Prague too.
pub const BEN: &str = "ben@example.org";
/// 2026-03-02T08:00:00Z, a Monday.
pub const MONDAY: i64 = 1_772_438_400_000_000;
/// The events of the caller's primary calendar.
pub const EVENTS: &str = "calendars/primary/events";

/// The service with its clock.
pub struct World {
    pub service: CalendarService,
    pub now_us: i64,
}

/// One call being built.
pub struct Request<'w> {
    world: &'w mut World,
    call: Call,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answered(pub Reply);

impl World {
    pub fn new() -> Self {
        let mut service = CalendarService::new();
        for user in [ANNA, BEN] {
            service.add_user(user, "Europe/Prague", MONDAY);
        }
        Self {
            service,
            now_us: MONDAY,
        }
    }

    pub fn call(&mut self, method: Method, user: &str, path: &str) -> Request<'_> {
        let call = Call {
            method,
            path: path.split('/').map(str::to_owned).collect(),
            query: Vec::new(),
            if_match: None,
            if_none_match: None,
            body: Vec::new(),
            user: user.to_owned(),
            scopes: vec!["https://www.googleapis.com/auth/calendar".to_owned()],
            now_us: self.now_us,
        };
        Request { world: self, call }
    }

    pub fn get(&mut self, user: &str, path: &str) -> Request<'_> {
        self.call(Method::GET, user, path)
    }

    pub fn post(&mut self, user: &str, path: &str, body: Value) -> Request<'_> {
        self.call(Method::POST, user, path).body(body)
    }

    pub fn patch(&mut self, user: &str, path: &str, body: Value) -> Request<'_> {
        self.call(Method::PATCH, user, path).body(body)
    }

    pub fn put(&mut self, user: &str, path: &str, body: Value) -> Request<'_> {
        self.call(Method::PUT, user, path).body(body)
    }

    pub fn delete(&mut self, user: &str, path: &str) -> Request<'_> {
        self.call(Method::DELETE, user, path)
    }

    pub fn control(&mut self, command: &str, body: Value) -> Value {
        let now = self.now_us;
        self.service.control(command, &body, now).expect(command)
    }

    /// Inserts into Anna's primary calendar.
    pub fn insert(&mut self, body: Value) -> Value {
        self.post(ANNA, EVENTS, body).ok()
    }

    /// Reads one event of a user's primary calendar.
    pub fn event(&mut self, user: &str, id: &str) -> Value {
        self.get(user, &format!("{EVENTS}/{id}")).ok()
    }

    /// A full list of a user's primary calendar: items and sync token.
    pub fn full(&mut self, user: &str) -> (Vec<Value>, String) {
        let page = self.get(user, EVENTS).ok();
        (items(&page), token(&page))
    }

    /// A delta of a user's primary calendar: items and the next sync token.
    pub fn delta(&mut self, user: &str, since: &str) -> (Vec<Value>, String) {
        let page = self.get(user, EVENTS).q("syncToken", since).ok();
        (items(&page), token(&page))
    }

    /// A secondary calendar of Anna's.
    pub fn secondary(&mut self, title: &str) -> String {
        let calendar = self.post(ANNA, "calendars", json!({"summary": title})).ok();
        calendar["id"].as_str().expect("a calendar has an id").to_owned()
    }
}

impl Request<'_> {
    pub fn q(mut self, name: &str, value: &str) -> Self {
        self.call.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, body: Value) -> Self {
        self.call.body = body.to_string().into_bytes();
        self
    }

    pub fn raw_body(mut self, body: &str) -> Self {
        self.call.body = body.as_bytes().to_vec();
        self
    }

    pub fn if_match(mut self, etag: &str) -> Self {
        self.call.if_match = Some(etag.to_owned());
        self
    }

    pub fn if_none_match(mut self, etag: &str) -> Self {
        self.call.if_none_match = Some(etag.to_owned());
        self
    }

    pub fn scopes(mut self, names: &[&str]) -> Self {
        let full = |name: &&str| format!("https://www.googleapis.com/auth/{name}");
        self.call.scopes = names.iter().map(full).collect();
        self
    }

    pub fn send(self) -> Answered {
        Answered(self.world.service.handle(&self.call))
    }

    /// The body of a 200.
    pub fn ok(self) -> Value {
        let Answered(reply) = self.send();
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        reply.body.expect("a 200 has a body")
    }

    /// Checks an empty answer.
    pub fn empty(self, status: u16) {
        let Answered(reply) = self.send();
        assert_eq!((reply.status, reply.body), (status, None));
    }

    /// Checks a refusal's status and reason; gives `error`.
    pub fn refused(self, status: u16, reason: &str) -> Value {
        let Answered(reply) = self.send();
        let body = reply.body.unwrap_or_default();
        assert_eq!(reply.status, status, "{body}");
        assert_eq!(body["error"]["code"], status);
        assert_eq!(body["error"]["errors"][0]["reason"], reason, "{body}");
        body["error"].clone()
    }
}

pub fn items(page: &Value) -> Vec<Value> {
    page["items"].as_array().expect("a list has items").clone()
}

pub fn token(page: &Value) -> String {
    assert!(page.get("nextPageToken").is_none(), "one page is not enough here");
    page["nextSyncToken"]
        .as_str()
        .expect("the last page has a sync token")
        .to_owned()
}

pub fn ids(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .map(|item| item["id"].as_str().expect("an item has an id"))
        .collect()
}

pub fn id(event: &Value) -> String {
    event["id"].as_str().expect("an event has an id").to_owned()
}

pub fn etag(resource: &Value) -> String {
    resource["etag"].as_str().expect("a resource has an etag").to_owned()
}

/// A timed event on 3 March 2026, in Prague.
pub fn meeting(title: &str) -> Value {
    json!({
        "summary": title,
        "start": {"dateTime": "2026-03-03T10:00:00+01:00"},
        "end": {"dateTime": "2026-03-03T11:00:00+01:00"},
    })
}

/// A weekly series from Monday 9 March 2026, 09:00 in Prague; the clocks change on 29 March.
pub fn weekly(rule: &str) -> Value {
    json!({
        "id": "series00",
        "summary": "Weekly",
        "start": {"dateTime": "2026-03-09T09:00:00", "timeZone": "Europe/Prague"},
        "end": {"dateTime": "2026-03-09T10:00:00", "timeZone": "Europe/Prague"},
        "recurrence": [rule],
    })
}
