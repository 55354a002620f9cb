//! Two-way calendar sync: one pass over one sync scope. A scope that is the contacts of an account is handed to `people`.
//!
//! ```text
//! claim (lease, fence) -> pull: all pages, and the single events that the pages raise questions about
//!   -> inbound: each item merged with its booking, in short transactions, each checking the fence
//!   -> removals: what would be cancelled or deleted, through the brake; then the sync token
//!   -> outbound: what the app has changed, from state (version against agreed version), with If-Match
//!   -> let go
//! ```
//!
//! Everything between is derived from state, so a crash anywhere only means that the rest is planned again: the merge moves
//! the memory of the last agreement together with the booking, and what the app still wants differs from that memory.
//!
//! - `context.rs`: what a pass knows before it starts; `report.rs`: what it did
//! - `pull.rs`: talks to Google, writes nothing
//! - `inbound.rs`: items of Google meet their bookings, in chunks (`chunks.rs`), the live ones in `meeting.rs`;
//!   `newcomer.rs`: those that have none yet; `occurrence.rs`: changed occurrences; `belonging.rs`: which series those have;
//!   `halves.rs`: series whose new half came before the cut
//! - `settle.rs`: one placement, its booking and its event: merge, local step, memory, question; `words.rs`: erases what
//!   turned private; `restore.rs`: puts deleted rows back
//! - `waiting.rs`: what stops at a person: questions, conflict records, quarantine
//! - `removal.rs`: deletions and cancellations; `brake.rs`: not in masses; `leads.rs`: lost leads, and who takes them
//! - `hand_over.rs`: bookings that were given to another user
//! - `outbound.rs`: the app's changes go to Google: decided in `preparing.rs`, looked up in `looking.rs`, done in
//!   `writing.rs`, and what a no means in `refused.rs`; `series.rs`: what a write to a series does to its occurrences,
//!   `carried.rs` what a new lead of it does
mod belonging;
mod brake;
mod carried;
mod context;
mod error;
mod halves;
mod hand_over;
mod inbound;
mod leads;
mod newcomer;
mod occurrence;
mod outbound;
mod pull;
mod removal;
mod report;
mod restore;
mod series;
mod settle;
mod waiting;
mod words;

pub use error::SyncError;
pub use report::{PassReport, Step};

use super::{Engine, people, tokens};
use crate::domain::failure::{self, FailureClass};
use crate::store::scopes::{self, Claim, ScopeKey};
use context::Context;

/// When a pass is tried again that another one was in the way of, ms.
const SOON_MS: i64 = 1000;

/// What an engine needs to know to run passes.
#[derive(Debug, Clone)]
pub struct SyncSettings {
    /// Events that ended earlier are not read, in days.
    pub window_past_days: u32,
    /// How long a claim lasts, in milliseconds; every write of the pass prolongs it.
    pub lease_ms: i64,
    /// Events per page, at most 2500; contacts per page, at most 1000.
    pub page_size: u16,
    /// How long after a create with an unknown outcome a full listing proves that there is no such contact, in milliseconds.
    pub contact_create_delay_ms: i64,
}

/// Runs one pass of a claimed scope and lets go of it. `next_due` (ms) is when it is due again if all goes well.
///
/// # Errors
/// What stopped the pass. It is also stored with the scope, which is due again after a delay that fits the failure; if only
/// another pass was in its way, nothing is stored and it is due again soon.
pub async fn pass(engine: &Engine, claim: &Claim, next_due: i64) -> Result<PassReport, SyncError> {
    // Boxed: what a pass keeps in mind is large, and would be part of every caller's own state.
    let mut outcome = Box::pin(run(engine, claim, next_due)).await;
    if matches!(&outcome, Err(error) if error.class() == FailureClass::Unauthorized) {
        // The access token was refused before its time: once with a fresh one. What was applied is recognised.
        outcome = match renew_access(engine, claim).await {
            Ok(()) => Box::pin(again(engine, claim, next_due)).await,
            Err(error) => Err(error),
        };
    }
    match outcome {
        Ok(report) => Ok(report),
        Err(SyncError::LostLease) => Err(SyncError::LostLease),
        Err(error) if error.is_in_the_way() => {
            let mut tx = engine.db.begin().await?;
            scopes::step_back(&mut tx, claim, engine.now_ms() + SOON_MS).await?;
            tx.commit().await?;
            Err(error)
        }
        Err(error) => {
            record_failure(engine, claim, &error).await?;
            Err(error)
        }
    }
}

/// A pass that goes on from where the last one has come: with the token that is kept now, if any is.
async fn again(engine: &Engine, claim: &Claim, next_due: i64) -> Result<PassReport, SyncError> {
    let mut tx = engine.db.read().await?;
    let stored = scopes::peek(&mut tx, &claim.key).await?.ok_or(SyncError::NoSuchScope)?;
    drop(tx);
    let claim = Claim {
        sync_token: stored.sync_token,
        fingerprint: stored.fingerprint,
        ..claim.clone()
    };
    run(engine, &claim, next_due).await
}

