//! The rules, pure: no async, no I/O, no clock. Everything here can be tested by calling it.
pub mod access;
pub mod booking;
pub mod clock;
pub mod customer;
pub mod event;
pub mod failure;
pub mod ids;
pub mod language;
pub mod mail;
pub mod merge;
pub mod people;
pub mod policy;
pub mod recurrence;
pub mod seal;
pub mod settings;
pub mod time;
pub mod validate;
