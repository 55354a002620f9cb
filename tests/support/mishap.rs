//! Bad luck for stories: faults of the pretend Google, and daemons that die in the middle of a pass.
//!
//! A daemon dies where its database or its network is heard of for the last time. Before the pass the database is told how
//! many more writes it will take from it, or the network after how many requests it is cut; whatever comes then fails, the
//! failure itself is not recorded either, and a new daemon goes on when the lease has ended. That is what is left of a
//! process that was killed between two transactions, before a request, or between a request and the writing back of what it
//! did, and it is the same on every run, so that a story can shrink.
use super::world::{World, run};
use accord::args;
use serde_json::{Value, json};

/// So many requests fail that no pass gets past them; it also marks the rule among the story's own.
const EVERY: u32 = 1_000_000;
/// More writes than any pass has.
const ENDLESS: i64 = 1_000_000;

/// When a daemon dies in the middle of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// After so many transactions.
    Write(u32),
    /// After so many requests, before the next one reaches Google.
    Request(u32),
    /// After so many requests, when the next one has done its work and its answer is not there yet.
    Answer(u32),
}

impl World {
    /// Teaches the database to hear of a pass for the last time. Every write of a pass touches its lease.
    pub async fn prepare_deaths(&self) {
        let db = &self.engine.db;
        run(db, "CREATE TABLE story_death (writes_left BIGINT NOT NULL)", args![]).await;
        let all: &[&str] = if self.is_postgres() {
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

    /// The daemon dies in the next pass. `path`: of the requests that a moment counts.
    pub async fn doom(&self, moment: Moment, path: &str) {
        let (writes, cut) = match moment {
            // The claim is a write too.
            Moment::Write(n) => (i64::from(n) + 1, None),
            Moment::Request(n) => (ENDLESS, Some((n, "before"))),
            Moment::Answer(n) => (ENDLESS, Some((n, "after"))),
        };
        if let Some((n, cut)) = cut {
            let rule = json!({"path": path, "skip": n, "times": EVERY, "action": {"cut": cut}});
            let mut rules = self.faults().await;
            rules.insert(0, rule);
            self.set_faults(&rules).await;
        }
        let sql = "INSERT INTO story_death (writes_left) VALUES ($1)";
        run(&self.engine.db, sql, args![writes]).await;
    }

    /// The doomed pass is over. If its daemon `died`, a new one comes when the lease has ended.
    pub async fn doom_is_over(&mut self, died: bool) {
        run(&self.engine.db, "DELETE FROM story_death", args![]).await;
        let mut rules = self.faults().await;
        rules.retain(|rule| rule["times"].as_u64().is_none_or(|times| times < u64::from(EVERY / 2)));
        self.set_faults(&rules).await;
        if died {
            let sql = "UPDATE sync_scopes SET lease_until = 1 WHERE tenant_id = $1 AND lease_until > 0";
            run(&self.engine.db, sql, args![self.tenant]).await;
            self.restart().await;
        }
    }

    async fn faults(&self) -> Vec<Value> {
        let left = self.google.look("faults").await;
        left.as_array().cloned().expect("a list of rules")
    }

    async fn set_faults(&self, rules: &[Value]) {
        self.forget_faults().await;
        self.google.switch("faults", &json!(rules)).await;
    }

    pub async fn forget_faults(&self) {
        self.google.http.delete(&self.google.url("/_sandbox/faults"), &[]).await;
    }
}
