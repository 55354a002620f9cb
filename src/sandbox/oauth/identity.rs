//! Who a token speaks for: tokeninfo, both userinfo forms, and the id token.
use super::{
    grants::{ACCESS_LIFE_S, AccessToken, Consent},
    scopes::{EMAIL, PROFILE, Scopes, is_identity, joined},
};
use crate::sandbox::{
    answer::Answer,
    refusal::{self, oauth},
    request::{Request, first, form_pairs},
    users::Person,
    world::World,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Which of the two userinfo forms is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Userinfo {
    /// `/v1/userinfo`, OpenID Connect.
    OpenId,
    /// `/oauth2/v2/userinfo`, the older API.
    V2,
}

/// `GET|POST /tokeninfo?access_token=`. All values are texts, as Google sends them.
pub fn tokeninfo(world: &World, request: &Request) -> Answer {
    let form = if request.is_form() {
        form_pairs(&String::from_utf8_lossy(&request.body))
    } else {
        Vec::new()
    };
    let Some(token) = request
        .parameter("access_token")
        .or_else(|| first(&form, "access_token"))
    else {
        return oauth(
            400,
            "invalid_request",
            "either access_token, id_token, or code required",
        );
    };
    let now_us = world.clock.now_us();
    let found = world
        .grants
        .access_token(token, now_us)
        .and_then(|held| Some((held, world.users.by_sub(&held.sub)?)));
    let Some((held, person)) = found else {
        return oauth(400, "invalid_token", "Invalid Value");
    };
    let mut body = json!({
        "azp": held.client_id,
        "aud": held.client_id,
        "scope": joined(&held.scopes),
        "exp": (held.expires_us / 1_000_000).to_string(),
        "expires_in": ((held.expires_us - now_us) / 1_000_000).to_string(),
        "access_type": if held.offline { "offline" } else { "online" },
    });
    if held.scopes.iter().any(|scope| is_identity(scope)) {
        body["sub"] = json!(person.sub);
    }
    if held.scopes.contains(EMAIL) {
        body["email"] = json!(person.email);
        body["email_verified"] = json!("true");
    }
    Answer::json(200, body)
}

/// Both userinfo endpoints. What is said depends on the identity scopes of the token.
pub fn userinfo(world: &World, request: &Request, form: Userinfo) -> Answer {
    let found = request.credential().and_then(|token| {
        let held = world.grants.access_token(token, world.clock.now_us())?;
        Some((held, world.users.by_sub(&held.sub)?))
    });
    match (found, form) {
        (None, Userinfo::OpenId) => oauth(401, "invalid_request", "Invalid Credentials").with_header(
            "www-authenticate",
            "Bearer realm=\"https://accounts.google.com/\", error=invalid_request",
        ),
        (None, Userinfo::V2) if request.credential().is_none() => refusal::login_required(),
        (None, Userinfo::V2) => refusal::invalid_credentials(),
        (Some((held, _)), _) if !held.scopes.iter().any(|scope| is_identity(scope)) => {
            refusal::insufficient_scope(None)
        }
        (Some((held, person)), Userinfo::OpenId) => Answer::json(200, openid_claims(&held.scopes, person)),
        (Some((held, person)), Userinfo::V2) => Answer::json(200, v2_fields(held, person)),
    }
}

fn names(person: &Person) -> (&str, &str) {
    person.name.rsplit_once(' ').unwrap_or((&person.name, ""))
}

fn picture(person: &Person) -> String {
    format!("https://lh3.googleusercontent.com/a/sandbox-{}=s96-c", person.sub)
}

fn openid_claims(scopes: &Scopes, person: &Person) -> Value {
    let mut claims = json!({"sub": person.sub});
    if scopes.contains(PROFILE) {
        let (given, family) = names(person);
        claims["name"] = json!(person.name);
        claims["given_name"] = json!(given);
        if !family.is_empty() {
            claims["family_name"] = json!(family);
        }
        claims["picture"] = json!(picture(person));
    }
    if scopes.contains(EMAIL) {
        claims["email"] = json!(person.email);
        claims["email_verified"] = json!(true);
    }
    claims
}

fn v2_fields(held: &AccessToken, person: &Person) -> Value {
    let mut fields = openid_claims(&held.scopes, person);
    if let Some(object) = fields.as_object_mut() {
        object.remove("sub");
        if let Some(verified) = object.remove("email_verified") {
            object.insert("verified_email".into(), verified);
        }
    }
    fields["id"] = json!(person.sub);
    fields
}

/// The id token of an exchange; only with the scope `openid`.
///
/// The signature is NOT real: the token is well formed (three parts, `RS256` in the header, 256 bytes of signature), but
/// no key stands behind it. That is enough for a client that took it from the token endpoint itself, which OpenID Connect
/// (3.1.3.7) excuses from checking the signature, and for no other.
pub fn id_token(world: &mut World, consent: &Consent, access_token: &str) -> Option<String> {
    if !consent.scopes.contains("openid") {
        return None;
    }
    let issued = world.clock.now_us() / 1_000_000;
    let mut claims = openid_claims(&consent.scopes, world.users.by_sub(&consent.sub)?);
    claims["iss"] = json!("https://accounts.google.com");
    claims["azp"] = json!(consent.client_id);
    claims["aud"] = json!(consent.client_id);
    claims["iat"] = json!(issued);
    claims["exp"] = json!(issued + ACCESS_LIFE_S + 1);
    claims["at_hash"] = json!(URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token)[..16]));
    if let Some(nonce) = &consent.nonce {
        claims["nonce"] = json!(nonce);
    }
    let header = json!({"alg": "RS256", "kid": "accord-sandbox-unsigned", "typ": "JWT"});
    let signature: Vec<u8> = (0..8).flat_map(|_| world.mint.bytes()).collect();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    Some(format!(
        "{}.{}.{}",
        part(&header),
        part(&claims),
        URL_SAFE_NO_PAD.encode(signature)
    ))
}
