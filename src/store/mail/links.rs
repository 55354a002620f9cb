//! Links to a user's consent page that were sent to the user's own address.
use crate::args;
use crate::domain::ids::{AccountId, MessageId, TenantId, UserId};
use crate::store::{StoreError, Tx};

/// A link; its secret is kept as SHA-256 only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Whose page it opens.
    pub user_id: UserId,
    /// The account whose address it was sent to.
    pub account_id: AccountId,
    /// SHA-256 of the secret.
    pub secret_hash: Vec<u8>,
    /// Milliseconds since the epoch.
    pub expires_at: i64,
}

/// Keeps a link; its id is that of the mail that carries it.
pub async fn insert(tx: &mut Tx, tenant: TenantId, id: MessageId, link: &Link, now: i64) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO consent_links (tenant_id, id, user_id, account_id, secret_hash, expires_at, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = args![
        tenant,
        id,
        link.user_id,
        link.account_id,
        link.secret_hash.clone(),
        link.expires_at,
        now
    ];
    tx.execute(SQL, values).await.map(drop)
}

/// One link, expired or not.
pub async fn get(tx: &mut Tx, tenant: TenantId, id: MessageId) -> Result<Option<Link>, StoreError> {
    const SQL: &str =
        "SELECT user_id, account_id, secret_hash, expires_at FROM consent_links WHERE tenant_id = $1 AND id = $2";
    let row = tx.fetch_optional(SQL, args![tenant, id]).await?;
    row.map(|row| {
        Ok(Link {
            user_id: row.parse("user_id")?,
            account_id: row.parse("account_id")?,
            secret_hash: row.bytes("secret_hash")?,
            expires_at: row.int("expires_at")?,
        })
    })
    .transpose()
}

/// Removes links that ended before `before` (ms), over all tenants.
pub async fn prune(tx: &mut Tx, before: i64) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM consent_links WHERE expires_at < $1", args![before])
        .await
}
