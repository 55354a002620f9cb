//! `accord customer contact show|unlink|link|create`: whether a customer is one of its user's Google Contacts.
use super::out::{Failure, Format, confirm, json, line, say};
use super::{Context, open};
use crate::app::App;
use crate::domain::ids::{CustomerId, TenantId};
use crate::engine::customers::{ContactWish, CustomerView};
use crate::store::contact_links::GoneBecause;
use clap::{Args, Subcommand};
use serde_json::json;

/// Which customer.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Which {
    /// The tenant.
    #[arg(long)]
    tenant: TenantId,
    /// The customer.
    customer: CustomerId,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Its link with one of its user's Google Contacts.
    #[command(subcommand)]
    Contact(Contact),
}

#[derive(Debug, Subcommand)]
pub(super) enum Contact {
    /// Show whether it is linked, and with which contact.
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// End the link; both sides keep what they hold, and neither is carried over again.
    Unlink {
        #[command(flatten)]
        which: Which,
        /// Give the customer back what it held before it was linked.
        #[arg(long)]
        restore: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Link it with a certain contact, although it was unlinked before.
    Link {
        #[command(flatten)]
        which: Which,
        /// Google's name for the contact, such as people/c5629.
        contact: String,
    },
    /// Let it become a new contact, although it was unlinked before.
    Create {
        #[command(flatten)]
        which: Which,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let Command::Contact(command) = command;
    let app = open::app(context).await?;
    let done = act(context.format, &app, command).await;
    app.close().await;
    done
}

async fn act(format: Format, app: &App, command: Contact) -> Result<(), Failure> {
    let engine = &app.engine;
    match command {
        Contact::Show { which } => {
            let shown = engine.customer(which.tenant, which.customer).await;
            print(format, &shown.map_err(open::refused)?)
        }
        Contact::Unlink { which, restore, yes } => {
            if restore {
                confirm(
                    "Replace what this customer holds by what it held before it was linked?",
                    yes,
                )?;
            }
            let shown = engine.unlink_contact(which.tenant, which.customer, restore).await;
            let shown = shown.map_err(open::refused)?;
            say("unlinked; nothing changes in Google");
            print(format, &shown)
        }
        Contact::Link { which, contact } => {
            let wish = ContactWish::link(&contact).ok_or_else(|| {
                Failure::usage("CONTACT must be Google's name for a contact, such as people/c5629")
                    .hint("`accord question show` names the contact that is asked about")
            })?;
            become_one(format, app, which, &wish).await
        }
        Contact::Create { which } => become_one(format, app, which, &ContactWish::Create).await,
    }
}

async fn become_one(format: Format, app: &App, which: Which, wish: &ContactWish) -> Result<(), Failure> {
    let shown = app.engine.link_contact(which.tenant, which.customer, wish).await;
    let shown = shown.map_err(open::refused)?;
    say("the next pass over the contacts does it");
    print(format, &shown)
}

fn print(format: Format, shown: &CustomerView) -> Result<(), Failure> {
    let (contact, reason) = (&shown.contact, shown.contact.reason.map(GoneBecause::as_str));
    if format == Format::Json {
        return json(&json!({
            "customer_id": shown.row.id,
            "state": contact.standing.as_str(),
            "reason": reason,
            "contact_id": contact.contact_id,
        }));
    }
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    let of = contact
        .contact_id
        .as_ref()
        .map_or_else(String::new, |id| format!(", {id}"));
    line(format_args!(
        "{}: {}{reason}{of}",
        shown.row.id,
        contact.standing.as_str()
    ))
}
