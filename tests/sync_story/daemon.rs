//! The daemon in a story: its passes, its deaths, and the time in which nothing goes wrong any more.
//!
//! A daemon dies where its database or its network is heard of for the last time. Before the pass the database is told how
//! many more writes it will take from it, or the network after how many requests it is cut; whatever comes then fails, the
//! failure itself is not recorded either, and a new daemon goes on when the lease has ended. That is what is left of a
//! process that was killed between two transactions, before a request, or between a request and the writing back of what it
//! did, and it is the same on every run, so that a story can shrink.
use super::{Moment, Story};
use crate::support::world::run;
use accord::args;
use accord::engine::sync::{PassReport, SyncError};
use serde_json::{Value, json};

/// So many requests fail that no pass gets past them; it also marks the rule among the story's own.
const EVERY: u32 = 1_000_000;
/// More writes than any pass has.
const ENDLESS: i64 = 1_000_000;

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
        let (writes, cut) = match moment {
            // The claim is a write too.
            Moment::Write(n) => (i64::from(n) + 1, None),
            Moment::Request(n) => (ENDLESS, Some((n, "before"))),
            Moment::Answer(n) => (ENDLESS, Some((n, "after"))),
        };
        if let Some((n, cut)) = cut {
            let rule = json!({"path": "/calendar/v3", "skip": n, "times": EVERY, "action": {"cut": cut}});
            let mut rules = self.faults().await;
            rules.insert(0, rule);
            self.set_faults(&rules).await;
        }
        let db = &self.world.engine.db;
        run(db, "INSERT INTO story_death (writes_left) VALUES ($1)", args![writes]).await;
        let outcome = self.poll(scope).await;
        run(&self.world.engine.db, "DELETE FROM story_death", args![]).await;
        if cut.is_some() {
            let mut rules = self.faults().await;
            rules.retain(|rule| rule["times"].as_u64().is_none_or(|times| times < u64::from(EVERY / 2)));
            self.set_faults(&rules).await;
        }
        if outcome.is_err() {
            self.lease_ends().await;
            self.world.restart().await;
        }
        outcome.is_err()
    }

    async fn lease_ends(&self) {
        let sql = "UPDATE sync_scopes SET lease_until = 1 WHERE tenant_id = $1 AND lease_until > 0";
        run(&self.world.engine.db, sql, args![self.world.tenant]).await;
    }

    /// Teaches the database to hear of a pass for the last time. Every write of a pass touches its lease.
    pub(super) async fn prepare_deaths(&mut self) {
        let db = &self.world.engine.db;
        run(db, "CREATE TABLE story_death (writes_left BIGINT NOT NULL)", args![]).await;
        let all: &[&str] = if self.world.is_postgres() {
            &[
                "CREATE FUNCTION story_death() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN \
                     UPDATE story_death SET writes_left = writes_left - 1; \
                     IF EXISTS (SELECT 1 FROM story_death WHERE writes_left < 0 OR NEW.failures > OLD.failures) THEN \
                         RAISE EXCEPTION 'the daemon is dead'; END IF; \
                     RETURN NEW; END $body$",
                "CREATE TRIGGER story_death BEFORE UPDATE OF lease_until ON sync_scopes \
                     FOR EACH ROW EXECUTE FUNCTION story_death()",
            ]
        } else {
            &[
                "CREATE TRIGGER story_death BEFORE UPDATE OF lease_until ON sync_scopes BEGIN \
                 UPDATE story_death SET writes_left = writes_left - 1; \
                 SELECT RAISE(ABORT, 'the daemon is dead') FROM story_death \
                     WHERE writes_left < 0 OR NEW.failures > OLD.failures; END",
            ]
        };
        for sql in all {
            run(db, sql, args![]).await;
        }
    }

    async fn faults(&self) -> Vec<Value> {
        let left = self.world.google.look("faults").await;
        left.as_array().cloned().expect("a list of rules")
    }

    async fn set_faults(&self, rules: &[Value]) {
        self.forget_faults().await;
        self.world.google.switch("faults", &json!(rules)).await;
    }

    async fn forget_faults(&self) {
        let google = &self.world.google;
        google.http.delete(&google.url("/_sandbox/faults"), &[]).await;
    }

    /// Nothing goes wrong any more, nobody edits, and the daemon polls until nothing moves.
    pub(super) async fn rest(&mut self) -> Result<(), String> {
        self.forget_faults().await;
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
