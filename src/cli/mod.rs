//! The command line: one file per command, each a thin layer over the engine.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage or configuration. Commands open the database themselves, so they work beside a
//! running daemon and without one; what they make due, the daemon takes up within a second.
mod account;
mod config;
mod conflict;
mod consent;
mod customer;
#[cfg(feature = "sandbox")]
mod demo;
mod doctor;
mod key;
mod ledger;
mod mail;
mod migrate;
mod open;
pub mod out;
mod question;
#[cfg(feature = "sandbox")]
mod sandbox;
mod serve;
mod status;
mod sync;
mod tenant;
mod user;

use clap::{Parser, Subcommand};
use out::{Failure, Format};
use std::path::PathBuf;
use std::process::ExitCode;

/// Keeps bookings and Google Calendar in agreement.
#[derive(Debug, Parser)]
#[command(name = "accord", version, about, disable_help_subcommand = true)]
struct Arguments {
    /// Configuration file [default: $ACCORD_CONFIG, else /etc/accord/accord.toml if it is there].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print data as JSON with stable field names.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: API, pages and synchronisation.
    Serve,
    /// Try everything on this machine: a pretend Google, the daemon, two connected users.
    #[cfg(feature = "sandbox")]
    Demo(demo::Arguments),
    /// Run a pretend Google to develop against.
    #[cfg(feature = "sandbox")]
    Sandbox(sandbox::Arguments),
    /// Bring the database schema up to date.
    Migrate,
    /// Check or show the configuration.
    #[command(subcommand)]
    Config(config::Command),
    /// Look for what is wrong with this installation.
    Doctor,
    /// The companies that use the app.
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// The people of a tenant.
    #[command(subcommand)]
    User(user::Command),
    /// Connected Google accounts.
    #[command(subcommand)]
    Account(account::Command),
    /// Run, plan and repair synchronisation.
    #[command(subcommand)]
    Sync(sync::Command),
    /// What waits for a person.
    #[command(subcommand)]
    Question(question::Command),
    /// Two edits of the same field, and who won.
    #[command(subcommand)]
    Conflict(conflict::Command),
    /// The people bookings are made with, and whether they are Google Contacts.
    #[command(subcommand)]
    Customer(customer::Command),
    /// How the synchronisation of each account stands.
    Status(status::Arguments),
    /// The keys that seal tokens in the database.
    #[command(subcommand)]
    Key(key::Command),
    /// Mails to customers that wait for their user's yes.
    #[command(subcommand)]
    Consent(consent::Command),
    /// What was sent, how mails look, and whether the mail server takes them.
    #[command(subcommand)]
    Mail(mail::Command),
    /// The record of what was asked, allowed and sent.
    #[command(subcommand)]
    Ledger(ledger::Command),
}

/// What every command may use.
struct Context {
    config_file: Option<PathBuf>,
    format: Format,
}

/// Reads the command line, runs the command, gives the exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers, everything else is wrong usage; clap knows which stream each goes to.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()) * 2);
        }
    };
    let context = Context {
        config_file: arguments.config,
        format: if arguments.json { Format::Json } else { Format::Text },
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(error).report(),
    };
    match runtime.block_on(run(&context, arguments.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve => serve::run(context).await,
        #[cfg(feature = "sandbox")]
        Command::Demo(arguments) => demo::run(context, arguments).await,
        #[cfg(feature = "sandbox")]
        Command::Sandbox(arguments) => sandbox::run(context, arguments).await,
        Command::Migrate => migrate::run(context).await,
        Command::Config(command) => config::run(context, &command),
        Command::Doctor => doctor::run(context).await,
        Command::Tenant(command) => tenant::run(context, command).await,
        Command::User(command) => user::run(context, command).await,
        Command::Account(command) => account::run(context, command).await,
        Command::Sync(command) => sync::run(context, command).await,
        Command::Question(command) => question::run(context, command).await,
        Command::Conflict(command) => conflict::run(context, command).await,
        Command::Customer(command) => customer::run(context, command).await,
        Command::Status(arguments) => status::run(context, &arguments).await,
        Command::Key(command) => key::run(context, &command).await,
        Command::Consent(command) => consent::run(context, command).await,
        Command::Mail(command) => mail::run(context, command).await,
        Command::Ledger(command) => ledger::run(context, command).await,
    }
}
