//! The daemon's jobs in a story, its deaths, and the time in which nothing goes wrong any more.
use super::claim::Claim;
use super::step::rule;
use super::{Stage, Step, Story, Trouble};
use crate::support::world::run;
use accord::args;
use accord::domain::mail::State;
use accord::engine::Engine;
use accord::engine::mail::{self, MailError};
use accord::engine::notice;
use chrono::TimeDelta;
use std::time::Duration;

/// All jobs, in the order in which a daemon would first find them due.
async fn all_jobs(engine: &Engine) -> Result<(), MailError> {
    notice::run(engine).await?;
    mail::give_up_overdue(engine).await?;
    mail::consider_waiting(engine).await?;
    mail::remind_due(engine).await?;
    mail::expire(engine).await?;
    mail::prompt_waiting(engine).await?;
    mail::send_due(engine).await.map(drop)
}

impl Story {
    /// Waits as long as the server may need, and only a moment where it will say nothing.
    fn set_limits(&mut self) {
        let limits = &mut self.world.engine.mail.limits;
        let wait = Duration::from_millis(if self.is_stalling { 120 } else { 10_000 });
        (limits.connect, limits.command, limits.data) = (wait, wait, wait);
    }

    pub(super) async fn sync_all(&mut self) -> bool {
        let mut is_good = true;
        for user in self.users.clone() {
            let pass = self.world.try_sync_scope(&user, &user.email).await;
            is_good &= pass.is_ok();
        }
        is_good
    }

    pub(super) async fn job(&mut self, step: Step) -> Result<bool, String> {
        self.set_limits();
        let before = self.snapshot().await;
        let engine = &self.world.engine;
        let done = match step {
            Step::Consider => mail::consider_waiting(engine).await.map(drop),
            Step::Remind => mail::remind_due(engine).await.map(drop),
            Step::Expire => mail::expire(engine).await.map(drop),
            Step::Prompt => mail::prompt_waiting(engine).await.map(drop),
            Step::Send => mail::send_due(engine).await.map(drop),
            _ => all_jobs(engine).await,
        };
        self.judge_post(&before).await?;
        done.map(|()| true).map_err(|error| format!("{step:?} fails: {error}"))
    }

    pub(super) async fn work_together(&mut self) -> Result<bool, String> {
        self.set_limits();
        let before = self.snapshot().await;
        let mut second = self.second_engine().await;
        second.mail.limits = self.world.engine.mail.limits;
        let (one, other) = tokio::join!(all_jobs(&self.world.engine), all_jobs(&second));
        second.db.close().await;
        self.judge_post(&before).await?;
        one.and(other)
            .map(|()| true)
            .map_err(|error| format!("of two daemons one fails: {error}"))
    }

