//! Attempts to hand messages over.
use crate::args;
use crate::domain::ids::{MessageId, TenantId};
use crate::store::{StoreError, Tx};

/// Notes an attempt before its first byte is sent.
pub async fn begin(
    tx: &mut Tx,
    tenant: TenantId,
    message: MessageId,
    attempt: i64,
    now: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO deliveries (tenant_id, message_id, attempt, started_at) VALUES ($1, $2, $3, $4)";
    tx.execute(SQL, args![tenant, message, attempt, now]).await.map(drop)
}

/// Notes how it ended.
pub async fn end(
    tx: &mut Tx,
    tenant: TenantId,
    message: MessageId,
    attempt: i64,
    result: &str,
    answer: &str,
    now: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE deliveries SET result = $4, answer = $5, ended_at = $6 \
         WHERE tenant_id = $1 AND message_id = $2 AND attempt = $3";
    tx.execute(SQL, args![tenant, message, attempt, result, answer, now])
        .await
        .map(drop)
}

/// How many mails to customers of a tenant were handed over or tried since `hour` (ms), and to one recipient since `day` (ms).
pub async fn count_since(
    tx: &mut Tx,
    tenant: TenantId,
    recipient_key: &[u8],
    hour: i64,
    day: i64,
) -> Result<(i64, i64), StoreError> {
    const TENANT: &str = "SELECT COUNT(*) AS n FROM deliveries d \
         JOIN messages m ON m.tenant_id = d.tenant_id AND m.id = d.message_id \
         WHERE d.tenant_id = $1 AND d.started_at > $2 AND m.class = 'customer'";
    const RECIPIENT: &str = "SELECT COUNT(*) AS n FROM deliveries d \
         JOIN messages m ON m.tenant_id = d.tenant_id AND m.id = d.message_id \
         WHERE m.tenant_id = $1 AND m.recipient_key = $2 AND d.started_at > $3 AND m.class = 'customer'";
    let count = |row: Option<crate::store::Row>| row.map_or(Ok(0), |row| row.int("n"));
    let all = count(tx.fetch_optional(TENANT, args![tenant, hour]).await?)?;
    let theirs = count(tx.fetch_optional(RECIPIENT, args![tenant, recipient_key, day]).await?)?;
    Ok((all, theirs))
}
