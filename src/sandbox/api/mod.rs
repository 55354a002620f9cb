//! From a request to an answer: credentials, enablement, quota and masks around the services.
//!
//! The order is Google's as far as it is known: who are you, is the API on, is there quota left, is the request well
//! formed; only then does the service see the call.
pub mod batch;
pub mod fields;
pub mod methods;
pub mod people;

use super::{
    answer::{Answer, Content},
    oauth::{self, scopes},
    quota::Exhausted,
    refusal,
    request::Request,
    users::Person,
    wire::Call,
    world::World,
};
use axum::http::{Method, header};
use fields::Mask;

/// Where Calendar v3 lives.
pub const CALENDAR_BASE: &str = "/calendar/v3/";

/// Where Calendar's batches go.
pub const BATCH_PATH: &str = "/batch/calendar/v3";

/// How a request reached an API; a batch part has its own price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Its own HTTP request.
    Direct,
    /// Part of a batch.
    Batch,
}

/// Answers every path that is neither the authorization page, the switches nor the web page.
pub fn answer(world: &mut World, request: &Request, carrier: Carrier) -> Answer {
    if request.path.starts_with(CALENDAR_BASE) {
        return calendar_call(world, request, carrier);
    }
    if carrier == Carrier::Batch {
        return refusal::back_end(404, "global", "notFound", "Not Found");
    }
    if people::is_people(&request.path) {
        return people::answer(world, request);
    }
    match request.path.as_str() {
        "/token" => oauth::token(world, request),
        "/revoke" => oauth::revoke(world, request),
        "/tokeninfo" => oauth::tokeninfo(world, request),
        "/v1/userinfo" => oauth::userinfo(world, request, oauth::Userinfo::OpenId),
        "/oauth2/v2/userinfo" => oauth::userinfo(world, request, oauth::Userinfo::V2),
        _ => Answer::plain_page(404),
    }
}

fn calendar_call(world: &mut World, request: &Request, carrier: Carrier) -> Answer {
    checked_call(world, request, carrier).unwrap_or_else(|refusal| *refusal)
}

/// Boxed because an answer is large and a refusal rare.
type Checked<T> = Result<T, Box<Answer>>;

fn checked_call(world: &mut World, request: &Request, carrier: Carrier) -> Checked<Answer> {
    if request.credential().is_none() {
        return Err(refusal::login_required().into());
    }
    let user = world
        .user_of(request)
        .cloned()
        .ok_or_else(refusal::invalid_credentials)?;
    let scopes = match request.person() {
        Some(_) => scopes::all(),
        None => {
            if world.switches.api_disabled {
                return Err(refusal::api_disabled().into());
            }
            spend(world, request, carrier, &user)?;
            granted_scopes(world, request)
        }
    };
    let path = request
        .segments_below(CALENDAR_BASE)
        .ok_or_else(|| refusal::back_end(400, "global", "badRequest", "Bad Request"))?;
    let mask = well_formed(request, &path)?;
    let mut query = request.query.clone();
    query.retain(|(key, _)| !COMMON_PARAMETERS.contains(&key.as_str()));
    let reply = world.calendar.handle(&Call {
        method: request.method.clone(),
        path,
        query,
        if_match: request.header(header::IF_MATCH).map(str::to_owned),
        if_none_match: request.header(header::IF_NONE_MATCH).map(str::to_owned),
        body: request.body.clone(),
        user: user.email,
        scopes,
        now_us: world.clock.now_us(),
    });
    let mut answer = Answer::from(reply);
    if answer.is_success()
        && let (Some(mask), Content::Json(body)) = (mask, &mut answer.content)
    {
        *body = mask.apply(body);
    }
    Ok(answer)
}

/// Parameters that every method of Calendar v3 takes; they end here. Names that nobody knows go on to the service, which
/// ignores them, as Calendar does.
const COMMON_PARAMETERS: [&str; 8] = [
    "access_token",
    "alt",
    "fields",
    "key",
    "oauth_token",
    "prettyPrint",
    "quotaUser",
    "userIp",
];

fn granted_scopes(world: &World, request: &Request) -> Vec<String> {
    let held = request
        .credential()
        .and_then(|token| world.grants.access_token(token, world.clock.now_us()));
    held.map(|held| held.scopes.iter().cloned().collect())
        .unwrap_or_default()
}

/// A patch costs 3 units and anything else 1; a part of a batch always 1.
fn spend(world: &mut World, request: &Request, carrier: Carrier, user: &Person) -> Checked<()> {
    let units = if request.method == Method::PATCH && carrier == Carrier::Direct {
        3
    } else {
        1
    };
    let now_us = world.clock.now_us();
    world.quota.spend(&user.sub, units, now_us).map_err(|exhausted| {
        let per_user = exhausted == Exhausted::User;
        let limit = if per_user {
            world.quota.per_user
        } else {
            world.quota.per_project
        };
        let refused = refusal::quota_exhausted(world.switches.quota_form, per_user, limit);
        Box::new(match &world.switches.retry_after {
            Some(seconds) => refused.with_header("retry-after", seconds),
            None => refused,
        })
    })
}

/// Checks what is the same for all methods, and reads the mask.
fn well_formed(request: &Request, path: &[String]) -> Checked<Option<Mask>> {
    if let Some(alt) = request.parameter("alt").filter(|alt| *alt != "json") {
        return Err(refusal::bad_parameter(
            "alt",
            "invalidParameter",
            &format!("Invalid value '{alt}'. Values must match the following regular expression: 'json'"),
        )
        .into());
    }
    if request.is_form() && !request.body.is_empty() {
        let message = "This API does not support parsing form-encoded input.";
        return Err(refusal::back_end(400, "global", "parseError", message).into());
    }
    let Some(text) = request.parameter("fields").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let mask = Mask::parse(text).and_then(|mask| {
        if let Some(type_name) = methods::find(&request.method, path).and_then(|method| method.answer) {
            mask.check(&fields::CALENDAR, type_name)?;
        }
        Ok(mask)
    });
    mask.map(Some).map_err(|invalid| {
        refusal::bad_parameter(
            "fields",
            "invalidParameter",
            &format!("Invalid field selection {invalid}"),
        )
        .into()
    })
}
