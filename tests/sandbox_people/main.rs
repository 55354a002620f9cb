//! The pretend Google Contacts, written from Google's documents like itself: reads, sync, writes, batches, groups, and over
//! real HTTP its front and its page.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod batches;
mod front;
mod groups;
mod page;
mod reads;
#[path = "../support/mod.rs"]
mod support;
mod sync;
mod world;
mod writes;
