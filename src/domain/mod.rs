//! The rules, pure: no async, no I/O, no clock. Everything here can be tested by calling it.
pub mod booking;
pub mod event;
pub mod failure;
pub mod ids;
pub mod recurrence;
pub mod time;
