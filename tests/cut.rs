//! Running passes that are cut off: by a firm stop, by a lost lease, by the end of the process. The next start goes on.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod connect_support;
mod support;

use accord::engine::Engine;
use accord::engine::housekeeping::Retention;
use accord::jobs::{self, cadence::Cadence};
use accord::lifecycle::{PATIENCE, Shutdown};
use connect_support::Bed;
use serde_json::json;
use std::time::Duration;
use support::google::{ANA, event};
use support::postgres::both_databases;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const BOOKINGS: &str = "SELECT COUNT(*) AS n FROM bookings WHERE title = 'Yoga'";
const HELD: &str = "SELECT COUNT(*) AS n FROM sync_scopes WHERE lease_until > 0";
const GOOD: &str = "SELECT COUNT(*) AS n FROM sync_scopes WHERE last_good_at > 0";

/// The daemon's jobs, as `accord serve` runs them.
fn start(engine: &Engine, shutdown: &Shutdown) -> JoinHandle<()> {
    let settings = jobs::Settings {
        cadence: Cadence::new("*/2 * * * *".parse().unwrap(), engine.clock.now()),
        concurrency: 2,
        retention: Retention {
            changes_days: 30,
            choosing_hours: 24,
            letters_days: 30,
        },
    };
    tokio::spawn(jobs::run(engine.clone(), settings, shutdown.stop()))
}

async fn until(bed: &Bed, sql: &'static str, wanted: i64) {
    let seen = async {
        while bed.count(sql).await != wanted {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), seen).await.expect(sql);
}

/// Ana with one event, and a Google that lets the next listing hang.
async fn hanging(url: &str) -> Bed {
    let bed = Bed::new(url).await;
    bed.connect(bed.ana, ANA).await;
    let authorization = format!("Bearer person:{ANA}");
    let headers = [("authorization", authorization.as_str())];
    let made = bed
        .google
        .http
        .post(&bed.google.events(), &headers, &event("Yoga"))
        .await;
    made.expect(200);
    bed.fault("/events", 1, json!({"delay_ms": 60_000})).await;
    bed
}

/// Waits until the pass hangs at Google.
async fn hangs(bed: &Bed) {
    let met = async {
        while !bed.google.look("faults").await.as_array().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), met)
        .await
        .expect("the pass asks Google");
    assert_eq!(bed.count(HELD).await, 1);
}

/// What the next start of the daemon makes of it.
async fn goes_on(bed: &Bed, engine: &Engine) {
    let shutdown = Shutdown::new(PATIENCE);
    let running = start(engine, &shutdown);
    until(bed, GOOD, 1).await;
    shutdown.request();
    timeout(PATIENCE, running).await.expect("the jobs end").unwrap();
    assert_eq!(bed.count(BOOKINGS).await, 1);
    assert_eq!(bed.count(HELD).await, 0);
}

both_databases! {
    async fn a_pass_that_a_firm_stop_cuts_is_taken_up_at_once_by_the_next_start(url: String) {
        let bed = hanging(&url).await;
        let shutdown = Shutdown::new(PATIENCE);
        let running = start(&bed.engine, &shutdown);
        hangs(&bed).await;
        // The first signal leaves it time, the second one does not (`tests/lifecycle.rs` sends them).
        shutdown.request();
        assert!(!running.is_finished());
        shutdown.force();
        timeout(PATIENCE, running).await.expect("the jobs end").unwrap();
        assert_eq!((bed.count(HELD).await, bed.count(BOOKINGS).await), (0, 0), "let go of, and nothing is half done");
        goes_on(&bed, &bed.other_worker()).await;
    }

    async fn a_pass_whose_process_dies_is_taken_up_when_its_lease_ends(url: String) {
        let mut bed = hanging(&url).await;
        bed.engine.sync.lease_ms = 3_000;
        let shutdown = Shutdown::new(PATIENCE);
        let running = start(&bed.engine, &shutdown);
        hangs(&bed).await;
        // Nothing of it runs any more, not even what would let go of the calendar.
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        assert_eq!(bed.count(HELD).await, 1, "the dead one still holds it");
        goes_on(&bed, &bed.other_worker()).await;
    }

    async fn a_pass_that_lost_its_lease_writes_nothing_and_leaves_the_winner_alone(url: String) {
        let bed = hanging(&url).await;
        let shutdown = Shutdown::new(PATIENCE);
        let running = start(&bed.engine, &shutdown);
        hangs(&bed).await;
        bed.sql("UPDATE sync_scopes SET lease_until = 1", vec![]).await;
        goes_on(&bed, &bed.other_worker()).await;
        bed.sql("UPDATE bookings SET title = 'Yoga'", vec![]).await;
        let fence = bed.count("SELECT fence AS n FROM sync_scopes").await;
        shutdown.request();
        shutdown.force();
        timeout(PATIENCE, running).await.expect("the jobs end").unwrap();
        assert_eq!(bed.count("SELECT fence AS n FROM sync_scopes").await, fence, "the loser lets go of nothing");
        assert_eq!((bed.count(GOOD).await, bed.count(BOOKINGS).await), (1, 1));
    }
}
