//! Stories of people: somebody in Google Contacts, an app and a daemon with bad luck do things in any order, and then
//! everybody rests.
//!
//! [`tell`] carries a list of [`Step`]s out against a real database and the pretend Google over HTTP. Whatever a hand writes is
//! a value that nobody has written before (`face.rs` calls it an atom), and `notes.rs` writes down who added it and who took it
//! away. At the end faults stop, the daemon polls until it is quiet, and `verdict.rs` looks for every atom. A story knows
//! nothing of how the engine works; it reads the app's tables and what Google holds.
//!
//! - `step.rs`: what can happen; `any.rs`: any story
//! - `act.rs`: who does a step; `person.rs`, `app.rs`: the hands; `face.rs`: what they write and see
//! - `daemon.rs`: passes, deaths and rest; `questions.rs`: who answers
//! - `sides.rs`: what both sides show; `notes.rs`: what was done
//! - `verdict.rs`: what must hold; `deeds.rs`: nothing lost, nothing doubled, nothing back from the dead
#![allow(dead_code, reason = "each test file uses its own part of this")]
mod act;
mod any;
mod app;
mod daemon;
mod deeds;
mod face;
mod notes;
mod person;
mod questions;
mod sides;
mod step;
mod verdict;

#[allow(unused_imports, reason = "each test file uses its own part of this")]
pub use any::any_story;
#[allow(unused_imports, reason = "each test file uses its own part of this")]
pub use step::{Change, Form, Method, Moment, Step, Trouble, Via};

use crate::support::people::People;
use accord::domain::access::ContactsChoice;
use notes::Notes;
use serde_json::json;

/// Under which rules a story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// `origin`, `google`, `app` or `ask`.
    pub policy: &'static str,
    /// Whether only contacts under a label are followed.
    pub by_label: bool,
    /// Whether two removals are enough for the brake.
    pub brakes: bool,
}

/// The defaults.
pub const PLAIN: Setting = Setting {
    policy: "origin",
    by_label: false,
    brakes: false,
};

/// A story while it is told.
pub struct Story {
    people: People,
    setting: Setting,
    /// The label under which contacts are followed.
    label: Option<String>,
    notes: Notes,
    step: usize,
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
        story.look().await;
        if aloud {
            let note = if done { "" } else { " // came to nothing" };
            log.push(format!("{step:?},{note}"));
            story.show(log).await;
        }
    }
    // Whoever has not answered yet does so at the end, until nobody asks any more.
    for round in 0..8 {
        story.step += 1;
        let rest = story.rest().await;
        if aloud {
            log.push("rest".to_owned());
            story.show(log).await;
        }
        rest?;
        story.verdict().await?;
        if !story.answer_all(round).await {
            return Ok(());
        }
    }
    Err("there is always one more question".into())
}

impl Story {
    async fn begin(url: &str, setting: Setting) -> Story {
        let people = People::new(url).await;
        let mut settings = json!({"conflict": setting.policy});
        if setting.brakes {
            settings["brake_min"] = json!(2);
        }
        people.set(settings).await;
        let mut label = None;
        if setting.by_label {
            let group = people.person_adds_label("Customers").await;
            let choice = ContactsChoice::Label {
                group: group.clone(),
                name: "Customers".to_owned(),
            };
            people.choose_contacts(&people.ana, &choice).await;
            label = Some(group);
        }
        people.prepare_deaths().await;
        Story {
            people,
            setting,
            label,
            notes: Notes::default(),
            step: 0,
        }
    }
}
