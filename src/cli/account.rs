//! `accord account list|show|pause|resume|mail-pause|disconnect`.
use super::out::{Failure, Format, confirm, instant, json, line, say, table};
use super::{Context, open};
use crate::app::App;
use crate::domain::ids::{AccountId, TenantId};
use crate::engine::Refusal;
use crate::engine::disconnect::{self, Ending, ReadData, WrittenItems};
use crate::engine::mail;
use crate::engine::status::{self, AccountStatus, ScopeHealth};
use crate::store::accounts::AccountState;
use clap::{Args, Subcommand};

/// Which account.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Which {
    /// The tenant.
    #[arg(long)]
    pub tenant: TenantId,
    /// The account.
    pub account: AccountId,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the accounts of a tenant, disconnected ones too.
    List {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
    },
    /// Show an account and its calendars.
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// Stop polling until `resume`.
    Pause {
        #[command(flatten)]
        which: Which,
    },
    /// Poll again.
    Resume {
        #[command(flatten)]
        which: Which,
    },
    /// Stop all mail to customers that needs the yes of this account's user; only the user can let it go on.
    MailPause {
        #[command(flatten)]
        which: Which,
    },
    /// End the connection and revoke the grant; events in Google stay.
    Disconnect {
        #[command(flatten)]
        which: Which,
        /// Keep the bookings that were read from Google, even those nobody needs.
        #[arg(long)]
        keep_read: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
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
        Command::List { tenant } => {
            let accounts = status::accounts(engine, Some(tenant), true)
                .await
                .map_err(open::refused)?;
            match format {
                Format::Json => json(&accounts),
                Format::Text => {
                    let row = |a: &AccountStatus| {
                        vec![
                            a.account_id.to_string(),
                            a.email.clone(),
                            a.state.clone(),
                            a.user_id.to_string(),
                        ]
                    };
                    table(
                        &["ID", "GOOGLE ACCOUNT", "STATE", "USER"],
                        &accounts.iter().map(row).collect::<Vec<_>>(),
                    )
                }
            }
        }
        Command::Show { which } => {
            let account = find(app, which).await?;
            match format {
                Format::Json => json(&account),
                Format::Text => print(&account),
            }
        }
        Command::Pause { which } => {
            disconnect::pause(engine, which.tenant, which.account)
                .await
                .map_err(open::not_ended)?;
            say("paused; `accord account resume` goes on");
            Ok(())
        }
        Command::Resume { which } => {
            disconnect::resume(engine, which.tenant, which.account)
                .await
                .map_err(open::not_ended)?;
            say("polled again");
            Ok(())
        }
        Command::MailPause { which } => {
            find(app, which).await?;
            mail::pause(engine, which.tenant, which.account).await?;
            say(
                "no mail to customers needs this user any more: what waited or was queued is withdrawn, nothing new is proposed",
            );
            say("hint: only the user can let it go on, on their own page");
            Ok(())
        }
        Command::Disconnect { which, keep_read, yes } => {
            let account = find(app, which).await?;
            if account.state == AccountState::Disconnected.as_str() {
                say("it was disconnected already");
                return Ok(());
            }
            let counts = disconnect::counts(engine, which.tenant, which.account)
                .await
                .map_err(open::not_ended)?;
            confirm(
                &format!(
                    "Disconnect {} ({} bookings and {} customers read from Google, {} events and {} contacts written there)?",
                    account.email, counts.read, counts.customers, counts.written, counts.contacts
                ),
                yes,
            )?;
            let ending = Ending {
                read: if keep_read {
                    ReadData::Keep
                } else {
                    ReadData::RemoveUnneeded
                },
                // Only the user, who is shown their number, may have them deleted.
                written: WrittenItems::Keep,
            };
            disconnect::disconnect(engine, which.tenant, which.account, ending)
                .await
                .map_err(open::not_ended)?;
            say("disconnected; the running daemon asks Google to revoke the grant");
            Ok(())
        }
    }
}

/// The status of one account.
pub(super) async fn find(app: &App, which: Which) -> Result<AccountStatus, Failure> {
    let all = status::accounts(&app.engine, Some(which.tenant), true)
        .await
        .map_err(open::refused)?;
    all.into_iter()
        .find(|account| account.account_id == which.account)
        .ok_or_else(|| open::refused(Refusal::Missing("account")))
}

/// One account for people.
pub(super) fn print(account: &AccountStatus) -> Result<(), Failure> {
    line(format_args!(
        "{}  {}  {}",
        account.account_id, account.email, account.state
    ))?;
    let lag = account
        .lag_seconds
        .map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s"));
    line(format_args!(
        "  last good pass   {} (lag {lag})",
        instant(account.last_good_at)
    ))?;
    line(format_args!("  next try         {}", instant(account.next_try_at)))?;
    if let Some(error) = &account.last_error {
        line(format_args!("  last error       {error}"))?;
    }
    line(format_args!("  waiting changes  {}", account.waiting_changes))?;
    line(format_args!(
        "  held             {} by the brake, {} otherwise",
        account.braked, account.held
    ))?;
    line(format_args!("  set aside        {}", account.quarantined))?;
    line(format_args!("  open questions   {}", account.open_questions))?;
    line(format_args!("  mail             {}", account.mail.words()))?;
    for calendar in &account.calendars {
        let name = format!("{} ({})", calendar.title, calendar.calendar_id);
        scope("calendar", &name, calendar.frozen.as_deref(), &calendar.scope)?;
    }
    if let Some(contacts) = &account.contacts {
        let linked = format!("{} linked", account.linked_contacts);
        scope("contacts", &linked, None, contacts)?;
    }
    Ok(())
}

fn scope(kind: &str, name: &str, frozen: Option<&str>, health: &ScopeHealth) -> Result<(), Failure> {
    let state = match (frozen, health.enabled) {
        (Some(why), _) => format!("frozen: {why}"),
        (None, false) => "not polled".to_owned(),
        (None, true) => format!("next {}", instant(health.next_try_at)),
    };
    line(format_args!("  {kind:<16} {name}, {state}"))?;
    if let Some(error) = &health.last_error {
        line(format_args!(
            "                   {} failures in a row: {error}",
            health.failures
        ))?;
    }
    Ok(())
}
