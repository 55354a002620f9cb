//! Typed settings: default < file < environment < systemd credential.
//!
//! [`Config::load`] either gives a configuration in which every value was checked, or every problem there is, each with
//! its key and what to do. The manual is `config/default.toml`, embedded here: it names every key, so anything else is
//! unknown and refused. Tenant settings live in the database and override the `[sync]` defaults; they are not known here.
pub mod keys;
mod layers;
mod problem;
mod schedule;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

pub use self::keys::KeySource;
use self::layers::Reader;
pub use self::problem::{ConfigProblems, Invalid, Problem};
pub use self::schedule::Schedule;
pub use self::values::{DatabaseUrl, LogFormat};
use self::values::{duration, endpoint, log_format, log_level, number, optional, root, yes_or_no};
use crate::domain::language::Language;
use crate::domain::mail::{Mailbox, Reminders, SmtpServer};
use crate::domain::policy::{ConflictPolicy, Guests, Inbound};

/// The manual: every key, its default, a sentence.
pub const DEFAULT: &str = include_str!("../../config/default.toml");

/// Where the configuration is looked for when nobody names a file.
pub const USUAL_FILE: &str = "/etc/accord/accord.toml";

/// What [`Config::load`] reads. Tests build their own; only [`Sources::from_process`] looks at the real surroundings.
#[derive(Clone, Default)]
pub struct Sources {
    /// The operator's file.
    pub file: Option<PathBuf>,
    /// Environment variables; those that begin with `ACCORD__` count.
    pub env: BTreeMap<String, String>,
    /// systemd's `$CREDENTIALS_DIRECTORY`.
    pub credentials_dir: Option<PathBuf>,
}

impl Sources {
    /// The sources of this process. The file is `--config`, else `ACCORD_CONFIG`, else [`USUAL_FILE`] if it exists.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the configuration looks at its process"
    )]
    pub fn from_process(config_option: Option<PathBuf>) -> Self {
        // What is not UTF-8 is kept in a form that its key will refuse, rather than overlooked.
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let env: BTreeMap<String, String> = std::env::vars_os()
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        let variable = |name: &str| env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let named = config_option.or_else(|| variable("ACCORD_CONFIG"));
        let usual = || Some(PathBuf::from(USUAL_FILE)).filter(|path| path.exists());
        let credentials_dir = env.get("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self {
            file: named.or_else(usual),
            env,
            credentials_dir,
        }
    }

    /// Adds one value as the environment would: `.with("database.url", "sqlite:///tmp/accord.db")`.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        let name = format!("ACCORD__{}", key.replacen('.', "__", 1).to_ascii_uppercase());
        self.env.insert(name, value.into());
        self
    }
}

/// Every setting, checked. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where Accord remembers.
    pub database: Database,
    /// Google and our client there.
    pub google: Google,
    /// API and pages.
    pub web: Web,
    /// Synchronisation; partly defaults for tenants.
    pub sync: Sync,
    /// Mail to customers; partly defaults for tenants.
    pub mail: Mail,
    /// How long things are kept.
    pub retention: Retention,
    /// Keys that seal.
    pub secrets: Secrets,
    /// Logging.
    pub log: Log,
    shown: String,
}

/// `[database]`
#[derive(Debug, Clone)]
pub struct Database {
    /// Which database, and where.
    pub url: DatabaseUrl,
}

/// `[google]`. No URL ends with a slash.
#[derive(Debug, Clone)]
pub struct Google {
    /// OAuth client id; may be empty until [`Config::check_for_serving`].
    pub client_id: String,
    /// OAuth client secret; may be empty until [`Config::check_for_serving`].
    pub client_secret: SecretString,
    /// Where a browser asks for the user's consent.
    pub auth_url: String,
    /// Where codes and refresh tokens are exchanged.
    pub token_url: String,
    /// Where grants are revoked.
    pub revoke_url: String,
    /// OpenID Connect userinfo.
    pub userinfo_url: String,
    /// Calendar API v3, `…/calendar/v3`.
    pub calendar_url: String,
    /// People API v1, `…/v1`.
    pub people_url: String,
}

/// `[web]`
#[derive(Debug, Clone)]
pub struct Web {
    /// Address to listen at; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// How the outside reaches us: scheme and host, no path, no trailing slash.
    pub public_url: String,
    /// Largest request body, bytes.
    pub body_limit_bytes: usize,
}

