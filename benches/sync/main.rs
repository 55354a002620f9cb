//! What a pass costs: `cargo bench --bench sync`. With `-- sqlite` or `-- postgres` for one database, with `-- events` or
//! `-- contacts` for one kind of scope, with `-- small` for a hundredth of everything, to try the benchmark itself.
//!
//! The pretend Google lives in this process; whatever is measured runs in a fresh child process of its own (`child.rs`), so
//! that time, processor and peak memory are the engine's alone. Prints each figure beside its goal. Figures are read, not
//! gated: the exit code says only whether they could be taken.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its figures and what it is at"
)]
mod child;
mod rows;
#[path = "../../tests/support/mod.rs"]
mod support;
mod table;

use child::{Figures, Job, Target, Task};
use rows::Manner;
use serde_json::json;
use support::google::ANA;
use support::people::People;
use support::postgres::{fresh_database, fresh_sqlite};
use support::world::{World, event, run};
use table::Column;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// Events, or contacts, of a full pull.
    events: usize,
    /// Stored events, or contacts, beside which a pass is quiet.
    stored: [usize; 3],
    /// Bookings, or customers, of a push.
    pushed: usize,
    /// How often a full pull is taken; the least time counts, because the machine has other work too.
    pulls: usize,
    /// Rounds of a quiet pass, of which the median counts.
    rounds: usize,
    /// Passes in a row in each of them.
    passes: usize,
}

const REAL: Sizes = Sizes {
    events: 10_000,
    stored: [0, 1_000, 100_000],
    pushed: 1_000,
    pulls: 3,
    rounds: 61,
    passes: 20,
};

const SMALL: Sizes = Sizes {
    events: 1_000,
    stored: [0, 10, 1_000],
    pushed: 10,
    pulls: 3,
    rounds: 11,
    passes: 5,
};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    if let Some(at) = arguments.iter().position(|argument| argument == "--child") {
        println!("{}", runtime.block_on(child::work(&arguments[at + 1])));
        return;
    }
    let is_said = |word: &str| arguments.iter().any(|argument| argument == word);
    let sizes = if is_said("small") { SMALL } else { REAL };
    let both = ["sqlite", "postgres"];
    let only = both.into_iter().find(|name| is_said(name));
    let names = both.into_iter().filter(|name| only.is_none_or(|only| only == *name));
    let kinds = [Kind::Events, Kind::Contacts];
    let only = kinds.into_iter().find(|kind| is_said(kind.word()));
    let kinds = kinds.into_iter().filter(|kind| only.is_none_or(|only| only == *kind));
    runtime.block_on(measure(names.collect(), kinds.collect(), sizes));
}

async fn measure(names: Vec<&'static str>, kinds: Vec<Kind>, sizes: Sizes) {
    let mut columns = Vec::new();
    for name in names {
        // The harness panics without PostgreSQL's programs, and says what is missing.
        if tokio::spawn(async move { drop(fresh(name).await) }).await.is_err() {
            println!("{name}: not measured");
            continue;
        }
        let mut column = Column::default();
        for kind in &kinds {
            full_pull(*kind, name, sizes, &mut column).await;
            match kind {
                Kind::Events => push(name, sizes, &mut column).await,
                Kind::Contacts => push_people(name, sizes, &mut column).await,
            }
            quiet(*kind, name, sizes, &mut column).await;
        }
        columns.push((name, column));
    }
    println!("{}", table::text(&columns));
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

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Events,
    Contacts,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Events => "events",
            Kind::Contacts => "contacts",
        }
    }

    /// A world without quotas, whose clock stands still.
    async fn world(self, url: &str) -> World {
        let world = match self {
            Kind::Events => World::new(url).await,
            Kind::Contacts => People::new(url).await.world,
        };
        let quota = json!({"quota_per_user": 10_000_000, "quota_per_project": 10_000_000});
        world.google.switch("switches", &quota).await;
        world
    }

    fn target(self, world: &World, database: &str) -> Target {
        Target {
            google: world.google.sandbox.base_url(),
            database: database.to_owned(),
            tenant: world.tenant.to_string(),
            account: world.ana.account.to_string(),
            calendar: if self == Kind::Events {
                ANA.to_owned()
            } else {
                String::new()
            },
        }
    }

    /// Ana has a full calendar, or a full address book, as people have them.
    async fn seed(self, world: &World, count: usize) {
        match self {
            Kind::Events => {
                let mut body = event("Meeting with a customer", "2026-03-04T10:00:00");
                body["location"] = json!("Calle Mayor 1, Madrid");
                body["description"] =
                    json!("They want to talk about the offer of last week, and about the one before it.");
                let model = world.person_creates(body).await;
                let copies = json!({"calendar": ANA, "event": model, "times": count - 1});
                world.google.switch("calendar/copy_event", &copies).await;
            }
            Kind::Contacts => {
                let person = json!({
                    "names": [{"givenName": "Mia", "familyName": "Novak"}],
                    "emailAddresses": [{"value": "mia@example.com", "type": "home"}, {"value": "mia@work.example", "type": "work"}],
                    "phoneNumbers": [{"value": "+34 911 234 567", "type": "mobile"}],
                    "organizations": [{"name": "Example Traders", "title": "Buyer"}],
                });
                let model = world
                    .google
                    .switch("people/raw_contact", &json!({"user": ANA, "person": person}))
                    .await;
                let copies = json!({"user": ANA, "contact": model["resourceName"], "times": count - 1});
                world.google.switch("people/copy_contact", &copies).await;
            }
        }
    }
}

