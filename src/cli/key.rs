//! `accord key rotate`.
use super::out::{Failure, Format, json, line, say};
use super::{Context, open};
use crate::config::keys;
use crate::engine::sealed;
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add a new key that seals from the next start of the daemon on; older keys stay for what they sealed.
    Rotate,
}

pub(super) async fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    let Command::Rotate = command;
    // Opening checks first that the present keys fit the database.
    let app = open::app(context).await?;
    let (engine, source) = (&app.engine, &app.config().secrets.key);
    let rotated = keys::rotate(source, engine.entropy.as_ref(), engine.clock.as_ref());
    let values = sealed::outdated(engine, 1_000).await;
    let old = engine.keys.newest();
    app.close().await;
    let new = rotated?.newest();
    match context.format {
        Format::Json => json(&json!({ "old": old.to_string(), "new": new.to_string() }))?,
        Format::Text => line(format_args!("{old} -> {new}"))?,
    }
    if values? > 0 {
        say("some values still wait for an earlier rotation; keep every line of the key file");
    }
    say("restart every daemon: then all values are sealed again with the new key. Back up the key file.");
    Ok(())
}
