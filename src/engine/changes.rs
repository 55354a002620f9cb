//! The change feed, for apps that keep copies.
use super::{Engine, Refusal};
use crate::domain::ids::TenantId;
use crate::store::changes::{self, Change, Cursor};

impl Engine {
    /// Entries after a position, oldest first, and the position to go on from. Without a position: from the oldest one kept.
    ///
    /// # Errors
    /// [`Refusal::CursorExpired`] when entries after the position were pruned.
    pub async fn changes(
        &self,
        tenant: TenantId,
        after: Option<Cursor>,
        limit: i64,
    ) -> Result<(Vec<Change>, Cursor), Refusal> {
        let mut tx = self.db.read().await?;
        let after = match after {
            Some(after) => after,
            None => changes::oldest(&mut tx, tenant).await?,
        };
        let entries = changes::after(&mut tx, tenant, after, limit).await?;
        let entries = entries.ok_or(Refusal::CursorExpired)?;
        let next = entries.last().map_or(after, |last| last.cursor);
        Ok((entries, next))
    }
}
