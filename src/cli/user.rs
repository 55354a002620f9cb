//! `accord user create|list|connect`.
use super::out::{Failure, Format, json, line, say, table};
use super::{Context, open};
use crate::app::App;
use crate::domain::ids::{TenantId, UserId};
use crate::engine::connect;
use crate::engine::once::Answer;
use crate::engine::users::NewUser;
use crate::store::users::User;
use clap::Subcommand;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// Users read at a time.
const PAGE: i64 = 200;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a user.
    Create {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// What the app calls them.
        #[arg(long)]
        name: String,
        /// As the app knows them.
        #[arg(long)]
        email: String,
        /// For example Europe/Prague [default: the tenant's].
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<String>,
    },
    /// List the users of a tenant.
    List {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
    },
    /// Print a one-time address at which the user connects a Google account.
    Connect {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// The user.
        user: UserId,
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
        Command::Create {
            tenant,
            name,
            email,
            time_zone,
        } => {
            let new = NewUser {
                name,
                email,
                time_zone,
                ..NewUser::default()
            };
            let mut made = None;
            let render = |user: &User| {
                made = Some(shown(user));
                Answer {
                    status: 201,
                    body: Vec::new(),
                }
            };
            engine
                .create_user(tenant, &new, None, render)
                .await
                .map_err(open::refused)?;
            let user = made.unwrap_or_default();
            match format {
                Format::Json => json(&user),
                Format::Text => line(user["id"].as_str().unwrap_or_default()),
            }
        }
        Command::List { tenant } => {
            engine.tenant(tenant).await.map_err(open::refused)?;
            let mut users: Vec<User> = Vec::new();
            loop {
                let after = users.last().map(|user| user.id);
                let page = engine.users(tenant, after, PAGE).await.map_err(open::refused)?;
                let is_last = (page.len() as i64) < PAGE;
                users.extend(page);
                if is_last {
                    break;
                }
            }
            match format {
                Format::Json => json(&users.iter().map(shown).collect::<Vec<_>>()),
                Format::Text => {
                    let row = |u: &User| {
                        vec![
                            u.id.to_string(),
                            u.name.clone(),
                            u.email.clone(),
                            u.time_zone.to_string(),
                        ]
                    };
                    table(
                        &["ID", "NAME", "EMAIL", "TIME ZONE"],
                        &users.iter().map(row).collect::<Vec<_>>(),
                    )
                }
            }
        }
        Command::Connect { tenant, user } => {
            let link = connect::start(engine, tenant, user)
                .await
                .map_err(open::not_connected)?;
            let url = link.url.expose_secret();
            match format {
                Format::Json => json(
                    &json!({ "url": url, "expires_at": chrono::DateTime::from_timestamp_millis(link.expires_at) }),
                )?,
                Format::Text => line(url)?,
            }
            say("for this user's browser only, once, within 15 minutes; `accord serve` must be running");
            Ok(())
        }
    }
}

fn shown(user: &User) -> Value {
    json!({ "id": user.id, "name": user.name, "email": user.email, "time_zone": user.time_zone.name() })
}
