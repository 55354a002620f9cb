//! The sandbox under clients that we did not write: Google's own Python client, on Calendar and on People, and gcal_sync, Home
//! Assistant's calendar library.
//!
//! Our client and our sandbox could share a wrong belief; these two have talked to the real Google for years. Each script in
//! `foreign_clients/` drives one of them against a fresh sandbox and fails with a traceback. `scripts/python-clients` installs
//! them; without the package registry these tests fail and say so.
mod support;

use serde_json::json;
use std::process::{Command, Output};
use support::google::{ANA, CLIENT, Google, SECRET, text};

/// Runs a script, which calls paths below `base`, against a fresh sandbox in which Ana has signed in with full rights.
async fn run(script: &str, base: &str) {
    let folder = env!("CARGO_MANIFEST_DIR");
    let prepared = finish(Command::new(format!("{folder}/scripts/python-clients"))).await;
    assert!(
        prepared.status.success(),
        "the clients are not there:\n{}",
        shown(&prepared)
    );
    let python = String::from_utf8(prepared.stdout).expect("a path");

    let google = Google::start().await;
    // People who write clients use them in real time.
    google.switch("clock", &json!({"freeze": false})).await;
    let scope = "openid email https://www.googleapis.com/auth/calendar https://www.googleapis.com/auth/contacts";
    let tokens = google.connect(ANA, &[("scope", scope), ("prompt", "consent")]).await;
    let mut command = Command::new(python.trim());
    command
        .arg(format!("{folder}/tests/foreign_clients/{script}"))
        .env("SANDBOX", google.sandbox.base_url())
        .env("CLIENT_ID", CLIENT)
        .env("CLIENT_SECRET", SECRET)
        .env("REFRESH_TOKEN", text(&tokens, "refresh_token"))
        .env("USER_EMAIL", ANA);
    let ran = finish(command).await;
    assert!(ran.status.success(), "{script} failed:\n{}", shown(&ran));
    let log = google.look("requests?after=0").await.to_string();
    assert!(log.contains(base), "{script} sent nothing: {log}");
}

/// Runs a command to its end while the sandbox goes on answering.
async fn finish(mut command: Command) -> Output {
    let ran = tokio::task::spawn_blocking(move || command.output().map_err(|error| format!("{command:?}: {error}")));
    ran.await
        .expect("a command does not panic")
        .expect("the command can be started")
}

fn shown(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn googles_python_client_lists_writes_pages_syncs_and_batches() {
    run("google_client.py", "/calendar/v3/").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gcal_sync_keeps_a_copy_and_recovers_from_an_expired_token() {
    run("gcal_sync_client.py", "/calendar/v3/").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn googles_python_client_creates_lists_syncs_updates_batches_and_deletes_contacts() {
    run("google_people_client.py", "/v1/people").await;
}
