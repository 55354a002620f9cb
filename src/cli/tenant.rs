//! `accord tenant create|list|show|set|key|smtp|app-asserted|sql-role`.
use super::out::{Failure, Format, instant, json, line, say, table};
use super::{Context, open};
use crate::app::App;
use crate::domain::ids::{ApiKeyId, InvalidId, TenantId};
use crate::domain::settings::TenantSettings;
use crate::engine::mail;
use crate::engine::tenants::TenantPatch;
use crate::store::sql_role::{self, SqlRoleError};
use crate::store::tenants::{ApiKey, Tenant};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use clap::Subcommand;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a tenant; its API key is shown once.
    Create {
        /// What people call it.
        name: String,
        /// Who is told when something waits for the tenant.
        #[arg(long, value_name = "EMAIL")]
        admin_email: String,
        /// Where new users live, for example Europe/Prague.
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<String>,
    },
    /// List the tenants.
    List,
    /// Show a tenant and the settings in force.
    Show {
        /// Its id.
        tenant: TenantId,
    },
    /// Change settings: `name=value`; `name=` goes back to the default.
    Set {
        /// Its id.
        tenant: TenantId,
        /// For example `conflict=ask brake_min=20 name="Kaval s.r.o."`.
        #[arg(required = true, value_name = "NAME=VALUE")]
        settings: Vec<String>,
    },
    /// Make another API key (shown once), list the keys, or end one.
    Key {
        /// Its id.
        tenant: TenantId,
        /// List the keys instead: when each was made, last used and ended.
        #[arg(long, conflicts_with = "revoke")]
        list: bool,
        /// End the key with this id instead.
        #[arg(long, value_name = "KEY_ID", value_parser = key_id)]
        revoke: Option<ApiKeyId>,
    },
    /// Give the tenant a mail server of its own, or take it away again.
    #[command(group = clap::ArgGroup::new("server").required(true))]
    Smtp {
        /// Its id.
        tenant: TenantId,
        /// A file with its address, as in mail.smtp_url: smtps://user:password@host. Sealed in the database; the file is not needed
        /// afterwards.
        #[arg(long, value_name = "FILE", group = "server")]
        url_file: Option<PathBuf>,
        /// Use the installation's again.
        #[arg(long, group = "server")]
        clear: bool,
    },
    /// Let the tenant's app say yes to mails for its users, or end that.
    #[command(group = clap::ArgGroup::new("wish").required(true))]
    AppAsserted {
        /// Its id.
        tenant: TenantId,
        /// The app asks its users in its own screens, and Accord believes what it says.
        #[arg(long, group = "wish")]
        allow: bool,
        /// Only the users themselves, as it is without this.
        #[arg(long, group = "wish")]
        forbid: bool,
    },
    /// PostgreSQL: make the role with which the tenant's app may write its own rows. Its password is new and shown once.
    SqlRole {
        /// Its id.
        tenant: TenantId,
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
            name,
            admin_email,
            time_zone,
        } => {
            let mut settings = Map::from_iter([("admin_email".to_owned(), Value::from(admin_email))]);
            settings.extend(time_zone.map(|zone| ("time_zone".to_owned(), Value::from(zone))));
            let (tenant, key) = engine.create_tenant(&name, &settings).await.map_err(open::refused)?;
            let (key_id, key) = (id_in(&key), key.expose_secret());
            match format {
                Format::Json => {
                    json(&json!({ "id": tenant.id, "name": tenant.name, "key_id": key_id, "api_key": key }))?
                }
                Format::Text => {
                    line(format_args!("tenant   {}", tenant.id))?;
                    line(format_args!("api key  {key}"))?;
                    if let Some(id) = key_id {
                        line(format_args!("key id   {id}"))?;
                    }
                }
            }
            say("the API key is not shown again; only a hash of it is kept");
            Ok(())
        }
        Command::List => {
            let tenants = engine.tenants().await.map_err(open::refused)?;
            match format {
                Format::Json => {
                    let mut all = Vec::new();
                    for tenant in &tenants {
                        all.push(shown(app, tenant).await?);
                    }
                    json(&all)
                }
                Format::Text => {
                    let row = |t: &Tenant| vec![t.id.to_string(), t.name.clone(), t.settings.admin_email.clone()];
                    table(&["ID", "NAME", "ADMIN"], &tenants.iter().map(row).collect::<Vec<_>>())
                }
            }
        }
        Command::Show { tenant } => print(format, app, &engine.tenant(tenant).await.map_err(open::refused)?).await,
        Command::Set { tenant, settings } => {
            let patch = patch(&settings)?;
            print(
                format,
                app,
                &engine.patch_tenant(tenant, &patch).await.map_err(open::refused)?,
            )
            .await
        }
        Command::Key { tenant, list: true, .. } => print_keys(format, app, tenant).await,
        Command::Key {
            tenant,
            revoke: Some(key),
            ..
        } => {
            engine.tenant(tenant).await.map_err(open::refused)?;
            engine.revoke_api_key(tenant, key).await.map_err(open::refused)?;
            say("the API key no longer works");
            Ok(())
        }
        Command::Key { tenant, .. } => {
            let key = engine.create_api_key(tenant).await.map_err(open::refused)?;
            match format {
                Format::Json => json(&json!({ "key_id": id_in(&key), "api_key": key.expose_secret() }))?,
                Format::Text => line(key.expose_secret())?,
            }
            if let Some(id) = id_in(&key) {
                say(format_args!(
                    "its id is {id}; `accord tenant key {tenant} --revoke {id}` ends it"
                ));
            }
            say("the API key is not shown again; only a hash of it is kept");
            Ok(())
        }
        Command::Smtp { tenant, url_file, .. } => set_server(app, tenant, url_file.as_deref()).await,
        Command::AppAsserted { tenant, allow, .. } => set_app_asserted(app, tenant, allow).await,
        Command::SqlRole { tenant } => make_role(format, app, tenant).await,
    }
}

