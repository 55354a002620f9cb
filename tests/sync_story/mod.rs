//! Stories: a person in Google, an app and a daemon with bad luck do things in any order, and then everybody rests.
//!
//! [`tell`] carries a list of [`Step`]s out against a real database and the pretend Google over HTTP, writing down every edit
//! that somebody made. At the end faults stop, the daemon polls until it is quiet, and `verdict.rs` compares what is there
//! with what was written down. A story knows nothing of how the engine works; it reads the app's tables and Google's lists.
#![allow(dead_code, reason = "each test file uses its own part of this")]
mod actors;
mod sides;
mod step;
mod verdict;

#[allow(unused_imports, reason = "each test file uses its own part of this")]
pub use step::{Method, Step, Trouble, Via, any_story};

use crate::support::google::ANA;
use crate::support::world::World;
use accord::domain::ids::BookingId;
use accord::engine::sync::{PassReport, SyncError};
use sides::Face;

/// Under which rules a story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// `origin`, `google` or `app`.
    pub policy: &'static str,
    /// Whether Ana lets Accord read a second calendar too.
    pub two_calendars: bool,
}

/// The default policy and one calendar.
pub const PLAIN: Setting = Setting {
    policy: "origin",
    two_calendars: false,
};

/// What a story calls by a number: an event, its booking, or both once they know each other.
#[derive(Debug, Clone, Default)]
struct Item {
    event: Option<String>,
    booking: Option<BookingId>,
}

/// Who made an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Person,
    App,
}

/// What was edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Title,
    Description,
    When,
    Place,
    /// `live` or `gone`.
    Life,
}

/// A whole item, or one occurrence of it by its original start.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Object {
    item: usize,
    occurrence: Option<String>,
}

/// One edit that somebody made.
#[derive(Debug, Clone)]
struct Edit {
    step: usize,
    side: Side,
    object: Object,
    field: Field,
    value: String,
    /// The object as this side had it just before.
    saw: Option<Face>,
    /// Whether both sides were equal then, and the daemon knew.
    agreed: bool,
}

/// A story while it is told.
pub struct Story {
    world: World,
    scopes: Vec<String>,
    items: Vec<Item>,
    edits: Vec<Edit>,
    /// The step at which each scope had its last good pass.
    good_pass: Vec<usize>,
    /// Names of rooms by id.
    rooms: std::collections::HashMap<String, String>,
    step: usize,
}

/// Tells a story on an empty database, and judges its end.
///
/// # Errors
/// What is wrong at the end, in words.
pub async fn tell(url: &str, setting: Setting, steps: &[Step]) -> Result<(), String> {
    let mut log = Vec::new();
    // On the heap: a pass inside a step inside a story is more than a test's stack holds.
    Box::pin(tell_into(&mut log, false, url, setting, steps)).await
}

/// The same, for somebody who wants to read how it came to this: both sides after each step.
pub async fn trace(url: &str, setting: Setting, steps: &[Step]) -> String {
    let mut log = Vec::new();
    let end = Box::pin(tell_into(&mut log, true, url, setting, steps)).await;
    log.push(format!("{end:?}"));
    log.join("\n")
}

async fn tell_into(
    log: &mut Vec<String>,
    aloud: bool,
    url: &str,
    setting: Setting,
    steps: &[Step],
) -> Result<(), String> {
    let mut story = Story::begin(url, setting).await;
    for (number, step) in steps.iter().enumerate() {
        story.step = number + 1;
        let done = Box::pin(story.act(*step)).await;
        if aloud {
            let note = if done { "" } else { " // came to nothing" };
            log.push(format!("{step:?},{note}"));
            story.show(log).await;
        }
    }
    story.step = steps.len() + 1;
    let rest = story.rest().await;
    if aloud {
        log.push("rest".to_owned());
        story.show(log).await;
    }
    rest?;
    story.verdict().await
}

impl Story {
    async fn begin(url: &str, setting: Setting) -> Story {
        let world = World::new(url).await;
        if setting.policy != "origin" {
            world.set(serde_json::json!({"conflict": setting.policy})).await;
        }
        let mut scopes = vec![ANA.to_owned()];
        if setting.two_calendars {
            let body = serde_json::json!({"summary": "Second", "timeZone": "Europe/Madrid"});
            let made = world.person_posts(ANA, "/calendars", body).await;
            let second = made["id"].as_str().expect("a calendar has an id").to_owned();
            world.choose(&world.ana.clone(), &second, false).await;
            scopes.push(second);
        }
        Story {
            world,
            good_pass: vec![0; scopes.len()],
            scopes,
            items: Vec::new(),
            edits: Vec::new(),
            rooms: std::collections::HashMap::new(),
            step: 0,
        }
    }

    async fn poll(&mut self, scope: usize) -> Result<PassReport, SyncError> {
        let scope = scope % self.scopes.len();
        let calendar = self.scopes[scope].clone();
        let outcome = self.world.try_sync_scope(&self.world.ana.clone(), &calendar).await;
        if outcome.is_ok() {
            self.good_pass[scope] = self.step;
        }
        outcome
    }

    /// Nothing goes wrong any more, nobody edits, and the daemon polls until nothing moves.
    async fn rest(&mut self) -> Result<(), String> {
        self.world
            .google
            .http
            .delete(&self.world.google.url("/_sandbox/faults"), &[])
            .await;
        self.hours_pass(26).await;
        for _ in 0..10 {
            let mut quiet = true;
            for scope in 0..self.scopes.len() {
                let report = self.poll(scope).await;
                let report = report.map_err(|error| format!("a pass fails although nothing is wrong: {error}"))?;
                quiet &= report.is_quiet();
            }
            // A lost lead is decided by a later pass than the one that saw the loss.
            let undecided = self
                .sides()
                .await
                .spots
                .iter()
                .any(|spot| spot.waiting.as_deref() == Some("lead_lost"));
            if quiet && !undecided && self.world.pending().await == 0 {
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

    async fn hours_pass(&self, hours: i64) {
        self.world.clock.advance(chrono::TimeDelta::hours(hours));
        self.world.google.pass(hours * 3600).await;
    }
}
