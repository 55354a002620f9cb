//! SQL and nothing else; every query starts from the tenant.
//!
//! A file holds the statements about one thing, next to the type of its rows. Functions that only read outside a transaction
//! take [`Db`], those that take part in one take [`Tx`].
pub mod accounts;
pub mod bookings;
pub mod calendars;
pub mod changes;
pub mod conflicts;
pub mod connects;
pub mod contact_links;
pub mod contact_matches;
pub mod customer_contacts;
pub mod customer_states;
pub mod customers;
mod db;
pub mod disconnects;
mod error;
pub mod hand_overs;
pub mod idempotency;
pub mod installation;
pub mod ledger;
pub mod left_contacts;
pub mod mail;
mod migrations;
pub mod placements;
mod private_copy;
pub mod quarantine;
pub mod questions;
pub mod resources;
pub mod revocations;
pub mod schema;
pub mod scopes;
pub mod sealed;
pub mod sessions;
pub mod sql_role;
pub mod states;
pub mod tenants;
pub mod users;
mod values;

pub use db::{Backend, Db, Tx};
pub use error::StoreError;
pub use migrations::{migrate, newest_schema};
pub use values::{Row, Value, list};
