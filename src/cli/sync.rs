//! `accord sync run|plan|resync|approve|retry`.
use super::account::Which;
use super::out::{Failure, Format, Progress, confirm, json, line, say};
use super::{Context, account, open, question};
use crate::app::App;
use crate::domain::ids::{QuestionId, TenantId};
use crate::engine::sync::{self, PassReport, SyncError};
use crate::engine::{Refusal, due, quarantine, questions};
use crate::jobs::cadence::Cadence;
use crate::store::scopes::{ScopeKey, ScopeKind};
use clap::Subcommand;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a pass of each calendar of an account, and of its contacts, now and print what it did.
    Run {
        #[command(flatten)]
        which: Which,
    },
    /// Print what a pass would do, and do nothing.
    Plan {
        #[command(flatten)]
        which: Which,
    },
    /// Let the next pass list everything and compare it with the bookings and the customers.
    Resync {
        #[command(flatten)]
        which: Which,
    },
    /// Let the removals pass that the brake holds, exactly those that a question lists.
    Approve {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// The question of the brake.
        question: QuestionId,
        /// Put back what was removed, instead.
        #[arg(long)]
        reject: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Try everything again that was set aside.
    Retry {
        #[command(flatten)]
        which: Which,
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
        Command::Run { which } => each(format, app, which, Mode::Run).await,
        Command::Plan { which } => each(format, app, which, Mode::Plan).await,
        Command::Resync { which } => {
            let count = due::resync(engine, which.tenant, which.account).await?;
            let count = count.ok_or_else(|| open::refused(Refusal::Missing("account")))?;
            say(format_args!(
                "{count} sync scopes (calendars, contacts) are listed anew by the running daemon, or by `accord sync run`"
            ));
            Ok(())
        }
        Command::Approve {
            tenant,
            question,
            reject,
            yes,
        } => approve(app, tenant, question, reject, yes).await,
        Command::Retry { which } => {
            // An account that does not exist has nothing set aside either.
            account::find(app, which).await?;
            let count = quarantine::retry(engine, which.tenant, which.account).await?;
            say(format_args!(
                "{count} items are tried again by the running daemon, or by `accord sync run`"
            ));
            Ok(())
        }
    }
}

async fn approve(app: &App, tenant: TenantId, id: QuestionId, reject: bool, yes: bool) -> Result<(), Failure> {
    let asked = questions::get(&app.engine, tenant, id)
        .await
        .map_err(question::not_answered)?;
    if asked.kind != "brake" {
        return Err(
            Failure::usage("this question is not about removals").hint("answer it with `accord question answer`")
        );
    }
    say(format_args!("{}", asked.detail));
    confirm(
        if reject {
            "Put all of it back?"
        } else {
            "Remove all of it?"
        },
        yes,
    )?;
    question::give(app, tenant, id, if reject { "reject" } else { "approve" }).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Run,
    Plan,
}

async fn each(format: Format, app: &App, which: Which, mode: Mode) -> Result<(), Failure> {
    account::find(app, which).await?;
    let scopes = due::of(&app.engine, which.tenant, Some(which.account)).await?;
    let polled: Vec<ScopeKey> = scopes
        .into_iter()
        .filter(|scope| scope.enabled)
        .map(|scope| scope.key)
        .collect();
    if polled.is_empty() {
        return Err(Failure::failed("nothing of this account is polled")
            .hint("`accord account show` tells its state, its calendars and its contacts"));
    }
    let mut shown = Vec::new();
    let mut failed = 0;
    for key in polled {
        let (scope, name) = (ScopeKind::of(&key.calendar), key.words());
        let progress = Progress::of(&format!("synchronising {name}"));
        let outcome = one(app, &key, mode).await;
        drop(progress);
        match outcome {
            Ok(report) if format == Format::Text => print(name, &report)?,
            Ok(report) => shown.push(json!({ "scope": scope, "calendar_id": key.calendar, "report": report })),
            Err(failure) => {
                failed += 1;
                say(format_args!("{name}: {failure}"));
                shown.push(json!({ "scope": scope, "calendar_id": key.calendar, "error": failure }));
            }
        }
    }
    if format == Format::Json {
        json(&shown)?;
    }
    match failed {
        0 => Ok(()),
        1 => Err(Failure::failed("one sync scope could not be synchronised")),
        n => Err(Failure::failed(format_args!(
            "{n} sync scopes could not be synchronised"
        ))),
    }
}

async fn one(app: &App, key: &ScopeKey, mode: Mode) -> Result<PassReport, String> {
    let engine = &app.engine;
    let words = |error: SyncError| format!("{}: {error}", error.class().as_str());
    if mode == Mode::Plan {
        return sync::plan(engine, key).await.map_err(words);
    }
    let claim = due::claim_one(engine, key).await.map_err(|error| error.to_string())?;
    let claim = claim.ok_or("another worker is at it right now; its result is in `accord status`")?;
    let now = engine.clock.now();
    let next = Cadence::new(app.config().sync.schedule.clone(), now).next_due(key, now);
    sync::pass(engine, &claim, next).await.map_err(words)
}

fn print(scope: &str, report: &PassReport) -> Result<(), Failure> {
    let value = serde_json::to_value(report)?;
    let counts = value
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, count)| match count {
            Value::Number(number) if number.as_u64() != Some(0) => Some(format!("{} {number}", name.replace('_', " "))),
            Value::Bool(true) => Some(name.clone()),
            _ => None,
        });
    let counts: Vec<String> = counts.collect();
    line(format_args!(
        "{scope}: {}",
        if counts.is_empty() {
            "nothing to do".to_owned()
        } else {
            counts.join(", ")
        }
    ))?;
    for step in report.steps.iter().flatten() {
        let ids = [
            step.booking_id.map(|id| format!("booking {id}")),
            step.event_id.as_ref().map(|id| format!("event {id}")),
            step.customer_id.map(|id| format!("customer {id}")),
            step.contact_id.as_ref().map(|id| format!("contact {id}")),
        ];
        let ids: Vec<String> = ids.into_iter().flatten().collect();
        let reason = step
            .reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(": {reason}"));
        line(format_args!("  {} {}{reason}", step.action, ids.join(", ")))?;
    }
    Ok(())
}