async fn set_server(app: &App, tenant: TenantId, file: Option<&Path>) -> Result<(), Failure> {
    open::tenant(app, tenant).await?;
    let url = match file {
        None => None,
        Some(path) => {
            let read = std::fs::read_to_string(path);
            let text =
                read.map_err(|error| Failure::usage(format_args!("{} cannot be read: {error}", path.display())))?;
            Some(SecretString::from(text.trim()))
        }
    };
    mail::set_server(&app.engine, tenant, url.as_ref())
        .await
        .map_err(open::refused)?;
    match url {
        Some(_) => say("mail of this tenant goes through its own server; `accord mail test` tries it"),
        None => say("mail of this tenant goes through the installation's server (mail.smtp_url)"),
    }
    Ok(())
}

async fn set_app_asserted(app: &App, tenant: TenantId, is_allowed: bool) -> Result<(), Failure> {
    app.engine
        .set_app_asserted(tenant, is_allowed)
        .await
        .map_err(open::refused)?;
    if is_allowed {
        say("whoever has an API key of this tenant can now approve mails to customers in the name of its users");
        say(
            "Accord cannot see whether the user was asked: the app must ask, each time, for each mail. The ledger notes every such yes as",
        );
        say("app_asserted, with the id of the key. `--forbid` ends it.");
    } else {
        say("only the users themselves can approve mails now; what was approved before stays so");
    }
    Ok(())
}

async fn print_keys(format: Format, app: &App, tenant: TenantId) -> Result<(), Failure> {
    let keys = app.engine.api_keys(tenant).await.map_err(open::refused)?;
    let at = |ms: Option<i64>| ms.and_then(DateTime::from_timestamp_millis);
    if format == Format::Json {
        let shown = keys.iter().map(|key| {
            json!({
                "key_id": key.id,
                "created_at": at(Some(key.created_at)),
                "last_used_at": at(key.last_used_at),
                "revoked_at": at(key.revoked_at),
            })
        });
        return json(&shown.collect::<Vec<_>>());
    }
    let row = |key: &ApiKey| {
        vec![
            key.id.to_string(),
            instant(at(Some(key.created_at))),
            instant(at(key.last_used_at)),
            instant(at(key.revoked_at)),
        ]
    };
    let rows: Vec<Vec<String>> = keys.iter().map(row).collect();
    table(&["KEY ID", "CREATED", "LAST USED", "ENDED"], &rows)
}

