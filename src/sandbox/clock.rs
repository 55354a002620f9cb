//! The sandbox's own time: real time plus an offset, or standing still.
//!
//! Everything that ages here (access tokens, codes, refresh tokens, quota windows, `updated` stamps) ages by this
//! clock, so that a test can let six months pass in a moment. It is the one place that looks at the machine's clock.
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// A clock in microseconds since the Unix epoch that can be set, moved and frozen.
#[derive(Debug)]
pub struct Clock {
    /// What the clock showed at `since`.
    base_us: i64,
    /// When `base_us` was true; `None` while frozen.
    since: Option<Instant>,
}

impl Clock {
    /// Starts at `start_us`, or at the machine's time.
    pub fn new(start_us: Option<i64>, frozen: bool) -> Self {
        let base_us = start_us.unwrap_or_else(machine_time_us);
        Self {
            base_us,
            since: (!frozen).then(Instant::now),
        }
    }

    /// Now, in microseconds since the Unix epoch.
    pub fn now_us(&self) -> i64 {
        self.base_us
            .saturating_add(self.since.map_or(0, |since| micros(since.elapsed())))
    }

    /// Jumps by `ms` milliseconds; negative goes back.
    pub fn advance_ms(&mut self, ms: i64) {
        self.base_us = self.base_us.saturating_add(ms.saturating_mul(1_000));
    }

    /// Jumps to `now_us`; a running clock runs on from there.
    pub fn set_us(&mut self, now_us: i64) {
        self.base_us = now_us;
        self.since = self.since.map(|_| Instant::now());
    }

    /// Stops the clock where it is, or lets it run on.
    pub fn freeze(&mut self, frozen: bool) {
        self.base_us = self.now_us();
        self.since = (!frozen).then(Instant::now);
    }

    /// Whether the clock stands still.
    pub fn is_frozen(&self) -> bool {
        self.since.is_none()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox has a clock of its own, and this is where it starts"
)]
fn machine_time_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_told() {
        let mut clock = Clock::new(Some(1_000), true);
        assert_eq!(clock.now_us(), 1_000);
        clock.advance_ms(2);
        assert_eq!(clock.now_us(), 3_000);
        clock.set_us(5);
        assert_eq!(clock.now_us(), 5);
    }

    #[test]
    fn a_running_clock_never_shows_less_than_it_was_set_to() {
        let mut clock = Clock::new(Some(1_000), false);
        assert!(clock.now_us() >= 1_000);
        clock.set_us(10_000);
        assert!(clock.now_us() >= 10_000);
        clock.freeze(true);
        assert!(clock.is_frozen());
        assert_eq!(clock.now_us(), clock.now_us());
    }
}
