//! The rules, pure: no async, no I/O, no clock.
pub mod clock;
pub mod policy;
pub mod seal;
