//! `accord config check|show`.
use super::Context;
use super::open;
use super::out::{Failure, Format, json, line, say};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List every problem of the configuration at once.
    Check,
    /// Print the values in force, secrets masked, and where each comes from.
    Show,
}

pub(super) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    let config = open::config(context)?;
    match command {
        Command::Check => {
            for warning in config.warnings() {
                say(format_args!("warning: {warning}"));
            }
            match config.check_for_serving() {
                Ok(()) => say("the configuration is complete"),
                Err(problems) => return Err(open::wrong_config(&problems)),
            }
            Ok(())
        }
        Command::Show => match context.format {
            Format::Text => line(config.show().trim_end()),
            Format::Json => {
                let value: toml::Table = toml::from_str(config.show())?;
                json(&value)
            }
        },
    }
}
