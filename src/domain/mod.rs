//! The rules, pure: no async, no I/O, no clock.
