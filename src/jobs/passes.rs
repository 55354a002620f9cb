//! Runs the passes of due scopes, several at once, never two of the same scope.
//!
//! Who runs what is settled by the leases in the database, so any number of processes may do this at the same time. A stop
//! lets running passes end; what is still running when the patience is over is cut off and let go of, and the next start
//! plans the rest again.
use super::cadence::Cadence;
use super::watch::DatabaseWatch;
use crate::engine::sync::{self, SyncError};
use crate::engine::{Engine, due};
use crate::lifecycle::Stop;
use crate::store::scopes::Claim;
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

/// How often the database is asked for due scopes when nobody wakes us.
const TICK: Duration = Duration::from_secs(1);
/// How long running passes may go on after a gentle stop. Shorter than the patience of the whole process, so that what is cut
/// off can still be let go of.
const PATIENCE: Duration = Duration::from_secs(8);

/// Runs passes until the stop.
pub async fn run(engine: Engine, cadence: Cadence, concurrency: usize, watch: &DatabaseWatch, stop: Stop) {
    let mut running = Running::default();
    let mut failures = 0;
    while !stop.is_requested() {
        let free = concurrency.saturating_sub(running.tasks.len());
        let pause = match claim(&engine, free).await {
            Ok(claims) => {
                watch.works();
                failures = 0;
                for claim in claims {
                    let next_due = cadence.next_due(&claim.key, engine.clock.now());
                    running.start(&engine, claim, next_due);
                }
                TICK
            }
            Err(error) => {
                failures += 1;
                watch.fails(&error, failures)
            }
        };
        tokio::select! {
            () = stop.requested() => {}
            () = sleep(pause) => {}
            // While the database is away, neither a wish nor an end of a pass makes it come back sooner.
            () = engine.wake.notified(), if failures == 0 => {}
            Some(ended) = running.tasks.join_next_with_id(), if failures == 0 => running.ended(ended),
        }
    }
    running.finish(&engine, &stop).await;
}

async fn claim(engine: &Engine, free: usize) -> Result<Vec<Claim>, crate::store::StoreError> {
    if free == 0 || !due::is_any(engine).await? {
        return Ok(Vec::new());
    }
    due::claim(engine, free).await
}

/// The passes under way, each with its claim.
#[derive(Default)]
struct Running {
    tasks: JoinSet<()>,
    claims: HashMap<Id, Claim>,
}

impl Running {
    fn start(&mut self, engine: &Engine, claim: Claim, next_due: i64) {
        let (engine, held) = (engine.clone(), claim.clone());
        let task = self.tasks.spawn(async move { one(&engine, &held, next_due).await });
        self.claims.insert(task.id(), claim);
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let claim = self.claims.remove(&id);
        if let (Err(error), Some(claim)) = (ended, claim)
            && error.is_panic()
        {
            // Its lease is left to run out: trying the same at once would panic at once.
            tracing::error!(tenant = %claim.key.tenant, account = %claim.key.account, "a pass panicked; it is tried again when its lease ends");
        }
    }

    async fn finish(mut self, engine: &Engine, stop: &Stop) {
        let deadline = Instant::now() + PATIENCE;
        while !self.tasks.is_empty() {
            tokio::select! {
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
                () = sleep_until(deadline) => break,
                () = stop.firm() => break,
            }
        }
        self.tasks.shutdown().await;
        for claim in self.claims.into_values() {
            tracing::info!(tenant = %claim.key.tenant, account = %claim.key.account, "a pass was cut off; the next start goes on with it");
            // If this fails, the lease runs out by itself.
            if let Err(error) = due::let_go(engine, &claim).await {
                tracing::warn!(%error, "a scope could not be let go of; its lease runs out by itself");
            }
        }
    }
}

async fn one(engine: &Engine, claim: &Claim, next_due: i64) {
    let key = &claim.key;
    match sync::pass(engine, claim, next_due).await {
        Ok(report) if report.is_quiet() => {
            tracing::debug!(tenant = %key.tenant, account = %key.account, "a pass found nothing to do");
        }
        Ok(report) => {
            let report = serde_json::to_string(&report).unwrap_or_default();
            tracing::info!(tenant = %key.tenant, account = %key.account, report, "a pass did something");
        }
        Err(SyncError::LostLease) => {
            tracing::debug!(tenant = %key.tenant, account = %key.account, "another worker took the scope over, or it was switched off");
        }
        // The first failure is news; the same again every few minutes is not, and `accord status` shows it.
        Err(error) if claim.failures == 0 => {
            tracing::warn!(tenant = %key.tenant, account = %key.account, class = error.class().as_str(), %error, "a pass failed; it is tried again");
        }
        Err(error) => {
            tracing::debug!(tenant = %key.tenant, account = %key.account, class = error.class().as_str(), %error, "a pass failed again");
        }
    }
}
