//! What a pass costs: `cargo bench --bench sync`, or `cargo bench --bench sync -- sqlite` for one database.
//!
//! The pretend Google lives in this process; whatever is measured runs in a fresh child process of its own (`child.rs`), so
//! that time, processor and peak memory are the engine's alone. Prints each figure beside its goal. Figures are read, not
//! gated: the exit code says only whether they could be taken.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
mod child;
mod rows;
#[path = "../../tests/support/mod.rs"]
mod support;

use child::{Figures, Job, Task};
use serde_json::json;
use support::google::ANA;
use support::postgres::{fresh_database, fresh_sqlite};
use support::world::{World, event, run};

/// Events of a full pull.
const EVENTS: usize = 10_000;
/// How often each figure is taken; the least counts, because the machine has other work too.
const ROUNDS: usize = 2;
/// Bookings of a push.
const PUSHED: usize = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    match arguments.iter().position(|argument| argument == "--child") {
        Some(at) => println!("{}", runtime.block_on(child::work(&arguments[at + 1]))),
        None => {
            let only = arguments.iter().skip(1).find(|argument| !argument.starts_with("--"));
            runtime.block_on(measure(only.map(String::as_str)));
        }
    }
}

async fn measure(only: Option<&str>) {
    for name in ["sqlite", "postgres"] {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        // The harness panics without PostgreSQL's programs, and says what is missing.
        if tokio::spawn(async move { drop(fresh(name).await) }).await.is_err() {
            println!("\n{name}: not measured");
            continue;
        }
        println!("\n{name:<60} {:>12} {:>12}", "figure", "goal");
        let (mut pulls, mut plains) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (url, plain_url) = (fresh(name).await, fresh(name).await);
            full_pull(url.url(), plain_url.url(), &mut pulls, &mut plains).await;
        }
        report_pull(&pulls, &plains);
        push(fresh(name).await.url()).await;
        quiet(name).await;
    }
}

async fn fresh(name: &'static str) -> Database {
    match name {
        "sqlite" => Box::new(fresh_sqlite()),
        _ => Box::new(fresh_database().await),
    }
}

/// A database that goes when this is dropped.
trait Fresh {
    fn url(&self) -> &str;
}
type Database = Box<dyn Fresh + Send>;
impl Fresh for support::postgres::SqliteDatabase {
    fn url(&self) -> &str {
        support::postgres::SqliteDatabase::url(self)
    }
}
impl Fresh for support::postgres::TestDatabase {
    fn url(&self) -> &str {
        support::postgres::TestDatabase::url(self)
    }
}

/// One figure and its verdict.
fn line(what: &str, figure: f64, unit: &str, goal: Option<f64>) {
    let (goal, verdict) = match goal {
        Some(goal) if figure <= goal => (format!("<= {goal}{unit}"), "met"),
        Some(goal) => (format!("<= {goal}{unit}"), "MISSED"),
        None => (String::new(), ""),
    };
    println!("{what:<60} {:>12} {goal:>12} {verdict}", format!("{figure:.2}{unit}"));
}

/// (a) and (c).
async fn full_pull(url: &str, plain_url: &str, pulls: &mut Vec<Figures>, plains: &mut Vec<Figures>) {
    let world = world(url).await;
    seed(&world, EVENTS).await;
    let job = job(&world, url, Task::Pass);
    let pull = child::start(&job).await;
    assert_eq!(pull.created, EVENTS as u64, "the pull is not whole");
    pulls.push(pull);
    let plain = Task::Plain {
        into: plain_url.to_owned(),
    };
    plains.push(child::start(&Job { task: plain, ..job }).await);
}

fn report_pull(pulls: &[Figures], plains: &[Figures]) {
    let (pull, plain) = (least(pulls, |f| f.seconds), least(plains, |f| f.seconds));
    line(&format!("full pull of {EVENTS} events"), pull, " s", None);
    line(
        "  the same pages fetched and parsed",
        least(plains, |f| f.fetch_seconds),
        " s",
        None,
    );
    line("  and the same rows inserted", plain, " s", None);
    line("  full pull : that", pull / plain, " x", Some(1.5));
    let (pull, plain) = (least(pulls, |f| f.cpu_seconds), least(plains, |f| f.cpu_seconds));
    line("  processor, full pull", pull, " s", None);
    line("  processor, full pull : that", pull / plain, " x", None);
    let per_event = pulls[0].statements as f64 / EVENTS as f64;
    line("  statements per event", per_event, "", None);
    line("  commits", pulls[0].commits as f64, "", None);
    line(
        "  peak memory of a full pull",
        least(pulls, |f| f.peak_mb),
        " MB",
        Some(60.0),
    );
}

