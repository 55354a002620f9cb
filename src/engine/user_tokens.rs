//! Tokens that an app gives to its own screens: for one user, for some minutes, and for that user's proposals only.
//!
//! A token is `accordu_<tenant>_<user>_<key id>_<end>_<code>`. Nothing of it is stored: the code is made by the key ring over
//! everything before it. It ends when its time is over or when the API key with which it was made is revoked. It cannot say
//! yes: whoever holds an API key can make one.
use super::{Engine, Refusal};
use crate::domain::ids::{ApiKeyId, TenantId, UserId};
use crate::engine::tenants::simple_uuid;
use crate::store::{tenants, users};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;

/// How long a token is good, ms.
pub const LIFE_MS: i64 = 15 * 60 * 1000;

const PREFIX: &str = "accordu_";

/// For which user a token speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserCaller {
    /// The tenant.
    pub tenant: TenantId,
    /// The user.
    pub user: UserId,
    /// The API key with which it was made.
    pub key: ApiKeyId,
}

/// Whether a bearer token has the shape of a user's token rather than of an API key.
pub fn is_user_token(token: &str) -> bool {
    token.starts_with(PREFIX)
}

impl Engine {
    /// Makes a token for a user with one of the tenant's keys, and says when it ends (ms).
    ///
    /// # Errors
    /// [`Refusal::Missing`] for a user of another tenant, or none.
    pub async fn user_token(
        &self,
        tenant: TenantId,
        key: ApiKeyId,
        user: UserId,
    ) -> Result<(SecretString, i64), Refusal> {
        let mut tx = self.db.read().await?;
        users::get(&mut tx, tenant, user)
            .await?
            .ok_or(Refusal::Missing("user"))?;
        let holder = UserCaller { tenant, user, key };
        let end = self.now_ms() + LIFE_MS;
        let code = URL_SAFE_NO_PAD.encode(
            self.keys
                .mac("user-token", &parts(&holder, end).each_ref().map(Vec::as_slice)),
        );
        let [tenant, user, key] = [holder.tenant.0, holder.user.0, holder.key.0].map(uuid::Uuid::simple);
        let text = format!("{PREFIX}{tenant}_{user}_{key}_{end}_{code}");
        Ok((SecretString::from(text), end))
    }

    /// For whom a token speaks.
    ///
    /// # Errors
    /// [`Refusal::UnknownCaller`] for everything that is no valid token, without telling why.
    pub async fn authenticate_user(&self, token: &str) -> Result<UserCaller, Refusal> {
        let (holder, end, code) = read(token).ok_or(Refusal::UnknownCaller)?;
        let parts = parts(&holder, end);
        if !self
            .keys
            .verifies("user-token", &parts.each_ref().map(Vec::as_slice), &code)
            || end <= self.now_ms()
        {
            return Err(Refusal::UnknownCaller);
        }
        let mut tx = self.db.read().await?;
        match tenants::key_hash(&mut tx, holder.tenant, holder.key).await? {
            Some(_) => Ok(holder),
            None => Err(Refusal::UnknownCaller),
        }
    }
}

fn parts(holder: &UserCaller, end: i64) -> [Vec<u8>; 4] {
    [
        holder.tenant.0.as_bytes().to_vec(),
        holder.user.0.as_bytes().to_vec(),
        holder.key.0.as_bytes().to_vec(),
        end.to_be_bytes().to_vec(),
    ]
}

/// Takes a token apart. The code is base64url and may itself contain `_`.
fn read(token: &str) -> Option<(UserCaller, i64, Vec<u8>)> {
    let mut fields = token.strip_prefix(PREFIX)?.splitn(5, '_');
    let holder = UserCaller {
        tenant: TenantId(simple_uuid(fields.next()?)?),
        user: UserId(simple_uuid(fields.next()?)?),
        key: ApiKeyId(simple_uuid(fields.next()?)?),
    };
    let text = fields.next()?;
    // One end has one text, like one id.
    let end: i64 = text.parse().ok().filter(|end: &i64| end.to_string() == text)?;
    let code = URL_SAFE_NO_PAD.decode(fields.next()?).ok()?;
    Some((holder, end, code))
}
