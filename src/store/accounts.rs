//! Connected Google identities, their state and their sealed tokens.
//!
//! An account is keyed by Google's `sub`, once per tenant, and outlives its connection: the user who connects the same
//! identity again finds the old links. Another user does not: the old account then steps aside and keeps them. What is sealed is opaque here; sealing is the engine's.
use super::{Row, StoreError, Tx};
use crate::args;
use crate::domain::access::ContactsChoice;
use crate::domain::ids::{AccountId, TenantId, UserId};
use std::fmt;
use std::str::FromStr;

/// Where an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Google said yes; the user has not yet said which calendars. Nothing is read.
    Choosing,
    /// Synchronised.
    Active,
    /// Stopped by somebody who will start it again.
    Paused,
    /// Google refuses its tokens; only its user can repair that.
    NeedsReconnect,
    /// Ended. The row stays, so that the same identity finds its links again.
    Disconnected,
}

impl AccountState {
    /// The word used in SQL and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            AccountState::Choosing => "choosing",
            AccountState::Active => "active",
            AccountState::Paused => "paused",
            AccountState::NeedsReconnect => "needs_reconnect",
            AccountState::Disconnected => "disconnected",
        }
    }
}

impl fmt::Display for AccountState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a state of an account")]
pub struct NotAnAccountState;

impl FromStr for AccountState {
    type Err = NotAnAccountState;

    fn from_str(text: &str) -> Result<Self, NotAnAccountState> {
        use AccountState::*;
        [Choosing, Active, Paused, NeedsReconnect, Disconnected]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(NotAnAccountState)
    }
}

/// A connected Google identity of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Its id.
    pub id: AccountId,
    /// Whose it is; never changes.
    pub user_id: UserId,
    /// Google's name for the identity (OpenID Connect `sub`).
    pub sub: String,
    /// The verified address at the last sign-in; it can change hands and proves nothing.
    pub email: String,
    /// Where it stands.
    pub state: AccountState,
    /// The OAuth scopes Google says were granted.
    pub scopes: Vec<String>,
    /// Whether private events are shown with their words.
    pub private_events_shown: bool,
    /// Which contacts the user lets be followed; `None`: the user has not said.
    pub contacts: Option<ContactsChoice>,
    /// Whether the tenant lets contacts be followed.
    pub tenant_contacts: bool,
    /// Since when its user sends no mail to customers, ms.
    pub mail_paused_at: Option<i64>,
    /// Why it needs attention, in words for an operator.
    pub last_error: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
    /// Milliseconds since the Unix epoch.
    pub updated_at: i64,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT tenant_id, id, user_id, sub, email, state, scopes, private_events, contacts, contacts_label, ",
            "contacts_label_name, tenant_contacts, mail_paused_at, last_error, created_at, updated_at ",
            "FROM accounts ",
            $rest
        )
    };
}

impl Account {
    fn from_row(row: &Row) -> Result<Account, StoreError> {
        Ok(Account {
            tenant_id: row.parse("tenant_id")?,
            id: row.parse("id")?,
            user_id: row.parse("user_id")?,
            sub: row.text("sub")?,
            email: row.text("email")?,
            state: row.parse("state")?,
            scopes: row.text("scopes")?.split_whitespace().map(str::to_owned).collect(),
            private_events_shown: row.text("private_events")? == "shown",
            contacts: contacts_choice(row)?,
            tenant_contacts: row.flag("tenant_contacts")?,
            mail_paused_at: row.opt_int("mail_paused_at")?,
            last_error: row.opt_text("last_error")?,
            created_at: row.int("created_at")?,
            updated_at: row.int("updated_at")?,
        })
    }
}

/// One account.
pub async fn get(tx: &mut Tx, tenant: TenantId, id: AccountId) -> Result<Option<Account>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND id = $2");
    let row = tx.fetch_optional(SQL, args![tenant, id]).await?;
    row.as_ref().map(Account::from_row).transpose()
}

/// The account of a Google identity in this tenant, disconnected ones included.
pub async fn by_sub(tx: &mut Tx, tenant: TenantId, sub: &str) -> Result<Option<Account>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND sub = $2");
    let row = tx.fetch_optional(SQL, args![tenant, sub]).await?;
    row.as_ref().map(Account::from_row).transpose()
}

/// The account that a user had with a Google identity before another user of the tenant connected it.
pub async fn former(tx: &mut Tx, tenant: TenantId, user: UserId, sub: &str) -> Result<Option<Account>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND user_id = $2 AND former_sub = $3 ORDER BY id LIMIT 1");
    let row = tx.fetch_optional(SQL, args![tenant, user, sub]).await?;
    row.as_ref().map(Account::from_row).transpose()
}

