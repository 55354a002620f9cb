//! One database interface over SQLite and PostgreSQL.
//!
//! SQL is written once, with `$n` placeholders. Where the dialects differ the text uses one of these marks, which are
//! replaced before the statement is sent: `NOW_MS()` (the database's clock, milliseconds), `IN LIST($n)` and
//! `NOT IN LIST($n)` (the texts of the JSON array bound as `$n`), `SKIP_LOCKED` (row locks for claims; SQLite has one
//! writer and needs none) and, in statements for [`Tx::put_rows`], `ROWS` where `VALUES` wants them.
//!
//! SQLite: WAL, one writer connection that begins IMMEDIATE, a few readers, full synchronous, because a stored event id is
//! the proof against a duplicate. Dropping a [`Tx`] rolls it back.
use super::error::StoreError;
use super::values::{Row, Value};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::query::Query;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Postgres, Sqlite, Transaction};
use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a writer waits for another process that holds SQLite's write lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Rows of one statement; a power of two. SQLite takes 32766 parameters, PostgreSQL 65535.
pub(super) const ROWS_AT_ONCE: usize = 128;
/// How long to wait for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Which database this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Inside the process.
    Sqlite,
    /// A server, version 15 or later.
    Postgres,
}

/// A handle to the database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    pools: Pools,
    shared: Arc<Shared>,
}

#[derive(Debug, Clone)]
enum Pools {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

/// What all transactions of a database share.
#[derive(Debug, Default)]
struct Shared {
    /// How many statements and commits were sent; for `benches/`.
    statements: AtomicU64,
    commits: AtomicU64,
    /// The statements as this backend wants them, by text and, where it has the mark `ROWS`, number of rows: marks are
    /// replaced once, not for every row.
    texts: Mutex<HashMap<(&'static str, usize), Arc<str>>>,
}

impl Shared {
    /// Counts a statement and gives its text for the backend.
    fn statement(&self, sql: &'static str, rows: usize, replace: impl FnOnce(&str) -> String) -> Arc<str> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.entry((sql, rows)).or_insert_with(|| replace(sql).into()).clone()
    }
}

/// A transaction. SQLite: the only writer.
pub struct Tx {
    inner: Inner,
    shared: Arc<Shared>,
}

enum Inner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Opens or creates the SQLite database file with mode 0600.
    pub async fn open_sqlite(path: &Path) -> Result<Db, StoreError> {
        create_private(path).map_err(|source| StoreError::Open {
            what: path.display().to_string(),
            source,
        })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .pragma("temp_store", "MEMORY")
            .pragma("cache_size", "-8000");
        let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT);
        let writer = pool().max_connections(1).connect_with(options.clone()).await?;
        let readers = pool().max_connections(4).connect_lazy_with(options.read_only(true));
        Ok(Db {
            pools: Pools::Sqlite { writer, readers },
            shared: Arc::default(),
        })
    }

    /// Connects to PostgreSQL.
    pub async fn open_postgres(url: &str) -> Result<Db, StoreError> {
        // An app that leaves a transaction open must not stop every tenant's passes.
        let options = PgConnectOptions::from_str(url)?.options([("lock_timeout", "5s")]);
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await?;
        Ok(Db {
            pools: Pools::Postgres(pool),
            shared: Arc::default(),
        })
    }

    /// An empty SQLite database in memory, with one connection: a reader and a writer wait for each other.
    pub(super) async fn in_memory() -> Result<Db, StoreError> {
        let only = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(SqliteConnectOptions::new().in_memory(true).foreign_keys(true))
            .await?;
        Ok(Db {
            pools: Pools::Sqlite {
                readers: only.clone(),
                writer: only,
            },
            shared: Arc::default(),
        })
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        match &self.pools {
            Pools::Sqlite { .. } => Backend::Sqlite,
            Pools::Postgres(_) => Backend::Postgres,
        }
    }

    /// Statements sent and transactions committed since the database was opened.
    pub fn counts(&self) -> (u64, u64) {
        (
            self.shared.statements.load(Ordering::Relaxed),
            self.shared.commits.load(Ordering::Relaxed),
        )
    }