    /// The daemon dies while the server says nothing, and a new one comes. `false`: there was nothing to send.
    pub(super) async fn dies_sending(&mut self, stage: Stage, trouble: Trouble) -> Result<bool, String> {
        self.is_stalling = false;
        self.set_limits();
        let before = self.snapshot().await;
        self.forget_faults().await;
        self.world.google.switch("mail/faults", &rule(stage, trouble, 50)).await;
        let is_stalled = async {
            loop {
                let journal = self.world.google.look("mail/journal").await;
                let sessions = journal.as_array().expect("a list").iter();
                let last = |session: &serde_json::Value| {
                    let step = session["steps"].as_array().and_then(|steps| steps.last().cloned());
                    session["end"].is_null() && step.is_some_and(|step| step["state"] == "stalled")
                };
                if sessions.rev().any(last) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let died = tokio::select! {
            _ = mail::send_due(&self.world.engine) => false,
            () = is_stalled => true,
        };
        self.restart().await;
        self.forget_faults().await;
        self.end_leases().await;
        self.judge_post(&before).await?;
        Ok(died)
    }

    /// Teaches the database to take no more rows of the ledger from a daemon that is to die.
    pub(super) async fn prepare_deaths(&self) {
        let db = &self.world.engine.db;
        run(db, "CREATE TABLE story_death (rows_left BIGINT NOT NULL)", args![]).await;
        let all: &[&'static str] = if self.world.is_postgres() {
            &[
                "CREATE FUNCTION story_death() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN \
                     UPDATE story_death SET rows_left = rows_left - 1; \
                     IF EXISTS (SELECT 1 FROM story_death WHERE rows_left < 0) THEN \
                         RAISE EXCEPTION 'the daemon is dead'; END IF; \
                     RETURN NEW; END $body$",
                "CREATE TRIGGER story_death BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION story_death()",
            ]
        } else {
            &["CREATE TRIGGER story_death BEFORE INSERT ON ledger BEGIN \
                 UPDATE story_death SET rows_left = rows_left - 1; \
                 SELECT RAISE(ABORT, 'the daemon is dead') FROM story_death WHERE rows_left < 0; END"]
        };
        for sql in all {
            run(db, sql, args![]).await;
        }
    }

    /// The database takes so many rows of the ledger from the daemon, and a new one comes.
    pub(super) async fn dies_writing(&mut self, rows: u32) -> Result<bool, String> {
        self.set_limits();
        let before = self.snapshot().await;
        let sql = "INSERT INTO story_death (rows_left) VALUES ($1)";
        run(&self.world.engine.db, sql, args![i64::from(rows)]).await;
        let engine = &self.world.engine;
        // Whatever a job says about it, the next one has no more luck.
        let _ = mail::consider_waiting(engine).await;
        let _ = mail::remind_due(engine).await;
        let _ = mail::prompt_waiting(engine).await;
        let _ = mail::send_due(engine).await;
        run(&engine.db, "DELETE FROM story_death", args![]).await;
        self.restart().await;
        self.end_leases().await;
        self.judge_post(&before).await?;
        Ok(true)
    }

    /// Whoever had something in hand had it for too long.
    async fn end_leases(&self) {
        let sql = "UPDATE messages SET lease_until = 1 WHERE tenant_id = $1 AND state = 'sending'";
        run(&self.world.engine.db, sql, args![self.world.tenant]).await;
        mail::give_up_overdue(&self.world.engine).await.expect("leases end");
    }

    async fn forget_faults(&mut self) {
        let google = &self.world.google;
        google.http.delete(&google.url("/_sandbox/mail/faults"), &[]).await;
        self.is_stalling = false;
    }

    pub(super) async fn minutes_pass(&mut self, minutes: i64) -> bool {
        self.world.clock.advance(TimeDelta::minutes(minutes));
        self.world.google.pass(minutes * 60).await;
        true
    }

    /// Nothing goes wrong any more, whoever is asked says yes, and the daemon works until nothing is left to do.
    pub(super) async fn rest(&mut self) -> Result<(), String> {
        self.forget_faults().await;
        self.set_limits();
        self.end_leases().await;
        for _ in 0..12 {
            self.sync_all().await;
            self.job(Step::Work).await?;
            let said_yes = self.approves_all().await?;
            self.job(Step::Send).await?;
            let now = self.now();
            let is_left = self
                .mails(Some(State::Queued))
                .await
                .iter()
                .any(|mail| mail.row.due_at <= now);
            let mut tx = self.world.read().await;
            let sql = "SELECT 1 AS found FROM row_state WHERE tenant_id = $1 AND kind = 'booking' \
                 AND (version <> agreed_version OR version <> mailed_version) LIMIT 1";
            let is_moving = tx
                .fetch_optional(sql, args![self.world.tenant])
                .await
                .expect("states")
                .is_some();
            drop(tx);
            let waits = self.mails(Some(State::Proposed)).await;
            if !said_yes && !is_left && !is_moving && waits.is_empty() {
                return Ok(());
            }
            self.minutes_pass(20).await;
        }
        Ok(())
    }

    /// Shows where every mail stands, for somebody who reads a failing story.
    pub(super) async fn show(&self, log: &mut Vec<String>) {
        for row in self.world.bookings().await {
            log.push(format!(
                "        booking {} {:?} {} {} {} x{} v{}",
                row.id,
                row.text.original_start,
                row.text.title,
                row.text.starts_local,
                row.text.status,
                row.customer_ids.len(),
                row.version
            ));
        }
        for mail in self.mails(None).await {
            let claim = mail.letter.as_ref().map(Claim::of);
            let says = claim.map(|claim| {
                format!(
                    "{} {} {:?} {}",
                    claim.to, claim.starts_local, claim.occurrence, claim.summary
                )
            });
            log.push(format!(
                "        {} {} v{} {} {} {} {}",
                mail.row.id,
                mail.row.kind,
                mail.row.mail_version,
                mail.row.state,
                mail.row.reason.unwrap_or_default(),
                says.unwrap_or_default(),
                mail.row.answer.unwrap_or_default()
            ));
        }
    }
}