/// Frees the identity of a disconnected account for another user. `false` when the account is not disconnected (any more).
pub async fn step_aside(tx: &mut Tx, tenant: TenantId, id: AccountId) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE accounts SET former_sub = sub, sub = 'former:' || id \
         WHERE tenant_id = $1 AND id = $2 AND state = 'disconnected' AND former_sub IS NULL";
    Ok(tx.execute(SQL, args![tenant, id]).await? == 1)
}

/// Gives an account that stepped aside its identity back; no other account of the tenant may have it.
pub async fn step_back(tx: &mut Tx, tenant: TenantId, id: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE accounts SET sub = former_sub, former_sub = NULL \
         WHERE tenant_id = $1 AND id = $2 AND former_sub IS NOT NULL";
    tx.execute(SQL, args![tenant, id]).await.map(drop)
}

/// Accounts whose users have chosen nothing for `age_ms`, by the database's clock; over all tenants, for housekeeping.
pub async fn left_choosing(tx: &mut Tx, age_ms: i64, limit: i64) -> Result<Vec<(TenantId, AccountId)>, StoreError> {
    const SQL: &str = "SELECT tenant_id, id FROM accounts WHERE state = 'choosing' AND updated_at <= NOW_MS() - $1 \
         ORDER BY updated_at LIMIT $2";
    let rows = tx.fetch_all(SQL, args![age_ms, limit]).await?;
    rows.iter()
        .map(|row| Ok((row.parse("tenant_id")?, row.parse("id")?)))
        .collect()
}

/// Takes an account that is still without choices after `age_ms`, until the transaction ends; `false` when it is not.
pub async fn hold_abandoned(tx: &mut Tx, tenant: TenantId, id: AccountId, age_ms: i64) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE accounts SET updated_at = updated_at \
         WHERE tenant_id = $1 AND id = $2 AND state = 'choosing' AND updated_at <= NOW_MS() - $3";
    Ok(tx.execute(SQL, args![tenant, id, age_ms]).await? == 1)
}

/// Whether an account was ever followed, so that links may refer to it.
pub async fn has_history(tx: &mut Tx, tenant: TenantId, id: AccountId) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT 1 AS n FROM accounts WHERE tenant_id = $1 AND id = $2 AND ( \
             EXISTS (SELECT 1 FROM sync_scopes s WHERE s.tenant_id = $1 AND s.account_id = $2) \
          OR EXISTS (SELECT 1 FROM placements p WHERE p.tenant_id = $1 AND p.account_id = $2))";
    Ok(tx.fetch_optional(SQL, args![tenant, id]).await?.is_some())
}

/// Removes an account without history; its calendars have to be gone.
pub async fn delete(tx: &mut Tx, tenant: TenantId, id: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM accounts WHERE tenant_id = $1 AND id = $2";
    tx.execute(SQL, args![tenant, id]).await.map(drop)
}

/// The one account of a user that is not disconnected.
pub async fn live_of_user(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<Option<Account>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND user_id = $2 AND state <> 'disconnected'");
    let row = tx.fetch_optional(SQL, args![tenant, user]).await?;
    row.as_ref().map(Account::from_row).transpose()
}

/// Accounts in id order, after a given id.
pub async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Vec<Account>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND id > COALESCE($2, '') ORDER BY id LIMIT $3");
    let rows = tx.fetch_all(SQL, args![tenant, after, limit]).await?;
    rows.iter().map(Account::from_row).collect()
}

/// An account whose row nobody else changes until the transaction ends.
pub async fn hold(tx: &mut Tx, tenant: TenantId, id: AccountId) -> Result<Option<Account>, StoreError> {
    const SQL: &str = "UPDATE accounts SET updated_at = updated_at WHERE tenant_id = $1 AND id = $2";
    tx.execute(SQL, args![tenant, id]).await?;
    get(tx, tenant, id).await
}

/// Whether a Google identity has a live connection in any tenant, other than this account, or one that ended but still
/// removes its events. One that needs to be connected anew has no use for the grant.
///
/// Not tenant-first on purpose: Google keeps one grant per identity, whichever tenant it was given through.
pub async fn is_live_elsewhere(
    tx: &mut Tx,
    sub: &str,
    tenant: TenantId,
    except: Option<AccountId>,
) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT 1 AS n FROM accounts a WHERE sub = $1 AND NOT (tenant_id = $2 AND id = COALESCE($3, '')) \
         AND (state IN ('choosing', 'active', 'paused') OR EXISTS (SELECT 1 FROM disconnects d \
             WHERE d.tenant_id = a.tenant_id AND d.account_id = a.id AND d.removes_written = 1)) LIMIT 1";
    Ok(tx.fetch_optional(SQL, args![sub, tenant, except]).await?.is_some())
}

