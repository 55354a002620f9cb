//! Mail to customers: proposed when a booking changes, sent only after its user said yes to exactly this mail.
//!
//! Everything is derived from state, like the sync. For each recipient of a booking (a mailbox, which several customers may read) `consider` compares what they would be told
//! with what mail was last about; a difference supersedes what is open and proposes, if somebody wished it, the mail that is due.
//! The API considers in its own transaction, so that its answer can name the proposals; what passes and SQL write is found
//! by its version ([`consider_waiting`]), so nothing is lost by a crash and no pass waits for mail.
//!
//! Order of locks, everywhere: bookings, then the tenant's mail (`Desk::open`), then messages, the ledger's head last.
mod clerk;
mod compare;
mod consider;
mod decide;
mod desk;
mod erase;
mod error;
mod family;
mod letter;
mod notice;
mod outbox;
pub mod page;
mod preview;
mod propose;
mod remind;
mod unsubscribe;
mod view;

pub use consider::consider_waiting;
pub use decide::{Decider, How, approve, decline, pause, resume, withdraw};
pub use desk::set_server;
pub use error::MailError;
pub use notice::{prompt_waiting, test_letter};
pub use outbox::{expire, give_up_overdue, send_due};
pub use preview::{own_folder, templates_of};
pub use remind::remind_due;
pub use unsubscribe::{Unsubscribing, lift, look, suppress};
pub use view::{Filter, Proposal, list, one};

pub(in crate::engine) use consider::{Wish, consider_written};
pub(in crate::engine) use decide::stop_all;
pub(in crate::engine) use desk::Desk;
pub(in crate::engine) use erase::erase_words;

use crate::config::Schedule;
use crate::mail::transport::{Limits, SmtpServer, Transport};
use crate::templates::mail::{MailTemplates, TemplateError};
use std::path::PathBuf;
use std::sync::Arc;

/// How mail is proposed and sent in this installation. Times in milliseconds.
#[derive(Clone)]
pub struct MailSettings {
    /// The installation's mail server; tenants may have their own.
    pub server: Option<Arc<SmtpServer>>,
    /// How long the steps of a delivery may take.
    pub limits: Limits,
    /// Open connections, shared by all deliveries of this process.
    pub transport: Arc<Transport>,
    /// The built-in templates.
    pub templates: MailTemplates,
    /// The folder with the tenants' own.
    pub overrides: Option<PathBuf>,
    /// How long before a reminder is due its user is asked.
    pub prompt_lead: i64,
    /// How long a booking must rest before its user is written to.
    pub settle: i64,
    /// The shortest time between two mails that ask one user.
    pub prompt_interval: i64,
    /// When users are asked by mail, if not as soon as the interval allows.
    pub prompt_digest: Option<Schedule>,
    /// How long a link to the consent page is good.
    pub link: i64,
    /// Most mails to one address in a day.
    pub per_recipient_per_day: i64,
    /// Most mails for one tenant in an hour.
    pub per_tenant_per_hour: i64,
    /// Whether the server's DKIM signature covers the unsubscribe fields.
    pub dkim_by_server: bool,
    /// How long rows written in SQL must rest before their mail is considered; they come in several statements.
    pub rest: i64,
}

impl MailSettings {
    /// The defaults of the configuration, without a mail server.
    ///
    /// # Errors
    /// A built-in template is broken.
    pub fn without_server() -> Result<Self, TemplateError> {
        const MINUTE: i64 = 60_000;
        Ok(Self {
            server: None,
            limits: Limits::default(),
            transport: Arc::default(),
            templates: MailTemplates::embedded()?,
            overrides: None,
            prompt_lead: 24 * 60 * MINUTE,
            settle: MINUTE,
            prompt_interval: 15 * MINUTE,
            prompt_digest: None,
            link: 72 * 60 * MINUTE,
            per_recipient_per_day: 20,
            per_tenant_per_hour: 500,
            dkim_by_server: false,
            rest: 3000,
        })
    }
}
