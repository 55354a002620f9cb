//! What mail needs of a tenant.
use crate::args;
use crate::domain::ids::{BookingId, TenantId};
use crate::store::{StoreError, Tx, list};

/// The tenant's own secrets, sealed.
#[derive(Debug, Clone)]
pub struct MailTenant {
    /// 32 bytes: the key of recipients and of unsubscribe links.
    pub secret_sealed: Vec<u8>,
    /// The right side of UIDs.
    pub uid_domain: String,
    /// The tenant's own mail server.
    pub smtp_url_sealed: Option<Vec<u8>>,
}

/// What mail knows of a tenant; `None` before its first message.
pub async fn get(tx: &mut Tx, tenant: TenantId) -> Result<Option<MailTenant>, StoreError> {
    const SQL: &str = "SELECT secret_sealed, uid_domain, smtp_url_sealed FROM mail_tenants WHERE tenant_id = $1";
    let row = tx.fetch_optional(SQL, args![tenant]).await?;
    row.map(|row| {
        Ok(MailTenant {
            secret_sealed: row.bytes("secret_sealed")?,
            uid_domain: row.text("uid_domain")?,
            smtp_url_sealed: row.opt_bytes("smtp_url_sealed")?,
        })
    })
    .transpose()
}

/// Makes a tenant's row unless another transaction has just made it.
pub async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    secret_sealed: Vec<u8>,
    uid_domain: &str,
    now: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO mail_tenants (tenant_id, secret_sealed, uid_domain, created_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (tenant_id) DO NOTHING";
    tx.execute(SQL, args![tenant, secret_sealed, uid_domain, now])
        .await
        .map(drop)
}

/// Gives a tenant a mail server of its own, or takes it away.
pub async fn set_smtp_url(tx: &mut Tx, tenant: TenantId, sealed: Option<Vec<u8>>) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE mail_tenants SET smtp_url_sealed = $2 WHERE tenant_id = $1";
    tx.execute(SQL, args![tenant, sealed]).await.map(drop)
}

/// Whether the operator lets this tenant's app say yes for its users.
pub async fn is_app_asserted(tx: &mut Tx, tenant: TenantId) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT app_asserted FROM tenants WHERE id = $1";
    let row = tx.fetch_optional(SQL, args![tenant]).await?;
    row.map_or(Ok(false), |row| Ok(row.int("app_asserted")? != 0))
}

/// Allows or ends that. `false`: there is no such tenant.
pub async fn set_app_asserted(tx: &mut Tx, tenant: TenantId, allowed: bool) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE tenants SET app_asserted = $2 WHERE id = $1";
    Ok(tx.execute(SQL, args![tenant, allowed]).await? == 1)
}

/// The tenants with bookings whose mail was not considered; takes no lock.
pub async fn unconsidered(tx: &mut Tx) -> Result<Vec<TenantId>, StoreError> {
    const SQL: &str = "SELECT DISTINCT tenant_id FROM row_state WHERE kind = 'booking' AND version <> mailed_version";
    let rows = tx.fetch_all(SQL, args![]).await?;
    Ok(rows.iter().filter_map(|row| row.parse("tenant_id").ok()).collect())
}

/// Takes bookings of a tenant whose mail was not considered, series before their occurrences.
pub async fn consider(tx: &mut Tx, tenant: TenantId, limit: i64) -> Result<Vec<BookingId>, StoreError> {
    const SQL: &str = "UPDATE row_state SET mailed_version = version WHERE (tenant_id, kind, id) IN ( \
             SELECT tenant_id, kind, id FROM row_state WHERE kind = 'booking' AND version <> mailed_version AND tenant_id = $1 \
             ORDER BY id LIMIT $2 SKIP_LOCKED) \
         RETURNING id";
    let rows = tx.fetch_all(SQL, args![tenant, limit]).await?;
    let mut ids: Vec<BookingId> = rows.iter().filter_map(|row| row.parse("id").ok()).collect();
    // A series is older than its occurrences, and ids grow with time.
    ids.sort_unstable();
    Ok(ids)
}

/// Notes that the mail of these bookings was considered as they stand.
pub async fn considered(tx: &mut Tx, tenant: TenantId, ids: &[BookingId]) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET mailed_version = version \
         WHERE tenant_id = $1 AND kind = 'booking' AND id IN LIST($2)";
    tx.execute(SQL, args![tenant, list(ids)]).await.map(drop)
}

/// Makes bookings be considered again although nobody edited them.
pub async fn consider_again(tx: &mut Tx, tenant: TenantId, ids: &[BookingId]) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET mailed_version = -1 \
         WHERE tenant_id = $1 AND kind = 'booking' AND id IN LIST($2)";
    tx.execute(SQL, args![tenant, list(ids)]).await.map(drop)
}