async fn renew_access(engine: &Engine, claim: &Claim) -> Result<(), SyncError> {
    let (tenant, account) = (claim.key.tenant, claim.key.account);
    let refused = tokens::access_token(engine, tenant, account).await?;
    Ok(tokens::invalidate(engine, tenant, account, &refused).await?)
}

async fn run(engine: &Engine, claim: &Claim, next_due: i64) -> Result<PassReport, SyncError> {
    if claim.key.is_contacts() {
        return Box::pin(people::run(engine, claim, next_due)).await;
    }
    let mut tx = engine.db.read().await?;
    let mut context = Context::load(engine, &mut tx, claim).await?;
    drop(tx);
    let mut report = PassReport::default();
    let listing = Box::pin(pull::pull(&mut context, &mut report)).await?;
    let mut token = Some(listing.token.clone());
    let thaws = context.frozen() != context.scope.frozen.as_deref();
    let pushes = context.has_pending && context.takes_writes();
    let quiet = listing.is_quiet() && !pushes && !context.has_waiting && !thaws;
    if !quiet {
        context.load_rest().await?;
        Box::pin(inbound::apply(&mut context, listing, &mut report)).await?;
        leads::wake_others(&context).await?;
        Box::pin(hand_over::receive(&context, &mut report)).await?;
        Box::pin(outbound::push(&mut context, &mut report)).await?;
        Box::pin(hand_over::send(&context, &mut report)).await?;
        brake::renew_question(&context).await?;
        leads::wake_others(&context).await?;
        // It was kept as soon as everything was applied, and is not kept again: what came after may have forgotten it.
        token = None;
    }
    let mut tx = engine.db.begin().await?;
    let now = engine.now_ms();
    // Answers that were not read for their number follow at once, as long as that comes to anything.
    let has_more = !context.unread.is_empty() && context.takes_writes() && !report.is_quiet();
    let next_due = if has_more { now } else { next_due };
    if !scopes::finish(&mut tx, claim, token.as_deref(), &context.fingerprint, now, next_due).await? {
        return Err(SyncError::LostLease);
    }
    tx.commit().await?;
    if context.scope.is_waited_for {
        leads::wake_waiting(engine, &claim.key).await?;
    }
    Ok(report)
}

/// Tells what a pass would do and does nothing: it reads from Google, and applies that to a private copy.
pub async fn plan(engine: &Engine, key: &ScopeKey) -> Result<PassReport, SyncError> {
    let mut tx = engine.db.read().await?;
    let Some(claim) = scopes::peek(&mut tx, key).await? else {
        return Err(SyncError::NoSuchScope);
    };
    drop(tx);
    if key.is_contacts() {
        return Box::pin(people::plan(engine, &claim)).await;
    }
    let mut tx = engine.db.read().await?;
    let mut context = Context::load(engine, &mut tx, &claim).await?;
    drop(tx);
    context.is_plan = true;
    let mut report = PassReport {
        steps: Some(Vec::new()),
        ..PassReport::default()
    };
    let listing = Box::pin(pull::pull(&mut context, &mut report)).await?;
    let copied = Engine {
        db: engine.db.private_copy(key.tenant).await?,
        ..engine.clone()
    };
    let mut context = Context {
        engine: &copied,
        ..context
    };
    context.load_rest().await?;
    Box::pin(inbound::apply(&mut context, listing, &mut report)).await?;
    let mut tx = copied.db.begin().await?;
    Box::pin(outbound::plan(&context, &mut tx, &mut report)).await?;
    hand_over::plan(&context, &mut tx, &mut report).await?;
    drop(tx);
    copied.db.close().await;
    Ok(report)
}

async fn record_failure(engine: &Engine, claim: &Claim, error: &SyncError) -> Result<(), SyncError> {
    let class = error.class();
    let mut bytes = [0u8; 4];
    engine.entropy.fill(&mut bytes);
    let jitter = f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX);
    let failures = u32::try_from(claim.failures).unwrap_or(u32::MAX);
    let wait = failure::delay(class, failures, jitter);
    let due_at = engine
        .now_ms()
        .saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
    let mut tx = engine.db.begin().await?;
    let held = scopes::fail(&mut tx, claim, &format!("{}: {error}", class.as_str()), due_at).await?;
    if held && class == FailureClass::Gone && !claim.key.is_contacts() {
        // The calendar itself is not there or not ours any more: its bookings stay as they are.
        let key = &claim.key;
        let reason = Some("Google does not show this calendar to the account any more");
        crate::store::calendars::freeze(&mut tx, key.tenant, key.account, &key.calendar, reason).await?;
    }
    tx.commit().await?;
    if held {
        leads::wake_waiting(engine, &claim.key).await?;
    }
    Ok(())
}