/// Adds an account in state `choosing`.
pub async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    id: AccountId,
    user: UserId,
    sub: &str,
    email: &str,
    scopes: &[String],
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO accounts (tenant_id, id, user_id, sub, email, state, scopes, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, 'choosing', $6, NOW_MS(), NOW_MS())";
    tx.execute(SQL, args![tenant, id, user, sub, email, scopes.join(" ")])
        .await
        .map(drop)
}

/// Moves an account to a state; `last_error` replaces the old one. Returns whether the state was another one before.
pub async fn set_state(
    tx: &mut Tx,
    tenant: TenantId,
    id: AccountId,
    state: AccountState,
    last_error: Option<&str>,
) -> Result<bool, StoreError> {
    const MOVE: &str = "UPDATE accounts SET state = $3, last_error = $4, updated_at = NOW_MS() \
         WHERE tenant_id = $1 AND id = $2 AND state <> $3";
    const SAY: &str = "UPDATE accounts SET last_error = $3 WHERE tenant_id = $1 AND id = $2";
    let moved = tx.execute(MOVE, args![tenant, id, state.as_str(), last_error]).await? == 1;
    if !moved {
        tx.execute(SAY, args![tenant, id, last_error]).await?;
    }
    Ok(moved)
}

/// Notes the verified address and the granted scopes of the last sign-in.
pub async fn set_identity(
    tx: &mut Tx,
    tenant: TenantId,
    id: AccountId,
    email: &str,
    scopes: &[String],
) -> Result<(), StoreError> {
    const SQL: &str =
        "UPDATE accounts SET email = $3, scopes = $4, updated_at = NOW_MS() WHERE tenant_id = $1 AND id = $2";
    tx.execute(SQL, args![tenant, id, email, scopes.join(" ")])
        .await
        .map(drop)
}

/// Notes whether private events are shown with their words.
pub async fn set_private_events(tx: &mut Tx, tenant: TenantId, id: AccountId, shown: bool) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE accounts SET private_events = $3, updated_at = NOW_MS() WHERE tenant_id = $1 AND id = $2";
    let word = if shown { "shown" } else { "busy" };
    tx.execute(SQL, args![tenant, id, word]).await.map(drop)
}

/// Reads the choice of contacts from a row that has its three columns.
pub(super) fn contacts_choice(row: &Row) -> Result<Option<ContactsChoice>, StoreError> {
    Ok(match row.opt_text("contacts")?.as_deref() {
        None => None,
        Some("all") => Some(ContactsChoice::All),
        Some("label") => Some(ContactsChoice::Label {
            group: row.opt_text("contacts_label")?.unwrap_or_default(),
            name: row.opt_text("contacts_label_name")?.unwrap_or_default(),
        }),
        Some(_) => Some(ContactsChoice::None),
    })
}

/// Notes which contacts the user lets be followed.
pub async fn set_contacts(
    tx: &mut Tx,
    tenant: TenantId,
    id: AccountId,
    choice: Option<&ContactsChoice>,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE accounts SET contacts = $3, contacts_label = $4, contacts_label_name = $5, \
         updated_at = NOW_MS() WHERE tenant_id = $1 AND id = $2";
    let (word, label) = match choice {
        None => (None, None),
        Some(ContactsChoice::All) => (Some("all"), None),
        Some(ContactsChoice::None) => (Some("none"), None),
        Some(ContactsChoice::Label { group, name }) => (Some("label"), Some((group.clone(), name.clone()))),
    };
    let (group, name) = label.unzip();
    tx.execute(SQL, args![tenant, id, word, group, name]).await.map(drop)
}

/// Notes whether the tenant lets contacts be followed.
pub async fn set_tenant_contacts(tx: &mut Tx, tenant: TenantId, id: AccountId, lets: bool) -> Result<(), StoreError> {
    const SQL: &str =
        "UPDATE accounts SET tenant_contacts = $3, updated_at = NOW_MS() WHERE tenant_id = $1 AND id = $2";
    tx.execute(SQL, args![tenant, id, lets]).await.map(drop)
}

/// The contact group that holds what Accord created.
pub async fn contact_group(tx: &mut Tx, tenant: TenantId, id: AccountId) -> Result<Option<String>, StoreError> {
    const SQL: &str = "SELECT contact_group FROM accounts WHERE tenant_id = $1 AND id = $2";
    let row = tx.fetch_optional(SQL, args![tenant, id]).await?;
    row.map_or(Ok(None), |row| row.opt_text("contact_group"))
}

