//! What the daemon does by itself: passes of due scopes, and a handful of small jobs on a beat.
//!
//! A job is one call into the engine, again and again until a stop. None of them ends because something failed: trouble is
//! told once when it begins and once when it ends, and the next try comes after a growing pause.
pub mod cadence;
mod passes;
pub mod watch;

use crate::engine::disconnect::{self, EndError};
use crate::engine::housekeeping::{self, Retention};
use crate::engine::mail::{self, MailError};
use crate::engine::{Engine, ledger, notice, sealed};
use crate::lifecycle::Stop;
use crate::store::StoreError;
use cadence::Cadence;
use std::future::Future;
use std::time::Duration;
use tokio::time::sleep;
use watch::DatabaseWatch;

/// Changes written in SQL are noticed within this time; the promise is five seconds.
const NOTICE: Duration = Duration::from_secs(2);
/// How soon work that was put off for a while is taken up.
const SOON: Duration = Duration::from_secs(5);
/// For what may as well happen later.
const RARELY: Duration = Duration::from_secs(60 * 60);

/// What the jobs need beside the engine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// When scopes are polled.
    pub cadence: Cadence,
    /// Passes at the same time.
    pub concurrency: usize,
    /// How long things are kept.
    pub retention: Retention,
}

/// Why a job did not do what it should. It is tried again in any case.
enum Trouble {
    Database(StoreError),
    Other(String),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Trouble::Database(error)
    }
}

impl From<MailError> for Trouble {
    fn from(error: MailError) -> Self {
        match error {
            MailError::Store(error) => Trouble::Database(error),
            other => Trouble::Other(other.to_string()),
        }
    }
}

impl From<EndError> for Trouble {
    fn from(error: EndError) -> Self {
        match error {
            EndError::Store(error) => Trouble::Database(error),
            other => Trouble::Other(other.to_string()),
        }
    }
}

/// Runs everything until the stop; returns when all of it has ended.
pub async fn run(engine: Engine, settings: Settings, stop: Stop) {
    let watch = DatabaseWatch::default();
    let retention = settings.retention;
    let job = |name, period| Job {
        name,
        period,
        watch: &watch,
        stop: stop.clone(),
        is_whole: false,
    };
    tokio::join!(
        passes::run(
            engine.clone(),
            settings.cadence,
            settings.concurrency,
            &watch,
            stop.clone()
        ),
        job("notice", NOTICE).run(async || Ok(notice::run(&engine).await?)),
        job("mail: consider", NOTICE).run(async || Ok(mail::consider_waiting(&engine).await?)),
        job("mail: remind", SOON).run(async || Ok(mail::remind_due(&engine).await?)),
        job("mail: expire", SOON).run(async || Ok(mail::expire(&engine).await?)),
        job("mail: prompt", SOON).run(async || Ok(mail::prompt_waiting(&engine).await?)),
        job("mail: send", NOTICE).run_whole(async || Ok(mail::send_due(&engine).await?)),
        // A second lane: whatever a slow mail server holds up in the first goes out by this one.
        job("mail: send more", NOTICE).run_whole(async || Ok(mail::send_due(&engine).await?)),
        job("mail: overdue", SOON).run(async || Ok(mail::give_up_overdue(&engine).await?)),
        job("ledger heads", RARELY).run(async || {
            ledger::log_heads(&engine).await?;
            Ok(false)
        }),
        job("disconnects", SOON).run(async || Ok(disconnect::continue_disconnects(&engine).await? > 0)),
        job("revocations", SOON).run(async || Ok(disconnect::run_revocations(&engine).await? > 0)),
        job("zone database", RARELY).run(async || Ok(notice::recompute_times(&engine).await?)),
        job("sealing", RARELY).run(async || Ok(sealed::reseal(&engine).await?)),
        job("retention", RARELY).run(async || {
            let swept = housekeeping::sweep(&engine, retention).await?;
            tracing::debug!(?swept, "what was too old is gone");
            Ok(false)
        }),
    );
}

/// One job on its beat.
struct Job<'a> {
    name: &'static str,
    period: Duration,
    watch: &'a DatabaseWatch,
    stop: Stop,
    /// Whether a call under way at a gentle stop goes on to its end, unless the stop becomes a firm one.
    is_whole: bool,
}

impl Job<'_> {
    /// The same for work that must not be dropped half way as long as there is time: a mail that is handed over just now.
    async fn run_whole<F: Future<Output = Result<bool, Trouble>>>(self, work: impl Fn() -> F) {
        Job { is_whole: true, ..self }.run(work).await;
    }

    async fn unless_firm<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        if self.stop.is_requested() {
            return None;
        }
        tokio::select! {
            biased;
            () = self.stop.firm() => None,
            done = work => Some(done),
        }
    }

    /// Calls `work` on every beat, and again at once when it says that there is more. A call under way at the stop is dropped:
    /// its transaction is rolled back, and whatever it had begun outside is taken up by the next start.
    async fn run<F: Future<Output = Result<bool, Trouble>>>(self, work: impl Fn() -> F) {
        let mut failures = 0;
        loop {
            let outcome = match self.is_whole {
                false => self.stop.unless_requested(work()).await,
                true => self.unless_firm(work()).await,
            };
            let Some(outcome) = outcome else {
                return;
            };
            let pause = match outcome {
                Ok(more) => {
                    self.watch.works();
                    if failures > 0 {
                        tracing::info!(job = self.name, "works again");
                    }
                    failures = 0;
                    if more { Duration::ZERO } else { self.period }
                }
                Err(Trouble::Database(error)) => {
                    failures += 1;
                    self.watch.fails(&error, failures)
                }
                Err(Trouble::Other(error)) => {
                    if failures == 0 {
                        tracing::error!(job = self.name, error, "failed; it is tried again");
                    }
                    failures += 1;
                    watch::pause(failures)
                }
            };
            if self.stop.unless_requested(sleep(pause)).await.is_none() {
                return;
            }
        }
    }
}
