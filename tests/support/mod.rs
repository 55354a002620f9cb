//! What tests of several files share: databases, an HTTP client that hides nothing, a pretend Google with people in it.
#![allow(dead_code, reason = "each test file uses its own part of this")]
pub mod demo;
pub mod google;
pub mod http;
pub mod mishap;
pub mod people;
pub mod post;
pub mod postgres;
pub mod series;
pub mod stories;
pub mod world;
