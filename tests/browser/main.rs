//! The pages in a real Chromium, walked as a person walks them, between a running demo and its pretend Google.
//!
//! What only a browser can tell is asked here: that forms and redirects pass the content security policy, that labels, focus and
//! keyboard work, that nothing is loaded from elsewhere and the console stays silent. Every rule of the connection itself has its
//! test without a browser (`tests/connect*.rs`).
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
#[path = "../connect_support/mod.rs"]
mod connect_support;
#[path = "../mail_page_support/mod.rs"]
mod mail_page_support;
#[path = "../support/mod.rs"]
mod support;

mod calendar;
mod chrome;
mod connect;
mod consents;
mod home;
mod keyboard;
mod person;
