//! From the command line to an open [`App`], with words for everything that can be in the way.
use super::Context;
use super::out::Failure;
use crate::app::{App, OpenError, Surroundings};
use crate::config::{Config, ConfigProblems, Sources};
use crate::engine::Refusal;
use crate::engine::connect::ConnectError;
use crate::engine::disconnect::EndError;
use crate::lifecycle;

/// The configuration in force.
pub fn config(context: &Context) -> Result<Config, Failure> {
    Config::load(&Sources::from_process(context.config_file.clone())).map_err(|problems| wrong_config(&problems))
}

/// Problems of the configuration: exit code 2.
pub fn wrong_config(problems: &ConfigProblems) -> Failure {
    Failure::usage(problems).hint("`accord config show` tells which value is in force and where it comes from")
}

/// An app for a command that looks or changes something and ends.
pub async fn app(context: &Context) -> Result<App, Failure> {
    let config = config(context)?;
    lifecycle::init_logging(&config.log);
    open(config).await
}

/// Opens it; what is in the way of it is a failure, not wrong usage.
pub async fn open(config: Config) -> Result<App, Failure> {
    let database = config.database.url.to_string();
    App::open(config, Surroundings::real())
        .await
        .map_err(|error| match &error {
            OpenError::Store(_) => {
                Failure::failed(&error).hint(format_args!("the database is {database} (database.url)"))
            }
            OpenError::MissingKey(_) => Failure::failed(&error).hint(
                "secrets.key_file names another key file, or one from before a rotation: put the right one in place",
            ),
            OpenError::Keys(_) => Failure::failed(&error).hint("the key file is named by secrets.key_file"),
            OpenError::Certificates(_) | OpenError::Listen { .. } => Failure::failed(&error),
        })
}

/// A refusal of the engine in the words of a command.
pub fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Invalid(bad) => {
            let lines: Vec<String> = bad.iter().map(|bad| format!("{} {}", bad.field, bad.problem)).collect();
            Failure::usage(lines.join("; "))
        }
        other => Failure::failed(other),
    }
}

/// Why an account could not be connected.
pub fn not_connected(error: ConnectError) -> Failure {
    Failure::from(error)
}

/// Why an account could not be ended, paused or resumed.
pub fn not_ended(error: EndError) -> Failure {
    let hint = match &error {
        EndError::Unknown => Some("`accord account list --tenant ID` shows the accounts"),
        _ => None,
    };
    let failure = Failure::from(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
