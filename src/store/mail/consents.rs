//! The yes to one message: at most one, used at most once.
use crate::args;
use crate::domain::ids::{ApiKeyId, MessageId, TenantId, UserId};
use crate::store::{StoreError, Tx};

/// A consent as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRow {
    /// What it is a yes to.
    pub message_id: MessageId,
    /// Who said it.
    pub user_id: UserId,
    /// `mailbox`, `sign_in` or `app_asserted`.
    pub how: String,
    /// Of `app_asserted`.
    pub key_id: Option<ApiKeyId>,
    /// SHA-256 of the letter.
    pub content_hash: Vec<u8>,
    /// Milliseconds since the epoch.
    pub decided_at: i64,
    /// Milliseconds since the epoch.
    pub expires_at: i64,
    /// From the key ring.
    pub mac: Vec<u8>,
    /// When the message was handed over under it.
    pub used_at: Option<i64>,
    /// When the user took it back.
    pub withdrawn_at: Option<i64>,
}

/// Stores a yes. `false`: there is one already.
pub async fn insert(tx: &mut Tx, tenant: TenantId, row: &ConsentRow) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO consents (tenant_id, message_id, user_id, how, key_id, content_hash, decided_at, expires_at, mac) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant_id, message_id) DO NOTHING";
    let values = args![
        tenant,
        row.message_id,
        row.user_id,
        &row.how,
        row.key_id,
        row.content_hash.clone(),
        row.decided_at,
        row.expires_at,
        row.mac.clone()
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// The yes to a message.
pub async fn get(tx: &mut Tx, tenant: TenantId, message: MessageId) -> Result<Option<ConsentRow>, StoreError> {
    const SQL: &str = "SELECT message_id, user_id, how, key_id, content_hash, decided_at, expires_at, mac, used_at, withdrawn_at \
         FROM consents WHERE tenant_id = $1 AND message_id = $2";
    let row = tx.fetch_optional(SQL, args![tenant, message]).await?;
    row.map(|row| {
        Ok(ConsentRow {
            message_id: row.parse("message_id")?,
            user_id: row.parse("user_id")?,
            how: row.text("how")?,
            key_id: row.opt_parse("key_id")?,
            content_hash: row.bytes("content_hash")?,
            decided_at: row.int("decided_at")?,
            expires_at: row.int("expires_at")?,
            mac: row.bytes("mac")?,
            used_at: row.opt_int("used_at")?,
            withdrawn_at: row.opt_int("withdrawn_at")?,
        })
    })
    .transpose()
}

/// Notes that a message is being handed over under it. `false`: it was used or withdrawn.
pub async fn take(tx: &mut Tx, tenant: TenantId, message: MessageId, now: i64) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE consents SET used_at = $3 \
         WHERE tenant_id = $1 AND message_id = $2 AND used_at IS NULL AND withdrawn_at IS NULL";
    Ok(tx.execute(SQL, args![tenant, message, now]).await? == 1)
}

/// Gives it back after an attempt by which the mail certainly was not taken.
pub async fn give_back(tx: &mut Tx, tenant: TenantId, message: MessageId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE consents SET used_at = NULL WHERE tenant_id = $1 AND message_id = $2";
    tx.execute(SQL, args![tenant, message]).await.map(drop)
}

/// Notes that the user took it back.
pub async fn withdraw(tx: &mut Tx, tenant: TenantId, message: MessageId, now: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE consents SET withdrawn_at = $3 \
         WHERE tenant_id = $1 AND message_id = $2 AND used_at IS NULL AND withdrawn_at IS NULL";
    tx.execute(SQL, args![tenant, message, now]).await.map(drop)
}
