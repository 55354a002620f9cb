//! Resources: rooms, devices, services. The app writes this table in SQL too.
use super::{Row, StoreError, Tx};
use crate::args;
use crate::domain::ids::{ResourceId, TenantId};

/// Something that a booking takes place with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Id.
    pub id: ResourceId,
    /// What is written into an event's location.
    pub name: String,
    /// Set by triggers.
    pub version: i64,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

impl Resource {
    fn from_row(row: &Row) -> Result<Resource, StoreError> {
        Ok(Resource {
            tenant_id: row.parse("tenant_id")?,
            id: row.parse("id")?,
            name: row.text("name")?,
            version: row.int("version")?,
            created_at: row.int("created_at")?,
            updated_at: row.int("updated_at")?,
        })
    }
}

/// Inserts a resource.
pub async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    id: ResourceId,
    name: &str,
    created_at: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO resources (tenant_id, id, name, created_at) VALUES ($1, $2, $3, $4)";
    tx.execute(SQL, args![tenant, id, name, created_at]).await.map(drop)
}

/// One resource.
pub async fn get(tx: &mut Tx, tenant: TenantId, id: ResourceId) -> Result<Option<Resource>, StoreError> {
    const SQL: &str = "SELECT tenant_id, id, name, version, created_at, updated_at FROM resources \
         WHERE tenant_id = $1 AND id = $2";
    let row = tx.fetch_optional(SQL, args![tenant, id]).await?;
    row.as_ref().map(Resource::from_row).transpose()
}

/// Resources in id order, after a given id.
pub async fn list_after(
    tx: &mut Tx,
    tenant: TenantId,
    after: Option<ResourceId>,
    limit: i64,
) -> Result<Vec<Resource>, StoreError> {
    const SQL: &str = "SELECT tenant_id, id, name, version, created_at, updated_at FROM resources \
         WHERE tenant_id = $1 AND id > COALESCE($2, '') ORDER BY id LIMIT $3";
    let rows = tx.fetch_all(SQL, args![tenant, after, limit]).await?;
    rows.iter().map(Resource::from_row).collect()
}

/// The names of all resources of a tenant.
pub async fn names(tx: &mut Tx, tenant: TenantId) -> Result<Vec<(ResourceId, String)>, StoreError> {
    const SQL: &str = "SELECT id, name FROM resources WHERE tenant_id = $1 ORDER BY id";
    let rows = tx.fetch_all(SQL, args![tenant]).await?;
    rows.iter()
        .map(|row| Ok((row.parse("id")?, row.text("name")?)))
        .collect()
}

/// Renames a resource if it still has `planned_version`; `false` when it has not.
pub async fn rename(
    tx: &mut Tx,
    tenant: TenantId,
    id: ResourceId,
    planned_version: i64,
    name: &str,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE resources SET name = $4 WHERE tenant_id = $1 AND id = $2 AND version = $3";
    Ok(tx.execute(SQL, args![tenant, id, planned_version, name]).await? == 1)
}

/// Deletes a resource if it still has `planned_version`; `false` when it has not.
///
/// # Errors
/// [`StoreError::ForeignKey`] while a booking names it.
pub async fn delete(tx: &mut Tx, tenant: TenantId, id: ResourceId, planned_version: i64) -> Result<bool, StoreError> {
    const SQL: &str = "DELETE FROM resources WHERE tenant_id = $1 AND id = $2 AND version = $3";
    Ok(tx.execute(SQL, args![tenant, id, planned_version]).await? == 1)
}
