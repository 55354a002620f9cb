//! Quarantine: listing what was set aside, and trying it again.
use super::Engine;
use crate::domain::ids::{AccountId, CalendarId, QuarantineId, TenantId};
use crate::store::scopes::{self, ScopeKind};
use crate::store::{StoreError, accounts, customer_states, quarantine};
use serde::Serialize;

/// An item that was set aside.
#[derive(Debug, Clone, Serialize)]
pub struct SetAside {
    /// Id.
    pub id: QuarantineId,
    /// Account.
    pub account_id: AccountId,
    /// Whether it belongs to a calendar or to the contacts of the account.
    pub scope: ScopeKind,
    /// Calendar; empty for the contacts.
    pub calendar_id: CalendarId,
    /// `google`: an event or a contact; `app`: a booking or a customer.
    pub side: String,
    /// Id of the event or the booking; a contact's resource name, or a customer's id.
    pub item_id: String,
    /// What is wrong.
    pub reason: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

/// What is set aside, of one account or of the whole tenant.
pub async fn list(engine: &Engine, tenant: TenantId, account: Option<AccountId>) -> Result<Vec<SetAside>, StoreError> {
    let mut tx = engine.db.read().await?;
    let rows = quarantine::list(&mut tx, tenant, account).await?;
    Ok(rows
        .into_iter()
        .map(|row| SetAside {
            id: row.id,
            account_id: row.account_id,
            scope: ScopeKind::of(&row.calendar_id),
            calendar_id: row.calendar_id,
            side: row.side,
            item_id: row.item_id,
            reason: row.reason,
            created_at: row.created_at,
        })
        .collect())
}

/// Tries everything of an account again: bookings and customers are pushed again, and events and contacts are met again by
/// listing everything.
/// Returns how many items were set aside.
pub async fn retry(engine: &Engine, tenant: TenantId, account: AccountId) -> Result<usize, StoreError> {
    let mut tx = engine.db.begin().await?;
    let rows = quarantine::list(&mut tx, tenant, Some(account)).await?;
    for row in &rows {
        quarantine::release(&mut tx, tenant, account, &row.calendar_id, &row.side, &row.item_id).await?;
        if row.side == "google" {
            scopes::forget_token(&mut tx, tenant, account, Some(&row.calendar_id)).await?;
        }
    }
    if let Some(account) = accounts::get(&mut tx, tenant, account).await? {
        customer_states::look_again(&mut tx, tenant, account.user_id).await?;
    }
    scopes::make_due(&mut tx, tenant, account).await?;
    tx.commit().await?;
    Ok(rows.len())
}