    /// Begins a transaction that may write.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let inner = match &self.pools {
            Pools::Sqlite { writer, .. } => Inner::Sqlite(Box::pin(writer.begin_with("BEGIN IMMEDIATE")).await?),
            Pools::Postgres(pool) => Inner::Postgres(Box::pin(pool.begin()).await?),
        };
        Ok(Tx {
            inner,
            shared: self.shared.clone(),
        })
    }

    /// Begins a transaction that only reads; on SQLite it does not wait for the writer.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        let inner = match &self.pools {
            Pools::Sqlite { readers, .. } => Inner::Sqlite(Box::pin(readers.begin()).await?),
            Pools::Postgres(pool) => Inner::Postgres(Box::pin(pool.begin()).await?),
        };
        Ok(Tx {
            inner,
            shared: self.shared.clone(),
        })
    }

    /// Closes all connections; SQLite's WAL is folded into the file.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// Runs `migrator` for this backend.
    pub(super) async fn migrate_with(
        &self,
        sqlite: sqlx::migrate::Migrator,
        postgres: sqlx::migrate::Migrator,
    ) -> Result<(), sqlx::migrate::MigrateError> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => sqlite.run(writer).await,
            Pools::Postgres(pool) => postgres.run(pool).await,
        }
    }
}

impl Tx {
    /// Runs a statement and returns how many rows it touched.
    pub async fn execute(&mut self, sql: &'static str, args: Vec<Value>) -> Result<u64, StoreError> {
        let text = self.text(sql, 0, 0);
        Ok(match &mut self.inner {
            Inner::Sqlite(tx) => bind_sqlite(text, args).execute(&mut **tx).await?.rows_affected(),
            Inner::Postgres(tx) => bind_postgres(text, args).execute(&mut **tx).await?.rows_affected(),
        })
    }

    /// Reads rows, those of `RETURNING` included.
    pub async fn fetch_all(&mut self, sql: &'static str, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let text = self.text(sql, 0, 0);
        self.send(text, args).await
    }

    /// Reads at most one row.
    pub async fn fetch_optional(&mut self, sql: &'static str, args: Vec<Value>) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch_all(sql, args).await?.into_iter().next())
    }

    /// Runs a statement of which `VALUES ROWS` are these rows, and reads those of its `RETURNING`. It has no other
    /// parameters, and all rows are of one length.
    ///
    /// Rows are sent in groups of 128, 64, ... 1, so that few different statements are prepared.
    pub async fn put_rows(&mut self, sql: &'static str, rows: Vec<Vec<Value>>) -> Result<Vec<Row>, StoreError> {
        let mut found = Vec::new();
        let (mut left, width) = (rows.len(), rows.first().map_or(0, Vec::len));
        let mut rows = rows.into_iter();
        while left > 0 {
            let group = (1 << left.ilog2()).min(ROWS_AT_ONCE);
            left -= group;
            let args = rows.by_ref().take(group).flatten().collect();
            let text = self.text(sql, group, width);
            found.extend(self.send(text, args).await?);
        }
        Ok(found)
    }

    /// Runs a statement that is made of the schema's own names, never of anything else, and reads its rows.
    pub(super) async fn run_built(&mut self, sql: String, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.shared.statements.fetch_add(1, Ordering::Relaxed);
        self.send(sql.into(), args).await
    }

