//! The ledger: written in the transaction of what it records, checked from the first row to the last.
//!
//! Whoever adds a row holds the head of its tenant until their transaction ends, so that rows are numbered without gaps whoever
//! writes. Callers take their other locks first and append last.
use super::Engine;
use crate::domain::ids::TenantId;
use crate::domain::ledger::chain::{Chain, OutsideHead, Problem};
use crate::domain::ledger::{FORMAT, HEAD, HeadLine, Header, RowLine, SaltLine, Salts, first_hash, hex, next_hash};
use crate::domain::mac::fresh;
use crate::store::ledger::{self, Head, LedgerRow};
use crate::store::{StoreError, Tx};
use serde::Serialize;

/// Rows or salts read at a time.
const PAGE: i64 = 1000;

pub use crate::domain::ledger::{Event, message_owner, recipient_owner};

/// Adds what happened to the tenant's ledger; it is there when the caller's transaction commits.
///
/// # Errors
/// The database's; nothing was added then, and the caller's transaction must not commit. [`StoreError::Corrupt`] when the head
/// is not one that this installation wrote: a new code over what was forged would hide that.
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
    let mut head = ledger::hold_head(tx, tenant).await?;
    if head.is_none() {
        let first = signed(engine, tenant, 0, first_hash(tenant).to_vec());
        ledger::make_head(tx, tenant, &first).await?;
        // Whoever else made it has committed, or this waits for them.
        head = ledger::hold_head(tx, tenant).await?;
    }
    head.filter(|head| is_ours(engine, tenant, head))
        .ok_or_else(|| StoreError::Corrupt {
            column: "mac",
            problem: format!("the head of the ledger of tenant {tenant} was forged; `accord ledger verify` says more"),
        })
}

fn signed(engine: &Engine, tenant: TenantId, seq: i64, hash: Vec<u8>) -> Head {
    let (id, number) = (tenant.to_string(), seq.to_be_bytes());
    let mac = engine.keys.mac(HEAD, &[id.as_bytes(), &number, &hash]);
    Head { seq, hash, mac }
}