/// `[sync]`
#[derive(Debug, Clone)]
pub struct Sync {
    /// When scopes are polled.
    pub schedule: Schedule,
    /// How far back the first import reads, days.
    pub window_past_days: u32,
    /// Tenant default: who wins a conflict.
    pub conflict: ConflictPolicy,
    /// Tenant default: cancellations made in Google.
    pub inbound_cancel: Inbound,
    /// Tenant default: moves made in Google.
    pub inbound_move: Inbound,
    /// Tenant default: changes of events that have Google guests.
    pub guests: Guests,
    /// Tenant default: share of a scope's items, 0 to 1, above which deletions wait.
    pub brake_share: f64,
    /// Tenant default: fewer deletions than this never wait.
    pub brake_min: u32,
    /// Scopes worked on at the same time.
    pub concurrency: usize,
    /// Longest duration of one request to Google.
    pub request_timeout: Duration,
    /// How long a claim on a scope holds; at least twice `request_timeout`.
    pub lease: Duration,
    /// How long after a create of a contact whose outcome is unknown a full listing proves that there is none, minutes.
    pub contact_create_delay_minutes: u32,
}

/// `[mail]`
#[derive(Debug, Clone)]
pub struct Mail {
    /// The installation's mail server.
    pub server: Option<SmtpServer>,
    /// Tenant default: who sends.
    pub from: Option<Mailbox>,
    /// Tenant default: when customers are reminded.
    pub reminders: Reminders,
    /// Tenant default: the language of mails.
    pub language: Language,
    /// How long before a reminder is due its user is asked.
    pub prompt_lead: Duration,
    /// How long a booking must rest before its user is written to.
    pub settle: Duration,
    /// The shortest time between two mails that ask one user.
    pub prompt_interval: Duration,
    /// When users are asked by mail; `None`: as soon as the interval allows.
    pub prompt_digest: Option<Schedule>,
    /// How long a link to the consent page is good, hours.
    pub link_hours: u32,
    /// Most mails to one address in a day.
    pub per_recipient_per_day: u32,
    /// Most mails for one tenant in an hour.
    pub per_tenant_per_hour: u32,
    /// How long the server may take for one step.
    pub timeout: Duration,
    /// Whether the server's DKIM signature covers the unsubscribe fields.
    pub dkim_by_server: bool,
    /// The folder with the tenants' own templates.
    pub templates: Option<PathBuf>,
    /// How long letters are kept after their end, days.
    pub keep_days: u32,
}

/// `[retention]`
#[derive(Debug, Clone)]
pub struct Retention {
    /// Age at which entries of the change feed go, days.
    pub changes_days: u32,
    /// Age at which an account without choices ends, hours.
    pub choosing_hours: u32,
}

/// `[secrets]`
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Where the keys are.
    pub key: KeySource,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// How much.
    pub level: tracing::Level,
}

