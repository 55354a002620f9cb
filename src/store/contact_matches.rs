//! Contacts that wait for somebody to say which customer they are, if any.
use super::{StoreError, Tx, list};
use crate::args;
use crate::domain::ids::{AccountId, CustomerId, TenantId};

/// A contact and one of the customers it may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// The contact's resource name.
    pub contact_id: String,
    /// The customer.
    pub customer_id: CustomerId,
    /// `link`: this is the one; `separate`: it is nobody of its candidates.
    pub answer: Option<String>,
}

/// All candidates of an account.
pub async fn of_account(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<Vec<Candidate>, StoreError> {
    const SQL: &str = "SELECT contact_id, customer_id, answer FROM contact_matches \
         WHERE tenant_id = $1 AND account_id = $2 ORDER BY contact_id, customer_id";
    let rows = tx.fetch_all(SQL, args![tenant, account]).await?;
    rows.iter()
        .map(|row| {
            Ok(Candidate {
                contact_id: row.text("contact_id")?,
                customer_id: row.parse("customer_id")?,
                answer: row.opt_text("answer")?,
            })
        })
        .collect()
}

/// Notes who a contact may be, instead of what was noted before.
pub async fn set(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    contact: &str,
    customers: &[CustomerId],
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO contact_matches (tenant_id, account_id, contact_id, customer_id) VALUES ROWS";
    remove(tx, tenant, account, &[contact]).await?;
    let rows = customers
        .iter()
        .map(|customer| args![tenant, account, contact, *customer]);
    tx.put_rows(SQL, rows.collect()).await.map(drop)
}

/// These contacts wait no longer.
pub async fn remove(tx: &mut Tx, tenant: TenantId, account: AccountId, contacts: &[&str]) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM contact_matches WHERE tenant_id = $1 AND account_id = $2 AND contact_id IN LIST($3)";
    tx.execute(SQL, args![tenant, account, list(contacts)]).await.map(drop)
}

/// Keeps what a person said about a contact: the customer that it is, or `None` for nobody of its candidates.
pub async fn set_answer(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    contact: &str,
    customer: Option<CustomerId>,
) -> Result<u64, StoreError> {
    const LINK: &str = "UPDATE contact_matches SET answer = 'link' \
         WHERE tenant_id = $1 AND account_id = $2 AND contact_id = $3 AND customer_id = $4";
    const SEPARATE: &str = "UPDATE contact_matches SET answer = 'separate' \
         WHERE tenant_id = $1 AND account_id = $2 AND contact_id = $3";
    match customer {
        Some(customer) => tx.execute(LINK, args![tenant, account, contact, customer]).await,
        None => tx.execute(SEPARATE, args![tenant, account, contact]).await,
    }
}
