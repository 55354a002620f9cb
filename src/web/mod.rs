//! REST API, OAuth redirect, pages.
pub mod pages;
