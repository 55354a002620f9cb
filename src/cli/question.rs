//! `accord question list|show|answer`: what waits for a person.
use super::out::{Failure, Format, harmless, instant, json, line, say, table};
use super::{Context, open};
use crate::app::App;
use crate::domain::ids::{QuestionId, TenantId, UserId};
use crate::domain::people::words;
use crate::engine::questions::{self, AnswerError, Answerer, Question, QuestionFilter};
use crate::store::scopes::ScopeKind;
use chrono::DateTime;
use clap::Subcommand;
use serde_json::Value;

/// Questions read at a time.
const PAGE: i64 = 200;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the open questions of a tenant.
    List {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// Only of this user.
        #[arg(long)]
        user: Option<UserId>,
        /// Answered and withdrawn ones, too.
        #[arg(long)]
        all: bool,
    },
    /// Show one: both sides of a conflict, or a contact beside the customers that it may be.
    Show {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// The question.
        question: QuestionId,
    },
    /// Answer one, in place of the person who was asked.
    Answer {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// The question.
        question: QuestionId,
        /// One of its choices.
        answer: String,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let app = open::app(context).await?;
    let done = act(context.format, &app, command).await;
    app.close().await;
    done
}

async fn act(format: Format, app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { tenant, user, all } => {
            open::tenant(app, tenant).await?;
            if let Some(user) = user {
                open::user(app, tenant, user).await?;
            }
            let state = if all { None } else { Some("open".to_owned()) };
            let found = every(app, tenant, &QuestionFilter { user, state }).await?;
            if format == Format::Json {
                return json(&found);
            }
            let row = |q: &Question| {
                let asked = instant(DateTime::from_timestamp_millis(q.created_at));
                vec![
                    q.id.to_string(),
                    q.kind.clone(),
                    q.addressee.clone(),
                    q.state.clone(),
                    asked,
                    q.choices.join(" | "),
                ]
            };
            table(
                &["ID", "KIND", "ASKED", "STATE", "SINCE", "CHOICES"],
                &found.iter().map(row).collect::<Vec<_>>(),
            )?;
            if found.is_empty() {
                line("nothing waits for a person")?;
            }
            Ok(())
        }
        Command::Show { tenant, question } => {
            let question = questions::get(&app.engine, tenant, question)
                .await
                .map_err(not_answered)?;
            match format {
                Format::Json => json(&question),
                Format::Text => show(&question),
            }
        }
        Command::Answer {
            tenant,
            question,
            answer,
        } => give(app, tenant, question, &answer).await,
    }
}

/// One question for people.
fn show(question: &Question) -> Result<(), Failure> {
    let detail = &question.detail;
    line(format_args!(
        "{} {}, asked of the {}: {}",
        question.kind, question.id, question.addressee, question.state
    ))?;
    match question.scope {
        ScopeKind::Contacts => line(format_args!(
            "  about     the contacts of account {}",
            question.account_id
        ))?,
        ScopeKind::Calendar => line(format_args!("  about     calendar {}", question.calendar_id))?,
    }
    if question.kind == "match" {
        line(format_args!("  contact   {}", person(&detail["contact"])))?;
        for candidate in detail["candidates"].as_array().into_iter().flatten() {
            let id = candidate["customer_id"].as_str().unwrap_or_default();
            line(format_args!("  customer  {}", person(candidate)))?;
            line(format_args!("            answer link:{}", harmless(id)))?;
        }
        if question.choices.iter().any(|choice| choice == "separate") {
            line("  somebody else: answer separate")?;
        }
    } else {
        for (name, value) in detail.as_object().into_iter().flatten() {
            match value.as_array() {
                Some(rows) if name == "fields" => rows.iter().try_for_each(difference)?,
                _ => line(format_args!("  {name}: {}", words(value)))?,
            }
        }
        line(format_args!("  choices   {}", question.choices.join(" | ")))?;
    }
    match &question.answer {
        Some(answer) => line(format_args!("  answered  {}", harmless(answer))),
        None => Ok(()),
    }
}

/// A name and by what the person can be told from another one.
fn person(person: &Value) -> String {
    let lists = [&person["emails"], &person["phones"]];
    let values = lists.into_iter().filter_map(Value::as_array).flatten();
    let name = words(&person["name"]);
    let all = std::iter::once(name).chain(values.map(words));
    all.collect::<Vec<_>>().join(", ")
}

fn difference(row: &Value) -> Result<(), Failure> {
    line(format_args!("  {}", words(&row["field"])))?;
    for side in ["base", "app", "google"] {
        line(format_args!("    {side:<8}{}", words(&row[side])))?;
    }
    Ok(())
}

/// Any value on one line.
pub(super) fn words(value: &Value) -> String {
    harmless(&words::value(value).unwrap_or_else(|| "-".to_owned()))
}

/// All questions that pass the filter.
pub(super) async fn every(app: &App, tenant: TenantId, filter: &QuestionFilter) -> Result<Vec<Question>, Failure> {
    let mut found: Vec<Question> = Vec::new();
    loop {
        let after = found.last().map(|question| question.id);
        let page = questions::list(&app.engine, tenant, filter, after, PAGE).await?;
        let is_last = (page.len() as i64) < PAGE;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
    }
}

/// Answers one from the command line.
pub(super) async fn give(app: &App, tenant: TenantId, id: QuestionId, answer: &str) -> Result<(), Failure> {
    questions::answer(&app.engine, tenant, id, answer, Answerer::CommandLine)
        .await
        .map_err(not_answered)?;
    say("answered; the next pass acts on it");
    Ok(())
}

/// Why a question was not answered, or not found.
pub(super) fn not_answered(error: AnswerError) -> Failure {
    match error {
        AnswerError::NotFound | AnswerError::NotOpen | AnswerError::NoSuchCustomer => {
            Failure::from(error).hint("`accord question list --tenant ID` shows the open ones and their choices")
        }
        other => other.into(),
    }
}
