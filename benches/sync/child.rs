//! What is measured, in a process of its own: passes of the engine, and the plain work that they are compared with.
use crate::rows;
use crate::support::google::START_US;
use crate::support::world::{engine_at, open};
use accord::domain::access::AccessRole;
use accord::domain::clock::TestClock;
use accord::domain::ids::CalendarId;
use accord::engine::Engine;
use accord::engine::sync::{self, PassReport};
use accord::engine::tokens;
use accord::google::calendar::{ListParameters, PageEnd, Query, Reading};
use accord::store::migrate;
use accord::store::scopes::{self, Claim, ScopeKey};
use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::process::Command;
use std::sync::Arc;
use tokio::time::Instant;

/// What a child does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Task {
    /// One pass.
    Pass,
    /// Reads the pages of a full listing, and inserts the rows of the database into a fresh one.
    Plain { into: String },
    /// Passes that find nothing, and as many bare list requests.
    Quiet { passes: u32 },
}

/// Where and for whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    pub task: Task,
    pub google: String,
    pub database: String,
    pub tenant: String,
    pub account: String,
    pub calendar: String,
}

/// What came out; each task fills its part.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    pub seconds: f64,
    pub fetch_seconds: f64,
    pub cpu_seconds: f64,
    pub peak_mb: f64,
    pub created: u64,
    pub statements: u64,
    pub commits: u64,
    pub requests_a_pass: f64,
    pub statements_a_pass: f64,
    pub commits_a_pass: f64,
    pub cpu_ms_a_pass: f64,
    pub cpu_ms_a_list: f64,
}

/// Runs a job in a fresh process.
pub async fn start(job: &Job) -> Figures {
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    command
        .arg("--child")
        .arg(serde_json::to_string(job).expect("a job is JSON"));
    let ran = tokio::task::spawn_blocking(move || command.output());
    let output = ran.await.expect("no panic").expect("the child starts");
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the child failed: {talk}");
    serde_json::from_slice(&output.stdout).expect("figures")
}

/// Does a job; gives the figures as JSON.
pub async fn work(job: &str) -> String {
    let job: Job = serde_json::from_str(job).expect("a job");
    let clock = Arc::new(TestClock::at(
        DateTime::from_timestamp_micros(START_US).expect("an instant"),
    ));
    let mut engine = engine_at(&job.database, &job.google, clock.clone()).await;
    engine.sync.page_size = 2_500;
    let key = ScopeKey {
        tenant: job.tenant.parse().expect("a tenant"),
        account: job.account.parse().expect("an account"),
        calendar: CalendarId::from(job.calendar.as_str()),
    };
    clock.advance(TimeDelta::milliseconds(10));
    let figures = match &job.task {
        Task::Pass => {
            let (begin, statements) = (Instant::now(), engine.db.counts());
            let report = one_pass(&engine, &key).await;
            Figures {
                seconds: begin.elapsed().as_secs_f64(),
                cpu_seconds: cpu_seconds(),
                peak_mb: peak_mb(),
                created: report.bookings_created,
                statements: engine.db.counts().0 - statements.0,
                commits: engine.db.counts().1 - statements.1,
                ..Figures::default()
            }
        }
        Task::Plain { into } => plain(&engine, &key, into).await,
        Task::Quiet { passes } => quiet(&engine, &key, *passes, &job.google).await,
    };
    serde_json::to_string(&figures).expect("figures are JSON")
}

async fn one_pass(engine: &Engine, key: &ScopeKey) -> PassReport {
    let claim = claim(engine, key).await;
    sync::pass(engine, &claim, engine.now_ms() + 120_000)
        .await
        .expect("a good pass")
}

async fn claim(engine: &Engine, key: &ScopeKey) -> Claim {
    let mut tx = engine.db.begin().await.expect("begin");
    let claim = scopes::claim(&mut tx, key, engine.now_ms(), 60_000)
        .await
        .expect("claim");
    tx.commit().await.expect("commit");
    claim.expect("nobody else holds the scope")
}

