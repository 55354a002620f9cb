//! The switches under `/_sandbox/`: JSON in, JSON out, for tests and tools.
//!
//! | request | what |
//! |---|---|
//! | `POST users {email, name?, time_zone?}`, `GET users` | pretend users |
//! | `POST clients {client_id, client_secret, redirect_uris}` | another application, or a changed one |
//! | `POST faults [rule…]`, `GET`, `DELETE` | what goes wrong next (see `faults`) |
//! | `POST clock {advance_ms? , set_us?, freeze?}`, `GET` | the time |
//! | `POST tokens/{expire_access,revoke_refresh,change_password} {email}`, `tokens/drop_scope {email, scope}` | grants |
//! | `POST switches {…}`, `GET` | testing, api_disabled, quota_per_user, quota_per_project, quota_form, retry_after, batch_limit; people_api_disabled, people_quota {critical_reads, …}, people_overlap (aborted, unavailable, allowed), people_write_ms |
//! | `GET requests?after=N`, `DELETE`; `GET counts` | the request log |
//! | `POST calendar/{command} {…}` | handed to the Calendar service |
//! | `POST people/{command} {…}` | handed to the People service |
//! | `mail/…` | handed to the mail server (see `smtp::control`) |
//!
//! A command that is not understood changes nothing and is answered with 400 `{"error": words}`.
use super::{
    answer::{Answer, Content},
    api::people::{Limits, Overlap},
    oauth::OAuthClient,
    refusal::QuotaForm,
    request::Request,
    smtp,
    users::NewPerson,
    world::World,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// Where the switches live.
pub const BASE: &str = "/_sandbox/";

/// Answers one command.
pub fn answer(world: &mut World, request: &Request) -> Answer {
    let command = request.path.strip_prefix(BASE).unwrap_or_default();
    if let Some(id) = smtp::control::raw_of(command)
        && request.method == "GET"
    {
        return smtp::control::raw(&world.mail, id);
    }
    match run(world, request, command) {
        Some(Ok(Value::Null)) => Answer {
            status: 204,
            headers: Vec::new(),
            content: Content::Empty,
        },
        Some(Ok(body)) => Answer::json(200, body),
        Some(Err(words)) => Answer::json(400, json!({"error": words})),
        None => Answer::json(
            404,
            json!({"error": format!("no command {} {command}", request.method)}),
        ),
    }
}

fn run(world: &mut World, request: &Request, command: &str) -> Option<Result<Value, String>> {
    Some(match (request.method.as_str(), command) {
        ("GET", "users") => Ok(json!(world.users.all())),
        ("POST", "users") => body(request).and_then(|new: NewUser| new.make(world)),
        ("POST", "clients") => body(request).map(|client| register(world, client)),
        ("GET", "faults") => Ok(world.faults.left()),
        ("POST", "faults") => body(request)
            .and_then(|rules| world.faults.add(rules))
            .map(|()| world.faults.left()),
        ("DELETE", "faults") => {
            world.faults.clear();
            Ok(Value::Null)
        }
        ("GET", "clock") => Ok(clock(world)),
        ("POST", "clock") => body(request).map(|change: ClockChange| change.make(world)),
        ("GET", "switches") => Ok(switches(world)),
        ("POST", "switches") => body(request).map(|change: SwitchChange| change.make(world)),
        ("GET", "requests") => match request.parameter("after").unwrap_or("0").parse() {
            Ok(after) => Ok(world.journal.after(after)),
            Err(_) => Err("after is a number".into()),
        },
        ("DELETE", "requests") => {
            world.journal.clear();
            Ok(Value::Null)
        }
        ("GET", "counts") => Ok(world.journal.counts()),
        (_, command) if let Some(command) = command.strip_prefix("mail/") => {
            return smtp::control::run(&mut world.mail, request, command);
        }
        ("POST", command) => {
            if let Some(what) = command.strip_prefix("tokens/") {
                body(request).and_then(|whose: Whose| whose.tokens(world, what))
            } else {
                let (service, command) = command.split_once('/')?;
                let now_us = world.clock.now_us();
                match service {
                    "calendar" => body(request).and_then(|body: Value| world.calendar.control(command, &body, now_us)),
                    "people" => body(request).and_then(|body: Value| world.people.control(command, &body, now_us)),
                    _ => return None,
                }
            }
        }
        _ => return None,
    })
}

/// The body of a command; no body is an empty object.
pub fn body<T: DeserializeOwned>(request: &Request) -> Result<T, String> {
    let text: &[u8] = if request.body.is_empty() { b"{}" } else { &request.body };
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    email: String,
    name: Option<String>,
    time_zone: Option<String>,
}

impl NewUser {
    fn make(self, world: &mut World) -> Result<Value, String> {
        let new = NewPerson {
            email: self.email,
            name: self.name,
            time_zone: self.time_zone,
        };
        world
            .add_person(new)
            .map(|person| json!({"sub": person.sub, "email": person.email}))
    }
}

fn register(world: &mut World, client: OAuthClient) -> Value {
    let id = client.client_id.clone();
    world.clients.retain(|known| known.client_id != id);
    world.clients.push(client);
    json!({"client_id": id})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    set_us: Option<i64>,
    advance_ms: Option<i64>,
    freeze: Option<bool>,
}

impl ClockChange {
    fn make(self, world: &mut World) -> Value {
        if let Some(now_us) = self.set_us {
            world.clock.set_us(now_us);
        }
        if let Some(ms) = self.advance_ms {
            world.clock.advance_ms(ms);
        }
        if let Some(frozen) = self.freeze {
            world.clock.freeze(frozen);
        }
        clock(world)
    }
}

fn clock(world: &World) -> Value {
    json!({"now_us": world.clock.now_us(), "frozen": world.clock.is_frozen()})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SwitchChange {
    testing: Option<bool>,
    api_disabled: Option<bool>,
    quota_per_user: Option<u32>,
    quota_per_project: Option<u32>,
    quota_form: Option<QuotaForm>,
    /// An empty text takes the header away again.
    retry_after: Option<String>,
    batch_limit: Option<usize>,
    people_api_disabled: Option<bool>,
    /// What is not named has its default.
    people_quota: Option<Limits>,
    people_overlap: Option<Overlap>,
    people_write_ms: Option<u64>,
}

impl SwitchChange {
    fn make(self, world: &mut World) -> Value {
        set(&mut world.grants.testing, self.testing);
        set(&mut world.switches.api_disabled, self.api_disabled);
        set(&mut world.quota.per_user, self.quota_per_user);
        set(&mut world.quota.per_project, self.quota_per_project);
        set(&mut world.switches.quota_form, self.quota_form);
        set(&mut world.switches.batch_limit, self.batch_limit);
        set(&mut world.switches.people_api_disabled, self.people_api_disabled);
        set(&mut world.people_quota.limits, self.people_quota);
        set(&mut world.turns.overlap, self.people_overlap);
        set(&mut world.turns.write_ms, self.people_write_ms);
        if let Some(seconds) = self.retry_after {
            world.switches.retry_after = Some(seconds).filter(|seconds| !seconds.is_empty());
        }
        switches(world)
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn switches(world: &World) -> Value {
    json!({
        "testing": world.grants.testing,
        "api_disabled": world.switches.api_disabled,
        "quota_per_user": world.quota.per_user,
        "quota_per_project": world.quota.per_project,
        "quota_form": world.switches.quota_form,
        "retry_after": world.switches.retry_after,
        "batch_limit": world.switches.batch_limit,
        "people_api_disabled": world.switches.people_api_disabled,
        "people_quota": world.people_quota.limits,
        "people_overlap": world.turns.overlap,
        "people_overlaps": world.turns.overlaps,
        "people_write_ms": world.turns.write_ms,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    email: String,
    scope: Option<String>,
}

impl Whose {
    fn tokens(self, world: &mut World, what: &str) -> Result<Value, String> {
        let person = world
            .users
            .by_email(&self.email)
            .ok_or_else(|| format!("nobody is called `{}`", self.email))?;
        let sub = person.sub.clone();
        let changed = match (what, self.scope) {
            ("expire_access", None) => world.grants.expire_access(&sub),
            ("revoke_refresh", None) => world.grants.revoke_refresh(&sub),
            ("change_password", None) => world.grants.change_password(&sub),
            ("drop_scope", Some(scope)) => world.grants.drop_scope(&sub, &scope),
            ("drop_scope", None) => return Err("drop_scope needs a scope".into()),
            (_, Some(_)) => return Err("only drop_scope takes a scope".into()),
            _ => return Err(format!("no command tokens/{what}")),
        };
        Ok(json!({"tokens": changed}))
    }
}
