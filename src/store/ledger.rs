//! The ledger's rows, their heads and their salts. What they mean is `domain::ledger`'s.
//!
//! Rows are only added; the database refuses anything else. [`tenants`] is not about one tenant: it is the operator's.
use super::{Row, StoreError, Tx, Value};
use crate::args;
use crate::domain::ids::TenantId;
use crate::domain::ledger::Salts;

/// The newest row of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 before the first row.
    pub seq: i64,
    /// Its hash.
    pub hash: Vec<u8>,
    /// The key ring's code over tenant, number and hash.
    pub mac: Vec<u8>,
}

impl Head {
    fn from_row(row: &Row) -> Result<Head, StoreError> {
        Ok(Head {
            seq: row.int("seq")?,
            hash: row.bytes("hash")?,
            mac: row.bytes("mac")?,
        })
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// 1, 2, 3.
    pub seq: i64,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// The bytes that are hashed.
    pub entry: String,
    /// The hash of the row before and the entry.
    pub hash: Vec<u8>,
}

/// The head, which nobody else can move until the transaction ends. `None`: there is none yet.
pub async fn hold_head(tx: &mut Tx, tenant: TenantId) -> Result<Option<Head>, StoreError> {
    const SQL: &str = "UPDATE ledger_heads SET seq = seq WHERE tenant_id = $1 RETURNING seq, hash, mac";
    let row = tx.fetch_optional(SQL, args![tenant]).await?;
    row.as_ref().map(Head::from_row).transpose()
}

/// Makes the head of an empty ledger, unless somebody else just did.
pub async fn make_head(tx: &mut Tx, tenant: TenantId, head: &Head) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO ledger_heads (tenant_id, seq, hash, mac) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (tenant_id) DO NOTHING";
    let values = args![tenant, head.seq, head.hash.as_slice(), head.mac.as_slice()];
    tx.execute(SQL, values).await.map(drop)
}

/// Moves a head that is held.
pub async fn move_head(tx: &mut Tx, tenant: TenantId, head: &Head) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE ledger_heads SET seq = $2, hash = $3, mac = $4 WHERE tenant_id = $1";
    let values = args![tenant, head.seq, head.hash.as_slice(), head.mac.as_slice()];
    tx.execute(SQL, values).await.map(drop)
}

/// Adds a row, whose number the held head gave.
pub async fn insert(tx: &mut Tx, tenant: TenantId, row: &LedgerRow) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO ledger (tenant_id, seq, at, entry, hash) VALUES ($1, $2, $3, $4, $5)";
    let values = args![tenant, row.seq, row.at, &row.entry, row.hash.as_slice()];
    tx.execute(SQL, values).await.map(drop)
}

/// Every tenant that has a ledger, with or without a head.
pub async fn tenants(tx: &mut Tx) -> Result<Vec<TenantId>, StoreError> {
    const SQL: &str = "SELECT tenant_id FROM ledger_heads UNION SELECT tenant_id FROM ledger ORDER BY tenant_id";
    let rows = tx.fetch_all(SQL, args![]).await?;
    rows.iter().map(|row| row.parse("tenant_id")).collect()
}

/// The head, and the number of the newest row at the same moment (0 when there is none).
pub async fn head(tx: &mut Tx, tenant: TenantId) -> Result<(Option<Head>, i64), StoreError> {
    const SQL: &str = "SELECT newest.seq AS newest, ledger_heads.seq, ledger_heads.hash, ledger_heads.mac \
        FROM (SELECT COALESCE(MAX(seq), 0) AS seq FROM ledger WHERE tenant_id = $1) AS newest \
        LEFT JOIN ledger_heads ON ledger_heads.tenant_id = $1";
    let row = tx.fetch_optional(SQL, args![tenant]).await?;
    let Some(row) = row else { return Ok((None, 0)) };
    let head = if row.is_null("hash")? {
        None
    } else {
        Some(Head::from_row(&row)?)
    };
    Ok((head, row.int("newest")?))
}

/// The next `limit` rows after number `after`, up to number `last`.
pub async fn rows(
    tx: &mut Tx,
    tenant: TenantId,
    after: i64,
    last: i64,
    limit: i64,
) -> Result<Vec<LedgerRow>, StoreError> {
    const SQL: &str = "SELECT seq, at, entry, hash FROM ledger WHERE tenant_id = $1 AND seq > $2 AND seq <= $3 \
        ORDER BY seq LIMIT $4";
    let rows = tx.fetch_all(SQL, args![tenant, after, last, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(LedgerRow {
                seq: row.int("seq")?,
                at: row.int("at")?,
                entry: row.text("entry")?,
                hash: row.bytes("hash")?,
            })
        })
        .collect()
}

/// The salts of these owners that exist.
pub async fn salts(tx: &mut Tx, tenant: TenantId, owners: &[String]) -> Result<Salts, StoreError> {
    const SQL: &str = "SELECT owner, salt FROM ledger_salts WHERE tenant_id = $1 AND owner IN LIST($2)";
    let rows = tx.fetch_all(SQL, args![tenant, super::list(owners)]).await?;
    rows.iter()
        .map(|row| Ok((row.text("owner")?, row.bytes("salt")?)))
        .collect()
}

/// Adds salts of owners that have none.
pub async fn insert_salts(tx: &mut Tx, tenant: TenantId, salts: &Salts) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO ledger_salts (tenant_id, owner, salt) VALUES ROWS";
    let rows: Vec<Vec<Value>> = salts
        .iter()
        .map(|(owner, salt)| args![tenant, owner, salt.as_slice()])
        .collect();
    tx.put_rows(SQL, rows).await.map(drop)
}

/// The next `limit` salts, by owner, after this one.
pub async fn salts_after(tx: &mut Tx, tenant: TenantId, after: &str, limit: i64) -> Result<Salts, StoreError> {
    const SQL: &str =
        "SELECT owner, salt FROM ledger_salts WHERE tenant_id = $1 AND owner > $2 ORDER BY owner LIMIT $3";
    let rows = tx.fetch_all(SQL, args![tenant, after, limit]).await?;
    rows.iter()
        .map(|row| Ok((row.text("owner")?, row.bytes("salt")?)))
        .collect()
}

/// Erases salts: what was committed to with them cannot be told any more, by anybody.
pub async fn erase_salts(tx: &mut Tx, tenant: TenantId, owners: &[String]) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM ledger_salts WHERE tenant_id = $1 AND owner IN LIST($2)";
    tx.execute(SQL, args![tenant, super::list(owners)]).await
}
