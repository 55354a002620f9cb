//! Stories of mail: an app, a person in Google, users who decide, customers, a mail server with moods and a daemon with bad luck.
//!
//! [`tell`] carries a list of [`Step`]s out against a real database, the pretend Google and its mail server. What the server takes
//! is judged as it comes (`post.rs`): whether its user said yes to exactly that, once, and whether it was true when it was
//! handed over. At the end faults stop, whoever is asked says yes to everything, and `verdict.rs` lets the auditor compare the
//! server's mails with the ledger, and compares what each customer was told last with what holds.
//!
//! - `step.rs`: what can happen; `any.rs`: any story; `act.rs`: who does a step
//! - `app.rs`, `person.rs`: who changes bookings; `people.rs`: users and customers who decide; `daemon.rs`: jobs, deaths and rest
//! - `post.rs`: mails as they come; `claim.rs`: what one says, and whether it holds; `verdict.rs`: the end
#![allow(dead_code, reason = "each test file uses its own part of this")]
mod act;
mod any;
mod app;
mod claim;
mod daemon;
mod people;
mod person;
mod post;
mod step;
mod verdict;

#[allow(unused_imports, reason = "each test file uses its own part of this")]
pub use any::any_story;
#[allow(unused_imports, reason = "each test file uses its own part of this")]
pub use step::{Stage, Step, Tamper, Trouble, Via, Wish};

use crate::support::google::ANA;
use crate::support::world::{BEN, Connected, World};
use accord::domain::ids::{BookingId, CustomerId, MessageId, UserId};
use accord::engine::Engine;
use accord::engine::customers::CustomerEdit;
use accord::engine::mail::MailSettings;
use accord::engine::once::Answer;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Under which rules a story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Whether there is a second user, who knows some of the same people.
    pub with_ben: bool,
}

/// One user.
pub const ALONE: Setting = Setting { with_ben: false };

/// Two users, who know the same people.
pub const TOGETHER: Setting = Setting { with_ben: true };

/// What a story calls by a number.
#[derive(Debug, Clone, Default)]
struct Item {
    booking: Option<BookingId>,
    event: Option<String>,
}

/// A story while it is told.
pub struct Story {
    world: World,
    users: Vec<Connected>,
    /// Of each user: Eva, Ada, Eva again under another name, and Kim without an address.
    customers: Vec<Vec<CustomerId>>,
    items: Vec<Item>,
    step: usize,
    /// A fault is set that the daemon ends by giving up.
    is_stalling: bool,
    /// Mails of the server that were judged.
    seen: u64,
    /// What somebody said yes to, by message.
    approved: BTreeMap<MessageId, Vec<u8>>,
    /// What was shown when the page was opened.
    shown: Vec<(MessageId, UserId, Vec<u8>)>,
    /// What its user declined or took back, or somebody has tampered with: it must not be sent.
    stopped: BTreeSet<MessageId>,
    paused: BTreeSet<UserId>,
    suppressed: BTreeSet<String>,
    /// Messages that the server took.
    taken: BTreeSet<MessageId>,
    /// Of these nobody says at the end that everything was told: somebody wished that it is not.
    quiet: BTreeSet<BookingId>,
    /// Whose mail was paused once.
    muted_users: BTreeSet<UserId>,
    /// Addresses that wanted none once, or are nobody's any more.
    muted_addresses: BTreeSet<String>,
    log: Vec<String>,
}

/// Tells a story on an empty database, and judges its end.
///
/// # Errors
/// What is wrong, in words.
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

/// The same, for somebody who wants to read how it came to this.
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
            let note = if matches!(done, Ok(false)) {
                " // came to nothing"
            } else {
                ""
            };
            log.push(format!("{step:?},{note}"));
            log.append(&mut story.log);
            story.show(log).await;
        }
        done.map_err(|problem| format!("after step {}: {problem}", number + 1))?;
    }
    story.step = steps.len() + 1;
    let rest = Box::pin(story.rest()).await;
    if aloud {
        log.push("rest".to_owned());
        log.append(&mut story.log);
        story.show(log).await;
    }
    rest?;
    story.verdict().await
}

/// The people that every user knows. Eva is there twice: two customers, one mailbox.
const PEOPLE: [(&str, Option<&str>); 4] = [
    ("Eva", Some("eva@example.org")),
    ("Ada", Some("ada@example.org")),
    ("Evička", Some("EVA@example.org")),
    ("Kim", None),
];

impl Story {
    async fn begin(url: &str, setting: Setting) -> Story {
        let world = World::new(url).await;
        world
            .set(json!({"sender": "Acme <mail@acme.example>", "reminders": "24h, 1h"}))
            .await;
        let mut users = vec![world.ana.clone()];
        if setting.with_ben {
            users.push(world.ben().await);
        }
        let mut story = Story {
            world,
            customers: Vec::new(),
            users,
            items: Vec::new(),
            step: 0,
            is_stalling: false,
            seen: 0,
            approved: BTreeMap::new(),
            shown: Vec::new(),
            stopped: BTreeSet::new(),
            paused: BTreeSet::new(),
            suppressed: BTreeSet::new(),
            taken: BTreeSet::new(),
            quiet: BTreeSet::new(),
            muted_users: BTreeSet::new(),
            muted_addresses: BTreeSet::new(),
            log: Vec::new(),
        };
        story.world.engine.mail = story.mail();
        story.prepare_deaths().await;
        for user in story.users.clone() {
            let mut known = Vec::new();
            for (name, address) in PEOPLE {
                known.push(story.new_customer(user.user, name, address).await);
            }
            story.customers.push(known);
        }
        story
    }

    async fn new_customer(&self, user: UserId, name: &str, address: Option<&str>) -> CustomerId {
        let emails: Vec<_> = address.into_iter().map(|address| json!({"value": address})).collect();
        let fields = json!({"given_name": name, "emails": emails});
        let edit = CustomerEdit {
            fields: fields.as_object().cloned().expect("an object"),
            bad: Vec::new(),
        };
        let render = |view: &accord::engine::customers::CustomerView| Answer {
            status: 201,
            body: view.row.id.to_string().into(),
        };
        // Ids of one millisecond come in any order; the first of two with one address is the one that was there first.
        self.world.clock.advance(chrono::TimeDelta::milliseconds(1));
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        let made = engine
            .create_customer(tenant, Some(&user.to_string()), &edit, None, render)
            .await;
        let id = String::from_utf8(made.expect("a good customer is taken").body).expect("text");
        id.parse().expect("an id")
    }

    /// How mail is sent in stories: over the pretend server, at once.
    fn mail(&self) -> MailSettings {
        let mut mail = MailSettings::without_server().expect("the built-in templates are good");
        let url = format!("smtp://{}", self.world.google.sandbox.smtp_addr());
        mail.server = Some(Arc::new(url.parse().expect("an address")));
        mail.settle = 0;
        mail.rest = 0;
        mail
    }

    /// A daemon beside the one of the story.
    async fn second_engine(&self) -> Engine {
        let base = self.world.google.sandbox.base_url();
        let mut engine = crate::support::world::engine_at(&self.world.url(), &base, self.world.clock.clone()).await;
        engine.mail = self.mail();
        engine
    }

    /// The daemon stops and starts again.
    async fn restart(&mut self) {
        self.world.restart().await;
        self.world.engine.mail = self.mail();
    }

    fn now(&self) -> i64 {
        self.world.engine.now_ms()
    }

    fn calendar(&self, user: usize) -> &'static str {
        if user == 0 { ANA } else { BEN }
    }
}
