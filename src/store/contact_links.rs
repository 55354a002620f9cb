//! Links: which customer is which Google contact, and the tombstones of those that were.
//!
//! A link is written by the pass of its account and by whoever answers for a person. Every write names the revision that was
//! read and raises it, so that neither writes over the other.
use super::values::Value;
use super::{Row, StoreError, Tx, list};
use crate::args;
use crate::domain::customer::Details;
use crate::domain::ids::{AccountId, CustomerId, LinkId, TenantId};
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

/// Where a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// The customer is to become a contact; none is known yet.
    Creating,
    /// Both sides are kept in agreement.
    Live,
    /// The contact left what the user lets be read, or the account was disconnected: nothing happens to either side.
    Frozen,
    /// A tombstone: neither is linked, imported or pushed again by itself.
    Gone,
}

impl LinkState {
    /// The word in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            LinkState::Creating => "creating",
            LinkState::Live => "live",
            LinkState::Frozen => "frozen",
            LinkState::Gone => "gone",
        }
    }
}

/// Why a link is a tombstone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoneBecause {
    /// The contact was deleted in Google.
    Google,
    /// The customer was deleted in the app.
    App,
    /// Google merged the contact into one that is linked with another customer.
    Merged,
    /// Somebody said so.
    Unlinked,
}

impl GoneBecause {
    /// The word in SQL and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            GoneBecause::Google => "google",
            GoneBecause::App => "app",
            GoneBecause::Merged => "merged",
            GoneBecause::Unlinked => "unlinked",
        }
    }
}

/// Why nothing happens to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkWaiting {
    /// Both sides changed the same value, and the policy is `ask`.
    Conflict,
    /// A removal among too many.
    Brake,
}

impl LinkWaiting {
    /// The word in SQL, and the kind of the question.
    pub fn as_str(self) -> &'static str {
        match self {
            LinkWaiting::Conflict => "conflict",
            LinkWaiting::Brake => "brake",
        }
    }
}

/// A word in a column that is none of those the engine writes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no word of a contact link")]
pub struct NotAWord;

