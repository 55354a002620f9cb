//! Two pretend users and short ways to call the pretend People service as they would over HTTP.
use accord::sandbox::people::PeopleService;
use accord::sandbox::wire::{Call, Reply};
use axum::http::Method;
use serde_json::{Value, json};

/// Lives in Madrid.
pub const ANNA: &str = "anna@example.org";
/// Lives nowhere known.
pub const BEN: &str = "ben@example.org";
/// 2026-03-02T08:00:00Z.
pub const MONDAY: i64 = 1_772_438_400_000_000;
/// A second in microseconds.
pub const SECOND: i64 = 1_000_000;
/// The caller's contacts.
pub const CONNECTIONS: &str = "people/me/connections";
/// All that a sync reads.
pub const FIELDS: &str = "metadata,names,emailAddresses,phoneNumbers,clientData,memberships";

/// The service with its clock.
pub struct World {
    pub service: PeopleService,
    pub now_us: i64,
}

/// One call being built.
pub struct Request<'w> {
    world: &'w mut World,
    call: Call,
}

impl World {
    pub fn new() -> Self {
        let mut service = PeopleService::new();
        service.add_user(ANNA, "100000000000000000001", "Anna Vega", "Europe/Madrid");
        service.add_user(BEN, "100000000000000000002", "Ben", "UTC");
        Self {
            service,
            now_us: MONDAY,
        }
    }

    pub fn call(&mut self, method: Method, path: &str) -> Request<'_> {
        let call = Call {
            method,
            path: path.split('/').map(str::to_owned).collect(),
            query: Vec::new(),
            if_match: None,
            if_none_match: None,
            body: Vec::new(),
            user: ANNA.to_owned(),
            scopes: vec!["https://www.googleapis.com/auth/contacts".to_owned()],
            now_us: self.now_us,
        };
        Request { world: self, call }
    }

    pub fn get(&mut self, path: &str) -> Request<'_> {
        self.call(Method::GET, path)
    }

    pub fn post(&mut self, path: &str, body: Value) -> Request<'_> {
        self.call(Method::POST, path).body(body)
    }

    pub fn delete(&mut self, path: &str) -> Request<'_> {
        self.call(Method::DELETE, path)
    }

    pub fn control(&mut self, command: &str, body: Value) -> Value {
        let now = self.now_us;
        self.service.control(command, &body, now).expect(command)
    }

    pub fn pass(&mut self, seconds: i64) {
        self.now_us += seconds * SECOND;
    }

    /// Makes a contact of Anna's and gives it with all its fields.
    pub fn create(&mut self, person: Value) -> Value {
        self.post("people:createContact", person).ok()
    }

    /// A contact with nothing but a name; its resource name.
    pub fn named(&mut self, given: &str) -> String {
        name(&self.create(json!({"names": [{"givenName": given}]})))
    }

    /// A contact of Anna's as it is.
    pub fn person(&mut self, resource: &str) -> Value {
        self.get(resource).q("personFields", FIELDS).ok()
    }

    /// An update of `fields` with the source's etag as it is now.
    pub fn update(&mut self, resource: &str, fields: &str, mut body: Value) -> Request<'_> {
        let metadata = self.person(resource)["metadata"].clone();
        body["metadata"] = metadata;
        self.update_as_sent(resource, fields, body)
    }

    /// An update with exactly this body.
    pub fn update_as_sent(&mut self, resource: &str, fields: &str, body: Value) -> Request<'_> {
        let path = format!("{resource}:updateContact");
        self.call(Method::PATCH, &path)
            .body(body)
            .q("updatePersonFields", fields)
    }

    /// A list of all that a sync reads, with a token to come.
    pub fn list(&mut self) -> Request<'_> {
        self.get(CONNECTIONS)
            .q("personFields", FIELDS)
            .q("requestSyncToken", "true")
    }

    /// A full list: persons and sync token.
    pub fn full(&mut self) -> (Vec<Value>, String) {
        let page = self.list().ok();
        (people(&page), token(&page))
    }

    /// A delta: persons and the next sync token.
    pub fn delta(&mut self, since: &str) -> (Vec<Value>, String) {
        let page = self.list().q("syncToken", since).ok();
        (people(&page), token(&page))
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

    pub fn by(mut self, user: &str) -> Self {
        self.call.user = user.to_owned();
        self
    }

    /// With these scopes and no others.
    pub fn scoped(mut self, scopes: &[&str]) -> Self {
        let full = |scope: &&str| format!("https://www.googleapis.com/auth/{scope}");
        self.call.scopes = scopes.iter().map(full).collect();
        self
    }

    pub fn send(self) -> Reply {
        self.world.service.handle(&self.call)
    }

    /// The body of a success.
    pub fn ok(self) -> Value {
        let reply = self.send();
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        reply.body.expect("a body")
    }

    /// The error of a refusal; the envelope is `google.rpc.Status`, without Calendar's `errors`.
    pub fn refused(self, http: u16, status: &str) -> Value {
        let reply = self.send();
        let error = reply.body.expect("a body")["error"].clone();
        assert_eq!(
            (reply.status, error["status"].as_str()),
            (http, Some(status)),
            "{error}"
        );
        assert_eq!(error["code"], http);
        assert_eq!(error.get("errors"), None);
        error
    }
}

pub fn people(page: &Value) -> Vec<Value> {
    let people = page.get("connections").or_else(|| page.get("otherContacts"));
    people.map_or_else(Vec::new, |people| people.as_array().expect("a list").clone())
}

pub fn token(page: &Value) -> String {
    assert!(page.get("nextPageToken").is_none(), "one page is not enough here");
    page["nextSyncToken"].as_str().expect("a sync token").to_owned()
}

pub fn name(person: &Value) -> String {
    person["resourceName"].as_str().expect("a resource name").to_owned()
}

pub fn names(people: &[Value]) -> Vec<String> {
    people.iter().map(name).collect()
}

/// The etag of the contact's source.
pub fn source_etag(person: &Value) -> String {
    let sources = person["metadata"]["sources"].as_array().expect("sources");
    let own = sources.iter().find(|source| source["type"] == "CONTACT");
    own.expect("a contact source")["etag"]
        .as_str()
        .expect("an etag")
        .to_owned()
}

/// The values of a field, without their metadata.
pub fn values(person: &Value, field: &str) -> Vec<Value> {
    let values = person.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    values
        .into_iter()
        .map(|mut value| {
            value.as_object_mut().expect("an object").remove("metadata");
            value
        })
        .collect()
}
