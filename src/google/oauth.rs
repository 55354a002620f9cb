//! Google's consent, tokens and identity (RFC 6749 with PKCE, RFC 7009, OpenID Connect userinfo).
//!
//! The protocol is the `oauth2` crate's, the wire is ours, so that every refusal keeps its status and `Retry-After`.
//! Revocation goes without the crate, which refuses plain http even on loopback. Nothing is cached, stored or retried
//! here, and random values (state, verifier) are brought by the caller.
use super::error::{GoogleError, Speaker};
use super::transport::{Call, Transport};
use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use oauth2::basic::BasicClient;
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken,
    RequestTokenError, Scope, TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Google's addresses and who we are there.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// The OAuth client of the installation.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// Where users consent: `https://accounts.google.com/o/oauth2/v2/auth`.
    pub auth_url: String,
    /// `https://oauth2.googleapis.com/token`.
    pub token_url: String,
    /// `https://oauth2.googleapis.com/revoke`.
    pub revoke_url: String,
    /// `https://openidconnect.googleapis.com/v1/userinfo`.
    pub userinfo_url: String,
    /// `https://www.googleapis.com/calendar/v3/`.
    pub calendar_url: String,
}

/// What the token endpoint gave.
#[derive(Debug)]
pub struct Tokens {
    /// For `Authorization: Bearer`.
    pub access_token: SecretString,
    /// How long the access token lives, counted from the answer.
    pub expires_in: Duration,
    /// Absent when refreshing (the old one stays valid) and when the user had already consented without `prompt=consent`.
    pub refresh_token: Option<SecretString>,
    /// What the user really granted; absent means as before.
    pub scopes: Option<Vec<String>>,
}

/// Whose account it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// Google's key of the person; addresses can change hands, this cannot.
    pub sub: String,
    /// The address at this moment.
    pub email: String,
    /// Whether Google knows that it is theirs.
    pub email_verified: bool,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("sub", &self.sub)
            .finish_non_exhaustive()
    }
}

/// One attempt to obtain consent.
pub struct Authorization<'a> {
    /// Must equal a registered one to the letter, and the one given to [`OAuth::exchange`].
    pub redirect_uri: &'a str,
    /// Unguessable; comes back with the code.
    pub state: &'a str,
    /// The PKCE secret (RFC 7636), see [`pkce_verifier`]; kept by us until the code comes.
    pub verifier: &'a SecretString,
    /// The address or `sub` that Google should preselect.
    pub login_hint: Option<&'a str>,
    /// See [`super::scopes::requested`].
    pub scopes: &'a [&'a str],
    /// What the consent is for.
    pub purpose: Purpose,
}

/// What a consent is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Lasting access. Consent is always asked for: without that Google gives a refresh token only once.
    Connect,
    /// To know who is there, once. No refresh token comes of it, and earlier grants stay out of its access token.
    SignIn,
}

/// The OAuth client.
#[derive(Clone)]
pub struct OAuth {
    transport: Arc<Transport>,
    endpoints: Arc<Endpoints>,
}

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;
type Answer = Result<oauth2::basic::BasicTokenResponse, oauth2::basic::BasicRequestTokenError<GoogleError>>;

/// Makes a PKCE verifier of 43 characters from 32 random bytes.
pub fn pkce_verifier(random: &[u8; 32]) -> SecretString {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random).into()
}

impl OAuth {
    /// A client for these addresses.
    pub fn new(transport: Arc<Transport>, endpoints: Arc<Endpoints>) -> Self {
        Self { transport, endpoints }
    }

