//! The page on which a pretend user says yes or no, and what goes back to the client.
//!
//! The page carries the original query; it is parsed again when the form comes back, so nothing is remembered between
//! the two and a changed form gets no further than a changed link. A test answers the page with one POST of the fields
//! `request` (the query of the authorization address), `user` (e-mail), `scope` (repeated) and `decision` (`allow|deny`).
use super::{
    authorize::{AuthorizationRequest, PageError, parse},
    grants::Consent,
    scopes::{self, Scopes, is_identity, joined},
};
use crate::sandbox::{
    answer::{Answer, Content},
    page::{person_view, templates::render},
    request::{Request, first, form_pairs, form_text},
    users::Person,
    world::World,
};
use axum::http::Method;
use minijinja::context;

/// `GET` shows the page, `POST` takes the decision.
pub fn authorization(world: &mut World, request: &Request) -> Answer {
    if request.method == Method::POST {
        let form = form_pairs(&String::from_utf8_lossy(&request.body));
        return decide(world, &form);
    }
    if request.method != Method::GET {
        return Answer::plain_page(405);
    }
    match parse(&request.raw_query, &world.clients) {
        Err(error) => error_page(&error),
        Ok(asked) if asked.prompt.contains("none") => without_a_page(world, &asked),
        Ok(asked) => consent_page(world, &asked, &request.raw_query, 200, ""),
    }
}

fn error_page(error: &PageError) -> Answer {
    Answer::html(
        error.status,
        render(
            "oauth_error.html",
            context! { status => error.status, code => error.code, message => &error.message },
        ),
    )
}

fn consent_page(world: &World, asked: &AuthorizationRequest, raw_query: &str, status: u16, problem: &str) -> Answer {
    let hinted = asked.login_hint.as_deref().and_then(|hint| world.users.by_hint(hint));
    let people: Vec<&Person> = match hinted {
        Some(person) if !asked.prompt.contains("select_account") => vec![person],
        _ => world.users.all().iter().collect(),
    };
    let chosen = hinted.or(people.first().copied());
    let granted = chosen
        .map(|person| world.grants.granted(&person.sub, &asked.client_id))
        .unwrap_or_default();
    let choices: Vec<_> = asked
        .scopes
        .iter()
        .filter_map(|scope| {
            let words = scopes::description(scope)?;
            Some(context! { scope, words, granted => granted.contains(scope) })
        })
        .collect();
    let page = render(
        "consent.html",
        context! {
            client => &asked.client_id,
            destination => &asked.redirect_uri,
            identity => asked.scopes.iter().any(|scope| is_identity(scope)),
            chosen => chosen.map(|person| &person.email),
            request => raw_query,
            people => people.into_iter().map(person_view).collect::<Vec<_>>(),
            choices, problem,
        },
    );
    Answer::html(status, page)
}

fn decide(world: &mut World, form: &[(String, String)]) -> Answer {
    let raw_query = first(form, "request").unwrap_or_default();
    let asked = match parse(raw_query, &world.clients) {
        Ok(asked) => asked,
        Err(error) => return error_page(&error),
    };
    match first(form, "decision") {
        Some("allow") => {}
        Some("deny") => return denied(&asked, "access_denied"),
        _ => return consent_page(world, &asked, raw_query, 400, "Choose Allow or Deny."),
    }
    let Some(person) = first(form, "user")
        .and_then(|email| world.users.by_email(email))
        .cloned()
    else {
        return consent_page(world, &asked, raw_query, 400, "Choose an account.");
    };
    let ticked = |scope: &String| form.iter().any(|(key, value)| key == "scope" && value == scope);
    let allowed: Scopes = asked
        .scopes
        .iter()
        .filter(|scope| is_identity(scope) || ticked(scope))
        .cloned()
        .collect();
    if allowed.is_empty() {
        return denied(&asked, "access_denied");
    }
    granted(world, &asked, &person, allowed)
}

/// `prompt=none`: only what was granted before, and never a page.
fn without_a_page(world: &mut World, asked: &AuthorizationRequest) -> Answer {
    let Some(person) = asked
        .login_hint
        .as_deref()
        .and_then(|hint| world.users.by_hint(hint))
        .cloned()
    else {
        return denied(asked, "login_required");
    };
    if !asked
        .scopes
        .is_subset(&world.grants.granted(&person.sub, &asked.client_id))
    {
        return denied(asked, "consent_required");
    }
    granted(world, asked, &person, asked.scopes.clone())
}

fn granted(world: &mut World, asked: &AuthorizationRequest, person: &Person, mut scopes: Scopes) -> Answer {
    if asked.include_granted {
        scopes.extend(world.grants.granted(&person.sub, &asked.client_id));
    }
    let scope_text = joined(&scopes);
    let consent = Consent {
        sub: person.sub.clone(),
        client_id: asked.client_id.clone(),
        redirect_uri: asked.redirect_uri.clone(),
        scopes,
        offline: asked.offline,
        forced: asked.prompt.contains("consent"),
        challenge: asked.challenge.clone(),
        nonce: asked.nonce.clone(),
    };
    let now_us = world.clock.now_us();
    let code = world.grants.issue_code(consent, &mut world.mint, now_us);
    let prompt = if asked.prompt.contains("none") {
        "none"
    } else {
        "consent"
    };
    redirect(
        asked,
        &[
            ("code", &code),
            ("scope", &scope_text),
            ("authuser", "0"),
            ("prompt", prompt),
        ],
    )
}

fn denied(asked: &AuthorizationRequest, error: &str) -> Answer {
    redirect(asked, &[("error", error)])
}

fn redirect(asked: &AuthorizationRequest, fields: &[(&str, &str)]) -> Answer {
    let mut all: Vec<(&str, &str)> = asked.state.iter().map(|state| ("state", state.as_str())).collect();
    all.extend_from_slice(fields);
    let joint = if asked.redirect_uri.contains('?') { '&' } else { '?' };
    let location = format!("{}{joint}{}", asked.redirect_uri, form_text(&all));
    Answer {
        status: 302,
        headers: vec![("location".into(), location)],
        content: Content::Empty,
    }
}
