//! The ledger: written in the transaction of what it records, checked from the first row to the last.
//!
//! Whoever adds a row holds the head of its tenant until their transaction ends, so that rows are numbered without gaps whoever
//! writes. Callers take their other locks first and append last.
use super::Engine;
use crate::domain::ids::TenantId;
use crate::domain::ledger::{HEAD, Salts, first_hash, hex, next_hash};
use crate::domain::mac::fresh;
use crate::store::ledger::{self, Head, LedgerRow};
use crate::store::{StoreError, Tx};

pub use crate::domain::ledger::{Event, message_owner, recipient_owner};

/// Adds what happened to the tenant's ledger; it is there when the caller's transaction commits.
///
/// # Errors
/// The database's; nothing was added then, and the caller's transaction must not commit.
pub async fn append(engine: &Engine, tx: &mut Tx, tenant: TenantId, event: Event<'_>) -> Result<(), StoreError> {
    let head = hold(engine, tx, tenant).await?;
    let owners = event.owners();
    let mut salts = match owners.as_slice() {
        [] => Salts::default(),
        owners => ledger::salts(tx, tenant, owners).await?,
    };
    // Nobody else makes one meanwhile: they would have to hold the head.
    let missing = owners.into_iter().filter(|owner| !salts.contains_key(owner));
    let missing: Salts = missing.map(|owner| (owner, fresh(&*engine.entropy).to_vec())).collect();
    ledger::insert_salts(tx, tenant, &missing).await?;
    salts.extend(missing);

    let (seq, at) = (head.seq + 1, engine.now_ms());
    let entry = event.entry(seq, at, &salts);
    let entry = entry.map_err(|missing| StoreError::Other(missing.to_string()))?;
    let hash = next_hash(&head.hash, &entry).to_vec();
    let moved = signed(engine, tenant, seq, hash.clone());
    ledger::insert(tx, tenant, &LedgerRow { seq, at, entry, hash }).await?;
    ledger::move_head(tx, tenant, &moved).await
}

async fn hold(engine: &Engine, tx: &mut Tx, tenant: TenantId) -> Result<Head, StoreError> {
    if let Some(head) = ledger::hold_head(tx, tenant).await? {
        return Ok(head);
    }
    let first = signed(engine, tenant, 0, first_hash(tenant).to_vec());
    ledger::make_head(tx, tenant, &first).await?;
    // Whoever else made it has committed, or this waits for them.
    let head = ledger::hold_head(tx, tenant).await?;
    head.ok_or_else(|| StoreError::Other("the head of a ledger was removed".to_owned()))
}

fn signed(engine: &Engine, tenant: TenantId, seq: i64, hash: Vec<u8>) -> Head {
    let (id, number) = (tenant.to_string(), seq.to_be_bytes());
    let mac = engine.keys.mac(HEAD, &[id.as_bytes(), &number, &hash]);
    Head { seq, hash, mac }
}

/// Writes the head of every ledger to the log, where whoever can change the database cannot reach it. For a job.
pub async fn log_heads(engine: &Engine) -> Result<(), StoreError> {
    let mut tx = engine.db.read().await?;
    for tenant in ledger::tenants(&mut tx).await? {
        if let (Some(head), _) = ledger::head(&mut tx, tenant).await? {
            tracing::info!(%tenant, seq = head.seq, hash = hex(&head.hash), "ledger head");
        }
    }
    Ok(())
}

/// Erases the salts with these owners (see [`message_owner`], [`recipient_owner`]): their commitments tell nothing for ever
/// after, and the chain stays verifiable. Returns how many there were.
pub async fn erase(tx: &mut Tx, tenant: TenantId, owners: &[String]) -> Result<u64, StoreError> {
    ledger::erase_salts(tx, tenant, owners).await
}
