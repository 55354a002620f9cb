//! `accord conflict list|show|resolve`.
use super::out::{Failure, Format, instant, json, line, say, table};
use super::question::words;
use super::{Context, open};
use crate::app::App;
use crate::domain::booking::Side;
use crate::domain::ids::{BookingId, ConflictId, CustomerId, TenantId};
use crate::engine::conflicts::{self, Conflict, ConflictFilter, ResolveError};
use chrono::DateTime;
use clap::{Subcommand, ValueEnum};

/// Conflicts read at a time.
const PAGE: i64 = 200;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Keep {
    /// The app's value.
    App,
    /// Google's value.
    Google,
}

/// How far a conflict has come.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum State {
    /// Waits for an answer.
    Open,
    /// One side won.
    Decided,
    /// The loser was put back.
    Restored,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Decided => "decided",
            State::Restored => "restored",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the conflicts of a tenant, the oldest first.
    List {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// Only of this booking.
        #[arg(long)]
        booking: Option<BookingId>,
        /// Only of this customer.
        #[arg(long)]
        customer: Option<CustomerId>,
        /// Only those that have come this far.
        #[arg(long)]
        state: Option<State>,
    },
    /// Show both values of one.
    Show {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// The conflict.
        conflict: ConflictId,
    },
    /// Let the other side win after all.
    Resolve {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// The conflict.
        conflict: ConflictId,
        /// Whose value stays.
        #[arg(long)]
        keep: Keep,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let app = open::app(context).await?;
    let done = act(context.format, &app, command).await;
    app.close().await;
    done
}

async fn act(format: Format, app: &App, command: Command) -> Result<(), Failure> {
    let engine = &app.engine;
    match command {
        Command::List {
            tenant,
            booking,
            customer,
            state,
        } => {
            open::tenant(app, tenant).await?;
            let filter = ConflictFilter {
                booking,
                customer,
                state: state.map(|state| state.as_str().to_owned()),
            };
            let mut found: Vec<Conflict> = Vec::new();
            loop {
                let after = found.last().map(|conflict| conflict.id);
                let page = conflicts::list(engine, tenant, &filter, after, PAGE).await?;
                let is_last = (page.len() as i64) < PAGE;
                found.extend(page);
                if is_last {
                    break;
                }
            }
            if format == Format::Json {
                return json(&found);
            }
            let row = |c: &Conflict| {
                let winner = c.winner.clone().unwrap_or_else(|| "-".to_owned());
                let at = instant(DateTime::from_timestamp_millis(c.created_at));
                vec![c.id.to_string(), about(c), c.field.clone(), winner, c.state.clone(), at]
            };
            table(
                &["ID", "ABOUT", "FIELD", "WINNER", "STATE", "SINCE"],
                &found.iter().map(row).collect::<Vec<_>>(),
            )?;
            if found.is_empty() {
                say("there is no such conflict");
            }
            Ok(())
        }
        Command::Show { tenant, conflict } => {
            let conflict = conflicts::get(engine, tenant, conflict).await.map_err(not_resolved)?;
            if format == Format::Json {
                return json(&conflict);
            }
            line(format_args!(
                "{} of {}: {}",
                conflict.field,
                about(&conflict),
                conflict.state
            ))?;
            line(format_args!("  agreed before  {}", words(&conflict.base)))?;
            line(format_args!("  app            {}", words(&conflict.app)))?;
            line(format_args!("  google         {}", words(&conflict.google)))?;
            line(format_args!(
                "  decided by     {}, for {}",
                conflict.policy,
                conflict.winner.as_deref().unwrap_or("nobody yet")
            ))
        }
        Command::Resolve { tenant, conflict, keep } => {
            let side = match keep {
                Keep::App => Side::App,
                Keep::Google => Side::Google,
            };
            conflicts::resolve(engine, tenant, conflict, side)
                .await
                .map_err(not_resolved)?;
            say("the other value is put back; the next pass carries it on");
            Ok(())
        }
    }
}

/// What it is about, in words.
fn about(conflict: &Conflict) -> String {
    match (conflict.customer_id, conflict.booking_id) {
        (Some(customer), _) => format!("customer {customer}"),
        (None, Some(booking)) => format!("booking {booking}"),
        (None, None) => "-".to_owned(),
    }
}

fn not_resolved(error: ResolveError) -> Failure {
    match error {
        ResolveError::NotFound => {
            Failure::from(error).hint("`accord conflict list --tenant ID` shows the conflicts of a tenant")
        }
        ResolveError::StillAsked => {
            Failure::from(error).hint("`accord question list --tenant ID` shows the questions and their choices")
        }
        other => other.into(),
    }
}
