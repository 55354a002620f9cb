//! The daemon in a story: its passes, its deaths (`support::mishap`), and the time in which nothing goes wrong any more.
use super::{Moment, Story};
use accord::engine::sync::{PassReport, SyncError};

impl Story {
    pub(super) async fn poll(&mut self, scope: usize) -> Result<PassReport, SyncError> {
        let number = scope % self.scopes.len();
        let scope = self.scopes[number].clone();
        let outcome = self.world.try_sync_scope(&scope.who, &scope.calendar).await;
        if outcome.is_ok() {
            self.good_pass[number] = self.step;
        }
        outcome
    }

    /// A pass whose daemon dies, and a new daemon. `false`: it came to its end before.
    pub(super) async fn killed_poll(&mut self, scope: usize, moment: Moment) -> bool {
        self.world.doom(moment, "/calendar/v3").await;
        let died = self.poll(scope).await.is_err();
        self.world.doom_is_over(died).await;
        died
    }

    /// Nothing goes wrong any more, nobody edits, and the daemon polls until nothing moves.
    pub(super) async fn rest(&mut self) -> Result<(), String> {
        self.world.forget_faults().await;
        self.hours_pass(26).await;
        for _ in 0..10 {
            let mut quiet = true;
            for scope in 0..self.scopes.len() {
                let report = self.poll(scope).await;
                let report = report.map_err(|error| format!("a pass fails although nothing is wrong: {error}"))?;
                quiet &= report.is_quiet();
            }
            // A lost lead is decided by a later pass than the one that saw the loss.
            let sides = self.sides().await;
            let undecided = sides
                .spots
                .iter()
                .any(|spot| spot.waiting.as_deref() == Some("lead_lost"));
            if quiet && !undecided && self.pending(&sides).await.is_empty() {
                break;
            }
        }
        let before = self.world.google_writes().await;
        for scope in 0..self.scopes.len() {
            let report = self
                .poll(scope)
                .await
                .map_err(|error| format!("the last pass fails: {error}"))?;
            if !report.is_quiet() {
                return Err(format!("it never gets quiet: {report:?}"));
            }
        }
        match self.world.google_writes().await - before {
            0 => Ok(()),
            writes => Err(format!("one more pass sent {writes} writes")),
        }
    }

    pub(super) async fn hours_pass(&self, hours: i64) {
        self.world.clock.advance(chrono::TimeDelta::hours(hours));
        self.world.google.pass(hours * 3600).await;
    }
}
