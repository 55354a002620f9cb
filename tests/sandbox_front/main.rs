//! The sandbox's front: refusals, quotas, batches, masks, faults, persons, clock, log, page. Over real HTTP, and written
//! from Google's documents like the sandbox itself.
mod answers;
mod batch;
mod control;
mod faults;
mod page;
mod quota;
#[path = "../support/mod.rs"]
mod support;

use serde_json::json;
use support::{
    google::{Google, event, text},
    http::Answer,
};

fn reason(answer: &Answer) -> String {
    text(&answer.json()["error"]["errors"][0], "reason")
}

async fn insert(google: &Google, bearer: &str, id: &str) {
    let mut body = event("Meeting");
    body["id"] = json!(id);
    google
        .http
        .post(&google.events(), &[("authorization", bearer)], &body)
        .await
        .expect(200);
}
