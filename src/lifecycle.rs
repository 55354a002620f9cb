//! From start to stop: logging, the real clock and randomness, a gentle and then a firm stop, words with systemd.
//!
//! A stop has two steps. *Gentle*: take no new work, finish what is in hand. *Firm*: drop what is left; every promise
//! survives that. The first SIGTERM or SIGINT is gentle; a second one, or [`PATIENCE`], makes it firm. Tasks hold a
//! [`Stop`] and know nothing of signals. What the tasks do is not known here.
use std::future::Future;
use std::io::IsTerminal;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};
use crate::domain::clock::{Clock, Entropy};

/// How long a gentle stop usually may take before it becomes firm.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Crates whose chatter helps nobody below `warn`, and whose `trace` would print headers with tokens in them.
const QUIET: [&str; 8] = [
    "hyper",
    "hyper_util",
    "hyper_rustls",
    "h2",
    "rustls",
    "oauth2",
    "sqlx",
    "tower_http",
];

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everybody else is handed"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The machine's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// When the system gives no random bytes: going on with predictable keys would be worse.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the randomness that everybody else is handed"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system has random bytes");
    }
}

/// Starts logging to standard error, once per process; a second call changes nothing.
pub fn init_logging(log: &Log) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(log.level))
        // A journal or a file is no place for colours.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let _ = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

fn filter(level: tracing::Level) -> EnvFilter {
    let base = EnvFilter::new(LevelFilter::from_level(level).to_string());
    let cap = level.min(tracing::Level::WARN);
    QUIET
        .iter()
        .fold(base, |filter, name| match format!("{name}={cap}").parse() {
            Ok(directive) => filter.add_directive(directive),
            Err(_) => filter,
        })
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    Gentle,
    Firm,
}

/// Tells tasks that it is time to stop. Clones see the same stop; a task keeps one and looks at it between two pieces of
/// work, or waits for it beside them.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Phase>);

impl Stop {
    /// Whether no new work may begin.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() >= Phase::Gentle
    }

    /// Ends when no new work may begin; at once when that is so already.
    pub async fn requested(&self) {
        self.reached(Phase::Gentle).await;
    }

    /// Ends when even work in hand must be dropped.
    pub async fn firm(&self) {
        self.reached(Phase::Firm).await;
    }

    /// Waits for `work` unless the stop is requested first: `None`, and the work was dropped where it stood.
    pub async fn unless_requested<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.requested() => None,
            done = work => Some(done),
        }
    }

    async fn reached(&self, phase: Phase) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|now| *now >= phase).await.is_err() {
            // Whoever could ask for a stop is gone, so nobody ever will.
            std::future::pending::<()>().await;
        }
    }
}

/// Asks for a stop; the other end of [`Stop`]. Keep it as long as the tasks run.
#[derive(Debug)]
pub struct Shutdown {
    phase: watch::Sender<Phase>,
    patience: Duration,
}

impl Shutdown {
    /// A stop that becomes firm `patience` after it was requested, usually [`PATIENCE`].
    pub fn new(patience: Duration) -> Self {
        Self {
            phase: watch::Sender::new(Phase::Running),
            patience,
        }
    }

    /// A handle for a task.
    pub fn stop(&self) -> Stop {
        Stop(self.phase.subscribe())
    }

    /// Asks for the gentle stop. Asking again, also after a firm one, changes nothing.
    pub fn request(&self) {
        self.reach(Phase::Gentle);
    }

    /// Asks for the firm stop.
    pub fn force(&self) {
        self.reach(Phase::Firm);
    }

    fn reach(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let is_later = *now < phase;
            *now = phase.max(*now);
            is_later
        });
    }

    /// Carries out a stop from begin to end: waits for the first signal (or a request from elsewhere), tells systemd, and
    /// then waits until `tasks` end or the stop is firm. `true` when all tasks ended by themselves.
    ///
    /// # Errors
    /// The system refuses to let us listen to signals.
    pub async fn supervise(&self, tasks: impl Future<Output = ()>) -> std::io::Result<bool> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut asked = async || {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        };
        tokio::pin!(tasks);
        let stop = self.stop();
        tokio::select! {
            () = &mut tasks => return Ok(true),
            name = asked() => tracing::info!(signal = name, "stopping: work in hand is finished, no new work begins"),
            () = stop.requested() => tracing::info!("stopping: work in hand is finished, no new work begins"),
        }
        notify(&[NotifyState::Stopping]);
        self.request();
        tokio::select! {
            () = &mut tasks => return Ok(true),
            name = asked() => tracing::warn!(signal = name, "asked again: what is still in hand is dropped"),
            () = tokio::time::sleep(self.patience) => tracing::warn!("the patience is over: what is still in hand is dropped"),
            () = stop.firm() => tracing::warn!("what is still in hand is dropped"),
        }
        self.force();
        Ok(false)
    }
}

/// Tells systemd that the service is ready; nothing happens elsewhere.
pub fn notify_ready() {
    notify(&[NotifyState::Ready]);
}

/// Keeps systemd's watchdog content while the runtime turns; ends at once when systemd asked for none. Spawn it.
pub async fn feed_watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    // systemd's manual: notify every half of the limit.
    let mut beat = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
    loop {
        beat.tick().await;
        notify(&[NotifyState::Watchdog]);
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd could not be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_stay_quiet_even_when_everything_is_asked_for() {
        assert_eq!(filter(tracing::Level::TRACE).max_level_hint(), Some(LevelFilter::TRACE));
        let shown = filter(tracing::Level::TRACE).to_string();
        for name in QUIET {
            assert!(shown.contains(&format!("{name}=warn")), "{name} in {shown}");
        }
        assert!(filter(tracing::Level::ERROR).to_string().contains("hyper=error"));
    }

    #[test]
    fn the_system_gives_time_and_different_random_bytes() {
        assert!(SystemClock.now() > DateTime::UNIX_EPOCH);
        let draw = || {
            let mut bytes = [0; 16];
            SystemEntropy.fill(&mut bytes);
            bytes
        };
        assert_ne!(draw(), draw());
    }

    #[tokio::test]
    async fn a_stop_is_seen_by_all_and_never_taken_back() {
        let shutdown = Shutdown::new(PATIENCE);
        let (early, other) = (shutdown.stop(), shutdown.stop());
        assert!(!early.is_requested());
        assert_eq!(early.unless_requested(async { 7 }).await, Some(7));
        shutdown.force();
        shutdown.request();
        other.firm().await;
        early.requested().await;
        assert_eq!(
            shutdown.stop().unless_requested(std::future::pending::<()>()).await,
            None
        );
    }

    #[tokio::test]
    async fn tasks_that_finish_in_time_end_gently_and_others_are_dropped_when_the_patience_is_over() {
        let shutdown = Shutdown::new(PATIENCE);
        let stop = shutdown.stop();
        shutdown.request();
        assert!(shutdown.supervise(stop.requested()).await.unwrap());

        let shutdown = Shutdown::new(Duration::ZERO);
        shutdown.request();
        assert!(!shutdown.supervise(std::future::pending()).await.unwrap());
        shutdown.stop().firm().await;
    }

    #[tokio::test]
    async fn tasks_that_end_by_themselves_end_the_supervision_without_a_stop() {
        let shutdown = Shutdown::new(PATIENCE);
        assert!(shutdown.supervise(async {}).await.unwrap());
        assert!(!shutdown.stop().is_requested());
    }
}
