//! What mail needs of a tenant.
use crate::args;
use crate::domain::ids::{BookingId, TenantId};
use crate::store::{Row, StoreError, Tx, list};
use std::collections::BTreeSet;

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

/// A booking whose mail was not considered, or not at this version.
#[derive(Debug, Clone, Copy)]
pub struct Unconsidered {
    /// The row, which may be gone.
    pub id: BookingId,
    /// Its version.
    pub version: i64,
    /// Whether anybody wrote it since its mail was considered; otherwise it is only to be looked at again.
    pub is_written: bool,
    /// Whether a pass wrote it since.
    pub by_google: bool,
}

macro_rules! unconsidered {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.version, s.google_version, \
             CASE WHEN s.mailed_version < 0 THEN -1 - s.mailed_version ELSE s.mailed_version END AS mailed_version \
             FROM row_state s LEFT JOIN bookings b ON b.tenant_id = s.tenant_id AND b.id = s.id \
             WHERE s.tenant_id = $1 AND s.kind = 'booking' AND s.version <> s.mailed_version AND ",
            $rest
        )
    };
}

fn read_unconsidered(rows: &[Row]) -> Result<Vec<Unconsidered>, StoreError> {
    // A row whose id is no UUID is nobody's: it must not stop the others.
    let known = rows.iter().filter_map(|row| {
        let id = row.parse("id").ok()?;
        Some((id, row))
    });
    known
        .map(|(id, row)| {
            Ok(Unconsidered {
                id,
                version: row.int("version")?,
                is_written: row.int("version")? != row.int("mailed_version")?,
                by_google: row.int("google_version")? > row.int("mailed_version")?,
            })
        })
        .collect()
}

/// Bookings of a tenant whose mail was not considered and that nobody wrote for `rest` ms, by the database's clock; what is written
/// in SQL comes in several statements. Takes no lock.
pub async fn to_consider(
    tx: &mut Tx,
    tenant: TenantId,
    rest: i64,
    limit: i64,
) -> Result<Vec<Unconsidered>, StoreError> {
    const SQL: &str =
        unconsidered!("length(s.id) = 36 AND (b.id IS NULL OR b.updated_at <= NOW_MS() - $2) ORDER BY s.id LIMIT $3");
    read_unconsidered(&tx.fetch_all(SQL, args![tenant, rest, limit]).await?)
}

/// Those of some rows whose mail was not considered.
pub async fn unconsidered_of(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &BTreeSet<BookingId>,
) -> Result<Vec<Unconsidered>, StoreError> {
    const SQL: &str = unconsidered!("s.id IN LIST($2) ORDER BY s.id");
    read_unconsidered(&tx.fetch_all(SQL, args![tenant, list(ids)]).await?)
}

/// Notes that the mail of a booking was considered at this version. `false`: it was before, or there is a newer version.
pub async fn considered(tx: &mut Tx, tenant: TenantId, id: BookingId, version: i64) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE row_state SET mailed_version = version \
         WHERE tenant_id = $1 AND kind = 'booking' AND id = $2 AND version = $3 AND mailed_version <> version";
    Ok(tx.execute(SQL, args![tenant, id, version]).await? == 1)
}

/// The same for rows that were made in this transaction and propose nothing.
pub async fn pass_over(tx: &mut Tx, tenant: TenantId, ids: &[BookingId]) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET mailed_version = version \
         WHERE tenant_id = $1 AND kind = 'booking' AND id IN LIST($2)";
    tx.execute(SQL, args![tenant, list(ids)]).await.map(drop)
}

/// Makes what these rows tell be wished for when they are considered, as if Google's side had changed them.
pub async fn wish(tx: &mut Tx, tenant: TenantId, ids: &[BookingId]) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET google_version = version \
         WHERE tenant_id = $1 AND kind = 'booking' AND id IN LIST($2)";
    tx.execute(SQL, args![tenant, list(ids)]).await.map(drop)
}

/// Makes bookings be considered again although nobody edited them. The version that was considered stays known, as `-1 - version`.
pub async fn consider_again(tx: &mut Tx, tenant: TenantId, ids: &[BookingId]) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET mailed_version = -1 - mailed_version \
         WHERE tenant_id = $1 AND kind = 'booking' AND id IN LIST($2) AND mailed_version >= 0";
    tx.execute(SQL, args![tenant, list(ids)]).await.map(drop)
}

/// Makes everybody else who proposes, decides or hands over mail of this tenant wait until the transaction ends.
pub async fn hold(tx: &mut Tx, tenant: TenantId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE mail_tenants SET created_at = created_at WHERE tenant_id = $1";
    tx.execute(SQL, args![tenant]).await.map(drop)
}
