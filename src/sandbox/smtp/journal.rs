//! The log of sessions: every connection, every line, every reply, also those that were refused or cut.
//!
//! Its counts go on after the ring of sessions forgot, so that a test can compare attempts with mails. Secrets of AUTH and the
//! text of messages are not in it.
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The server is at work.
    UnderWay,
    /// A fault holds it, until it is released or the client leaves.
    Stalled,
    /// A reply was sent.
    Answered,
    /// A fault sent something that is no reply.
    Nonsense,
    /// A fault closed the connection.
    Cut,
    /// The client left before it was answered.
    Left,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// QUIT was answered.
    Quit,
    /// The client went away.
    Left,
    /// A fault closed the connection.
    Cut,
    /// The server hung up after a 421 or a broken line.
    HungUp,
}

/// One exchange of a session.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// When the server had it whole, by the sandbox's clock.
    pub at_us: i64,
    /// The stage at which faults meet it; null for a line that is no good command.
    pub stage: Option<super::faults::Stage>,
    /// The line as sent, `(connected)`, `(greeting)`, `AUTH PLAIN ***` or `(message of 1234 octets)`.
    pub line: String,
    /// What became of it.
    pub state: State,
    /// The code of the reply that was sent.
    pub code: Option<u16>,
    /// Its text; several lines are joined with ` / `.
    pub text: Option<String>,
    /// The message that was stored.
    pub message: Option<u64>,
    /// The action of the fault that it met.
    pub fault: Option<Value>,
}

/// One connection.
#[derive(Debug, Clone, Serialize)]
pub struct Session {
    /// Rises by one per connection, from 1.
    pub session: u64,
    /// When it was accepted.
    pub opened_us: i64,
    /// When it was over.
    pub closed_us: Option<i64>,
    /// How it ended.
    pub end: Option<End>,
    /// What was said, in order.
    pub steps: Vec<Entry>,
}

#[derive(Debug, Default, Clone, Serialize)]
struct PerRecipient {
    attempts: u64,
    accepted: u64,
}

#[derive(Debug, Default, Serialize)]
struct Counts {
    sessions: u64,
    attempts: u64,
    accepted: u64,
    recipients: BTreeMap<String, PerRecipient>,
}

/// The ring of sessions and the counts.
#[derive(Debug)]
pub struct Journal {
    capacity: usize,
    last: u64,
    sessions: VecDeque<Session>,
    counts: Counts,
}

impl Journal {
    /// A log that keeps the latest `capacity` sessions.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            last: 0,
            sessions: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// Writes down a connection and gives its number.
    pub fn open(&mut self, at_us: i64) -> u64 {
        self.last += 1;
        self.counts.sessions += 1;
        self.sessions.push_back(Session {
            session: self.last,
            opened_us: at_us,
            closed_us: None,
            end: None,
            steps: Vec::new(),
        });
        while self.sessions.len() > self.capacity {
            self.sessions.pop_front();
        }
        self.last
    }

    /// Writes down a step; it stays the session's latest until the next.
    pub fn begin(&mut self, session: u64, entry: Entry) {
        if let Some(session) = self.find(session) {
            session.steps.push(entry);
        }
    }

    /// Changes the latest step of a session.
    pub fn change(&mut self, session: u64, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.find(session).and_then(|session| session.steps.last_mut()) {
            change(entry);
        }
    }

    /// Writes down the end of a session.
    pub fn close(&mut self, session: u64, end: End, at_us: i64) {
        if let Some(session) = self.find(session) {
            session.closed_us = Some(at_us);
            session.end = Some(end);
        }
    }

    fn find(&mut self, session: u64) -> Option<&mut Session> {
        self.sessions.iter_mut().rev().find(|known| known.session == session)
    }

    /// A MAIL command came.
    pub fn count_attempt(&mut self) {
        self.counts.attempts += 1;
    }

    /// A RCPT command came.
    pub fn count_recipient(&mut self, to: &str) {
        self.recipient(to).attempts += 1;
    }

    /// A message was stored.
    pub fn count_accepted(&mut self, to: &[String]) {
        self.counts.accepted += 1;
        for to in to {
            self.recipient(to).accepted += 1;
        }
    }

    fn recipient(&mut self, to: &str) -> &mut PerRecipient {
        self.counts.recipients.entry(to.to_ascii_lowercase()).or_default()
    }

    /// Sessions with a number above `after`, oldest first.
    pub fn after(&self, after: u64) -> Value {
        let later = self.sessions.iter().filter(|session| session.session > after);
        json!(later.collect::<Vec<_>>())
    }

    /// The counts since the last clear.
    pub fn counts(&self) -> Value {
        json!(self.counts)
    }

    /// Forgets what is over and the counts; sessions under way stay, and the numbers go on.
    pub fn clear(&mut self) {
        self.sessions.retain(|session| session.end.is_none());
        self.counts = Counts::default();
    }
}