macro_rules! read_words {
    ($name:ident: $($word:ident)+) => {
        impl FromStr for $name {
            type Err = NotAWord;

            fn from_str(text: &str) -> Result<Self, NotAWord> {
                [$($name::$word),+].into_iter().find(|word| word.as_str() == text).ok_or(NotAWord)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
read_words!(LinkState: Creating Live Frozen Gone);
read_words!(GoneBecause: Google App Merged Unlinked);
read_words!(LinkWaiting: Conflict Brake);

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactLink {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Its id.
    pub id: LinkId,
    /// The account whose contact it is.
    pub account_id: AccountId,
    /// The customer; it may have been deleted.
    pub customer_id: CustomerId,
    /// The contact's resource name, which may change; empty while creating.
    pub contact_id: String,
    /// The id of its contact source, which does not change; empty while creating.
    pub source_id: String,
    /// Where it stands.
    pub state: LinkState,
    /// Of a tombstone.
    pub gone_because: Option<GoneBecause>,
    /// Of the contact source, as last seen or as our last write got it.
    pub etag: String,
    /// Of the contact source, ms: an older copy is not applied.
    pub remote_updated_at: i64,
    /// Whether Accord created the contact.
    pub is_ours: bool,
    /// Whether somebody else has written to it since.
    pub is_edited: bool,
    /// The customer at the last agreement; while creating, what was sent.
    pub base_local: Option<Details>,
    /// The contact at the last agreement.
    pub base_remote: Option<Details>,
    /// JSON `{local, remote}` before they were linked, sealed.
    pub before_sealed: Option<Vec<u8>>,
    /// Why nothing happens to it.
    pub waiting: Option<LinkWaiting>,
    /// Who wins, as a person said: `app` or `google`.
    pub answer: Option<String>,
    /// While creating: when a create was sent whose outcome is not known, ms; 0: none is under way.
    pub attempted_at: i64,
    /// While creating: full listings begun since then that lack the contact.
    pub absences: i64,
    /// When Google last showed it, ms.
    pub confirmed_at: i64,
    /// Of what was read; 0 of a new one.
    pub revision: i64,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT tenant_id, id, account_id, customer_id, contact_id, source_id, state, gone_because, etag, remote_updated_at, ",
            "is_ours, is_edited, base_local, base_remote, before_sealed, waiting, answer, attempted_at, absences, confirmed_at, ",
            "revision FROM contact_links ",
            $rest
        )
    };
}

impl ContactLink {
    /// A link that is to be written for the first time; it is live and knows no agreement yet.
    pub fn new(tenant: TenantId, id: LinkId, account: AccountId, customer: CustomerId) -> ContactLink {
        ContactLink {
            tenant_id: tenant,
            id,
            account_id: account,
            customer_id: customer,
            contact_id: String::new(),
            source_id: String::new(),
            state: LinkState::Live,
            gone_because: None,
            etag: String::new(),
            remote_updated_at: 0,
            is_ours: false,
            is_edited: false,
            base_local: None,
            base_remote: None,
            before_sealed: None,
            waiting: None,
            answer: None,
            attempted_at: 0,
            absences: 0,
            confirmed_at: 0,
            revision: 0,
        }
    }

    /// The same as a tombstone: it remembers the ids and forgets the person.
    pub fn buried(self, because: GoneBecause) -> ContactLink {
        ContactLink {
            state: LinkState::Gone,
            gone_because: Some(because),
            etag: String::new(),
            base_local: None,
            base_remote: None,
            before_sealed: None,
            waiting: None,
            answer: None,
            attempted_at: 0,
            absences: 0,
            ..self
        }
    }

    fn from_row(row: &Row) -> Result<ContactLink, StoreError> {
        Ok(ContactLink {
            tenant_id: row.parse("tenant_id")?,
            id: row.parse("id")?,
            account_id: row.parse("account_id")?,
            customer_id: row.parse("customer_id")?,
            contact_id: row.text("contact_id")?,
            source_id: row.text("source_id")?,
            state: row.parse("state")?,
            gone_because: row.opt_parse("gone_because")?,
            etag: row.text("etag")?,
            remote_updated_at: row.int("remote_updated_at")?,
            is_ours: row.flag("is_ours")?,
            is_edited: row.flag("is_edited")?,
            base_local: row.opt_json("base_local")?,
            base_remote: row.opt_json("base_remote")?,
            before_sealed: row.opt_bytes("before_sealed")?,
            waiting: row.opt_parse("waiting")?,
            answer: row.opt_text("answer")?,
            attempted_at: row.int("attempted_at")?,
            absences: row.int("absences")?,
            confirmed_at: row.int("confirmed_at")?,
            revision: row.int("revision")?,
        })
    }
}

fn read_all(rows: &[Row]) -> Result<Vec<ContactLink>, StoreError> {
    rows.iter().map(ContactLink::from_row).collect()
}

/// The links of an account with these contacts, by resource name or by source id, tombstones included.
pub async fn of_contacts(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    contacts: &[&str],
    sources: &[&str],
) -> Result<Vec<ContactLink>, StoreError> {
    const BY_CONTACT: &str = select!("WHERE tenant_id = $1 AND account_id = $2 AND contact_id IN LIST($3)");
    const BY_SOURCE: &str = select!("WHERE tenant_id = $1 AND account_id = $2 AND source_id IN LIST($3)");
    let mut found = read_all(&tx.fetch_all(BY_CONTACT, args![tenant, account, list(contacts)]).await?)?;
    let known: HashSet<LinkId> = found.iter().map(|link| link.id).collect();
    let by_source = read_all(&tx.fetch_all(BY_SOURCE, args![tenant, account, list(sources)]).await?)?;
    found.extend(by_source.into_iter().filter(|link| !known.contains(&link.id)));
    Ok(found)
}

/// The links of an account with these customers, tombstones included.
pub async fn of_customers(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    customers: &[CustomerId],
) -> Result<Vec<ContactLink>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND account_id = $2 AND customer_id IN LIST($3)");
    read_all(&tx.fetch_all(SQL, args![tenant, account, list(customers)]).await?)
}

/// The links of these customers in all accounts that ever had one, tombstones included; the newest come last.
pub async fn of_customers_anywhere(
    tx: &mut Tx,
    tenant: TenantId,
    customers: &[CustomerId],
) -> Result<Vec<ContactLink>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND customer_id IN LIST($2) ORDER BY id");
    read_all(&tx.fetch_all(SQL, args![tenant, list(customers)]).await?)
}