/// (a) and (c).
async fn full_pull(kind: Kind, name: &'static str, sizes: Sizes, column: &mut Column) {
    let (events, word) = (sizes.events, kind.word());
    let (mut pulls, mut bulk, mut by_row) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=sizes.pulls {
        eprintln!("{name}: full pull of {word} {round} of {}", sizes.pulls);
        let database = fresh(name).await;
        let world = kind.world(database.url()).await;
        kind.seed(&world, events).await;
        let on = kind.target(&world, database.url());
        let pull = child::one(Task::Pass, &on).await;
        assert_eq!(pull.created, events as u64, "the pull is not whole");
        pulls.push(pull);
        for (manner, plains) in [(Manner::Bulk, &mut bulk), (Manner::RowByRow, &mut by_row)] {
            let into = fresh(name).await;
            let into = into.url().to_owned();
            plains.push(child::one(Task::Plain { into, manner }, &on).await);
        }
    }
    let pull = least(&pulls, |f| f.seconds);
    column.show(format!("full pull of {events} {word}"), pull, "s");
    column.show(
        "  the same pages fetched and parsed",
        least(&bulk, |f| f.fetch_seconds),
        "s",
    );
    column.show(
        "  ... and the same rows inserted, many a statement",
        least(&bulk, |f| f.seconds),
        "s",
    );
    column.show(
        "  ... and the same rows inserted, one by one",
        least(&by_row, |f| f.seconds),
        "s",
    );
    column.show(
        "  full pull : many a statement",
        pull / least(&bulk, |f| f.seconds),
        "x",
    );
    column.judge(
        "  full pull : one by one",
        pull / least(&by_row, |f| f.seconds),
        "x",
        1.5,
    );
    let cpu = least(&pulls, |f| f.cpu_seconds);
    column.show("  processor", cpu, "s");
    column.show(
        "  processor : many a statement",
        cpu / least(&bulk, |f| f.cpu_seconds),
        "x",
    );
    column.show("  processor : one by one", cpu / least(&by_row, |f| f.cpu_seconds), "x");
    column.show(
        "  statements for each",
        greatest(&pulls, |f| f.statements as f64) / events as f64,
        "",
    );
    column.show("  commits", greatest(&pulls, |f| f.commits as f64), "");
    column.judge("  peak memory", greatest(&pulls, |f| f.peak_mb), "MB", 60.0);
}