async fn plain(engine: &Engine, key: &ScopeKey, into: &str) -> Figures {
    let all = rows::read(&engine.db).await;
    let target = open(into).await;
    migrate(&target).await.expect("the schema is made");
    rows::prepare(&engine.db, &target).await;
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    let items = list(engine, key, None).await;
    let fetch_seconds = begin.elapsed().as_secs_f64();
    rows::insert(&target, all).await;
    assert!(items > 0, "the listing is empty");
    Figures {
        seconds: begin.elapsed().as_secs_f64(),
        fetch_seconds,
        cpu_seconds: cpu_seconds() - cpu,
        ..Figures::default()
    }
}

/// All pages of a listing, parsed and dropped; how many items they had.
async fn list(engine: &Engine, key: &ScopeKey, since: Option<&str>) -> usize {
    let access = tokens::access_token(engine, key.tenant, key.account)
        .await
        .expect("a token");
    let parameters = ListParameters {
        window_start: engine.clock.now() - TimeDelta::days(i64::from(engine.sync.window_past_days)),
        page_size: engine.sync.page_size,
    };
    let reading = Reading {
        zone: Tz::Europe__Madrid,
        role: AccessRole::Owner,
        show_private: false,
    };
    let (mut items, mut page) = (0, None::<String>);
    loop {
        let query = Query {
            parameters: &parameters,
            since,
            page: page.as_deref(),
        };
        let listed = engine
            .google
            .list_events(&access, &key.calendar, &reading, &query)
            .await;
        let listed = listed.expect("a page");
        items += listed.items.len();
        match listed.next {
            PageEnd::More(token) => page = Some(token),
            PageEnd::Done(_) => return items,
        }
    }
}

async fn quiet(engine: &Engine, key: &ScopeKey, passes: u32, google: &str) -> Figures {
    // Caches are warm in a daemon that has run for a minute.
    for _ in 0..50 {
        assert!(one_pass(engine, key).await.is_quiet(), "the pass is not quiet");
    }
    let (counts, requests, cpu) = (engine.db.counts(), requests(google).await, cpu_seconds());
    for _ in 0..passes {
        one_pass(engine, key).await;
    }
    let each = |total: f64| total / f64::from(passes);
    let cpu_ms_a_pass = each((cpu_seconds() - cpu) * 1_000.0);
    let counts_after = engine.db.counts();
    let requests_a_pass = each((self::requests(google).await - requests) as f64);
    let token = claim(engine, key).await.sync_token.expect("a sync token");
    let cpu = cpu_seconds();
    for _ in 0..passes {
        list(engine, key, Some(&token)).await;
    }
    let cpu_ms_a_list = each((cpu_seconds() - cpu) * 1_000.0);
    let mut tx = engine.db.begin().await.expect("begin");
    scopes::enable_scopes(&mut tx, key.tenant, key.account, true)
        .await
        .expect("the claim ends");
    tx.commit().await.expect("commit");
    Figures {
        requests_a_pass,
        statements_a_pass: each((counts_after.0 - counts.0) as f64),
        commits_a_pass: each((counts_after.1 - counts.1) as f64),
        cpu_ms_a_pass,
        cpu_ms_a_list,
        ..Figures::default()
    }
}

/// Requests to the pretend Google so far.
async fn requests(google: &str) -> u64 {
    let http = crate::support::http::Http::default();
    let counts = http
        .get(&format!("{google}/_sandbox/counts"), &[])
        .await
        .expect(200)
        .json();
    let writes = counts["writes"].as_object().into_iter().flatten();
    let writes: u64 = writes.filter_map(|(_, count)| count.as_u64()).sum();
    counts["reads"].as_u64().unwrap_or_default() + writes
}

/// Processor time of this process so far, its system calls included. The kernel counts in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let ticks = |index: usize| {
        fields
            .split(' ')
            .nth(index)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0.0)
    };
    let (user, system): (f64, f64) = (ticks(11), ticks(12));
    (user + system) / 100.0
}

/// The most memory that this process ever held.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.expect("VmHWM in kB") / 1_024.0
}
