//! Use cases: the only place that joins store and google.
//!
//! `web`, `jobs` and `cli` call functions here and nothing below. A function takes the [`Engine`] it works with and the
//! tenant it works for; what it needs from outside (time, randomness, the network) comes with the engine.
mod abandoned;
pub mod bookings;
pub mod changes;
pub mod conflicts;
pub mod connect;
pub mod customers;
mod detached;
pub mod disconnect;
pub mod due;
pub mod housekeeping;
pub mod ledger;
pub mod mail;
pub mod notice;
pub mod occurrences;
pub mod once;
mod people;
pub mod quarantine;
pub mod questions;
pub mod refusal;
pub mod resources;
pub mod sealed;
mod sealing;
pub mod sign_in;
pub mod status;
pub mod sync;
pub mod sync_now;
pub mod tenants;
pub mod times;
pub mod tokens;
pub mod user_tokens;
pub mod users;

pub use refusal::{BadField, Refusal};

use crate::domain::clock::{Clock, Entropy};
use crate::domain::seal::KeyRing;
use crate::domain::settings::TenantDefaults;
use crate::google::calendar::CalendarApi;
use crate::google::oauth::OAuth;
use crate::google::people::PeopleApi;
use crate::store::Db;
use mail::MailSettings;
use std::sync::Arc;
use sync::SyncSettings;
use tokens::TokenCache;
use tokio::sync::Notify;
use uuid::Uuid;

/// Everything a use case works with; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    /// The database.
    pub db: Db,
    /// Seals what must not be readable in the database.
    pub keys: Arc<KeyRing>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Google's consent and tokens.
    pub oauth: OAuth,
    /// Google Calendar.
    pub google: CalendarApi,
    /// Google Contacts.
    pub people: PeopleApi,
    /// The access tokens of this process; begins empty.
    pub tokens: TokenCache,
    /// What tenants without settings of their own follow.
    pub defaults: TenantDefaults,
    /// How passes are run.
    pub sync: SyncSettings,
    /// How mail is proposed and sent.
    pub mail: MailSettings,
    /// How browsers reach us: scheme and host, no slash at the end.
    pub public_url: Arc<str>,
    /// Wakes the scheduler of this process when something became due.
    pub wake: Arc<Notify>,
}

impl Engine {
    /// Now, in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.clock.now().timestamp_millis()
    }

    /// A fresh UUIDv7 (RFC 9562) from the engine's own clock and randomness.
    pub fn fresh_uuid(&self) -> Uuid {
        let mut random = [0u8; 10];
        self.entropy.fill(&mut random);
        let millis = u64::try_from(self.now_ms()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}
