//! `accord mail list|preview|check-templates|test`: what was sent, how mails look, and whether the mail server takes them.
mod preview;

use super::consent::{every, recipient};
use super::out::{Failure, Format, Progress, harmless, instant, json, line, say, table};
use super::{Context, open};
use crate::app::App;
use crate::domain::ids::TenantId;
use crate::domain::mail::State;
use crate::engine::mail::{self, Filter, Proposal};
use crate::mail::transport::Delivery;
use crate::web::api::messages::MessageBody;
use chrono::DateTime;
use clap::{Subcommand, ValueEnum};
use serde_json::json;

/// Who a mail is for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Class {
    /// To a customer, with its user's yes.
    Customer,
    /// To a user's own address, or to the admin.
    Notice,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the mails that were approved or sent, and notices to users and to the admin.
    List {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// Only those in this state, for example maybe_sent or failed.
        #[arg(long)]
        state: Option<State>,
        /// Only those to customers, or only notices.
        #[arg(long)]
        class: Option<Class>,
    },
    /// Show how a mail looks: a sample with invented values, or one that was really proposed.
    Preview(preview::Arguments),
    /// Check a tenant's own templates, each with samples.
    CheckTemplates {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
    },
    /// Send a test mail to the tenant's admin, and print what the mail server says.
    Test {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        // Samples need neither a database nor keys.
        Command::Preview(arguments) => preview::run(context, arguments).await,
        command => {
            let app = open::app(context).await?;
            let done = act(context.format, &app, command).await;
            app.close().await;
            done
        }
    }
}

async fn act(format: Format, app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { tenant, state, class } => {
            open::tenant(app, tenant).await?;
            let filter = Filter {
                state,
                class: class.map(|class| match class {
                    Class::Customer => "customer",
                    Class::Notice => "notice",
                }),
                is_mail: true,
                ..Filter::default()
            };
            let found = every(app, tenant, &filter).await?;
            match format {
                Format::Json => json(&found.iter().map(MessageBody::from).collect::<Vec<_>>()),
                Format::Text => list(&found),
            }
        }
        Command::Preview(_) => Ok(()),
        Command::CheckTemplates { tenant } => check(format, app, tenant).await,
        Command::Test { tenant } => test(format, app, tenant).await,
    }
}

fn list(found: &[Proposal]) -> Result<(), Failure> {
    let row = |message: &Proposal| {
        let row = &message.row;
        let dash = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), harmless);
        vec![
            row.id.to_string(),
            row.kind.clone(),
            row.state.to_string(),
            dash(&row.reason),
            recipient(message),
            row.attempts.to_string(),
            instant(DateTime::from_timestamp_millis(row.updated_at)),
            dash(&row.answer),
        ]
    };
    let titles = [
        "ID",
        "KIND",
        "STATE",
        "BECAUSE",
        "TO",
        "TRIES",
        "SINCE",
        "THE SERVER SAID",
    ];
    table(&titles, &found.iter().map(row).collect::<Vec<_>>())?;
    if found.is_empty() {
        return line("no mail");
    }
    if found.iter().any(|message| message.row.state == State::MaybeSent) {
        say(
            "maybe_sent: the mail server may have taken it; it is never sent again by itself. Ask the recipient, or look at the server's log.",
        );
    }
    Ok(())
}

async fn check(format: Format, app: &App, tenant: TenantId) -> Result<(), Failure> {
    open::tenant(app, tenant).await?;
    let folder = mail::own_folder(&app.engine, tenant);
    let (_, files) = mail::templates_of(&app.engine, tenant).map_err(preview::refused)?;
    let shown = folder.map(|folder| folder.display().to_string());
    match (format, shown) {
        (Format::Json, shown) => json(&json!({ "folder": shown, "files": files })),
        (Format::Text, Some(folder)) => line(format_args!("{folder}: {files} templates, all good")),
        (Format::Text, None) => line("the tenant has no templates of its own"),
    }
}

async fn test(format: Format, app: &App, tenant: TenantId) -> Result<(), Failure> {
    let admin = app
        .engine
        .tenant(tenant)
        .await
        .map_err(open::refused)?
        .settings
        .admin_email;
    let progress = Progress::of("sending");
    let sent = mail::test_letter(&app.engine, tenant).await;
    drop(progress);
    let (result, code, answer) = match sent.map_err(open::refused)? {
        Delivery::Accepted { answer } => ("accepted", None, answer),
        Delivery::Refused { code, answer } => ("refused", Some(code), answer),
        Delivery::Deferred { reason } => ("deferred", None, reason),
        Delivery::Unknown { reason } => ("unknown", None, reason),
        Delivery::Unable { reason } => ("unable", None, reason),
    };
    let answer = harmless(&answer);
    match format {
        Format::Json => json(&json!({ "to": admin, "result": result, "code": code, "answer": answer }))?,
        Format::Text => match code {
            Some(code) => line(format_args!("{result}: {code} {answer}"))?,
            None => line(format_args!("{result}: {answer}"))?,
        },
    }
    match result {
        "accepted" => {
            say(format_args!("the mail server has taken a test mail to {admin}"));
            Ok(())
        }
        "unknown" => Err(Failure::failed("the mail server may have taken the test mail")),
        _ => Err(Failure::failed("the mail server has not taken the test mail")
            .hint("`accord doctor` looks at mail.smtp_url; `accord tenant smtp` sets a tenant's own server")),
    }
}
