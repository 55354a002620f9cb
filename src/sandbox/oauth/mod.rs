//! Google's OAuth 2.0 for web servers: the authorization page, the token endpoint, revocation and who-am-I.
mod authorize;
pub mod consent;
pub mod grants;
mod identity;
pub mod scopes;
mod token;

pub use identity::{Userinfo, tokeninfo, userinfo};
pub use token::{revoke, token};

/// An application that may ask users for access.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthClient {
    /// Its public name.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Where users may be sent back to; compared letter by letter.
    pub redirect_uris: Vec<String>,
}
