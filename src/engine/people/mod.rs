//! Two-way sync of customers and Google Contacts: one pass over the contacts of an account.
//!
//! ```text
//! pull: all pages (everything, or what changed), and single contacts that answers and suspicions are about
//!   -> inbound: each contact that is linked is merged with its customer, in short transactions, each checking the fence
//!   -> newcomers: contacts without a link meet customers without one: linked, asked about, or made into customers
//!   -> removals: contacts that are gone, and customers that the app deleted, through the brake; then the sync token
//!   -> outbound: creates (an attempt row first), then changes, from state: version against agreed version
//! ```
//!
//! How the two sides hang together:
//! - `contact_links` ties a customer to a contact. Its base is what both last agreed on, each in its own form; the merge moves
//!   it to what Google shows now, so whatever the app still wants differs from it and is pushed now or later. A link that is
//!   gone is a tombstone on both ids: neither side is imported or pushed again without somebody's explicit act.
//! - `row_state.agreed_version` says which version of a customer has nothing to push; `held_version` which version waits for
//!   something else (an answer, a match, a frozen link). Whatever may end a wait calls `customer_states::look_again`.
//! - A create has no key that makes it safe to repeat. The link is committed as `creating`, with the time of the attempt and
//!   what is sent, before the request. Our entry in the contact's `clientData`
//!   (`accord:<installation>:<tenant>:<customer>`) finds it again in any later listing. Only when two full listings, the later
//!   one at least the configured delay after the attempt, lack it, is it created again, alone.
//! - The contact's own etag decides: the one that is stored is an echo, an older copy (`updateTime`) is not applied, and
//!   writes are guarded by the etag of the read that they build on. One pass at a time owns the scope, so there is one write
//!   at a time per user.
//!
//! - `context.rs`: what a pass knows before it starts
//! - `pull.rs`: talks to Google, writes nothing
//! - `inbound.rs`: contacts of the listing meet their links; `settle.rs`: one link, its customer and its contact
//! - `newcomer.rs`: contacts that have no link
//! - `removal.rs`: contacts that are gone and customers that were deleted, and the brake; `deleting.rs`: the latter's contacts
//! - `outbound.rs`: what the app changed; `creating.rs`: contacts for customers that have none;
//!   `updating.rs`: changed fields of those that have one
//! - `asking.rs`: what stops at a person: questions, conflict records, quarantine
mod asking;
mod context;
mod creating;
mod deleting;
mod inbound;
mod newcomer;
mod outbound;
mod pull;
mod removal;
mod settle;
mod updating;

use super::Engine;
use super::sync::{PassReport, SyncError};
use crate::store::scopes::{self, Claim};
use context::Context;

/// Runs one pass of a claimed scope and lets go of it. `next_due` (ms) is when it is due again if all goes well.
///
/// # Errors
/// What stopped the pass; nothing is half done.
pub(super) async fn run(engine: &Engine, claim: &Claim, next_due: i64) -> Result<PassReport, SyncError> {
    let mut tx = engine.db.read().await?;
    let mut context = Context::load(engine, &mut tx, claim).await?;
    drop(tx);
    let mut report = PassReport::default();
    let token = if context.lets_any() {
        sync(&mut context, &mut report).await?
    } else {
        None
    };
    let mut tx = engine.db.begin().await?;
    let now = engine.now_ms();
    if !scopes::finish(&mut tx, claim, token.as_deref(), &context.fingerprint, now, next_due).await? {
        return Err(SyncError::LostLease);
    }
    tx.commit().await?;
    Ok(report)
}

/// Returns the sync token, unless it was kept on the way.
async fn sync(context: &mut Context<'_>, report: &mut PassReport) -> Result<Option<String>, SyncError> {
    let listing = pull::pull(context, report).await?;
    let pushes = context.scope.has_pending && context.takes_writes();
    if listing.is_quiet() && !pushes && !context.scope.has_answers {
        return Ok(listing.token);
    }
    context.load_rest().await?;
    Box::pin(inbound::apply(context, listing, report)).await?;
    Box::pin(outbound::push(context, report)).await?;
    // It was kept as soon as everything was applied, and is not kept again: what came after may have forgotten it.
    Ok(None)
}

/// Tells what a pass would do and does nothing: it reads from Google, and applies that to a private copy.
pub(super) async fn plan(engine: &Engine, claim: &Claim) -> Result<PassReport, SyncError> {
    let mut tx = engine.db.read().await?;
    let mut context = Context::load(engine, &mut tx, claim).await?;
    drop(tx);
    context.is_plan = true;
    let mut report = PassReport {
        steps: Some(Vec::new()),
        ..PassReport::default()
    };
    if !context.lets_any() {
        return Ok(report);
    }
    let listing = pull::pull(&context, &mut report).await?;
    context.load_rest().await?;
    let copied = Engine {
        db: engine.db.private_copy(claim.key.tenant).await?,
        ..engine.clone()
    };
    let mut context = Context {
        engine: &copied,
        ..context
    };
    Box::pin(inbound::apply(&mut context, listing, &mut report)).await?;
    outbound::plan(&context, &mut report).await?;
    copied.db.close().await;
    Ok(report)
}
