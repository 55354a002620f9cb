//! `accord consent list|show`: mails to customers that wait for their user's yes, and what was decided. It decides nothing: a yes
//! is the user's alone.
use super::out::{Failure, Format, harmless, instant, json, line, say, table};
use super::{Context, open};
use crate::app::App;
use crate::domain::ids::{BookingId, CustomerId, MessageId, TenantId, UserId};
use crate::domain::mail::State;
use crate::engine::mail::{self, Filter, MailError, Proposal};
use crate::web::api::consents::ConsentBody;
use chrono::DateTime;
use clap::Subcommand;

/// Messages read at a time.
const PAGE: i64 = 200;

const WHO: &str = "only the user can say yes: on the page that a mail to the user's own address opens, or after a sign-in with the \
     connected Google account";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the mails to customers that wait for their user's yes.
    List {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// Only what this user is asked.
        #[arg(long)]
        user: Option<UserId>,
        /// Only about this booking or series.
        #[arg(long)]
        booking: Option<BookingId>,
        /// Only to this customer.
        #[arg(long)]
        customer: Option<CustomerId>,
        /// Those in this state instead of those that wait: queued, sent, maybe_sent, declined and so on.
        #[arg(long, conflicts_with = "all")]
        state: Option<State>,
        /// Decided, ended and sent ones, too.
        #[arg(long)]
        all: bool,
    },
    /// Show one exactly as it would arrive, and what was decided about it.
    Show {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// The mail.
        consent: MessageId,
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
        Command::List {
            tenant,
            user,
            booking,
            customer,
            state,
            all,
        } => {
            open::tenant(app, tenant).await?;
            if let Some(user) = user {
                open::user(app, tenant, user).await?;
            }
            let filter = Filter {
                user_id: user,
                booking_id: booking,
                customer_id: customer,
                state: state.or((!all).then_some(State::Proposed)),
                class: Some("customer"),
                ..Filter::default()
            };
            let found = every(app, tenant, &filter).await?;
            match format {
                Format::Json => json(&found.iter().map(ConsentBody::from).collect::<Vec<_>>()),
                Format::Text => list(&found),
            }
        }
        Command::Show { tenant, consent } => {
            open::tenant(app, tenant).await?;
            let found = one(app, tenant, consent).await?;
            if found.row.class != "customer" {
                return Err(no_message(MailError::Missing));
            }
            match format {
                Format::Json => json(&ConsentBody::from(&found)),
                Format::Text => show(&found),
            }
        }
    }
}

fn list(found: &[Proposal]) -> Result<(), Failure> {
    let row = |proposal: &Proposal| {
        let message = &proposal.row;
        vec![
            message.id.to_string(),
            message.kind.clone(),
            message.state.to_string(),
            message.user_id.map(|id| id.to_string()).unwrap_or_default(),
            recipient(proposal),
            instant(DateTime::from_timestamp_millis(message.expires_at)),
            subject(proposal),
        ]
    };
    table(
        &["ID", "KIND", "STATE", "USER", "TO", "UNTIL", "SUBJECT"],
        &found.iter().map(row).collect::<Vec<_>>(),
    )?;
    match found.is_empty() {
        true => line("no mail waits for a yes"),
        false => {
            say(format_args!("hint: {WHO}"));
            Ok(())
        }
    }
}

/// One mail for people.
fn show(proposal: &Proposal) -> Result<(), Failure> {
    let message = &proposal.row;
    line(format_args!("{}  {}, {}", message.id, message.kind, message.state))?;
    let put = |name: &str, value: String| line(format_args!("  {name:<13} {value}"));
    let at = |ms: i64| instant(DateTime::from_timestamp_millis(ms));
    if let Some(reason) = &message.reason {
        put("because", reason.clone())?;
    }
    let named = [
        ("user", message.user_id.map(|id| id.to_string())),
        ("booking", message.booking_id.map(|id| id.to_string())),
        ("occurrence", message.original_start.map(|start| start.to_string())),
        ("customer", message.customer_id.map(|id| id.to_string())),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            put(name, value)?;
        }
    }
    put("not after", at(message.expires_at))?;
    if let Some(prompted) = message.prompted_at {
        put("asked by mail", at(prompted))?;
    }
    if let Some(consent) = &proposal.consent {
        let key = consent
            .key_id
            .map(|key| format!(" with the API key {key}"))
            .unwrap_or_default();
        put("yes", format!("{} by {}{key}", at(consent.decided_at), consent.how))?;
        if let Some(withdrawn) = consent.withdrawn_at {
            put("taken back", at(withdrawn))?;
        }
    }
    put("hash", crate::domain::ledger::hex(&message.content_hash))?;
    let Some(letter) = &proposal.letter else {
        return line("  its text was erased");
    };
    put("to", harmless(&letter.to.to_string()))?;
    put("subject", harmless(&letter.hide_code(&letter.subject)))?;
    if let Some(calendar) = &letter.calendar {
        put("calendar part", calendar.method.as_str().to_owned())?;
    }
    line("")?;
    letter
        .hide_code(&letter.text)
        .lines()
        .try_for_each(|text| line(harmless(text)))?;
    if message.state == State::Proposed {
        say(format_args!("hint: {WHO}"));
    }
    Ok(())
}

/// Whom it goes to, for lists.
pub(super) fn recipient(message: &Proposal) -> String {
    message
        .letter
        .as_ref()
        .map_or_else(|| "-".to_owned(), |letter| harmless(&letter.to.masked()))
}

fn subject(message: &Proposal) -> String {
    let erased = || "(erased)".to_owned();
    message
        .letter
        .as_ref()
        .map_or_else(erased, |letter| harmless(&letter.hide_code(&letter.subject)))
}

/// Every message of a tenant that the filter lets through.
pub(super) async fn every(app: &App, tenant: TenantId, filter: &Filter) -> Result<Vec<Proposal>, Failure> {
    let mut found: Vec<Proposal> = Vec::new();
    loop {
        let after = found.last().map(|message| message.row.id);
        let page = mail::list(&app.engine, tenant, filter, after, PAGE).await?;
        let is_last = (page.len() as i64) < PAGE;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
    }
}

/// One message of a tenant.
pub(super) async fn one(app: &App, tenant: TenantId, id: MessageId) -> Result<Proposal, Failure> {
    mail::one(&app.engine, tenant, id).await.map_err(no_message)
}

/// Why a message was not found.
pub(super) fn no_message(error: MailError) -> Failure {
    match error {
        MailError::Missing => Failure::failed(&error)
            .hint("`accord consent list --tenant ID --all` and `accord mail list --tenant ID` show what there is"),
        other => Failure::from(other),
    }
}
