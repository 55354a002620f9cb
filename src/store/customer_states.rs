//! `row_state` of customers: what the triggers say about each, and what the engine has agreed with Google about it.
use super::customers::{CustomerText, Reader};
use super::{Row, StoreError, Tx, list};
use crate::args;
use crate::domain::ids::{AccountId, CustomerId, TenantId, UserId};
use serde::{Deserialize, Serialize};

/// What a deletion removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedCustomer {
    /// Whose customer it was.
    pub user_id: String,
    /// The mirrored columns.
    #[serde(flatten)]
    pub text: CustomerText,
    /// How they read mails.
    #[serde(flatten)]
    pub reader: Reader,
    /// `app` or `google`.
    pub origin: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

/// Where a customer stands between its two sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerState {
    /// The customer.
    pub id: CustomerId,
    /// Its present version.
    pub version: i64,
    /// The version both sides last agreed on, or that has nothing to be pushed.
    pub agreed_version: i64,
    /// What a deletion removed, until the deletion is settled.
    pub deleted: Option<DeletedCustomer>,
}

impl CustomerState {
    /// Whether the app's side has something that Google's has not.
    pub fn is_pending(&self) -> bool {
        self.version != self.agreed_version
    }

    fn from_row(row: &Row) -> Result<CustomerState, StoreError> {
        Ok(CustomerState {
            id: row.parse("id")?,
            version: row.int("version")?,
            agreed_version: row.int("agreed_version")?,
            // What was deleted before customers had all their columns cannot be brought back.
            deleted: row.opt_json("deleted_row").unwrap_or_default(),
        })
    }
}

/// The states of these customers.
pub async fn get_many(tx: &mut Tx, tenant: TenantId, ids: &[CustomerId]) -> Result<Vec<CustomerState>, StoreError> {
    const SQL: &str = "SELECT id, version, agreed_version, deleted_row FROM row_state \
         WHERE tenant_id = $1 AND kind = 'customer' AND id IN LIST($2)";
    let rows = tx.fetch_all(SQL, args![tenant, list(ids)]).await?;
    rows.iter().map(CustomerState::from_row).collect()
}

/// The rows that the contacts of an account have to carry to Google, from tenant, user and account. What is held or was set
/// aside comes again when its row changes or when somebody lets it be looked at again.
macro_rules! pending_customers {
    ($tenant:literal, $user:literal, $account:literal) => {
        concat!(
            "FROM row_state s WHERE s.tenant_id = ",
            $tenant,
            " AND s.user_id = ",
            $user,
            " AND s.kind = 'customer' AND s.version <> s.agreed_version AND s.held_version <> s.version ",
            "AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.tenant_id = s.tenant_id AND q.account_id = ",
            $account,
            " AND q.calendar_id = '' AND q.side = 'app' AND q.item_id = s.id AND q.version = s.version)"
        )
    };
}
pub(super) use pending_customers;

/// What an account's contacts have to carry to Google now.
pub async fn pending(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    account: AccountId,
) -> Result<Vec<CustomerId>, StoreError> {
    const SQL: &str = concat!("SELECT s.id ", pending_customers!("$1", "$2", "$3"), " ORDER BY s.id");
    let rows = tx.fetch_all(SQL, args![tenant, user, account]).await?;
    // A row that was written in SQL with an id of its own kind has no customer that could be read.
    Ok(rows.iter().filter_map(|row| row.parse("id").ok()).collect())
}

/// How many customers of a user the app has changed without a contact that has followed yet; those that wait for something
/// count, too.
pub async fn count_pending(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<i64, StoreError> {
    const SQL: &str = "SELECT COUNT(*) AS n FROM row_state \
         WHERE tenant_id = $1 AND user_id = $2 AND kind = 'customer' AND version <> agreed_version";
    tx.fetch_all(SQL, args![tenant, user])
        .await?
        .first()
        .map_or(Ok(0), |row| row.int("n"))
}

/// Notes that there is nothing to push of these versions: both sides agree on them, or the customer has no contact and shall
/// have none. A row that has moved on stays pending; a deletion that was waiting is settled.
pub async fn agree(tx: &mut Tx, tenant: TenantId, versions: &[(CustomerId, i64)]) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET agreed_version = $3, \
             deleted_row = CASE WHEN version = $3 THEN NULL ELSE deleted_row END \
         WHERE tenant_id = $1 AND kind = 'customer' AND id = $2 AND version >= $3";
    for (id, version) in versions {
        tx.execute(SQL, args![tenant, id, *version]).await?;
    }
    Ok(())
}

/// Notes that both sides agree on whatever these rows hold now: they were made in this transaction, and what they are found by
/// with them.
pub async fn agree_as_they_stand(tx: &mut Tx, tenant: TenantId, ids: &[CustomerId]) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET agreed_version = version, noticed_version = version, deleted_row = NULL \
         WHERE tenant_id = $1 AND kind = 'customer' AND id IN LIST($2)";
    tx.execute(SQL, args![tenant, list(ids)]).await.map(drop)
}

/// A pass looks at this row no more until it changes: there is nothing to push of this version before.
pub async fn hold(tx: &mut Tx, tenant: TenantId, id: CustomerId, version: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET held_version = $3 WHERE tenant_id = $1 AND kind = 'customer' AND id = $2";
    tx.execute(SQL, args![tenant, id, version]).await.map(drop)
}

/// Everything of a user that is held is looked at again: what it waited for may be over.
pub async fn look_again(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET held_version = 0 \
         WHERE tenant_id = $1 AND user_id = $2 AND kind = 'customer' AND version <> agreed_version AND held_version > 0";
    tx.execute(SQL, args![tenant, user]).await.map(drop)
}

/// Makes the customers of a user that have no contact in this account pending: it may become one there.
pub async fn disagree_unlinked(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    account: AccountId,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET agreed_version = 0, held_version = 0 \
         WHERE tenant_id = $1 AND user_id = $2 AND kind = 'customer' \
         AND EXISTS (SELECT 1 FROM customers c WHERE c.tenant_id = row_state.tenant_id AND c.id = row_state.id) \
         AND NOT EXISTS (SELECT 1 FROM contact_links l WHERE l.tenant_id = row_state.tenant_id \
             AND l.account_id = $3 AND l.customer_id = row_state.id)";
    tx.execute(SQL, args![tenant, user, account]).await.map(drop)
}

/// Makes one row pending although nobody edited it.
pub async fn disagree(tx: &mut Tx, tenant: TenantId, id: CustomerId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET agreed_version = 0, held_version = 0 WHERE tenant_id = $1 AND kind = 'customer' AND id = $2";
    tx.execute(SQL, args![tenant, id]).await.map(drop)
}

/// Forgets what the deletion of these customers removed, unless a contact still depends on it.
pub async fn forget_deleted(tx: &mut Tx, tenant: TenantId, ids: &[CustomerId]) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE row_state SET agreed_version = version, deleted_row = NULL \
         WHERE tenant_id = $1 AND kind = 'customer' AND id IN LIST($2) AND deleted_row IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM contact_links l WHERE l.tenant_id = row_state.tenant_id \
             AND l.customer_id = row_state.id AND l.state IN ('creating', 'live'))";
    if ids.is_empty() {
        return Ok(());
    }
    tx.execute(SQL, args![tenant, list(ids)]).await.map(drop)
}
