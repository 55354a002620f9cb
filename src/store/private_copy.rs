//! A private copy of what a pass reads, in memory: there a pass can be carried out to find out what it would do.
//!
//! Nobody waits for it and nothing of it stays. It is SQLite whatever the original is, because the schemas have the same
//! tables and columns; it holds the rows of one tenant only.
use super::db::{ROWS_AT_ONCE, rows_of_sqlite};
use super::{Backend, Db, StoreError, Tx, Value, migrate};
use crate::args;
use crate::domain::ids::TenantId;

/// What a pass reads. The change feed is not among it: a pass only adds to it.
const TABLES: &[&str] = &[
    "users",
    "accounts",
    "calendars",
    "sync_scopes",
    "resources",
    "customers",
    "bookings",
    "booking_customers",
    "booking_times",
    "booking_identities",
    "placements",
    "row_state",
    "deletions",
    "hand_overs",
    "contact_links",
    "contact_matches",
    "quarantine",
    "questions",
    "conflicts",
];

impl Db {
    /// The rows of a tenant as they stand now. They are read in one transaction that blocks no writer.
    pub async fn private_copy(&self, tenant: TenantId) -> Result<Db, StoreError> {
        let copy = Db::in_memory().await?;
        migrate(&copy).await?;
        let mut from = self.read().await?;
        if from.backend() == Backend::Postgres {
            from.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", args![])
                .await?;
        }
        let mut into = copy.begin().await?;
        into.execute("PRAGMA defer_foreign_keys = ON", args![]).await?;
        // The rows come with their versions; nobody has edited them.
        let triggers = into
            .fetch_all("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'", args![])
            .await?;
        for trigger in &triggers {
            into.run_built(format!("DROP TRIGGER {}", trigger.text("name")?), args![])
                .await?;
        }
        copy_table(&mut from, &mut into, "tenants", "id", tenant).await?;
        for table in TABLES {
            copy_table(&mut from, &mut into, table, "tenant_id", tenant).await?;
        }
        for trigger in &triggers {
            into.run_built(trigger.text("sql")?, args![]).await?;
        }
        into.commit().await?;
        Ok(copy)
    }
}

async fn copy_table(
    from: &mut Tx,
    into: &mut Tx,
    table: &'static str,
    key: &'static str,
    tenant: TenantId,
) -> Result<(), StoreError> {
    let described = into
        .fetch_all("SELECT name, type FROM pragma_table_info($1)", args![table])
        .await?;
    let (mut names, mut kinds) = (Vec::new(), Vec::new());
    for column in &described {
        names.push(column.text("name")?);
        kinds.push(column.text("type")?);
    }
    let names = names.join(", ");
    let sql = format!("SELECT {names} FROM {table} WHERE {key} = $1");
    for rows in from.run_built(sql, args![tenant]).await?.chunks(ROWS_AT_ONCE) {
        let mut values: Vec<Value> = Vec::with_capacity(rows.len() * kinds.len());
        for row in rows {
            for (index, kind) in kinds.iter().enumerate() {
                values.push(row.value(index, kind)?);
            }
        }
        let sql = format!("INSERT INTO {table} ({names}) VALUES ROWS");
        into.run_built(rows_of_sqlite(&sql, rows.len(), kinds.len()), values)
            .await?;
    }
    Ok(())
}
