//! The authorization request: every parameter checked as Google does, before anybody sees a page.
//!
//! Almost every mistake is shown on Google's own error page with no redirect, because a redirect address that is not
//! proven must not be followed; only a user's "no", and `prompt=none` without an earlier yes, go back to the client.
use super::{
    OAuthClient,
    grants::Challenge,
    scopes::{self, Scopes},
};
use crate::sandbox::request::{first, form_pairs};
use std::collections::BTreeSet;

/// A request that may be shown to a user.
#[derive(Debug, Clone)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// What is asked for, full names.
    pub scopes: Scopes,
    /// Repeated in the answer.
    pub state: Option<String>,
    /// `access_type=offline`.
    pub offline: bool,
    /// `include_granted_scopes=true`.
    pub include_granted: bool,
    /// `prompt`, as a set.
    pub prompt: BTreeSet<String>,
    /// An address or account number.
    pub login_hint: Option<String>,
    /// PKCE.
    pub challenge: Option<Challenge>,
    /// OpenID nonce.
    pub nonce: Option<String>,
}

/// What Google's error page says: status, code, words.
#[derive(Debug, PartialEq, Eq)]
pub struct PageError {
    /// HTTP status of the page.
    pub status: u16,
    /// The code, e.g. `redirect_uri_mismatch`.
    pub code: &'static str,
    /// The explanation.
    pub message: String,
}

fn invalid_request(message: impl Into<String>) -> PageError {
    PageError {
        status: 400,
        code: "invalid_request",
        message: message.into(),
    }
}

/// Checks the query of an authorization request.
pub fn parse(raw_query: &str, clients: &[OAuthClient]) -> Result<AuthorizationRequest, PageError> {
    let pairs = form_pairs(raw_query);
    let mut seen = BTreeSet::new();
    if let Some((name, _)) = pairs.iter().find(|(name, _)| !seen.insert(name.as_str())) {
        return Err(invalid_request(format!(
            "OAuth 2 parameters can only have a single value: {name}"
        )));
    }
    let get = |name: &str| first(&pairs, name).filter(|value| !value.is_empty());
    let need = |name: &str| get(name).ok_or_else(|| invalid_request(format!("Missing required parameter: {name}")));

    let client_id = need("client_id")?;
    let client = clients
        .iter()
        .find(|client| client.client_id == client_id)
        .ok_or(PageError {
            status: 401,
            code: "invalid_client",
            message: "The OAuth client was not found.".into(),
        })?;
    let redirect_uri = need("redirect_uri")?;
    if !client.redirect_uris.iter().any(|registered| registered == redirect_uri) {
        return Err(PageError {
            status: 400,
            code: "redirect_uri_mismatch",
            message: format!(
                "The redirect URI in the request, {redirect_uri}, does not match the ones authorized for the OAuth client."
            ),
        });
    }
    let response_type = need("response_type")?;
    if response_type != "code" {
        return Err(PageError {
            status: 400,
            code: "unsupported_response_type",
            message: format!("Invalid response_type: {response_type}"),
        });
    }
    let scopes = scopes::parse(need("scope")?).map_err(|invalid| PageError {
        status: 400,
        code: "invalid_scope",
        message: format!(
            "Some requested scopes were invalid. {{invalid=[{}]}}",
            invalid.join(", ")
        ),
    })?;
    Ok(AuthorizationRequest {
        client_id: client_id.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        scopes,
        state: first(&pairs, "state").map(str::to_owned),
        offline: one_of(get("access_type"), "access_type", &["online", "offline"])? == "offline",
        include_granted: one_of(
            get("include_granted_scopes"),
            "include_granted_scopes",
            &["false", "true"],
        )? == "true",
        prompt: prompt(get("prompt"))?,
        login_hint: get("login_hint").map(str::to_owned),
        challenge: challenge(get("code_challenge"), get("code_challenge_method"))?,
        nonce: get("nonce").map(str::to_owned),
    })
}

/// A parameter with a fixed choice; the first is the default.
fn one_of<'a>(value: Option<&'a str>, name: &str, choice: &[&'a str]) -> Result<&'a str, PageError> {
    match value {
        None => Ok(choice[0]),
        Some(value) if choice.contains(&value) => Ok(value),
        Some(value) => Err(invalid_request(format!(
            "Invalid parameter value for {name}: '{value}' is not a valid value"
        ))),
    }
}

fn prompt(value: Option<&str>) -> Result<BTreeSet<String>, PageError> {
    let set: BTreeSet<String> = value
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    if let Some(odd) = set
        .iter()
        .find(|word| !["none", "consent", "select_account"].contains(&word.as_str()))
    {
        return Err(invalid_request(format!(
            "Invalid parameter value for prompt: Invalid prompt: {odd}"
        )));
    }
    if set.len() > 1 && set.contains("none") {
        return Err(invalid_request(
            "Invalid parameter value for prompt: none cannot be combined with other values",
        ));
    }
    Ok(set)
}

fn challenge(value: Option<&str>, method: Option<&str>) -> Result<Option<Challenge>, PageError> {
    let Some(value) = value else {
        return match method {
            None => Ok(None),
            Some(_) => Err(invalid_request("Missing required parameter: code_challenge")),
        };
    };
    let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    if !(43..=128).contains(&value.len()) || !value.chars().all(unreserved) {
        return Err(invalid_request(
            "Invalid parameter value for code_challenge: 43 to 128 unreserved characters",
        ));
    }
    match one_of(method, "code_challenge_method", &["plain", "S256"])? {
        "plain" => Ok(Some(Challenge::Plain(value.to_owned()))),
        _ => Ok(Some(Challenge::S256(value.to_owned()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "client_id=c&redirect_uri=http%3A%2F%2Fa%2Fcb&response_type=code&scope=openid%20email";

    fn parsed(query: &str) -> Result<AuthorizationRequest, &'static str> {
        let client = OAuthClient {
            client_id: "c".into(),
            client_secret: "s".into(),
            redirect_uris: vec!["http://a/cb".into()],
        };
        parse(query, &[client]).map_err(|error| error.code)
    }

    #[test]
    fn the_defaults_are_online_and_no_prompt() {
        let request = parsed(GOOD).unwrap();
        assert!(
            !request.offline && !request.include_granted && request.prompt.is_empty() && request.challenge.is_none()
        );
        assert!(request.scopes.contains(scopes::EMAIL));
    }

    #[test]
    fn each_bad_parameter_has_its_own_code() {
        for (change, code) in [
            ("&scope=openid", "invalid_request"),
            ("&access_type=sometimes", "invalid_request"),
            ("&prompt=none%20consent", "invalid_request"),
            ("&prompt=login", "invalid_request"),
            ("&include_granted_scopes=yes", "invalid_request"),
            ("&code_challenge=short", "invalid_request"),
            ("&code_challenge_method=S256", "invalid_request"),
        ] {
            assert_eq!(parsed(&format!("{GOOD}{change}")).unwrap_err(), code, "{change}");
        }
        assert_eq!(parsed("").unwrap_err(), "invalid_request");
        assert_eq!(
            parsed(&GOOD.replace("client_id=c", "client_id=d")).unwrap_err(),
            "invalid_client"
        );
        assert_eq!(
            parsed(&GOOD.replace("response_type=code", "response_type=token")).unwrap_err(),
            "unsupported_response_type"
        );
        assert_eq!(parsed(&GOOD.replace("openid", "openidd")).unwrap_err(), "invalid_scope");
    }
}
