//! The id of this installation: one row, made once.
use super::{StoreError, Tx};
use crate::args;

/// The id, which is `fresh` if there was none.
pub async fn id(tx: &mut Tx, fresh: uuid::Uuid) -> Result<String, StoreError> {
    const READ: &str = "SELECT id FROM installation";
    const WRITE: &str = "INSERT INTO installation (the_only, id) VALUES (1, $1) ON CONFLICT (the_only) DO NOTHING";
    if let Some(row) = tx.fetch_optional(READ, args![]).await? {
        return row.text("id");
    }
    tx.execute(WRITE, args![fresh.hyphenated().to_string()]).await?;
    let row = tx.fetch_optional(READ, args![]).await?;
    row.map_or_else(
        || Err(StoreError::Other("there is no installation id".to_owned())),
        |row| row.text("id"),
    )
}
