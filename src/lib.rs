//! Accord keeps the bookings and customers of a telephony app and its users' Google accounts in agreement, and sends mail to
//! customers only after their user has said yes to it.
//!
//! The map of the house, each room depending only on rooms to its left (`tests/architecture.rs` holds it):
//!
//! `domain <- {config, templates} <- {store, google, mail} <- engine <- {jobs, web} <- app <- cli`
//!
//! - [`domain`] thinks: bookings, time, merge, plan. No I/O, no clock.
//! - [`config`] and [`templates`] are what an operator can change without a compiler.
//! - [`store`] remembers (SQL and nothing else), [`google`] talks to Google, [`mail`] to mail servers, none
//!   knowing of the others.
//! - [`engine`] joins them into use cases; [`jobs`] and [`web`] only knock on its door.
//! - [`app`] builds everything once; [`cli`] has one file per command.
//! - [`sandbox`] is a local Google. It is written from Google's documents and shares no code with `google`.
// Without optimisation every future that a function waits for has a place of its own on the stack, and a thread's is 2 MiB:
// box those that many wait for.
#![warn(clippy::large_futures)]

pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod engine;
pub mod google;
pub mod jobs;
pub mod lifecycle;
pub mod mail;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod store;
pub mod templates;
pub mod web;
