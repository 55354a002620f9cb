//! What is measured, in a process of its own: passes of the engine, and the plain work that they are compared with.
use crate::rows::{self, Manner};
use crate::support::google::START_US;
use crate::support::world::{engine_at, open};
use accord::app::PAGE_SIZE;
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
    /// One pass over each target.
    Pass,
    /// Reads the pages of a full listing, and inserts the rows of the database into a fresh one.
    Plain { into: String, manner: Manner },
    /// Rounds of passes that find nothing and of as many bare list requests, over all targets in turn.
    Quiet { rounds: usize, passes: usize },
}

/// A scope in a database, with its pretend Google.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Target {
    pub google: String,
    pub database: String,
    pub tenant: String,
    pub account: String,
    /// Empty: the contacts.
    pub calendar: String,
}

/// What to do, and with what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    pub task: Task,
    pub on: Vec<Target>,
}

/// What came out for a target; each task fills its part.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    pub seconds: f64,
    pub fetch_seconds: f64,
    pub cpu_seconds: f64,
    pub peak_mb: f64,
    pub created: u64,
    pub statements: u64,
    pub commits: u64,
    pub requests: u64,
    /// Of the first pass of a process, which has no access token in memory yet.
    pub first_statements: u64,
    /// For each round, of one pass and of one bare list request.
    pub cpu_ms_a_pass: Vec<f64>,
    pub cpu_ms_a_list: Vec<f64>,
}

/// Runs a job in a fresh process.
pub async fn start(job: &Job) -> Vec<Figures> {
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

/// The figures of a task with one target.
pub async fn one(task: Task, on: &Target) -> Figures {
    let on = vec![on.clone()];
    let figures = start(&Job { task, on }).await;
    figures.into_iter().next().expect("figures of the target")
}

/// An engine over a target.
struct Bench {
    engine: Engine,
    key: ScopeKey,
    google: String,
}

impl Bench {
    async fn open(target: &Target) -> Bench {
        let clock = Arc::new(TestClock::at(
            DateTime::from_timestamp_micros(START_US).expect("an instant"),
        ));
        let mut engine = engine_at(&target.database, &target.google, clock.clone()).await;
        engine.sync.page_size = PAGE_SIZE;
        clock.advance(TimeDelta::milliseconds(10));
        Bench {
            engine,
            key: ScopeKey {
                tenant: target.tenant.parse().expect("a tenant"),
                account: target.account.parse().expect("an account"),
                calendar: CalendarId::from(target.calendar.as_str()),
            },
            google: target.google.clone(),
        }
    }
}

/// Does a job; gives the figures as JSON.
pub async fn work(job: &str) -> String {
    let job: Job = serde_json::from_str(job).expect("a job");
    let mut benches = Vec::new();
    for target in &job.on {
        benches.push(Bench::open(target).await);
    }
    let figures = match job.task {
        Task::Pass => vec![pass(&benches[0]).await],
        Task::Plain { into, manner } => vec![plain(&benches[0], &into, manner).await],
        Task::Quiet { rounds, passes } => quiet(&benches, rounds, passes).await,
    };
    serde_json::to_string(&figures).expect("figures are JSON")
}

async fn pass(Bench { engine, key, .. }: &Bench) -> Figures {
    let (begin, cpu, before) = (Instant::now(), cpu_seconds(), engine.db.counts());
    let report = one_pass(engine, key).await;
    let after = engine.db.counts();
    Figures {
        seconds: begin.elapsed().as_secs_f64(),
        cpu_seconds: cpu_seconds() - cpu,
        peak_mb: peak_mb(),
        created: report.bookings_created + report.customers_created,
        statements: after.0 - before.0,
        commits: after.1 - before.1,
        ..Figures::default()
    }
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

async fn plain(Bench { engine, key, .. }: &Bench, into: &str, manner: Manner) -> Figures {
    let all = rows::read(&engine.db, key.is_contacts()).await;
    let target = open(into).await;
    migrate(&target).await.expect("the schema is made");
    rows::prepare(&engine.db, &target).await;
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    let items = list(engine, key, None).await;
    let fetch_seconds = begin.elapsed().as_secs_f64();
    rows::insert(&target, key.is_contacts(), all, manner).await;
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
    while key.is_contacts() {
        let size = engine.sync.page_size.min(1000);
        let listed = engine.people.list_page(&access, since, page.as_deref(), size).await;
        let listed = listed.expect("a page");
        items += listed.people.len();
        match listed.next {
            PageEnd::More(token) => page = Some(token),
            PageEnd::Done(_) => return items,
        }
    }
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

async fn quiet(benches: &[Bench], rounds: usize, passes: usize) -> Vec<Figures> {
    let mut all = Vec::new();
    let mut tokens = Vec::new();
    for Bench { engine, key, google } in benches {
        let mut figures = Figures::default();
        let before = engine.db.counts().0;
        one_pass(engine, key).await;
        figures.first_statements = engine.db.counts().0 - before;
        // Of what every further pass costs, the greatest is shown.
        for _ in 0..50 {
            let (counts, before) = (engine.db.counts(), requests(google).await);
            assert!(one_pass(engine, key).await.is_quiet(), "the pass is not quiet");
            let (statements, commits) = engine.db.counts();
            figures.statements = figures.statements.max(statements - counts.0);
            figures.commits = figures.commits.max(commits - counts.1);
            figures.requests = figures.requests.max(requests(google).await - before);
        }
        let mut tx = engine.db.read().await.expect("begin");
        let known = scopes::peek(&mut tx, key).await.expect("peek").expect("a scope");
        tokens.push(known.sync_token.expect("a sync token"));
        all.push(figures);
    }
    for round in 0..rounds {
        for turn in 0..benches.len() {
            // Nobody is always the first.
            let which = (round + turn) % benches.len();
            let Bench { engine, key, .. } = &benches[which];
            let cpu = cpu_seconds();
            for _ in 0..passes {
                one_pass(engine, key).await;
            }
            let between = cpu_seconds();
            for _ in 0..passes {
                list(engine, key, Some(&tokens[which])).await;
            }
            let each = |seconds: f64| seconds * 1_000.0 / passes as f64;
            all[which].cpu_ms_a_pass.push(each(between - cpu));
            all[which].cpu_ms_a_list.push(each(cpu_seconds() - between));
        }
    }
    all
}

/// Requests to the pretend Google so far.
async fn requests(google: &str) -> u64 {
    let http = crate::support::http::Http::default();
    let counts = http
        .get(&format!("{google}/_sandbox/counts"), &[])
        .await
        .expect(200)
        .json();
    let classes = counts["classes"].as_object().into_iter().flatten();
    // Tokens last for many passes, and what tests ask the sandbox itself is no request to Google.
    let of_apis = classes.filter(|(class, _)| class.contains('.'));
    of_apis.filter_map(|(_, count)| count.as_u64()).sum()
}

/// Processor time of this process so far, its system calls included: the sum over its threads, none of which has ended.
fn cpu_seconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
    let nanoseconds = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    nanoseconds.sum::<u64>() as f64 / 1e9
}

/// The most memory that this process ever held.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.expect("VmHWM in kB") / 1_024.0
}