/// The links of an account that are in one state.
pub async fn in_state(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    state: LinkState,
) -> Result<Vec<ContactLink>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND account_id = $2 AND state = $3 ORDER BY id");
    read_all(&tx.fetch_all(SQL, args![tenant, account, state.as_str()]).await?)
}

/// The links of an account that wait.
pub async fn waiting(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<Vec<ContactLink>, StoreError> {
    const SQL: &str =
        select!("WHERE tenant_id = $1 AND account_id = $2 AND waiting IS NOT NULL AND state <> 'gone' ORDER BY id");
    read_all(&tx.fetch_all(SQL, args![tenant, account]).await?)
}

/// What is needed of a link to look for its contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unconfirmed {
    /// The contact's resource name.
    pub contact_id: String,
    /// The id of its contact source.
    pub source_id: String,
    /// When Google last showed it, ms.
    pub confirmed_at: i64,
}

/// The live and frozen links of an account that Google has not shown since `at` (ms).
pub async fn not_confirmed_since(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    at: i64,
) -> Result<Vec<Unconfirmed>, StoreError> {
    const SQL: &str = "SELECT contact_id, source_id, confirmed_at FROM contact_links \
         WHERE tenant_id = $1 AND account_id = $2 AND state IN ('live', 'frozen') AND confirmed_at < $3 ORDER BY id";
    let rows = tx.fetch_all(SQL, args![tenant, account, at]).await?;
    rows.iter()
        .map(|row| {
            Ok(Unconfirmed {
                contact_id: row.text("contact_id")?,
                source_id: row.text("source_id")?,
                confirmed_at: row.int("confirmed_at")?,
            })
        })
        .collect()
}

/// Notes that Google showed these links' contacts. It is no change of a link.
pub async fn confirm(tx: &mut Tx, tenant: TenantId, links: &[LinkId], at: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE contact_links SET confirmed_at = $3 WHERE tenant_id = $1 AND id IN LIST($2)";
    if links.is_empty() {
        return Ok(());
    }
    tx.execute(SQL, args![tenant, list(links), at]).await.map(drop)
}

/// How many contacts of an account are linked.
pub async fn count_live(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<i64, StoreError> {
    const SQL: &str =
        "SELECT COUNT(*) AS n FROM contact_links WHERE tenant_id = $1 AND account_id = $2 AND state = 'live'";
    tx.fetch_all(SQL, args![tenant, account])
        .await?
        .first()
        .map_or(Ok(0), |row| row.int("n"))
}

/// Inserts a link, or replaces the one with this revision, and raises the revision.
///
/// # Errors
/// [`StoreError::Serialization`] if somebody else has written it since it was read.
pub async fn put(tx: &mut Tx, link: &mut ContactLink) -> Result<(), StoreError> {
    put_many(tx, std::slice::from_mut(link)).await
}

/// The same for many, each of which is named once.
///
/// # Errors
/// As [`put`], if that is so of any of them.
pub async fn put_many(tx: &mut Tx, links: &mut [ContactLink]) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO contact_links (tenant_id, id, account_id, customer_id, contact_id, source_id, state, \
             gone_because, etag, remote_updated_at, is_ours, is_edited, base_local, base_remote, before_sealed, waiting, answer, \
             attempted_at, absences, confirmed_at, revision) VALUES ROWS \
         ON CONFLICT (tenant_id, id) DO UPDATE SET customer_id = excluded.customer_id, contact_id = excluded.contact_id, \
             source_id = excluded.source_id, state = excluded.state, gone_because = excluded.gone_because, etag = excluded.etag, \
             remote_updated_at = excluded.remote_updated_at, is_ours = excluded.is_ours, is_edited = excluded.is_edited, \
             base_local = excluded.base_local, base_remote = excluded.base_remote, before_sealed = excluded.before_sealed, \
             waiting = excluded.waiting, answer = excluded.answer, attempted_at = excluded.attempted_at, \
             absences = excluded.absences, confirmed_at = excluded.confirmed_at, revision = excluded.revision \
         WHERE contact_links.revision = excluded.revision - 1 RETURNING id";
    let rows = links.iter().map(values).collect::<Result<Vec<_>, _>>()?;
    if tx.put_rows(SQL, rows).await?.len() < links.len() {
        return Err(StoreError::Serialization);
    }
    for link in links {
        link.revision += 1;
    }
    Ok(())
}

