//! What several test files share: an HTTP client that hides nothing, and a pretend Google with people in it.
#![allow(dead_code, reason = "each test file uses its own part of this")]
pub mod google;
pub mod http;
