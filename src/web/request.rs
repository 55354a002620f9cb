//! What every request of the API brings beside its body: who calls, which thing, which version, and whether it was sent before.
use super::WebState;
use super::log::LoggedTenant;
use super::problem::{Kind, Problem};
use crate::domain::ids::{ApiKeyId, TenantId, UserId};
use crate::engine::once::Once;
use crate::engine::tenants::Caller;
use crate::engine::user_tokens::is_user_token;
use axum::extract::{FromRequestParts, Path};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::str::FromStr;

/// The tenant whose API key came with the request. A handler that takes it is closed to everybody else.
#[derive(Debug, Clone, Copy)]
pub struct ByTenant(pub TenantId, pub Caller);

impl FromRequestParts<WebState> for ByTenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, Problem> {
        let ByTenantOrUser(asker) = ByTenantOrUser::from_request_parts(parts, state).await?;
        if asker.user.is_some() {
            return Err(Problem::of(Kind::UserToken));
        }
        let (tenant, key) = (asker.tenant, asker.key);
        Ok(Self(tenant, Caller { tenant, key }))
    }
}

/// Who asks where a user's token is enough.
#[derive(Debug, Clone, Copy)]
pub struct Asker {
    /// The tenant.
    pub tenant: TenantId,
    /// For whom a token speaks; `None`: an API key speaks for the whole tenant.
    pub user: Option<UserId>,
    /// The key that was sent, or with which the token was made.
    pub key: ApiKeyId,
}

/// The tenant whose API key, or the user whose token, came with the request.
#[derive(Debug, Clone, Copy)]
pub struct ByTenantOrUser(pub Asker);

impl FromRequestParts<WebState> for ByTenantOrUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, Problem> {
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or(Problem::of(Kind::Unauthorized))?;
        let asker = if is_user_token(token) {
            let holder = state.engine.authenticate_user(token).await?;
            Asker {
                tenant: holder.tenant,
                user: Some(holder.user),
                key: holder.key,
            }
        } else {
            let caller = state.engine.authenticate(token).await?;
            Asker {
                tenant: caller.tenant,
                user: None,
                key: caller.key,
            }
        };
        if let Some(logged) = parts.extensions.get::<LoggedTenant>() {
            logged.set(asker.tenant);
        }
        Ok(Self(asker))
    }
}

/// A path's last variables. One that cannot be read names nothing, and nothing is found.
async fn path<T: DeserializeOwned + Send, S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<T, Problem> {
    let Path(value) = Path::<T>::from_request_parts(parts, state)
        .await
        .map_err(|_| Problem::of(Kind::NotFound))?;
    Ok(value)
}

/// The id in the path.
#[derive(Debug, Clone, Copy)]
pub struct Id<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = path(parts, state).await?;
        let id = text.parse().map_err(|_| Problem::of(Kind::NotFound))?;
        Ok(Self(id))
    }
}

/// Two ids in the path.
#[derive(Debug, Clone, Copy)]
pub struct Ids<A, B>(pub A, pub B);

impl<S: Send + Sync, A: FromStr, B: FromStr> FromRequestParts<S> for Ids<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (a, b): (String, String) = path(parts, state).await?;
        let missing = || Problem::of(Kind::NotFound);
        Ok(Self(
            a.parse().map_err(|_| missing())?,
            b.parse().map_err(|_| missing())?,
        ))
    }
}

/// The version that the caller has seen: `If-Match: "5"`.
#[derive(Debug, Clone, Copy)]
pub struct IfMatch(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            let detail = "send If-Match with the version you have seen, such as \"5\"";
            return Err(Problem::detailed(Kind::IfMatchRequired, detail));
        };
        let version = value
            .to_str()
            .ok()
            .and_then(|text| text.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok());
        version
            .map(Self)
            .ok_or_else(|| Problem::field("If-Match", "must be one version in double quotes, such as \"5\""))
    }
}

/// Longest `Idempotency-Key`.
const MAX_KEY: usize = 255;

/// What makes a request recognisable when it is sent again.
#[derive(Debug, Clone)]
pub struct Repeatable {
    key: Option<String>,
    method_and_path: String,
}

impl Repeatable {
    /// With the body, everything that the stored answer belongs to. `None` when no key was sent.
    pub fn once(self, body: &[u8]) -> Option<Once> {
        let key = self.key?;
        let mut hash = Sha256::new();
        hash.update((self.method_and_path.len() as u64).to_be_bytes());
        hash.update(&self.method_and_path);
        hash.update(body);
        Some(Once {
            key,
            request_hash: hash.finalize().into(),
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Repeatable {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let refused = || {
            Problem::field(
                "Idempotency-Key",
                format!("must be 1 to {MAX_KEY} visible ASCII characters"),
            )
        };
        let key = match parts.headers.get("idempotency-key") {
            None => None,
            Some(value) => {
                let key = value.to_str().map_err(|_| refused())?;
                let visible = !key.is_empty() && key.len() <= MAX_KEY && key.bytes().all(|b| b.is_ascii_graphic());
                Some(visible.then(|| key.to_owned()).ok_or_else(refused)?)
            }
        };
        Ok(Self {
            key,
            method_and_path: format!("{} {}", parts.method, parts.uri.path()),
        })
    }
}