fn values(link: &ContactLink) -> Result<Vec<Value>, StoreError> {
    Ok(args![
        link.tenant_id,
        link.id,
        link.account_id,
        link.customer_id,
        &link.contact_id,
        &link.source_id,
        link.state.as_str(),
        link.gone_because.map(GoneBecause::as_str),
        &link.etag,
        link.remote_updated_at,
        link.is_ours,
        link.is_edited,
        json(&link.base_local)?,
        json(&link.base_remote)?,
        link.before_sealed.clone(),
        link.waiting.map(LinkWaiting::as_str),
        link.answer.clone(),
        link.attempted_at,
        link.absences,
        link.confirmed_at,
        link.revision + 1
    ])
}

fn json(details: &Option<Details>) -> Result<Option<String>, StoreError> {
    details
        .as_ref()
        .map(|details| serde_json::to_string(details).map_err(|error| StoreError::Other(error.to_string())))
        .transpose()
}

/// Forgets a link whose contact never came to be.
pub async fn remove(tx: &mut Tx, tenant: TenantId, id: LinkId) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM contact_links WHERE tenant_id = $1 AND id = $2";
    tx.execute(SQL, args![tenant, id]).await.map(drop)
}

/// Keeps a person's answer about customers for the next pass. Returns how many links took it.
pub async fn set_answer(
    tx: &mut Tx,
    tenant: TenantId,
    customers: &[CustomerId],
    waiting: LinkWaiting,
    answer: &str,
) -> Result<u64, StoreError> {
    const SQL: &str = "UPDATE contact_links SET answer = $4, revision = revision + 1 \
         WHERE tenant_id = $1 AND customer_id IN LIST($2) AND waiting = $3 AND state <> 'gone'";
    tx.execute(SQL, args![tenant, list(customers), waiting.as_str(), answer])
        .await
}

/// Stops following everything of an account, because its user or its tenant ended that. Customers that were deleted, but of
/// whose deletion Google has not heard, are forgotten. The links of creates that are still unsure stay what they are.
pub async fn freeze_all(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<(), StoreError> {
    const BURY: &str = "UPDATE contact_links SET state = 'gone', gone_because = 'app', etag = '', base_local = NULL, \
             base_remote = NULL, before_sealed = NULL, waiting = NULL, answer = NULL, revision = revision + 1 \
         WHERE tenant_id = $1 AND account_id = $2 AND state IN ('live', 'frozen') AND NOT EXISTS ( \
             SELECT 1 FROM customers c WHERE c.tenant_id = contact_links.tenant_id AND c.id = contact_links.customer_id)";
    const FORGET: &str = "UPDATE row_state SET agreed_version = version, deleted_row = NULL \
         WHERE tenant_id = $1 AND kind = 'customer' AND deleted_row IS NOT NULL AND id IN ( \
             SELECT customer_id FROM contact_links WHERE tenant_id = $1 AND account_id = $2 AND state = 'gone')";
    tx.execute(BURY, args![tenant, account]).await?;
    tx.execute(FORGET, args![tenant, account]).await?;
    const SQL: &str = "UPDATE contact_links SET state = 'frozen', waiting = NULL, answer = NULL, revision = revision + 1 \
         WHERE tenant_id = $1 AND account_id = $2 AND state = 'live'";
    tx.execute(SQL, args![tenant, account]).await.map(drop)
}

/// Buries the frozen links of customers that are no more: nothing will carry their deletion to Google.
pub async fn bury_frozen(tx: &mut Tx, tenant: TenantId, customers: &[CustomerId]) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE contact_links SET state = 'gone', gone_because = 'app', etag = '', base_local = NULL, \
             base_remote = NULL, before_sealed = NULL, waiting = NULL, answer = NULL, revision = revision + 1 \
         WHERE tenant_id = $1 AND customer_id IN LIST($2) AND state = 'frozen'";
    tx.execute(SQL, args![tenant, list(customers)]).await.map(drop)
}
