//! Tenants and their API keys.
//!
//! [`list`] is one of the few statements that are not about one tenant: it is the operator's.
use super::{Row, StoreError, Tx};
use crate::args;
use crate::domain::ids::{ApiKeyId, TenantId};
use crate::domain::settings::TenantSettings;

/// A company that uses the app.
#[derive(Debug, Clone, PartialEq)]
pub struct Tenant {
    /// Id.
    pub id: TenantId,
    /// What it is called.
    pub name: String,
    /// What it has set for itself.
    pub settings: TenantSettings,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

impl Tenant {
    fn from_row(row: &Row) -> Result<Tenant, StoreError> {
        let settings = row.opt_json("settings")?.ok_or(StoreError::Corrupt {
            column: "settings",
            problem: "is null".to_owned(),
        })?;
        Ok(Tenant {
            id: row.parse("id")?,
            name: row.text("name")?,
            settings,
            created_at: row.int("created_at")?,
            updated_at: row.int("updated_at")?,
        })
    }
}

fn json(settings: &TenantSettings) -> Result<String, StoreError> {
    serde_json::to_string(settings).map_err(|error| StoreError::Other(error.to_string()))
}

/// Inserts a tenant.
pub async fn insert(tx: &mut Tx, tenant: &Tenant) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO tenants (id, name, settings, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)";
    let settings = json(&tenant.settings)?;
    let values = args![tenant.id, &tenant.name, settings, tenant.created_at, tenant.updated_at];
    tx.execute(SQL, values).await.map(drop)
}

/// One tenant.
pub async fn get(tx: &mut Tx, id: TenantId) -> Result<Option<Tenant>, StoreError> {
    const SQL: &str = "SELECT id, name, settings, created_at, updated_at FROM tenants WHERE id = $1";
    let row = tx.fetch_optional(SQL, args![id]).await?;
    row.as_ref().map(Tenant::from_row).transpose()
}

/// Every tenant, the oldest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<Tenant>, StoreError> {
    const SQL: &str = "SELECT id, name, settings, created_at, updated_at FROM tenants ORDER BY id";
    let rows = tx.fetch_all(SQL, args![]).await?;
    rows.iter().map(Tenant::from_row).collect()
}

/// Makes other writers of this tenant's names and settings wait until the transaction ends. `false`: there is no such tenant.
pub async fn lock(tx: &mut Tx, id: TenantId) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE tenants SET updated_at = updated_at WHERE id = $1";
    Ok(tx.execute(SQL, args![id]).await? == 1)
}

/// Writes name and settings.
pub async fn update(tx: &mut Tx, tenant: &Tenant) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE tenants SET name = $2, settings = $3, updated_at = $4 WHERE id = $1";
    let values = args![tenant.id, &tenant.name, json(&tenant.settings)?, tenant.updated_at];
    tx.execute(SQL, values).await.map(drop)
}

/// Inserts an API key; only the hash of its secret is kept.
pub async fn insert_key(
    tx: &mut Tx,
    tenant: TenantId,
    id: ApiKeyId,
    secret_hash: &[u8],
    now: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO api_keys (tenant_id, id, secret_hash, created_at) VALUES ($1, $2, $3, $4)";
    tx.execute(SQL, args![tenant, id, secret_hash, now]).await.map(drop)
}

/// An API key as it can be shown. Instants in milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Id.
    pub id: ApiKeyId,
    /// When it was made.
    pub created_at: i64,
    /// When it was last seen, to within an hour.
    pub last_used_at: Option<i64>,
    /// When it was ended.
    pub revoked_at: Option<i64>,
}

/// The keys of a tenant, the oldest first, ended ones included.
pub async fn keys(tx: &mut Tx, tenant: TenantId) -> Result<Vec<ApiKey>, StoreError> {
    const SQL: &str = "SELECT id, created_at, last_used_at, revoked_at FROM api_keys WHERE tenant_id = $1 \
         ORDER BY created_at, id";
    let rows = tx.fetch_all(SQL, args![tenant]).await?;
    rows.iter()
        .map(|row| {
            Ok(ApiKey {
                id: row.parse("id")?,
                created_at: row.int("created_at")?,
                last_used_at: row.opt_int("last_used_at")?,
                revoked_at: row.opt_int("revoked_at")?,
            })
        })
        .collect()
}

/// The hash of a key's secret and when the key was last seen; `None` when there is no such key or it was revoked.
pub async fn key_hash(
    tx: &mut Tx,
    tenant: TenantId,
    id: ApiKeyId,
) -> Result<Option<(Vec<u8>, Option<i64>)>, StoreError> {
    const SQL: &str =
        "SELECT secret_hash, last_used_at FROM api_keys WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL";
    let row = tx.fetch_optional(SQL, args![tenant, id]).await?;
    row.map(|row| Ok((row.bytes("secret_hash")?, row.opt_int("last_used_at")?)))
        .transpose()
}

/// Notes that a key was seen.
pub async fn key_used(tx: &mut Tx, tenant: TenantId, id: ApiKeyId, now: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE api_keys SET last_used_at = $3 WHERE tenant_id = $1 AND id = $2";
    tx.execute(SQL, args![tenant, id, now]).await.map(drop)
}

/// Revokes a key; `false` when there is none that could be revoked.
pub async fn revoke_key(tx: &mut Tx, tenant: TenantId, id: ApiKeyId, now: i64) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE api_keys SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL";
    Ok(tx.execute(SQL, args![tenant, id, now]).await? == 1)
}

/// The tenants in which a row was written since the engine last looked; takes no lock.
pub async fn unnoticed(tx: &mut Tx) -> Result<Vec<TenantId>, StoreError> {
    const SQL: &str = "SELECT DISTINCT tenant_id FROM row_state WHERE version <> noticed_version";
    let rows = tx.fetch_all(SQL, args![]).await?;
    // A tenant whose id is no UUID is nobody's: it must not stop the others.
    Ok(rows.iter().filter_map(|row| row.parse("tenant_id").ok()).collect())
}
