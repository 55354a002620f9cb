//! The token endpoint and revocation: who asks, what for, and each refusal with Google's own words.
use super::{
    grants::{ACCESS_LIFE_S, Challenge, Consent},
    identity::id_token,
    scopes::{self, joined},
};
use crate::sandbox::{
    answer::Answer,
    refusal::{self, oauth},
    request::{Request, first, form_pairs},
    world::World,
};
use axum::http::{Method, header};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use percent_encoding::percent_decode_str;
use serde_json::json;
use sha2::{Digest, Sha256};

type Pairs = Vec<(String, String)>;

/// `POST /token`.
pub fn token(world: &mut World, request: &Request) -> Answer {
    if request.method != Method::POST {
        return Answer::plain_page(405).with_header("allow", "POST");
    }
    let form = form_of(request);
    let client_id = match authenticated_client(world, request, &form) {
        Ok(client_id) => client_id,
        Err(refusal) => return *refusal,
    };
    match first(&form, "grant_type") {
        Some("authorization_code") => exchange_code(world, &form, &client_id),
        Some("refresh_token") => refresh(world, &form, &client_id),
        None => oauth(400, "invalid_request", "Missing required parameter: grant_type"),
        Some(other) => oauth(400, "unsupported_grant_type", &format!("Invalid grant_type: {other}")),
    }
}

fn form_of(request: &Request) -> Pairs {
    if request.is_form() {
        form_pairs(&String::from_utf8_lossy(&request.body))
    } else {
        Vec::new()
    }
}

/// The client, from the form or from HTTP Basic (RFC 6749, 2.3.1).
fn authenticated_client(world: &World, request: &Request, form: &Pairs) -> Result<String, Box<Answer>> {
    let (id, secret) = match basic_credentials(request) {
        Some((id, secret)) => (Some(id), Some(secret)),
        None => (
            first(form, "client_id").map(str::to_owned),
            first(form, "client_secret").map(str::to_owned),
        ),
    };
    let refuse = |status, error, words| Err(Box::new(oauth(status, error, words)));
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return refuse(400, "invalid_request", "Could not determine client ID from request.");
    };
    let Some(client) = world.clients.iter().find(|client| client.client_id == id) else {
        return refuse(401, "invalid_client", "The OAuth client was not found.");
    };
    match secret {
        None => refuse(400, "invalid_request", "client_secret is missing."),
        Some(secret) if secret != client.client_secret => refuse(401, "invalid_client", "Unauthorized"),
        Some(_) => Ok(id),
    }
}

fn basic_credentials(request: &Request) -> Option<(String, String)> {
    let (scheme, encoded) = request.header(header::AUTHORIZATION)?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    Some((decode(id), decode(secret)))
}

fn exchange_code(world: &mut World, form: &Pairs, client_id: &str) -> Answer {
    let now_us = world.clock.now_us();
    let Some(code) = first(form, "code") else {
        return oauth(400, "invalid_request", "Missing required parameter: code");
    };
    let Some(redirect_uri) = first(form, "redirect_uri") else {
        return oauth(400, "invalid_request", "Missing parameter: redirect_uri");
    };
    if !is_well_formed(code) {
        return oauth(400, "invalid_grant", "Malformed auth code.");
    }
    let Some(consent) = world
        .grants
        .consent_of(code, now_us)
        .filter(|consent| consent.client_id == client_id)
    else {
        return oauth(400, "invalid_grant", "Bad Request");
    };
    if consent.redirect_uri != redirect_uri {
        return oauth(400, "redirect_uri_mismatch", "Bad Request");
    }
    if let Err(words) = check_verifier(consent, first(form, "code_verifier")) {
        return oauth(400, "invalid_grant", words);
    }
    let Some(exchange) = world.grants.exchange(code, &mut world.mint, now_us) else {
        return oauth(400, "invalid_grant", "Bad Request");
    };
    let mut body = json!({
        "access_token": exchange.access_token,
        "expires_in": ACCESS_LIFE_S,
        "scope": joined(&exchange.consent.scopes),
        "token_type": "Bearer",
    });
    if let Some(token) = exchange.refresh_token {
        body["refresh_token"] = json!(token);
    }
    if let Some(seconds) = exchange.refresh_token_expires_in {
        body["refresh_token_expires_in"] = json!(seconds);
    }
    if let Some(jwt) = id_token(world, &exchange.consent, &exchange.access_token) {
        body["id_token"] = json!(jwt);
    }
    Answer::json(200, body)
}

/// A code of Google's begins with `4/` and is long; anything else was cut or encoded twice on its way.
fn is_well_formed(code: &str) -> bool {
    code.len() >= 20
        && code
            .strip_prefix("4/")
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)))
}

fn check_verifier(consent: &Consent, verifier: Option<&str>) -> Result<(), &'static str> {
    match (&consent.challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err("code_verifier or verifier is not needed."),
        (Some(_), None) => Err("Missing code verifier."),
        (Some(Challenge::Plain(wanted)), Some(verifier)) if wanted == verifier => Ok(()),
        (Some(Challenge::S256(wanted)), Some(verifier))
            if *wanted == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) =>
        {
            Ok(())
        }
        (Some(_), Some(_)) => Err("Invalid code verifier."),
    }
}

fn refresh(world: &mut World, form: &Pairs, client_id: &str) -> Answer {
    let now_us = world.clock.now_us();
    let Some(token) = first(form, "refresh_token") else {
        return oauth(400, "invalid_request", "Missing required parameter: refresh_token");
    };
    let Some(held) = world.grants.refresh_token(token, now_us) else {
        return oauth(400, "invalid_grant", "Token has been expired or revoked.");
    };
    if held.client_id != client_id {
        return oauth(400, "invalid_grant", "Bad Request");
    }
    let scopes = match first(form, "scope").map(scopes::parse) {
        None => held.scopes.clone(),
        Some(Ok(asked)) if asked.is_subset(&held.scopes) => asked,
        Some(Ok(asked)) => return invalid_scope(asked.difference(&held.scopes).cloned().collect()),
        Some(Err(unknown)) => return invalid_scope(unknown),
    };
    let Some(access_token) = world.grants.refresh(token, scopes.clone(), &mut world.mint, now_us) else {
        return oauth(400, "invalid_grant", "Token has been expired or revoked.");
    };
    Answer::json(
        200,
        json!({"access_token": access_token, "expires_in": ACCESS_LIFE_S, "scope": joined(&scopes), "token_type": "Bearer"}),
    )
}

fn invalid_scope(invalid: Vec<String>) -> Answer {
    let words = format!(
        "Some requested scopes were invalid. {{invalid=[{}]}}",
        invalid.join(", ")
    );
    Answer::json(
        400,
        json!({"error": "invalid_scope", "error_description": words, "error_uri": "http://code.google.com/apis/accounts/docs/OAuth2.html"}),
    )
}

/// `POST /revoke`: the token in the form or the query. The whole grant goes, whichever of its tokens was sent.
pub fn revoke(world: &mut World, request: &Request) -> Answer {
    if request.method != Method::POST {
        return Answer::plain_page(405).with_header("allow", "POST");
    }
    let form = form_of(request);
    let Some(token) = first(&form, "token").or_else(|| request.parameter("token")) else {
        return oauth(400, "invalid_request", "Missing required parameter: token");
    };
    if world.grants.revoke(token, world.clock.now_us()) {
        refusal::empty_object()
    } else {
        oauth(400, "invalid_token", "Token expired or revoked")
    }
}
