//! Sealed values as a whole: whether there are any, and sealing them again after a rotation of the keys.
use super::Engine;
use crate::domain::seal::{KeyId, KeyRing, SealContext};
use crate::store::sealed::{self, COLUMNS};
use crate::store::{Db, StoreError};

/// Values sealed again in one transaction.
const BATCH: i64 = 100;

/// Whether the database is useless without its keys. Asked before there is an [`Engine`], which needs the keys.
pub async fn holds_any(db: &Db) -> Result<bool, StoreError> {
    let mut tx = db.read().await?;
    sealed::holds_any(&mut tx).await
}

/// A key that sealed something in the database and is not in the ring, if there is any.
pub async fn missing_key(db: &Db, keys: &KeyRing) -> Result<Option<KeyId>, StoreError> {
    let mut tx = db.read().await?;
    Ok(sealed::headers(&mut tx)
        .await?
        .iter()
        .find_map(|header| keys.lacks(header)))
}

/// Seals a batch of values with the newest key that an older one has sealed. Returns whether there may be more.
///
/// What cannot be opened stays as it is: its key may come back.
pub async fn reseal(engine: &Engine) -> Result<bool, StoreError> {
    let header = engine.keys.header();
    let mut more = false;
    for column in &COLUMNS {
        let mut tx = engine.db.begin().await?;
        let old = sealed::not_begun_with(&mut tx, column, &header, BATCH).await?;
        let mut done = 0;
        for value in &old {
            let tenant = value.tenant.to_string();
            let context = SealContext {
                table: column.table,
                column: column.sealed_as,
                tenant: &tenant,
                row: &value.row,
            };
            match engine.keys.open(&context, &value.sealed) {
                Ok(plain) => {
                    let again = engine.keys.seal(engine.entropy.as_ref(), &context, &plain);
                    sealed::replace(&mut tx, column, value, again).await?;
                    done += 1;
                }
                Err(error) => {
                    tracing::warn!(%tenant, table = column.table, row = value.row, %error, "a value keeps its old key");
                }
            }
        }
        tx.commit().await?;
        more |= done > 0 && old.len() as i64 == BATCH;
    }
    Ok(more)
}

/// How many values an older key than the newest has sealed, counted up to `limit` for each column.
pub async fn outdated(engine: &Engine, limit: i64) -> Result<usize, StoreError> {
    let header = engine.keys.header();
    let mut count = 0;
    let mut tx = engine.db.read().await?;
    for column in &COLUMNS {
        count += sealed::not_begun_with(&mut tx, column, &header, limit).await?.len();
    }
    Ok(count)
}