async fn make_role(format: Format, app: &App, tenant: TenantId) -> Result<(), Failure> {
    let engine = &app.engine;
    engine.tenant(tenant).await.map_err(open::refused)?;
    let mut random = [0; 24];
    engine.entropy.fill(&mut random);
    let password = URL_SAFE_NO_PAD.encode(random);
    let mut tx = engine.db.begin().await?;
    let role = sql_role::ensure(&mut tx, tenant, &password)
        .await
        .map_err(|error| match &error {
            SqlRoleError::FullTrust => Failure::usage(&error).hint("use PostgreSQL, or let the app use the REST API"),
            SqlRoleError::Store(_) => {
                Failure::failed(&error).hint("the user of database.url needs CREATEROLE and must own the tables")
            }
        })?;
    tx.commit().await?;
    match format {
        Format::Json => json(&json!({ "role": role, "password": password }))?,
        Format::Text => {
            line(format_args!("role      {role}"))?;
            line(format_args!("password  {password}"))?;
        }
    }
    say("the password is not shown again; the role sees and writes this tenant's rows only");
    Ok(())
}

/// Every setting is a text, a number or null; which one is told by the value, and the settings check the rest.
fn patch(given: &[String]) -> Result<TenantPatch, Failure> {
    let mut patch = TenantPatch::default();
    for pair in given {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            Failure::usage(format_args!("`{pair}` is not NAME=VALUE"))
                .hint(format_args!("the names are name, {}", TenantSettings::NAMES.join(", ")))
        })?;
        match (name, value) {
            ("name", value) => patch.name = Some(value.to_owned()),
            (name, "") => drop(patch.settings.insert(name.to_owned(), Value::Null)),
            (name, value) => {
                let number = serde_json::from_str(value).ok().filter(Value::is_number);
                patch
                    .settings
                    .insert(name.to_owned(), number.unwrap_or_else(|| value.into()));
            }
        }
    }
    Ok(patch)
}

async fn shown(app: &App, tenant: &Tenant) -> Result<Value, Failure> {
    let is_asserted = app.engine.is_app_asserted(tenant.id).await.map_err(open::refused)?;
    Ok(json!({
        "id": tenant.id,
        "name": tenant.name,
        "settings": tenant.settings.effective(&app.engine.defaults),
        "set": tenant.settings,
        "app_asserted": is_asserted,
    }))
}

async fn print(format: Format, app: &App, tenant: &Tenant) -> Result<(), Failure> {
    let shown = shown(app, tenant).await?;
    if format == Format::Json {
        return json(&shown);
    }
    line(format_args!("{}  {}", tenant.id, tenant.name))?;
    let empty = Map::new();
    let set = shown["set"].as_object().unwrap_or(&empty);
    for (name, value) in shown["settings"].as_object().unwrap_or(&empty) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let whose = if set.contains_key(name) { "" } else { "  (default)" };
        line(format_args!("  {name:<15} {value}{whose}"))?;
    }
    if shown["app_asserted"] == true {
        line("  the app may approve mails for its users (accord tenant app-asserted)")?;
    }
    Ok(())
}

/// The id of an API key, with hyphens or as it stands inside the key, without them.
fn key_id(text: &str) -> Result<ApiKeyId, InvalidId> {
    uuid::Uuid::parse_str(text).map(ApiKeyId).map_err(|_| InvalidId)
}

/// The id inside an API key: `accord_TENANT_ID_SECRET`.
fn id_in(key: &SecretString) -> Option<ApiKeyId> {
    key.expose_secret().split('_').nth(2).and_then(|id| key_id(id).ok())
}