/// Writes the head of every ledger to the log, where whoever can change the database cannot reach it. For a job.
///
/// Heads with the code of an older key get one of the newest, so that the older one can leave the key file.
pub async fn log_heads(engine: &Engine) -> Result<(), StoreError> {
    for tenant in tenants(engine).await? {
        let mut tx = engine.db.read().await?;
        let (head, _) = ledger::head(&mut tx, tenant).await?;
        drop(tx);
        let Some(head) = head else { continue };
        if !is_ours(engine, tenant, &head) {
            tracing::error!(%tenant, seq = head.seq, "the head of a ledger was forged; `accord ledger verify` says more");
            continue;
        }
        tracing::info!(%tenant, seq = head.seq, hash = hex(&head.hash), "ledger head");
        if !head.mac.starts_with(&engine.keys.newest().bytes()) {
            let mut tx = engine.db.begin().await?;
            let head = hold(engine, &mut tx, tenant).await?;
            let head = signed(engine, tenant, head.seq, head.hash);
            ledger::move_head(&mut tx, tenant, &head).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

/// Erases the salts with these owners (see [`message_owner`], [`recipient_owner`]): their commitments tell nothing for ever
/// after, and the chain stays verifiable. Returns how many there were.
pub async fn erase(tx: &mut Tx, tenant: TenantId, owners: &[String]) -> Result<u64, StoreError> {
    ledger::erase_salts(tx, tenant, owners).await
}

/// What a check of one ledger found.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// Whose ledger.
    pub tenant: TenantId,
    /// Rows that were read.
    pub rows: i64,
    /// The number of the newest row.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
    /// Up to which row nothing can have been cut off, by a head noted outside; null without one.
    pub sure_to: Option<i64>,
    /// What is wrong: the first thousand.
    pub problems: Vec<Problem>,
    /// How much is wrong.
    pub problem_count: usize,
}

/// Whether the head's code was made by a key of the ring, for this tenant.
fn is_ours(engine: &Engine, tenant: TenantId, head: &Head) -> bool {
    let (id, number) = (tenant.to_string(), head.seq.to_be_bytes());
    engine
        .keys
        .verifies(HEAD, &[id.as_bytes(), &number, &head.hash], &head.mac)
}

/// Reads a ledger from its first row to its head and says everything that is not as it was written. With a head that was
/// noted outside of the database, also whether rows up to it were cut off; without one nobody can tell.
pub async fn verify(engine: &Engine, tenant: TenantId, outside: Option<OutsideHead>) -> Result<Checked, StoreError> {
    let mut tx = engine.db.read().await?;
    let (head, newest) = ledger::head(&mut tx, tenant).await?;
    drop(tx);
    let mut chain = Chain::new(tenant, outside);
    // Rows that are added meanwhile are not looked at: their head is not the one that was read.
    let mut after = i64::MIN;
    loop {
        let mut tx = engine.db.read().await?;
        let page = ledger::rows(&mut tx, tenant, after, newest, PAGE).await?;
        drop(tx);
        let Some(last) = page.last() else { break };
        after = last.seq;
        for row in &page {
            chain.row(row.seq, row.at, &row.entry, &row.hash);
        }
    }
    let (seq, hash) = chain.newest();
    let hash = hash.to_vec();
    check_head(engine, tenant, head.as_ref(), (seq, &hash), &mut chain);
    let rows = chain.rows();
    let (problems, problem_count) = chain.end();
    Ok(Checked {
        tenant,
        rows,
        seq,
        hash: hex(&hash),
        sure_to: outside.filter(|_| problem_count == 0).map(|head| head.seq),
        problems,
        problem_count,
    })
}

fn check_head(engine: &Engine, tenant: TenantId, head: Option<&Head>, (seq, hash): (i64, &[u8]), chain: &mut Chain) {
    let Some(head) = head else {
        if seq > 0 {
            chain.problem(None, "there are rows and no head: the head was removed");
        }
        return;
    };
    if !is_ours(engine, tenant, head) {
        let problem =
            "the head has no good code of this installation: head or code were changed, or the key file lacks its key";
        chain.problem(None, problem);
    }
    let at = head.seq;
    if at > seq {
        chain.problem(
            None,
            format!("the head is row {at}, and the newest row is {seq}: rows were cut off"),
        );
    } else if at < seq {
        chain.problem(
            None,
            format!("the head is row {at}, and there are rows up to {seq}: rows or head were forged"),
        );
    } else if head.hash != hash {
        chain.problem(
            None,
            format!("the head has another hash than row {seq}: rows or head were forged"),
        );
    }
}

/// Every tenant that has a ledger.
pub async fn tenants(engine: &Engine) -> Result<Vec<TenantId>, StoreError> {
    ledger::tenants(&mut engine.db.read().await?).await
}

/// Hands the lines of an export from row `from` on to `write`: the header, the rows, then the salts that were not erased.
/// `docs/ledger.md` describes them.
///
/// # Errors
/// [`StoreError::Other`] when the ledger ends before the row before `from`; the database's; those of `write`.
pub async fn export<E: From<StoreError>>(
    engine: &Engine,
    tenant: TenantId,
    from: i64,
    mut write: impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let mut tx = engine.db.read().await?;
    let (head, newest) = ledger::head(&mut tx, tenant).await?;
    let before = match from {
        1 => first_hash(tenant).to_vec(),
        from => ledger::rows(&mut tx, tenant, from - 2, from - 1, 1)
            .await?
            .pop()
            .map(|row| row.hash)
            .ok_or_else(|| {
                StoreError::Other(format!(
                    "the ledger has no row {} to begin after; its newest is {newest}",
                    from - 1
                ))
            })?,
    };
    drop(tx);
    let (seq, hash, mac) = match &head {
        Some(head) => (head.seq, Some(hex(&head.hash)), Some(hex(&head.mac))),
        // Without a row nobody made a head yet; without one beside rows somebody removed it.
        None => (0, (newest == 0).then(|| hex(&first_hash(tenant))), None),
    };
    write(&text(&Header {
        format: FORMAT,
        tenant,
        from,
        before: hex(&before),
        head: hash.map(|hash| HeadLine { seq, hash }),
        mac,
    })?)?;
    let mut after = from - 1;
    while after < newest {
        let mut tx = engine.db.read().await?;
        let page = ledger::rows(&mut tx, tenant, after, newest, PAGE).await?;
        drop(tx);
        let Some(last) = page.last() else { break };
        after = last.seq;
        for row in &page {
            write(&text(&RowLine {
                seq: row.seq,
                at: row.at,
                entry: &row.entry,
                hash: hex(&row.hash),
            })?)?;
        }
    }
    let mut owner = String::new();
    loop {
        let mut tx = engine.db.read().await?;
        let page = ledger::salts_after(&mut tx, tenant, &owner, PAGE).await?;
        drop(tx);
        let Some((last, _)) = page.last_key_value() else {
            return Ok(());
        };
        owner.clone_from(last);
        for (salt, value) in &page {
            write(&text(&SaltLine {
                salt,
                value: hex(value),
            })?)?;
        }
    }
}

fn text(line: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(line).map_err(|error| StoreError::Other(error.to_string()))
}
