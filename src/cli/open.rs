//! From the command line to an open [`App`], with words for everything that can be in the way.
use super::Context;
use super::out::Failure;
use crate::app::{App, OpenError, Surroundings};
use crate::config::{Config, ConfigProblems, Sources};
use crate::domain::ids::{TenantId, UserId};
use crate::engine::Refusal;
use crate::engine::connect::{ConnectError, Refusal as Reason};
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
    let database = config.database.url.to_string();
    let opened = App::open_as_it_is(config, Surroundings::real()).await;
    opened.map_err(|error| not_opened(&error, &database))
}

/// Opens it for the daemon, whose first act is to bring the schema up to date.
pub async fn open(config: Config) -> Result<App, Failure> {
    let database = config.database.url.to_string();
    let opened = App::open(config, Surroundings::real()).await;
    opened.map_err(|error| not_opened(&error, &database))
}

/// What is in the way of it is a failure, not wrong usage.
fn not_opened(error: &OpenError, database: &str) -> Failure {
    let failure = Failure::failed(error);
    match error {
        OpenError::Store(_) => failure.hint(format_args!("the database is {database} (database.url)")),
        OpenError::NoSchema => failure.hint(format_args!(
            "`accord migrate` or the first `accord serve` makes {database} (database.url)"
        )),
        OpenError::OlderSchema { .. } => failure.hint(format_args!(
            "`accord migrate`, or a start of this accord's `accord serve`, brings {database} up to date"
        )),
        OpenError::MissingKey(_) => failure
            .hint("secrets.key_file names another key file, or one from before a rotation: put the right one in place"),
        OpenError::Keys(_) => failure.hint("the key file is named by secrets.key_file"),
        OpenError::Certificates(_) | OpenError::Listen { .. } | OpenError::Template(_) => failure,
    }
}

/// Refuses a tenant that does not exist, before an empty list says that nothing is there.
pub async fn tenant(app: &App, tenant: TenantId) -> Result<(), Failure> {
    app.engine.tenant(tenant).await.map(drop).map_err(refused)
}

/// Refuses a user that does not exist.
pub async fn user(app: &App, tenant: TenantId, user: UserId) -> Result<(), Failure> {
    app.engine.user(tenant, user).await.map(drop).map_err(refused)
}

/// A refusal of the engine in the words of a command.
pub fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Invalid(bad) => {
            let lines: Vec<String> = bad.iter().map(|bad| format!("{} {}", bad.field, bad.problem)).collect();
            Failure::usage(lines.join("; "))
        }
        Refusal::Missing(what) => {
            let failure = Failure::failed(&refusal);
            match what {
                "tenant" => failure.hint("`accord tenant list` shows the tenants"),
                "user" => failure.hint("`accord user list --tenant ID` shows the users"),
                "account" => failure.hint(ACCOUNTS),
                "API key" => failure.hint("`accord tenant key ID --list` shows the keys"),
                _ => failure,
            }
        }
        other => Failure::failed(other),
    }
}

const ACCOUNTS: &str = "`accord account list --tenant ID` shows the accounts";

/// Why an account could not be connected.
pub fn not_connected(error: ConnectError) -> Failure {
    match error {
        ConnectError::Refused {
            reason: Reason::UnknownUser,
            ..
        } => refused(Refusal::Missing("user")),
        other => Failure::from(other),
    }
}

/// Why an account could not be ended, paused or resumed.
pub fn not_ended(error: EndError) -> Failure {
    let hint = match &error {
        EndError::Unknown => Some(ACCOUNTS),
        _ => None,
    };
    let failure = Failure::from(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
