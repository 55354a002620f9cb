//! The pretend Google Calendar and Contacts that people see: who is there, their weeks, their events, their contacts; and the
//! mailbox.
//!
//! It uses only documented API calls of the same service, with the rights of the user in Google's own screens, so that
//! what a demo does by hand is what the API does. No JavaScript; every change is a form and a redirect.
mod contacts;
mod event;
mod mailbox;
mod rule;
pub mod templates;
mod week;

use super::{
    answer::{Answer, Content},
    oauth::scopes,
    request::{Request, first, form_pairs, form_text},
    users::{NewPerson, Person},
    wire::{Call, Reply},
    world::World,
};
use axum::http::Method;
use minijinja::{Value as View, context};
use serde_json::Value;
use templates::render;

/// Whether a path belongs to the web page.
pub fn is_page(path: &str) -> bool {
    matches!(path, "/" | "/people" | "/mailbox") || path.starts_with("/people/") || path.starts_with("/mailbox/")
}

/// Answers one page or form.
pub fn answer(world: &mut World, request: &Request) -> Answer {
    let segments = request.segments_below("/").unwrap_or_default();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let form = form_pairs(&String::from_utf8_lossy(&request.body));
    let answered = match (request.method.as_str(), path.as_slice()) {
        ("GET", [""]) => Ok(home(world)),
        ("POST", ["people"]) => add_person(world, &form),
        (_, ["mailbox", below @ ..]) => return mailbox::answer(world, request, below),
        (_, ["people", email, rest @ ..]) => match world.users.by_email(email).cloned() {
            None => return problem(404, "Nobody here has this address."),
            Some(person) => {
                let mut hand = Hand { world, person };
                match (request.method.as_str(), rest) {
                    ("GET", []) => week::show(&mut hand, request),
                    ("POST", ["events"]) => event::create(&mut hand, &form),
                    ("GET", ["event"]) => event::show(&mut hand, request),
                    ("POST", ["event"]) => event::change(&mut hand, &form),
                    ("GET", ["contacts"]) => contacts::list(&mut hand),
                    ("POST", ["contacts"]) => contacts::create(&mut hand, &form),
                    ("GET", ["contact"]) => contacts::show(&mut hand, request),
                    ("POST", ["contact"]) => contacts::change(&mut hand, &form),
                    _ => return Answer::plain_page(404),
                }
            }
        },
        _ => return Answer::plain_page(404),
    };
    answered.unwrap_or_else(|words| problem(400, &words))
}

fn home(world: &World) -> Answer {
    let people: Vec<View> = world.users.all().iter().map(person_view).collect();
    Answer::html(
        200,
        render(
            "home.html",
            context! { people, mails => world.mail.mailbox.all().len(), clock => clock_text(world) },
        ),
    )
}

fn add_person(world: &mut World, form: &[(String, String)]) -> Result<Answer, String> {
    let text = |name: &str| {
        first(form, name)
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let new = NewPerson {
        email: text("email").unwrap_or_default(),
        name: text("name"),
        time_zone: text("time_zone"),
    };
    world.add_person(new).map(|_| see_other("/"))
}

fn problem(status: u16, words: &str) -> Answer {
    Answer::html(status, render("problem.html", context! { words }))
}

fn see_other(location: &str) -> Answer {
    Answer {
        status: 303,
        headers: vec![("location".into(), location.to_owned())],
        content: Content::Empty,
    }
}

fn clock_text(world: &World) -> String {
    shown_time(world.clock.now_us())
}

fn shown_time(at_us: i64) -> String {
    let at = chrono::DateTime::from_timestamp_micros(at_us).unwrap_or_default();
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// What templates see of a person.
pub fn person_view(person: &Person) -> View {
    context! { name => &person.name, email => &person.email, time_zone => &person.time_zone, link => link(&person.email, "", &[]), contacts => link(&person.email, "/contacts", &[]) }
}

/// A person's hand on the own calendars and contacts: calls the services as Google's own screens would.
struct Hand<'a> {
    world: &'a mut World,
    person: Person,
}

impl Hand<'_> {
    /// One Calendar call. The error is Google's message.
    fn call(
        &mut self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, String> {
        let call = self.written(method, path, query, body);
        body_of(self.world.calendar.handle(&call), "Google Calendar")
    }

    /// One People call, in the same way.
    fn people(
        &mut self,
        method: Method,
        path: &[impl AsRef<str>],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, String> {
        let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
        let call = self.written(method, &path, query, body);
        body_of(self.world.people.handle(&call), "Google Contacts")
    }

    fn written(&self, method: Method, path: &[&str], query: &[(&str, &str)], body: Option<&Value>) -> Call {
        Call {
            method,
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            query: query
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            if_match: None,
            if_none_match: None,
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
            user: self.person.email.clone(),
            scopes: scopes::all(),
            now_us: self.world.clock.now_us(),
        }
    }

    /// The address of this person's pages, with a query.
    fn link(&self, below: &str, query: &[(&str, &str)]) -> String {
        link(&self.person.email, below, query)
    }
}

fn body_of(reply: Reply, service: &str) -> Result<Value, String> {
    let body = reply.body.unwrap_or_default();
    if (200..300).contains(&reply.status) {
        return Ok(body);
    }
    let message = body
        .pointer("/error/message")
        .and_then(Value::as_str)
        .unwrap_or("no message");
    Err(format!("{service} says: {message} ({})", reply.status))
}

fn link(email: &str, below: &str, query: &[(&str, &str)]) -> String {
    let email = percent_encoding::utf8_percent_encode(email, percent_encoding::NON_ALPHANUMERIC);
    let joint = if query.is_empty() { "" } else { "?" };
    format!("/people/{email}{below}{joint}{}", form_text(query))
}
