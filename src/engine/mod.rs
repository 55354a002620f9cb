//! Use cases: the only place that joins store and google.
//!
//! `web`, `jobs` and `cli` call functions here and nothing below. A function takes the [`Engine`] it works with and the
//! tenant it works for; what it needs from outside (time, randomness, the network) comes with the engine.
pub mod connect;
pub mod disconnect;
pub mod sign_in;
pub mod tokens;

use crate::domain::clock::{Clock, Entropy};
use crate::domain::seal::KeyRing;
use crate::google::calendar::CalendarApi;
use crate::google::oauth::OAuth;
use crate::store::Db;
use std::sync::Arc;
use tokens::TokenCache;
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
    /// The access tokens of this process; begins empty.
    pub tokens: TokenCache,
    /// How browsers reach us: scheme and host, no slash at the end.
    pub public_url: Arc<str>,
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
