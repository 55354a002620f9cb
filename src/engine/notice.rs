//! Rows that were written since the last look, by the app in SQL or by anybody else.
//!
//! What follows from a row is made good here: its derived instants, what a customer is found by, and the due time of the scopes that will carry it to
//! Google. Nothing depends on it for correctness of the sync, which finds changes by comparing versions; it only has to be soon.
use super::{Engine, customers, times};
use crate::domain::ids::{BookingId, CustomerId, TenantId, UserId};
use crate::store::{StoreError, Tx, accounts, bookings, mail, scopes, states, tenants, users};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Rows looked at in one transaction, which must stay far below a second.
const BATCH: usize = 200;

/// Takes note of a batch of rows of every tenant that has any. Returns whether there may be more.
///
/// Each tenant has its own transaction: what one of them wrote cannot hold up the others.
pub async fn run(engine: &Engine) -> Result<bool, StoreError> {
    let mut tx = engine.db.read().await?;
    let tenants = tenants::unnoticed(&mut tx).await?;
    drop(tx);
    let mut is_more = false;
    for tenant in tenants {
        match of_tenant(engine, tenant).await {
            Ok(more) => is_more |= more,
            // The transaction was in the way of another one: once more.
            Err(StoreError::Serialization) => is_more = true,
            Err(error) => tracing::error!(%tenant, %error, "what was written in SQL could not be taken note of"),
        }
    }
    Ok(is_more)
}

async fn of_tenant(engine: &Engine, tenant: TenantId) -> Result<bool, StoreError> {
    let mut tx = engine.db.begin().await?;
    let rows = states::notice(&mut tx, Some(tenant), BATCH as i64).await?;
    let mut written = Vec::new();
    let mut carriers: BTreeSet<UserId> = BTreeSet::new();
    let mut with_people: BTreeSet<UserId> = BTreeSet::new();
    for row in rows.iter().filter(|row| row.kind == "booking") {
        match row.id.parse() {
            Ok(id) => written.push(id),
            Err(_) => tracing::warn!(%tenant, id = row.id, "a booking was written in SQL whose id is no UUID"),
        }
        carriers.extend(row.user_id);
    }
    // A booking that was handed over by somebody who left is taken over by its new user's account.
    carriers.extend(derive(&mut tx, tenant, &written).await?);
    let people = rows.iter().filter(|row| row.kind == "customer");
    with_people.extend(people.clone().filter_map(|row| row.user_id));
    let people: Vec<CustomerId> = people.filter_map(|row| row.id.parse().ok()).collect();
    customers::derive_keys(&mut tx, tenant, &people).await?;
    // Their name or address may have changed.
    let told = mail::subjects::bookings_of(&mut tx, tenant, &people).await?;
    mail::tenants::consider_again(&mut tx, tenant, &told).await?;
    for (users, contacts) in [(&carriers, false), (&with_people, true)] {
        for user in users {
            if let Some(account) = accounts::live_of_user(&mut tx, tenant, *user).await? {
                scopes::make_due_for(&mut tx, tenant, account.id, contacts).await?;
            }
        }
    }
    tx.commit().await?;
    if !carriers.is_empty() || !with_people.is_empty() {
        engine.wake.notify_one();
    }
    Ok(rows.len() == BATCH)
}

/// Computes instants again that were computed with another zone database. Returns whether there may be more.
pub async fn recompute_times(engine: &Engine) -> Result<bool, StoreError> {
    let mut tx = engine.db.begin().await?;
    let old = bookings::times_to_recompute(&mut tx, times::TZDB, BATCH as i64).await?;
    let mut by_tenant: BTreeMap<TenantId, Vec<BookingId>> = BTreeMap::new();
    for (tenant, id) in &old {
        by_tenant.entry(*tenant).or_default().push(*id);
    }
    for (tenant, ids) in &by_tenant {
        derive(&mut tx, *tenant, ids).await?;
    }
    tx.commit().await?;
    Ok(old.len() == BATCH)
}

/// Stores the instants of these bookings; those that are gone or cannot be read have none. Returns the owners.
async fn derive(tx: &mut Tx, tenant: TenantId, ids: &[BookingId]) -> Result<Vec<UserId>, StoreError> {
    let rows = bookings::get_many(tx, tenant, ids).await?;
    let owners: BTreeSet<UserId> = rows.iter().map(|row| row.user_id).collect();
    let owners: Vec<UserId> = owners.into_iter().collect();
    let zones: HashMap<UserId, chrono_tz::Tz> = users::get_many(tx, tenant, &owners)
        .await?
        .into_iter()
        .map(|user| (user.id, user.time_zone))
        .collect();
    let mut rows: HashMap<BookingId, bookings::BookingRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    for id in ids {
        let row = rows.remove(id);
        let content = row
            .as_ref()
            .and_then(|row| Some((row.text.content().ok()?, zones.get(&row.user_id)?)));
        match content {
            Some((content, zone)) => times::store(tx, tenant, *id, &content, *zone).await?,
            None => bookings::clear_times(tx, tenant, *id).await?,
        }
    }
    Ok(owners)
}
