//! The sandbox's OAuth against what Google documents and what was seen of it. Over real HTTP, and written from Google's
//! documents like the sandbox itself.
mod consent;
mod identity;
mod life;
#[path = "../support/mod.rs"]
mod support;
mod token;

use support::{google::text, http::Answer};

/// Seconds of a day.
const DAY: i64 = 86_400;

fn error_of(answer: &Answer) -> (u16, String, String) {
    let body = answer.json();
    (
        answer.status,
        text(&body, "error"),
        body["error_description"].as_str().unwrap_or_default().to_owned(),
    )
}

fn refused(status: u16, error: &str, description: &str) -> (u16, String, String) {
    (status, error.to_owned(), description.to_owned())
}