    async fn send(&mut self, text: Arc<str>, args: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        Ok(match &mut self.inner {
            Inner::Sqlite(tx) => {
                let rows = bind_sqlite(text, args).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Inner::Postgres(tx) => {
                let rows = bind_postgres(text, args).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The text of a statement for this backend, and for so many rows of so many values; it counts as sent.
    fn text(&self, sql: &'static str, rows: usize, width: usize) -> Arc<str> {
        match self.backend() {
            Backend::Sqlite => self
                .shared
                .statement(sql, rows, |sql| sqlite_text(&rows_of_sqlite(sql, rows, width))),
            Backend::Postgres => self
                .shared
                .statement(sql, rows, |sql| postgres_text(&rows_of_postgres(sql, rows, width))),
        }
    }

    /// Makes everything in this transaction durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.inner {
            Inner::Sqlite(tx) => tx.commit().await?,
            Inner::Postgres(tx) => tx.commit().await?,
        }
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Undoes everything in this transaction.
    pub async fn rollback(self) -> Result<(), StoreError> {
        match self.inner {
            Inner::Sqlite(tx) => tx.rollback().await?,
            Inner::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }

    /// Which database this is.
    pub fn backend(&self) -> Backend {
        match &self.inner {
            Inner::Sqlite(_) => Backend::Sqlite,
            Inner::Postgres(_) => Backend::Postgres,
        }
    }
}

/// Creates the file with mode 0600 if it is missing; SQLite gives its -wal and -shm the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map(drop)
}

/// Replaces the marks of shared SQL by SQLite's text.
pub(super) fn sqlite_text(sql: &str) -> String {
    let sql = replace_list(sql, "IN LIST(", "IN (SELECT value FROM json_each(", "))");
    sql.replace(
        "NOW_MS()",
        "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)",
    )
    .replace("SKIP_LOCKED", "")
}

/// Replaces the marks of shared SQL by PostgreSQL's text.
pub(super) fn postgres_text(sql: &str) -> String {
    // An array is looked up by index whatever PostgreSQL believes of a table that has just been filled; a subquery is joined.
    const TEXTS: &str = "(ARRAY(SELECT jsonb_array_elements_text(CAST(";
    let sql = replace_list(sql, "NOT IN LIST(", &format!("<> ALL{TEXTS}"), " AS jsonb))))");
    let sql = replace_list(&sql, "IN LIST(", &format!("= ANY{TEXTS}"), " AS jsonb))))");
    sql.replace("NOW_MS()", "now_ms()")
        .replace("SKIP_LOCKED", "FOR UPDATE SKIP LOCKED")
}

fn replace_list(sql: &str, mark: &str, before: &str, after: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(mark) {
        let (head, tail) = rest.split_at(at);
        let Some(end) = tail.find(')') else { break };
        out.push_str(head);
        out.push_str(before);
        out.push_str(&tail[mark.len()..end]);
        out.push_str(after);
        rest = &tail[end + 1..];
    }
    out.push_str(rest);
    out
}

/// Puts places for parameters where `ROWS` is. Without numbers: SQLite looks the names of parameters up one after the other.
pub(super) fn rows_of_sqlite(sql: &str, rows: usize, width: usize) -> String {
    let row = format!("({})", vec!["?"; width].join(", "));
    sql.replace("ROWS", &vec![row; rows].join(", "))
}

/// Puts places for parameters where `ROWS` is.
fn rows_of_postgres(sql: &str, rows: usize, width: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> = (1..=width).map(|column| format!("${}", row * width + column)).collect();
        format!("({})", places.join(", "))
    };
    sql.replace("ROWS", &(0..rows).map(row).collect::<Vec<_>>().join(", "))
}

fn bind_sqlite(sql: Arc<str>, args: Vec<Value>) -> Query<'static, Sqlite, SqliteArguments> {
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for arg in args {
        query = match arg {
            Value::Int(v) => query.bind(v),
            Value::Text(v) => query.bind(v),
            Value::Bytes(v) => query.bind(v),
        };
    }
    query
}

fn bind_postgres(sql: Arc<str>, args: Vec<Value>) -> Query<'static, Postgres, PgArguments> {
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for arg in args {
        query = match arg {
            Value::Int(v) => query.bind(v),
            Value::Text(v) => query.bind(v),
            Value::Bytes(v) => query.bind(v),
        };
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_what_each_database_understands() {
        let sql = "a IN LIST($1) AND b NOT IN LIST($2)";
        assert_eq!(
            sqlite_text(sql),
            "a IN (SELECT value FROM json_each($1)) AND b NOT IN (SELECT value FROM json_each($2))"
        );
        let texts = |n: u8| format!("(ARRAY(SELECT jsonb_array_elements_text(CAST(${n} AS jsonb))))");
        assert_eq!(
            postgres_text(sql),
            format!("a = ANY{} AND b <> ALL{}", texts(1), texts(2))
        );
        assert_eq!(rows_of_sqlite("VALUES ROWS", 2, 2), "VALUES (?, ?), (?, ?)");
        assert_eq!(rows_of_postgres("VALUES ROWS", 2, 2), "VALUES ($1, $2), ($3, $4)");
    }
}
