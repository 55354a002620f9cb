//! `accord question list|answer`: what waits for a person.
use super::out::{Failure, Format, instant, json, line, say, table};
use super::{Context, open};
use crate::app::App;
use crate::domain::ids::{QuestionId, TenantId, UserId};
use crate::engine::questions::{self, AnswerError, Answerer, Question, QuestionFilter};
use chrono::DateTime;
use clap::Subcommand;

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
        Command::Answer {
            tenant,
            question,
            answer,
        } => give(app, tenant, question, &answer).await,
    }
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
        AnswerError::NotFound | AnswerError::NotOpen => {
            Failure::from(error).hint("`accord question list --tenant ID` shows the open ones and their choices")
        }
        other => other.into(),
    }
}