/// Notes the contact group that holds what Accord created.
pub async fn set_contact_group(
    tx: &mut Tx,
    tenant: TenantId,
    id: AccountId,
    group: Option<&str>,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE accounts SET contact_group = $3 WHERE tenant_id = $1 AND id = $2";
    tx.execute(SQL, args![tenant, id, group]).await.map(drop)
}

/// The tokens of an account, sealed for `accounts.refresh_token` and `accounts.access_token` of its row.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct StoredTokens {
    /// The refresh token; `None` after a disconnect.
    pub refresh_sealed: Option<Vec<u8>>,
    /// The newest access token.
    pub access_sealed: Option<Vec<u8>>,
    /// When Google says the access token ends, milliseconds since the Unix epoch; 0 without one.
    pub access_expires_at: i64,
}

impl fmt::Debug for StoredTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredTokens")
            .field("refresh", &self.refresh_sealed.is_some())
            .field("access", &self.access_sealed.is_some())
            .field("access_expires_at", &self.access_expires_at)
            .finish()
    }
}

/// The tokens of an account; empty when there is no such account.
pub async fn tokens(tx: &mut Tx, tenant: TenantId, id: AccountId) -> Result<StoredTokens, StoreError> {
    const SQL: &str = "SELECT refresh_token_sealed, access_token_sealed, access_expires_at FROM accounts \
         WHERE tenant_id = $1 AND id = $2";
    let Some(row) = tx.fetch_optional(SQL, args![tenant, id]).await? else {
        return Ok(StoredTokens::default());
    };
    Ok(StoredTokens {
        refresh_sealed: row.opt_bytes("refresh_token_sealed")?,
        access_sealed: row.opt_bytes("access_token_sealed")?,
        access_expires_at: row.int("access_expires_at")?,
    })
}

/// Replaces the tokens of an account.
pub async fn set_tokens(tx: &mut Tx, tenant: TenantId, id: AccountId, tokens: &StoredTokens) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE accounts SET refresh_token_sealed = $3, access_token_sealed = $4, access_expires_at = $5 \
         WHERE tenant_id = $1 AND id = $2";
    let values = args![
        tenant,
        id,
        tokens.refresh_sealed.clone(),
        tokens.access_sealed.clone(),
        tokens.access_expires_at
    ];
    tx.execute(SQL, values).await.map(drop)
}

/// Takes the right to refresh the tokens for `lease_ms`, by the database's clock; `false` while somebody else has it.
pub async fn lease_refresh(tx: &mut Tx, tenant: TenantId, id: AccountId, lease_ms: i64) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE accounts SET refresh_lease_until = NOW_MS() + $3 \
         WHERE tenant_id = $1 AND id = $2 AND refresh_lease_until <= NOW_MS()";
    Ok(tx.execute(SQL, args![tenant, id, lease_ms]).await? == 1)
}

/// Gives the right to refresh back.
pub async fn release_refresh(tx: &mut Tx, tenant: TenantId, id: AccountId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE accounts SET refresh_lease_until = 0 WHERE tenant_id = $1 AND id = $2";
    tx.execute(SQL, args![tenant, id]).await.map(drop)
}

/// Stops mail to customers that needs this user, or lets it go on. It holds for whatever account they connect later, too.
pub async fn set_mail_paused(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    since: Option<i64>,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE accounts SET mail_paused_at = $3 WHERE tenant_id = $1 AND user_id = $2";
    tx.execute(SQL, args![tenant, user, since]).await.map(drop)
}

/// Whether this user has stopped mail, with this account or an earlier one.
pub async fn is_mail_paused(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<bool, StoreError> {
    const SQL: &str =
        "SELECT 1 AS found FROM accounts WHERE tenant_id = $1 AND user_id = $2 AND mail_paused_at IS NOT NULL LIMIT 1";
    Ok(tx.fetch_optional(SQL, args![tenant, user]).await?.is_some())
}

/// Accounts that only their users can repair and whose users were not written to since, over all tenants.
pub async fn to_reconnect(tx: &mut Tx, limit: i64) -> Result<Vec<(TenantId, AccountId)>, StoreError> {
    const SQL: &str = "SELECT a.tenant_id, a.id FROM accounts a WHERE a.state = 'needs_reconnect' AND NOT EXISTS ( \
             SELECT 1 FROM messages m WHERE m.tenant_id = a.tenant_id AND m.class = 'notice' AND m.user_id = a.user_id \
             AND m.kind = 'reconnect_google' AND m.created_at >= a.updated_at) ORDER BY random() LIMIT $1";
    let rows = tx.fetch_all(SQL, args![limit]).await?;
    rows.iter()
        .map(|row| Ok((row.parse("tenant_id")?, row.parse("id")?)))
        .collect()
}
