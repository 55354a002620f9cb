//! Stories: a person in Google, an app and a daemon with bad luck do things in any order, and then everybody rests.
//!
//! [`tell`] carries a list of [`Step`]s out against a real database and the pretend Google over HTTP, writing down every edit
//! that somebody made. At the end faults stop, the daemon polls until it is quiet, and `verdict.rs` compares what is there
//! with what was written down. A story knows nothing of how the engine works; it reads the app's tables and Google's lists.
//!
//! - `step.rs`: what can happen; `any.rs`: any story
//! - `act.rs`: who does a step; `person.rs`, `guests.rs`, `app.rs`: the hands; `change.rs`: what they write
//! - `daemon.rs`: passes, deaths and rest; `questions.rs`: who answers
//! - `face.rs`, `sides.rs`: what both sides show; `notes.rs`: what was done
//! - `verdict.rs`: what must hold; `agreement.rs`: both sides equal; `deeds.rs`: nothing lost, nothing back from the dead
#![allow(dead_code, reason = "each test file uses its own part of this")]
mod act;
mod agreement;
mod any;
mod app;
mod change;
mod daemon;
mod deeds;
mod face;
mod guests;
mod notes;
mod person;
mod questions;
mod sides;
mod step;
mod verdict;

#[allow(unused_imports, reason = "each test file uses its own part of this")]
pub use any::any_story;
#[allow(unused_imports, reason = "each test file uses its own part of this")]
pub use step::{Method, Moment, Step, Trouble, Via};

use crate::support::google::ANA;
use crate::support::world::{BEN, Connected, World};
use notes::{Answered, Edit, Item};
use serde_json::json;

/// Under which rules a story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// `origin`, `google`, `app` or `ask`.
    pub policy: &'static str,
    /// What cancelling and moving in Google do: `apply` or `ask`.
    pub inbound: &'static str,
    /// What the app's changes do when there are guests: `push` or `ask`.
    pub guests: &'static str,
    /// Whether Ana lets Accord read a second calendar too.
    pub two_calendars: bool,
    /// Whether Ben, whom Ana meets, has connected his calendar too.
    pub with_ben: bool,
}

/// The defaults, and one calendar.
pub const PLAIN: Setting = Setting {
    policy: "origin",
    inbound: "apply",
    guests: "ask",
    two_calendars: false,
    with_ben: false,
};

/// A calendar that the daemon reads.
#[derive(Debug, Clone)]
struct Scope {
    who: Connected,
    calendar: String,
}

/// A story while it is told.
pub struct Story {
    world: World,
    setting: Setting,
    scopes: Vec<Scope>,
    items: Vec<Item>,
    edits: Vec<Edit>,
    answers: Vec<Answered>,
    /// The step at which each scope had its last good pass.
    good_pass: Vec<usize>,
    /// Names of rooms by id.
    rooms: std::collections::HashMap<String, String>,
    step: usize,
}

/// What a story calls by a number, or one occurrence of it by its original start.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Object {
    item: usize,
    occurrence: Option<String>,
}

impl Object {
    fn whole(item: usize) -> Object {
        Object { item, occurrence: None }
    }
}

/// Who made an edit: somebody in Google, or the app.
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

/// Tells a story on an empty database, and judges its end.
///
/// # Errors
/// What is wrong at the end, in words.
pub async fn tell(url: &str, setting: Setting, steps: &[Step]) -> Result<(), String> {
    let (url, steps) = (url.to_owned(), steps.to_vec());
    // A pass inside a step inside a story is more than a test's stack holds.
    let thread = std::thread::Builder::new().stack_size(16 << 20).spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(Box::pin(tell_into(&mut Vec::new(), false, &url, setting, &steps)))
    });
    match thread.expect("a thread").join() {
        Ok(end) => end,
        Err(panic) => std::panic::resume_unwind(panic),
    }
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
    story.verdict().await?;
    // Whoever has not answered yet does so now, until nobody asks any more.
    for round in 0..8 {
        if !story.answer_all(round).await {
            return Ok(());
        }
        story.step += 1;
        let rest = story.rest().await;
        if aloud {
            log.push("rest after the answers".to_owned());
            story.show(log).await;
        }
        rest?;
        story.verdict().await?;
    }
    Err("there is always one more question".into())
}

impl Story {
    async fn begin(url: &str, setting: Setting) -> Story {
        let world = World::new(url).await;
        world
            .set(json!({"conflict": setting.policy, "inbound_cancel": setting.inbound,
                "inbound_move": setting.inbound, "guests": setting.guests}))
            .await;
        let scope = |who: &Connected, calendar: &str| Scope {
            who: who.clone(),
            calendar: calendar.to_owned(),
        };
        let mut scopes = vec![scope(&world.ana, ANA)];
        if setting.two_calendars {
            let body = json!({"summary": "Second", "timeZone": "Europe/Madrid"});
            let made = world.person_posts(ANA, "/calendars", body).await;
            let second = made["id"].as_str().expect("a calendar has an id").to_owned();
            world.choose(&world.ana.clone(), &second, false).await;
            scopes.push(scope(&world.ana, &second));
        }
        if setting.with_ben {
            let ben = world.ben().await;
            scopes.push(scope(&ben, BEN));
        } else {
            let ben = json!({"email": BEN, "name": "Ben", "time_zone": "Europe/Prague"});
            world.google.switch("users", &ben).await;
        }
        world.prepare_deaths().await;
        Story {
            world,
            setting,
            good_pass: vec![0; scopes.len()],
            scopes,
            items: Vec::new(),
            edits: Vec::new(),
            answers: Vec::new(),
            rooms: std::collections::HashMap::new(),
            step: 0,
        }
    }
}
