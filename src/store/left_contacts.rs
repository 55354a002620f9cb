//! What a disconnect finds to do about contacts: customers to forget, contacts of ours to remove.
use super::customers::is_open;
use super::{StoreError, Tx, list};
use crate::args;
use crate::domain::ids::{AccountId, CustomerId, LinkId, TenantId};

/// Customers that came from the contacts of this account and that no booking needs: none that is confirmed and not over at
/// `now` (ms) names them. Those that another connected account has too are not among them.
pub async fn unneeded(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    now: i64,
    limit: i64,
) -> Result<Vec<CustomerId>, StoreError> {
    const SQL: &str = concat!(
        "SELECT c.id FROM customers c WHERE c.tenant_id = $1 AND c.origin = 'google' \
           AND EXISTS (SELECT 1 FROM contact_links l WHERE l.tenant_id = c.tenant_id AND l.customer_id = c.id \
               AND l.account_id = $2 AND l.is_ours = 0 AND l.contact_id <> '') \
           AND NOT EXISTS (SELECT 1 FROM contact_links l JOIN accounts a ON a.tenant_id = l.tenant_id AND a.id = l.account_id \
               WHERE l.tenant_id = c.tenant_id AND l.customer_id = c.id AND l.account_id <> $2 AND l.state <> 'gone' \
                 AND a.state <> 'disconnected') \
           AND NOT EXISTS (SELECT 1 FROM booking_customers n \
               JOIN bookings b ON b.tenant_id = n.tenant_id AND b.id = n.booking_id \
               LEFT JOIN booking_times t ON t.tenant_id = b.tenant_id AND t.booking_id = b.id \
               WHERE n.tenant_id = c.tenant_id AND n.customer_id = c.id AND ",
        is_open!(),
        ") ORDER BY c.id LIMIT $4"
    );
    let rows = tx.fetch_all(SQL, args![tenant, account, now, limit]).await?;
    rows.iter().map(|row| row.parse("id")).collect()
}

/// Deletes customers, takes them off the bookings that are over, and deletes every trace that other tables keep of what they
/// held, links included: whoever connects again is given everything back. Nothing is pushed.
pub async fn forget(tx: &mut Tx, tenant: TenantId, ids: &[CustomerId]) -> Result<(), StoreError> {
    const TRACES: [&str; 9] = [
        "DELETE FROM booking_customers WHERE tenant_id = $1 AND customer_id IN LIST($2)",
        "DELETE FROM quarantine WHERE tenant_id = $1 AND calendar_id = '' AND side = 'app' AND item_id IN LIST($2)",
        "DELETE FROM contact_links WHERE tenant_id = $1 AND customer_id IN LIST($2)",
        "DELETE FROM contact_matches WHERE tenant_id = $1 AND customer_id IN LIST($2)",
        "DELETE FROM conflicts WHERE tenant_id = $1 AND customer_id IN LIST($2)",
        "DELETE FROM questions WHERE tenant_id = $1 AND calendar_id = '' AND subject_id IN LIST($2)",
        "DELETE FROM customers WHERE tenant_id = $1 AND id IN LIST($2)",
        "DELETE FROM customer_keys WHERE tenant_id = $1 AND customer_id IN LIST($2)",
        "UPDATE row_state SET agreed_version = version, noticed_version = version, deleted_row = NULL \
             WHERE tenant_id = $1 AND kind = 'customer' AND id IN LIST($2)",
    ];
    for sql in TRACES {
        tx.execute(sql, args![tenant, list(ids)]).await?;
    }
    Ok(())
}

/// Forgets what was asked about the contacts of an account: it shows what they hold.
pub async fn forget_asked(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<(), StoreError> {
    const TRACES: [&str; 2] = [
        "DELETE FROM contact_matches WHERE tenant_id = $1 AND account_id = $2",
        "DELETE FROM questions WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = ''",
    ];
    for sql in TRACES {
        tx.execute(sql, args![tenant, account]).await?;
    }
    Ok(())
}

/// A contact that Accord created and nobody else has written to since, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its link.
    pub link: LinkId,
    /// Its resource name.
    pub contact_id: String,
    /// The id of its contact source.
    pub source_id: String,
    /// Of the contact source, when our last write got it or Google last showed it.
    pub etag: String,
}

/// Contacts that Accord created through an account and that are still there.
pub async fn written(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    limit: i64,
) -> Result<Vec<Written>, StoreError> {
    const SQL: &str = "SELECT id, contact_id, source_id, etag FROM contact_links WHERE tenant_id = $1 AND account_id = $2 \
         AND is_ours = 1 AND is_edited = 0 AND contact_id <> '' AND state IN ('live', 'frozen') ORDER BY id LIMIT $3";
    let rows = tx.fetch_all(SQL, args![tenant, account, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Written {
                link: row.parse("id")?,
                contact_id: row.text("contact_id")?,
                source_id: row.text("source_id")?,
                etag: row.text("etag")?,
            })
        })
        .collect()
}

/// Notes that somebody else has written to a contact: it is theirs now.
pub async fn is_edited(tx: &mut Tx, tenant: TenantId, link: LinkId) -> Result<(), StoreError> {
    const SQL: &str =
        "UPDATE contact_links SET is_edited = 1, revision = revision + 1 WHERE tenant_id = $1 AND id = $2";
    tx.execute(SQL, args![tenant, link]).await.map(drop)
}