/// (b). The three databases take turns, so that other work on the machine strikes them alike.
async fn quiet(name: &'static str) {
    let mut stages = Vec::new();
    for stored in [0, 1_000, 100_000] {
        let database = fresh(name).await;
        let world = world(database.url()).await;
        let pass = job(&world, database.url(), Task::Pass);
        child::start(&pass).await;
        if stored > 0 {
            rows::store(&world.engine.db, &world.ana, world.tenant, stored).await;
        }
        let task = Task::Quiet { passes: 500 };
        stages.push((stored, Job { task, ..pass }, Vec::new(), (world, database)));
    }
    for _ in 0..ROUNDS {
        for (_, job, figures, _) in &mut stages {
            figures.push(child::start(job).await);
        }
    }
    let mut at_none = None;
    for (stored, _, figures, _) in &stages {
        let cpu = least(figures, |f| f.cpu_ms_a_pass);
        let at_none = *at_none.get_or_insert(cpu);
        println!("quiet pass at {stored} stored events");
        line("  requests", least(figures, |f| f.requests_a_pass), "", Some(1.0));
        line("  statements", least(figures, |f| f.statements_a_pass), "", Some(3.0));
        line("  commits", least(figures, |f| f.commits_a_pass), "", Some(2.0));
        line("  processor", cpu, " ms", None);
        line(
            "  processor of a bare list request",
            least(figures, |f| f.cpu_ms_a_list),
            " ms",
            None,
        );
        let goal = (*stored == 100_000).then_some(1.1);
        line("  processor : that at 0 stored events", cpu / at_none, " x", goal);
    }
}

fn least(figures: &[Figures], of: fn(&Figures) -> f64) -> f64 {
    figures.iter().map(of).fold(f64::INFINITY, f64::min)
}

/// (d).
async fn push(url: &str) {
    let world = world(url).await;
    seed(&world, PUSHED).await;
    let pass = job(&world, url, Task::Pass);
    child::start(&pass).await;
    let change = "UPDATE bookings SET title = title || ', moved to the big room'";
    let changed = run(&world.engine.db, change, vec![]).await;
    assert_eq!(changed, PUSHED as u64, "every booking is changed");
    let before = world.google_writes().await;
    let figures = child::start(&pass).await;
    let writes = (world.google_writes().await - before) as f64;
    println!("{PUSHED} changed single bookings pushed");
    line("  write requests", writes, "", Some(PUSHED as f64));
    line("  bookings left out", PUSHED as f64 - writes, "", Some(0.0));
    line("  took", figures.seconds, " s", None);
    line(
        "  statements per booking",
        figures.statements as f64 / PUSHED as f64,
        "",
        None,
    );
}

/// A world without quotas, whose clock stands still.
async fn world(url: &str) -> World {
    let world = World::new(url).await;
    let quota = json!({"quota_per_user": 10_000_000, "quota_per_project": 10_000_000});
    world.google.switch("switches", &quota).await;
    world
}

fn job(world: &World, database: &str, task: Task) -> Job {
    Job {
        task,
        google: world.google.sandbox.base_url(),
        database: database.to_owned(),
        tenant: world.tenant.to_string(),
        account: world.ana.account.to_string(),
        calendar: ANA.to_owned(),
    }
}

/// Ana has a full calendar: hours with a place and a description, as people have them.
async fn seed(world: &World, count: usize) {
    let mut body = event("Meeting with a customer", "2026-03-04T10:00:00");
    body["location"] = json!("Calle Mayor 1, Madrid");
    body["description"] = json!("They want to talk about the offer of last week, and about the one before it.");
    let model = world.person_creates(body).await;
    let copies = json!({"calendar": ANA, "event": model, "times": count - 1});
    world.google.switch("calendar/copy_event", &copies).await;
}
