//! How customers stand to the contacts of their user: read for many at once, and the tombstones that an explicit act lifts.
use super::contact_links::GoneBecause;
use super::{Row, StoreError, Tx, list};
use crate::args;
use crate::domain::ids::{AccountId, CustomerId, TenantId};
use std::collections::HashMap;

/// How far a customer is one of the user's contacts. What comes later outweighs what comes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Standing {
    /// It never was one.
    #[default]
    None,
    /// It was one, and is none any more.
    Unlinked,
    /// It is one that is not followed any more.
    Frozen,
    /// A contact may be it; somebody has to say so.
    Matching,
    /// It is to become one.
    Creating,
    /// Both sides are kept in agreement.
    Linked,
}

impl Standing {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::None => "none",
            Standing::Unlinked => "unlinked",
            Standing::Frozen => "frozen",
            Standing::Matching => "matching",
            Standing::Creating => "creating",
            Standing::Linked => "linked",
        }
    }
}

/// A customer as a contact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomerContact {
    /// How far it is one.
    pub standing: Standing,
    /// Why it is none any more.
    pub reason: Option<GoneBecause>,
    /// The contact's resource name, if there is or was one.
    pub contact_id: Option<String>,
}

/// How these customers stand; those that never were contacts are left out. What is so in an account that is connected
/// outweighs what was so in one that is not, and the newest link the older ones.
pub async fn of_customers(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[CustomerId],
) -> Result<HashMap<CustomerId, CustomerContact>, StoreError> {
    const SQL: &str = "SELECT l.customer_id, l.state, l.gone_because, l.contact_id, l.id, \
             CASE WHEN a.state <> 'disconnected' THEN 1 ELSE 0 END AS is_connected \
         FROM contact_links l LEFT JOIN accounts a ON a.tenant_id = l.tenant_id AND a.id = l.account_id \
         WHERE l.tenant_id = $1 AND l.customer_id IN LIST($2) \
         UNION ALL SELECT m.customer_id, 'matching', NULL, '', '', CASE WHEN a.state <> 'disconnected' THEN 1 ELSE 0 END \
         FROM contact_matches m LEFT JOIN accounts a ON a.tenant_id = m.tenant_id AND a.id = m.account_id \
         WHERE m.tenant_id = $1 AND m.customer_id IN LIST($2)";
    let mut found: HashMap<CustomerId, ((bool, Standing, String), CustomerContact)> = HashMap::new();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    for row in tx.fetch_all(SQL, args![tenant, list(ids)]).await? {
        let customer: CustomerId = row.parse("customer_id")?;
        let (weight, contact) = read(&row)?;
        if found.get(&customer).is_none_or(|(heaviest, _)| weight > *heaviest) {
            found.insert(customer, (weight, contact));
        }
    }
    Ok(found.into_iter().map(|(id, (_, contact))| (id, contact)).collect())
}

fn read(row: &Row) -> Result<((bool, Standing, String), CustomerContact), StoreError> {
    let standing = match row.text("state")?.as_str() {
        "live" => Standing::Linked,
        "creating" => Standing::Creating,
        "matching" => Standing::Matching,
        "frozen" => Standing::Frozen,
        _ => Standing::Unlinked,
    };
    let contact = CustomerContact {
        standing,
        reason: row.opt_parse("gone_because")?,
        contact_id: Some(row.text("contact_id")?).filter(|id| !id.is_empty()),
    };
    Ok(((row.int("is_connected")? != 0, standing, row.text("id")?), contact))
}

/// Lifts the tombstones of a customer in an account, and with `contact` those of that contact: both may be linked again.
/// A tombstone goes on remembering its other side, as far as that was not named: `nobody` is an id that no customer has.
pub async fn lift_tombstones(
    tx: &mut Tx,
    (tenant, account): (TenantId, AccountId),
    customer: CustomerId,
    contact: Option<&str>,
    nobody: CustomerId,
) -> Result<(), StoreError> {
    const CONTACT: &str = "UPDATE contact_links SET contact_id = '', source_id = '', revision = revision + 1 \
         WHERE tenant_id = $1 AND account_id = $2 AND contact_id = $3 AND state = 'gone'";
    const CUSTOMER: &str = "UPDATE contact_links SET customer_id = $4, revision = revision + 1 \
         WHERE tenant_id = $1 AND account_id = $2 AND customer_id = $3 AND state = 'gone'";
    const EMPTY: &str = "DELETE FROM contact_links WHERE tenant_id = $1 AND account_id = $2 AND customer_id = $3 \
         AND state = 'gone' AND contact_id = '' AND source_id = ''";
    if let Some(contact) = contact {
        tx.execute(CONTACT, args![tenant, account, contact]).await?;
    }
    tx.execute(CUSTOMER, args![tenant, account, customer, nobody]).await?;
    tx.execute(EMPTY, args![tenant, account, nobody]).await.map(drop)
}
