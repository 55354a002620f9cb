//! The change feed: what moved, in commit order, never what it holds.
//!
//! On PostgreSQL numbers are given out before transactions commit, so an entry is shown only when no older transaction is
//! still running; otherwise a reader could step over it for ever.
use super::{Backend, StoreError, Tx};
use crate::args;
use crate::domain::ids::TenantId;

/// A position in a tenant's feed; the feed continues after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cursor {
    /// PostgreSQL's transaction id; 0 on SQLite.
    pub xid: i64,
    /// Number within it.
    pub seq: i64,
}

/// An entry of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where it stands.
    pub cursor: Cursor,
    /// `booking`, `customer`, `resource`, `account`, `conflict`, `question`.
    pub kind: String,
    /// Id of the thing.
    pub id: String,
    /// Its version after the change; 0 for things without versions.
    pub version: i64,
    /// `upsert` or `delete`.
    pub operation: String,
    /// Milliseconds since the epoch.
    pub at: i64,
}

/// Adds an entry for something that has no version triggers. Bookings, customers and resources enter by themselves.
pub async fn record(tx: &mut Tx, tenant: TenantId, kind: &'static str, id: &str) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO changes (tenant_id, seq, kind, id, version, operation, at) \
         VALUES ($1, 0, $2, $3, 0, 'upsert', NOW_MS())";
    tx.execute(SQL, args![tenant, kind, id]).await.map(drop)
}

/// The entries after `after`, oldest first; `None` when the entries right after it were pruned already.
pub async fn after(
    tx: &mut Tx,
    tenant: TenantId,
    after: Cursor,
    limit: i64,
) -> Result<Option<Vec<Change>>, StoreError> {
    const PRUNED: &str = "SELECT pruned_xid, pruned_seq FROM change_counters WHERE tenant_id = $1";
    if let Some(row) = tx.fetch_optional(PRUNED, args![tenant]).await?
        && after
            < (Cursor {
                xid: row.int("pruned_xid")?,
                seq: row.int("pruned_seq")?,
            })
    {
        return Ok(None);
    }
    const SQLITE: &str = "SELECT xid, seq, kind, id, version, operation, at FROM changes \
         WHERE tenant_id = $1 AND (xid, seq) > ($2, $3) ORDER BY xid, seq LIMIT $4";
    const POSTGRES: &str = "SELECT xid, seq, kind, id, version, operation, at FROM changes \
         WHERE tenant_id = $1 AND (xid, seq) > ($2, $3) AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint \
         ORDER BY xid, seq LIMIT $4";
    let sql = match tx.backend() {
        Backend::Sqlite => SQLITE,
        Backend::Postgres => POSTGRES,
    };
    let rows = tx.fetch_all(sql, args![tenant, after.xid, after.seq, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Change {
                cursor: Cursor {
                    xid: row.int("xid")?,
                    seq: row.int("seq")?,
                },
                kind: row.text("kind")?,
                id: row.text("id")?,
                version: row.int("version")?,
                operation: row.text("operation")?,
                at: row.int("at")?,
            })
        })
        .collect::<Result<Vec<_>, StoreError>>()
        .map(Some)
}

/// Removes entries older than `before` (ms) and remembers up to where, for all tenants.
pub async fn prune(tx: &mut Tx, before: i64) -> Result<u64, StoreError> {
    const REMEMBER: &str = "INSERT INTO change_counters (tenant_id, last, pruned_xid, pruned_seq) \
         SELECT c.tenant_id, 0, c.xid, c.seq FROM changes c WHERE c.at < $1 AND NOT EXISTS ( \
             SELECT 1 FROM changes d WHERE d.tenant_id = c.tenant_id AND d.at < $1 AND (d.xid, d.seq) > (c.xid, c.seq)) \
         ON CONFLICT (tenant_id) DO UPDATE SET pruned_xid = excluded.pruned_xid, pruned_seq = excluded.pruned_seq";
    tx.execute(REMEMBER, args![before]).await?;
    const PRUNE: &str = "DELETE FROM changes WHERE at < $1 AND EXISTS ( \
         SELECT 1 FROM change_counters n WHERE n.tenant_id = changes.tenant_id AND (changes.xid, changes.seq) <= (n.pruned_xid, n.pruned_seq))";
    tx.execute(PRUNE, args![before]).await
}

/// The position before the oldest entry that is kept.
pub async fn oldest(tx: &mut Tx, tenant: TenantId) -> Result<Cursor, StoreError> {
    const SQL: &str = "SELECT pruned_xid, pruned_seq FROM change_counters WHERE tenant_id = $1";
    match tx.fetch_optional(SQL, args![tenant]).await? {
        None => Ok(Cursor::default()),
        Some(row) => Ok(Cursor {
            xid: row.int("pruned_xid")?,
            seq: row.int("pruned_seq")?,
        }),
    }
}
