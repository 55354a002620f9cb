//! From a request to an answer of the People service: credentials, enablement, quota, one write at a time, masks.
//!
//! The same order as for Calendar, in People's own words.
mod quota;
mod turns;

use super::{fields::Mask, granted_scopes};
use crate::sandbox::{
    answer::{Answer, Content},
    oauth::scopes,
    people::{
        SHAPES,
        errors::{Code, Refusal},
        methods::Method,
    },
    request::Request,
    wire::{Call, Reply},
    world::World,
};
pub use quota::{Limits, PeopleQuota};
pub use turns::{Overlap, Turns};

/// Where the API's paths begin. `/v1/userinfo` is another service's.
const BASE: &str = "/v1/";

/// The method that a request means, when it is one of the People API.
pub fn method_of(request: &Request) -> Option<Method> {
    let segments = request.segments_below(BASE)?;
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    Method::route(&request.method, &path)
}

/// Whether a path belongs to the People API, known method or not.
pub fn is_people(path: &str) -> bool {
    ["people", "contactGroups", "otherContacts"]
        .iter()
        .any(|collection| path.strip_prefix(BASE).is_some_and(|rest| rest.starts_with(collection)))
}

/// Answers a call. An unknown path gets the page that Google's web servers show.
pub fn answer(world: &mut World, request: &Request) -> Answer {
    let Some(method) = method_of(request) else {
        return Answer::plain_page(404);
    };
    let reply = checked_call(world, request, method).unwrap_or_else(|refusal| shown(refusal.into()));
    reply
        .with_header("cache-control", "private")
        .with_header("vary", "X-Origin, Referer, Origin,Accept-Encoding")
}

/// A refusal as an answer; People sends no `ETag` header.
pub fn shown(reply: Reply) -> Answer {
    Answer {
        status: reply.status,
        headers: Vec::new(),
        content: reply.body.map_or(Content::Empty, Content::Json),
    }
}

fn checked_call(world: &mut World, request: &Request, method: Method) -> Result<Answer, Refusal> {
    if request.credential().is_none() {
        return Err(Refusal::credentials_missing(&method.name()));
    }
    let user = world
        .user_of(request)
        .cloned()
        .ok_or_else(|| Refusal::invalid_credentials(&method.name()))?;
    let scopes = match request.person() {
        Some(_) => scopes::all(),
        None => {
            if world.switches.people_api_disabled {
                return Err(Refusal::api_disabled());
            }
            let now_us = world.clock.now_us();
            world.people_quota.spend(&user.sub, method, request, now_us)?;
            granted_scopes(world, request)
        }
    };
    let mask = well_formed(request, method)?;
    let reply = world.people.handle(&Call {
        method: request.method.clone(),
        path: request.segments_below(BASE).unwrap_or_default(),
        query: request.query.clone(),
        if_match: None,
        if_none_match: None,
        body: request.body.clone(),
        user: user.email,
        scopes,
        now_us: world.clock.now_us(),
    });
    let mut answer = shown(reply);
    if answer.is_success()
        && let (Some(mask), Content::Json(body)) = (mask, &mut answer.content)
    {
        *body = mask.apply(body);
    }
    Ok(answer)
}

fn well_formed(request: &Request, method: Method) -> Result<Option<Mask>, Refusal> {
    if let Some(alt) = request.parameter("alt").filter(|alt| *alt != "json") {
        let words = format!("Invalid JSON payload received. Unknown alt value \"{alt}\".");
        return Err(Refusal::new(Code::InvalidArgument, words));
    }
    let Some(text) = request.parameter("fields").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let mask = Mask::parse(text).and_then(|mask| mask.check(&SHAPES, method.answer()).map(|()| mask));
    mask.map(Some).map_err(|path| {
        let words = format!("Error expanding 'fields' parameter. Cannot find matching fields for path '{path}'.");
        Refusal::invalid_field(&path, &words)
    })
}
