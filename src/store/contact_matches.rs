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
    /// The customer was deleted, or has another contact by now.
    pub is_stale: bool,
}

/// Whether the customer of a match `m` cannot be its contact any more.
macro_rules! is_stale {
    () => {
        "(NOT EXISTS (SELECT 1 FROM customers c WHERE c.tenant_id = m.tenant_id AND c.id = m.customer_id) \
         OR EXISTS (SELECT 1 FROM contact_links l WHERE l.tenant_id = m.tenant_id AND l.account_id = m.account_id \
             AND l.customer_id = m.customer_id AND l.state <> 'gone'))"
    };
}
pub(super) use is_stale;

/// All candidates of an account.
pub async fn of_account(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<Vec<Candidate>, StoreError> {
    const SQL: &str = concat!(
        "SELECT m.contact_id, m.customer_id, m.answer, CASE WHEN ",
        is_stale!(),
        " THEN 1 ELSE 0 END AS is_stale FROM contact_matches m \
         WHERE m.tenant_id = $1 AND m.account_id = $2 ORDER BY m.contact_id, m.customer_id"
    );
    let rows = tx.fetch_all(SQL, args![tenant, account]).await?;
    rows.iter()
        .map(|row| {
            Ok(Candidate {
                contact_id: row.text("contact_id")?,
                customer_id: row.parse("customer_id")?,
                answer: row.opt_text("answer")?,
                is_stale: row.int("is_stale")? != 0,
            })
        })
        .collect()
}

/// Those of these contacts that wait for an answer.
pub async fn of_contacts(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    contacts: &[&str],
) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "SELECT DISTINCT contact_id FROM contact_matches \
         WHERE tenant_id = $1 AND account_id = $2 AND contact_id IN LIST($3)";
    let rows = tx.fetch_all(SQL, args![tenant, account, list(contacts)]).await?;
    rows.iter().map(|row| row.text("contact_id")).collect()
}

/// Those of these customers that a contact may be.
pub async fn of_customers(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    customers: &[CustomerId],
) -> Result<Vec<CustomerId>, StoreError> {
    const SQL: &str = "SELECT DISTINCT customer_id FROM contact_matches \
         WHERE tenant_id = $1 AND account_id = $2 AND customer_id IN LIST($3)";
    let rows = tx.fetch_all(SQL, args![tenant, account, list(customers)]).await?;
    rows.iter().map(|row| row.parse("customer_id")).collect()
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
