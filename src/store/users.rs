//! Users, and which of their customers exist.
use super::{Row, StoreError, Tx, list};
use crate::args;
use crate::domain::ids::{CustomerId, TenantId, UserId};
use chrono_tz::Tz;

/// A person with a softphone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Id.
    pub id: UserId,
    /// What the app calls them.
    pub name: String,
    /// As the app knows them; never an identity.
    pub email: String,
    /// Where their whole days begin.
    pub time_zone: Tz,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

impl User {
    fn from_row(row: &Row) -> Result<User, StoreError> {
        Ok(User {
            tenant_id: row.parse("tenant_id")?,
            id: row.parse("id")?,
            name: row.text("name")?,
            email: row.text("email")?,
            time_zone: row.parse("time_zone")?,
            created_at: row.int("created_at")?,
            updated_at: row.int("updated_at")?,
        })
    }
}

/// Inserts a user.
pub async fn insert(tx: &mut Tx, user: &User) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO users (tenant_id, id, name, email, time_zone, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = args![
        user.tenant_id,
        user.id,
        &user.name,
        &user.email,
        user.time_zone.name(),
        user.created_at,
        user.updated_at
    ];
    tx.execute(SQL, values).await.map(drop)
}

/// One user.
pub async fn get(tx: &mut Tx, tenant: TenantId, id: UserId) -> Result<Option<User>, StoreError> {
    Ok(get_many(tx, tenant, &[id]).await?.pop())
}

/// The users with these ids; missing ones are left out.
pub async fn get_many(tx: &mut Tx, tenant: TenantId, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
    const SQL: &str = "SELECT tenant_id, id, name, email, time_zone, created_at, updated_at FROM users \
         WHERE tenant_id = $1 AND id IN LIST($2) ORDER BY id";
    let rows = tx.fetch_all(SQL, args![tenant, list(ids)]).await?;
    rows.iter().map(User::from_row).collect()
}

/// Users in id order, after a given id.
pub async fn list_after(
    tx: &mut Tx,
    tenant: TenantId,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<User>, StoreError> {
    const SQL: &str = "SELECT tenant_id, id, name, email, time_zone, created_at, updated_at FROM users \
         WHERE tenant_id = $1 AND id > COALESCE($2, '') ORDER BY id LIMIT $3";
    let rows = tx.fetch_all(SQL, args![tenant, after, limit]).await?;
    rows.iter().map(User::from_row).collect()
}

/// Which of these customers exist and belong to this user.
pub async fn customers_among(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    ids: &[CustomerId],
) -> Result<Vec<CustomerId>, StoreError> {
    const SQL: &str = "SELECT id FROM customers WHERE tenant_id = $1 AND user_id = $2 AND id IN LIST($3)";
    let rows = tx.fetch_all(SQL, args![tenant, user, list(ids)]).await?;
    rows.iter().map(|row| row.parse("id")).collect()
}