impl Config {
    /// Lays the sources over each other and checks everything.
    ///
    /// # Errors
    /// All problems together, in the order in which they were found: sources first, then values.
    pub fn load(sources: &Sources) -> Result<Self, ConfigProblems> {
        let mut reader = Reader::new(DEFAULT);
        if let Some(file) = &sources.file {
            reader.file(file);
        }
        reader.environment(&sources.env);
        if let Some(directory) = &sources.credentials_dir {
            reader.credentials(directory, &[("secrets.key", "secrets.key_file")]);
        }
        reader.resolve_files();

        let text = |text: &str| Ok::<_, Invalid>(text.to_owned());
        let seconds = |text: &str| number(1..=3600)(text).map(Duration::from_secs);
        let key_path: String = reader.read("secrets.key_file", |path| match path {
            "" => Err(Invalid::new("is empty", "write the path of the key file")),
            path => Ok(path.to_owned()),
        });
        let key = match reader.is_credential("secrets.key_file") {
            true => KeySource::Credential(key_path.into()),
            false => KeySource::File(key_path.into()),
        };
        let mut config = Self {
            database: Database {
                url: reader.read("database.url", str::parse),
            },
            google: Google {
                client_id: reader.read("google.client_id", text),
                client_secret: reader.read("google.client_secret", |text| Ok::<_, Invalid>(text.into())),
                auth_url: reader.read("google.auth_url", endpoint),
                token_url: reader.read("google.token_url", endpoint),
                revoke_url: reader.read("google.revoke_url", endpoint),
                userinfo_url: reader.read("google.userinfo_url", endpoint),
                calendar_url: reader.read("google.calendar_url", endpoint),
                people_url: reader.read("google.people_url", endpoint),
            },
            web: Web {
                listen: reader.read("web.listen", |text| {
                    let invalid = || {
                        Invalid::new(
                            format!("`{text}` is not an address with a port"),
                            "write 127.0.0.1:8080",
                        )
                    };
                    text.parse().map_err(|_| invalid())
                }),
                public_url: reader.read("web.public_url", root),
                body_limit_bytes: reader.read("web.body_limit_bytes", number(1024..=16 * 1024 * 1024)),
            },
            sync: Sync {
                schedule: reader.read("sync.schedule", str::parse),
                window_past_days: reader.read("sync.window_past_days", number(0..=3650)),
                conflict: reader.read("sync.conflict", str::parse),
                inbound_cancel: reader.read("sync.inbound_cancel", str::parse),
                inbound_move: reader.read("sync.inbound_move", str::parse),
                guests: reader.read("sync.guests", str::parse),
                brake_share: reader.read("sync.brake_share", number(0.0..=1.0)),
                brake_min: reader.read("sync.brake_min", number(1..=1_000_000)),
                concurrency: reader.read("sync.concurrency", number(1..=256)),
                request_timeout: reader.read("sync.request_timeout_seconds", seconds),
                lease: reader.read("sync.lease_seconds", seconds),
                contact_create_delay_minutes: reader.read("sync.contact_create_delay_minutes", number(1..=1440)),
            },
            mail: Mail {
                server: reader.read("mail.smtp_url", optional(str::parse)),
                from: reader.read("mail.from", optional(str::parse)),
                reminders: reader.read("mail.reminders", str::parse),
                language: reader.read("mail.language", str::parse),
                prompt_lead: reader.read("mail.prompt_lead", duration),
                settle: reader.read("mail.settle", duration),
                prompt_interval: reader.read("mail.prompt_interval", duration),
                prompt_digest: reader.read("mail.prompt_digest", optional(str::parse)),
                link_hours: reader.read("mail.link_hours", number(1..=720)),
                per_recipient_per_day: reader.read("mail.per_recipient_per_day", number(1..=10_000)),
                per_tenant_per_hour: reader.read("mail.per_tenant_per_hour", number(1..=1_000_000)),
                timeout: reader.read("mail.timeout_seconds", seconds),
                dkim_by_server: reader.read("mail.dkim_by_server", yes_or_no),
                templates: reader.read("mail.templates", optional(|path| Ok::<_, Invalid>(PathBuf::from(path)))),
                keep_days: reader.read("mail.keep_days", number(1..=3650)),
            },
            retention: Retention {
                changes_days: reader.read("retention.changes_days", number(1..=3650)),
                // The page with the choices stays open for one hour.
                choosing_hours: reader.read("retention.choosing_hours", number(2..=8760)),
            },
            secrets: Secrets { key },
            log: Log {
                format: reader.read("log.format", log_format),
                level: reader.read("log.level", log_level),
            },
            shown: String::new(),
        };
        if config.sync.lease < config.sync.request_timeout * 2 {
            // A holder must be able to finish a request that it began while it held the lease.
            let fix = "write at least twice sync.request_timeout_seconds";
            reader.invalid(
                "sync.lease_seconds",
                Invalid::new("is too short for a request to end within it", fix),
            );
        }
        config.shown = reader.show(DEFAULT, |key, text| match key {
            "database.url" => Some(config.database.url.to_string()),
            "google.client_secret" | "mail.smtp_url" if !text.is_empty() => Some("********".to_owned()),
            _ => None,
        });
        reader.finish().map(|()| config)
    }

    /// What `serve` needs beyond what every command needs.
    ///
    /// # Errors
    /// A client id or a client secret is missing.
    pub fn check_for_serving(&self) -> Result<(), ConfigProblems> {
        let missing = [
            ("google.client_id", self.google.client_id.is_empty()),
            (
                "google.client_secret",
                self.google.client_secret.expose_secret().is_empty(),
            ),
        ];
        let problems: Vec<Problem> = missing
            .iter()
            .filter(|(_, is_missing)| *is_missing)
            .map(|(key, _)| Problem {
                key: (*key).to_owned(),
                place: "default".to_owned(),
                wrong: "is empty, so that nobody can connect a Google account".to_owned(),
                fix: "copy it from your OAuth client in the Google Cloud console".to_owned(),
            })
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigProblems(problems))
        }
    }

    /// What is allowed and yet may not be meant.
    pub fn warnings(&self) -> Vec<Problem> {
        let listen = self.web.listen;
        if listen.ip().is_loopback() {
            return Vec::new();
        }
        vec![Problem {
            key: "web.listen".to_owned(),
            place: listen.to_string(),
            wrong:
                "can be reached from other machines, where API keys and sessions would cross the network unencrypted"
                    .to_owned(),
            fix: "listen at 127.0.0.1 behind a TLS proxy, or see to it that only the proxy reaches this address"
                .to_owned(),
        }]
    }

    /// The effective configuration as TOML, secrets masked, with the place of each value as a trailing comment.
    pub fn show(&self) -> &str {
        &self.shown
    }
}