    /// Where to send the user's browser.
    pub fn authorize_url(&self, ask: &Authorization<'_>) -> Result<String, GoogleError> {
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier(ask.verifier)?);
        let client = self.client()?.set_redirect_uri(redirect(ask.redirect_uri)?);
        let state = ask.state.to_owned();
        let mut request = client
            .authorize_url(|| CsrfToken::new(state))
            .add_scopes(ask.scopes.iter().map(|scope| Scope::new(scope.to_string())))
            .set_pkce_challenge(challenge);
        request = match ask.purpose {
            Purpose::Connect => request
                .add_extra_param("access_type", "offline")
                .add_extra_param("prompt", "consent")
                .add_extra_param("include_granted_scopes", "true"),
            Purpose::SignIn => request
                .add_extra_param("access_type", "online")
                .add_extra_param("prompt", "select_account"),
        };
        if let Some(hint) = ask.login_hint {
            request = request.add_extra_param("login_hint", hint);
        }
        Ok(request.url().0.into())
    }

    /// Trades the code of a finished consent for tokens. A code works once, so a lost answer cannot be repeated.
    pub async fn exchange(
        &self,
        code: &str,
        verifier_text: &SecretString,
        redirect_uri: &str,
    ) -> Result<Tokens, GoogleError> {
        let client = self.client()?.set_redirect_uri(redirect(redirect_uri)?);
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(verifier(verifier_text)?);
        tokens(request.request_async(self).await)
    }

    /// Gets a new access token. Only an error of class `Reconnect` says that the grant is dead.
    pub async fn refresh(&self, refresh_token: &SecretString) -> Result<Tokens, GoogleError> {
        let token = RefreshToken::new(refresh_token.expose_secret().to_owned());
        let client = self.client()?;
        let request = client.exchange_refresh_token(&token);
        tokens(request.request_async(self).await)
    }

    /// Ends a grant, given its refresh token or an access token. A token that is already void counts as done.
    pub async fn revoke(&self, token: &SecretString) -> Result<(), GoogleError> {
        let call = Call::new(Method::POST, self.endpoints.revoke_url.clone()).form(&[("token", token.expose_secret())]);
        match Box::pin(self.transport.send_oauth(call)).await {
            Ok(_) => Ok(()),
            Err(mut error) => match error.refusal_mut() {
                Some(refusal) if refusal.reason.as_deref() == Some("invalid_token") => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Asks whose access token this is.
    pub async fn userinfo(&self, access: &SecretString) -> Result<Identity, GoogleError> {
        #[derive(Deserialize)]
        struct Userinfo {
            sub: String,
            email: Option<String>,
            #[serde(default)]
            email_verified: bool,
        }
        let call = Call::new(Method::GET, self.endpoints.userinfo_url.clone()).bearer(access);
        let info: Userinfo = Box::pin(self.transport.send(call)).await?.json()?;
        if info.sub.is_empty() {
            return Err(GoogleError::protocol("the account has an empty sub"));
        }
        let email = info
            .email
            .ok_or_else(|| GoogleError::protocol("the account has no email"))?;
        Ok(Identity {
            sub: info.sub,
            email,
            email_verified: info.email_verified,
        })
    }

    fn client(&self) -> Result<Client, GoogleError> {
        let wrong = |key| move |_| GoogleError::unsendable(format!("google.{key} is not an address"));
        let endpoints = &self.endpoints;
        Ok(BasicClient::new(ClientId::new(endpoints.client_id.clone()))
            .set_client_secret(ClientSecret::new(endpoints.client_secret.expose_secret().to_owned()))
            // As in all of Google's examples; its support for Basic is not documented.
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(AuthUrl::new(endpoints.auth_url.clone()).map_err(wrong("auth_url"))?)
            .set_token_uri(TokenUrl::new(endpoints.token_url.clone()).map_err(wrong("token_url"))?))
    }
}

/// The crate's way to the wire. A type of its own rather than a closure, whose future the compiler cannot prove `Send`.
impl<'c> AsyncHttpClient<'c> for OAuth {
    type Error = GoogleError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, GoogleError>> + Send + 'c>>;

    /// Gives the crate only successes to read: refusals are ours, with all that the crate would drop.
    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = request.map(|body| Full::new(Bytes::from(body)));
            let reply = self.transport.answer(Speaker::OAuth, request).await?;
            let mut response = HttpResponse::new(reply.body.to_vec());
            *response.status_mut() = reply.status;
            *response.headers_mut() = reply.headers;
            Ok(response)
        })
    }
}

fn redirect(uri: &str) -> Result<RedirectUrl, GoogleError> {
    RedirectUrl::new(uri.to_owned()).map_err(|_| GoogleError::unsendable("the redirect address is none"))
}

/// The crate panics at a length outside of RFC 7636.
fn verifier(text: &SecretString) -> Result<PkceCodeVerifier, GoogleError> {
    let text = text.expose_secret();
    if (43..=128).contains(&text.len()) {
        Ok(PkceCodeVerifier::new(text.to_owned()))
    } else {
        Err(GoogleError::unsendable(
            "the PKCE verifier has not 43 to 128 characters",
        ))
    }
}

fn tokens(answer: Answer) -> Result<Tokens, GoogleError> {
    let answer = answer.map_err(|error| match error {
        RequestTokenError::Request(error) => error,
        // The crate's error holds the body, and with it perhaps a token.
        RequestTokenError::Parse(..) => GoogleError::protocol("the token endpoint sent no tokens"),
        RequestTokenError::ServerResponse(_) | RequestTokenError::Other(_) => {
            GoogleError::protocol("the token endpoint cannot be understood")
        }
    })?;
    Ok(Tokens {
        access_token: answer.access_token().secret().as_str().into(),
        // Google always says; without its word the token is used only for a short while.
        expires_in: answer.expires_in().unwrap_or(Duration::from_secs(300)),
        refresh_token: answer.refresh_token().map(|token| token.secret().as_str().into()),
        scopes: answer
            .scopes()
            .map(|scopes| scopes.iter().map(|scope| scope.to_string()).collect()),
    })
}
