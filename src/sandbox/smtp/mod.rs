//! A mail server that takes everything that is well formed, shows it on a page, and misbehaves when told to.
//!
//! It is written from RFC 5321 (SMTP), 5322 and 2045 (messages), 1870 (SIZE), 2034 (enhanced codes), 2920 (PIPELINING),
//! 4954 (AUTH), 6152 (8BITMIME) and 6531 (SMTPUTF8), and refuses what strict servers and gateways refuse: a bare line
//! feed, 8-bit content that was not announced, a broken header. A message that was taken is delivered, even when the
//! client never heard of it. Plain text on loopback only: no STARTTLS, no time-outs, nothing is sent on to anybody.
mod address;
mod auth;
mod command;
pub mod control;
mod dialogue;
mod faults;
mod header;
mod journal;
mod letter;
pub mod mailbox;
pub mod mime;
mod reply;
mod session;
mod wire;

use super::server::Shared;
use faults::Faults;
use journal::Journal;
use mailbox::Mailbox;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

/// The only name and password that a server with AUTH accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpCredentials {
    /// The user name, any text.
    pub user: String,
    /// The password, any text.
    pub password: String,
}

/// What kind of server it is; tests can change it between two sessions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Switches {
    /// Octets of the largest message, CRLF counted, dots of transparency not (RFC 1870).
    pub max_size: usize,
    /// Whether 8BITMIME is offered.
    pub eight_bit_mime: bool,
    /// Whether SMTPUTF8 is offered; RFC 6531 allows it only together with 8BITMIME.
    pub smtputf8: bool,
    /// The first attempt for each recipient is put off with 451.
    pub greylist: bool,
    /// With credentials, mail is taken only after AUTH.
    pub auth: Option<SmtpCredentials>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            max_size: 25 * 1024 * 1024,
            eight_bit_mime: true,
            smtputf8: true,
            greylist: false,
            auth: None,
        }
    }
}

/// Everything the mail server knows.
#[derive(Debug)]
pub struct MailService {
    /// What it took.
    pub mailbox: Mailbox,
    /// Who spoke with it, and how that went.
    pub journal: Journal,
    /// What goes wrong next.
    pub faults: Faults,
    /// What kind of server it is.
    pub switches: Switches,
    /// Recipients that greylisting has seen, lower case.
    known: BTreeSet<String>,
    /// Moves when stalled sessions may go on.
    release: watch::Sender<()>,
}

impl MailService {
    /// A server without mail; its journal keeps the latest `capacity` sessions.
    pub fn new(auth: Option<SmtpCredentials>, capacity: usize) -> Self {
        Self {
            mailbox: Mailbox::default(),
            journal: Journal::new(capacity),
            faults: Faults::default(),
            switches: Switches {
                auth,
                ..Switches::default()
            },
            known: BTreeSet::new(),
            release: watch::Sender::new(()),
        }
    }

    /// Puts other switches in place; greylisting begins anew.
    pub fn switch(&mut self, switches: Switches) {
        self.switches = switches;
        self.known.clear();
    }

    /// Writes down whether the 250 for a message was sent.
    fn set_answered(&mut self, taken: Option<u64>, answered: bool) {
        if let Some(id) = taken {
            self.mailbox.set_answered(id, answered);
        }
    }

    /// Lets every stalled session go on.
    pub fn release(&self) {
        self.release.send_replace(());
    }
}

/// Accepts connections for ever. Dropping the future drops every connection as it is.
pub async fn serve(listener: TcpListener, shared: Shared) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = sessions.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    sessions.spawn(session::run(stream, shared.clone()));
                }
                // An accept that fails (no file handles left) says nothing about the next one.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }
}
