//! Attempts to connect an account or to sign in: short-lived rows that tie a one-time URL, a browser and an OAuth state.
//!
//! Secrets are kept as SHA-256 only, the PKCE verifier sealed. Every step is one conditional UPDATE, so that of two equal
//! requests exactly one goes on.
use super::{Row, StoreError, Tx};
use crate::args;
use crate::domain::ids::{AccountId, ConnectId, TenantId, UserId};
use std::fmt;
use std::str::FromStr;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $error:ident: $($(#[$vdoc:meta])* $variant:ident $word:literal),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($name::$variant => $word),+ })
            }
        }

        /// A word that is none of ours.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        #[error("is not one of the known words")]
        pub struct $error;

        impl FromStr for $name {
            type Err = $error;
            fn from_str(text: &str) -> Result<Self, $error> {
                match text { $($word => Ok($name::$variant),)+ _ => Err($error) }
            }
        }
    };
}

words! {
    /// What an attempt is for.
    Purpose, NotAPurpose:
    /// To connect an account.
    Connect "connect",
    /// To prove who is there, for the user's pages.
    SignIn "sign_in"
}

words! {
    /// How far an attempt has come.
    Step, NotAStep:
    /// The one-time URL exists.
    Opened "opened",
    /// A browser was sent to Google; with a verifier its answer is awaited, without one it was taken.
    Sent "sent",
    /// The Google identity is known and the page with the user's choices is open.
    Chosen "chosen",
    /// Finished.
    Done "done",
    /// The user or we said no.
    Denied "denied"
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Its id.
    pub id: ConnectId,
    /// For whom; `None` while somebody signs in.
    pub user_id: Option<UserId>,
    /// What for.
    pub purpose: Purpose,
    /// SHA-256 of the one-time part of the URL, later of the OAuth state.
    pub secret_hash: Vec<u8>,
    /// SHA-256 of the cookie of the browser it belongs to.
    pub browser_hash: Option<Vec<u8>>,
    /// The PKCE verifier, sealed for `connects.verifier` of this row.
    pub verifier_sealed: Option<Vec<u8>>,
    /// The account that came out of it.
    pub account_id: Option<AccountId>,
    /// How far it has come.
    pub step: Step,
    /// Milliseconds since the Unix epoch.
    pub expires_at: i64,
}

impl Connect {
    fn from_row(row: &Row) -> Result<Connect, StoreError> {
        Ok(Connect {
            tenant_id: row.parse("tenant_id")?,
            id: row.parse("id")?,
            user_id: row.opt_parse("user_id")?,
            purpose: row.parse("purpose")?,
            secret_hash: row.bytes("secret_hash")?,
            browser_hash: row.opt_bytes("browser_hash")?,
            verifier_sealed: row.opt_bytes("verifier_sealed")?,
            account_id: row.opt_parse("account_id")?,
            step: row.parse("step")?,
            expires_at: row.int("expires_at")?,
        })
    }
}

/// Adds an attempt.
pub async fn insert(tx: &mut Tx, connect: &Connect) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO connects (tenant_id, id, user_id, purpose, secret_hash, browser_hash, verifier_sealed, \
         account_id, step, expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NOW_MS())";
    let values = args![
        connect.tenant_id,
        connect.id,
        connect.user_id,
        connect.purpose.to_string(),
        connect.secret_hash.clone(),
        connect.browser_hash.clone(),
        connect.verifier_sealed.clone(),
        connect.account_id,
        connect.step.to_string(),
        connect.expires_at
    ];
    tx.execute(SQL, values).await.map(drop)
}

/// One attempt.
pub async fn get(tx: &mut Tx, tenant: TenantId, id: ConnectId) -> Result<Option<Connect>, StoreError> {
    const SQL: &str = "SELECT tenant_id, id, user_id, purpose, secret_hash, browser_hash, verifier_sealed, account_id, step, \
         expires_at FROM connects WHERE tenant_id = $1 AND id = $2";
    let row = tx.fetch_optional(SQL, args![tenant, id]).await?;
    row.as_ref().map(Connect::from_row).transpose()
}

/// What a browser takes along to Google.
pub struct Departure {
    /// SHA-256 of the browser's cookie.
    pub browser_hash: Vec<u8>,
    /// SHA-256 of the OAuth state.
    pub state_hash: Vec<u8>,
    /// The PKCE verifier, sealed.
    pub verifier_sealed: Vec<u8>,
    /// Milliseconds since the Unix epoch.
    pub expires_at: i64,
}

/// Binds an attempt to a browser and to a fresh OAuth state. An earlier state of the same attempt is void from here on.
///
/// Returns `false` when another browser has it, or when it is over.
pub async fn depart(tx: &mut Tx, tenant: TenantId, id: ConnectId, departure: &Departure) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE connects SET step = 'sent', browser_hash = $3, secret_hash = $4, verifier_sealed = $5, \
             expires_at = $6, account_id = NULL \
         WHERE tenant_id = $1 AND id = $2 AND step IN ('opened', 'sent', 'denied', 'chosen') \
           AND (browser_hash IS NULL OR browser_hash = $3)";
    let values = args![
        tenant,
        id,
        departure.browser_hash.clone(),
        departure.state_hash.clone(),
        departure.verifier_sealed.clone(),
        departure.expires_at
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Takes Google's answer to this state; `false` for everybody but the first.
pub async fn take(tx: &mut Tx, tenant: TenantId, id: ConnectId, state_hash: &[u8]) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE connects SET verifier_sealed = NULL \
         WHERE tenant_id = $1 AND id = $2 AND step = 'sent' AND secret_hash = $3 AND verifier_sealed IS NOT NULL";
    Ok(tx.execute(SQL, args![tenant, id, state_hash]).await? == 1)
}

/// Moves an attempt on; `false` when it is not at `from` any more.
pub async fn advance(
    tx: &mut Tx,
    tenant: TenantId,
    id: ConnectId,
    from: Step,
    to: Step,
    account: Option<AccountId>,
    expires_at: i64,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE connects SET step = $4, account_id = COALESCE($5, account_id), expires_at = $6, \
             verifier_sealed = NULL WHERE tenant_id = $1 AND id = $2 AND step = $3";
    let values = args![tenant, id, from.to_string(), to.to_string(), account, expires_at];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Removes attempts that ended before `before` (ms), over all tenants.
pub async fn prune(tx: &mut Tx, before: i64) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM connects WHERE expires_at < $1", args![before])
        .await
}

/// What the page of an attempt names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The tenant.
    pub tenant: String,
    /// The user.
    pub user: String,
    /// The user's address as the app knows it: a hint for Google's sign-in page.
    pub email: String,
}

/// The names of a tenant and one of its users.
pub async fn names(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<Option<Names>, StoreError> {
    const SQL: &str = "SELECT t.name AS tenant, u.name AS person, u.email FROM users u JOIN tenants t ON t.id = u.tenant_id \
         WHERE u.tenant_id = $1 AND u.id = $2";
    let row = tx.fetch_optional(SQL, args![tenant, user]).await?;
    row.map(|row| {
        Ok(Names {
            tenant: row.text("tenant")?,
            user: row.text("person")?,
            email: row.text("email")?,
        })
    })
    .transpose()
}

/// The name of a tenant.
pub async fn tenant_name(tx: &mut Tx, tenant: TenantId) -> Result<Option<String>, StoreError> {
    let row = tx
        .fetch_optional("SELECT name FROM tenants WHERE id = $1", args![tenant])
        .await?;
    row.map(|row| row.text("name")).transpose()
}
