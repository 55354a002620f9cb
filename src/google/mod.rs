//! The wire to Google: transport, OAuth, Calendar, People; no database, no clock, no randomness.
//!
//! Every failure comes out as a [`GoogleError`], whose class says what to do next. Nothing here knows an account: callers
//! bring an access token and get domain types back.
pub mod calendar;
pub mod error;
pub mod oauth;
pub mod people;
pub mod scopes;
pub mod transport;
pub mod url;

pub use error::GoogleError;
