//! Which schema a database has, looked at without changing it.
use super::{Backend, StoreError, Tx};
use crate::args;

/// The version of the last migration that was applied; `None` in a database without Accord's tables.
pub async fn version(tx: &mut Tx) -> Result<Option<i64>, StoreError> {
    const SQLITE: &str = "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
    const POSTGRES: &str = "SELECT 1 AS found WHERE to_regclass('_sqlx_migrations') IS NOT NULL";
    let look = match tx.backend() {
        Backend::Sqlite => SQLITE,
        Backend::Postgres => POSTGRES,
    };
    if tx.fetch_optional(look, args![]).await?.is_none() {
        return Ok(None);
    }
    let row = tx
        .fetch_optional("SELECT MAX(version) AS version FROM _sqlx_migrations", args![])
        .await?;
    row.map_or(Ok(None), |row| row.opt_int("version"))
}