/// (b). The databases take turns in one process, so that whatever else goes on strikes them alike.
async fn quiet(kind: Kind, name: &'static str, sizes: Sizes, column: &mut Column) {
    let word = kind.word();
    eprintln!("{name}: quiet passes over {word}");
    let (mut on, mut kept) = (Vec::new(), Vec::new());
    for stored in sizes.stored {
        let database = fresh(name).await;
        let world = kind.world(database.url()).await;
        let one = kind.target(&world, database.url());
        child::one(Task::Pass, &one).await;
        match kind {
            _ if stored == 0 => {}
            Kind::Events => rows::store(&world.engine.db, &world.ana, world.tenant, stored).await,
            Kind::Contacts => rows::store_people(&world.engine.db, &world.ana, world.tenant, stored).await,
        }
        on.push(one);
        kept.push((world, database));
    }
    let (rounds, passes) = (sizes.rounds, sizes.passes);
    let task = Task::Quiet { rounds, passes };
    let figures = child::start(&Job { task, on }).await;
    drop(kept);
    for (stored, f) in sizes.stored.iter().zip(&figures) {
        column.judge(
            format!("quiet pass at {stored} stored {word}: requests"),
            f.requests as f64,
            "",
            1.0,
        );
        column.judge("  statements", f.statements as f64, "", 3.0);
        column.show("  statements of a process's first pass", f.first_statements as f64, "");
        column.judge("  commits", f.commits as f64, "", 2.0);
        column.show("  processor", median(f.cpu_ms_a_pass.clone()), "ms");
        column.show(
            "  processor of a bare list request",
            median(f.cpu_ms_a_list.clone()),
            "ms",
        );
        let pairs = f.cpu_ms_a_pass.iter().zip(&figures[0].cpu_ms_a_pass);
        let ratio = median(pairs.map(|(at_stored, at_none)| at_stored / at_none).collect());
        if *stored == sizes.stored[2] {
            column.judge(format!("  processor : that at 0 stored {word}"), ratio, "x", 1.1);
        } else {
            column.show(format!("  processor : that at 0 stored {word}"), ratio, "x");
        }
    }
}

fn least(figures: &[Figures], of: fn(&Figures) -> f64) -> f64 {
    figures.iter().map(of).fold(f64::INFINITY, f64::min)
}

fn greatest(figures: &[Figures], of: fn(&Figures) -> f64) -> f64 {
    figures.iter().map(of).fold(0.0, f64::max)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// (d).
async fn push(name: &'static str, sizes: Sizes, column: &mut Column) {
    eprintln!("{name}: push");
    let pushed = sizes.pushed;
    let database = fresh(name).await;
    let kind = Kind::Events;
    let world = kind.world(database.url()).await;
    kind.seed(&world, pushed).await;
    let on = kind.target(&world, database.url());
    child::one(Task::Pass, &on).await;
    let change = "UPDATE bookings SET title = title || ', moved to the big room'";
    let changed = run(&world.engine.db, change, vec![]).await;
    assert_eq!(changed, pushed as u64, "every booking is changed");
    let before = world.google_writes().await;
    let figures = child::one(Task::Pass, &on).await;
    let writes = (world.google_writes().await - before) as f64;
    column.judge(
        format!("{pushed} changed single bookings pushed: write requests"),
        writes,
        "",
        pushed as f64,
    );
    column.judge("  bookings left out", pushed as f64 - writes, "", 0.0);
    column.show("  took", figures.seconds, "s");
    column.show(
        "  statements per booking",
        figures.statements as f64 / pushed as f64,
        "",
    );
}

/// (e). First creates go in batches.
async fn push_people(name: &'static str, sizes: Sizes, column: &mut Column) {
    eprintln!("{name}: push of customers");
    let (kind, pushed) = (Kind::Contacts, sizes.pushed);
    let database = fresh(name).await;
    let world = kind.world(database.url()).await;
    let on = kind.target(&world, database.url());
    child::one(Task::Pass, &on).await;
    rows::store_new_people(&world.engine.db, &world.ana, world.tenant, pushed).await;
    let people = People { world };
    let before = people.writes().await;
    let figures = child::one(Task::Pass, &on).await;
    let writes = people.writes().await - before;
    column.judge(
        format!("{pushed} new customers pushed: write requests"),
        writes as f64,
        "",
        10.0,
    );
    let left_out = pushed as f64 - people.contacts().await.len() as f64;
    column.judge("  customers left out", left_out, "", 0.0);
    column.show("  took", figures.seconds, "s");
    column.show(
        "  statements per customer",
        figures.statements as f64 / pushed as f64,
        "",
    );
}
