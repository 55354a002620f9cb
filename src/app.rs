//! Composition root: the only place that builds things.
//!
//! It promises that nothing runs half built: the schema is up to date, the keys fit the database, the address is ours, or
//! [`OpenError`] says in one sentence what to do. Commands open the same [`App`] as the daemon, beside it or without it; only
//! the daemon brings the schema up to date.
use crate::config::keys::{self, KeyFileError};
use crate::config::{Config, DatabaseUrl};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::seal::KeyId;
use crate::domain::settings::TenantDefaults;
use crate::engine::housekeeping::Retention;
use crate::engine::mail::MailSettings;
use crate::engine::sync::SyncSettings;
use crate::engine::tokens::TokenCache;
use crate::engine::{Engine, sealed};
use crate::google::calendar::CalendarApi;
use crate::google::oauth::{Endpoints, OAuth};
use crate::google::people::PeopleApi;
use crate::google::transport::Transport;
use crate::jobs::{self, cadence::Cadence};
use crate::lifecycle::{self, Stop};
use crate::mail::transport::Limits;
use crate::store::{Db, StoreError, migrate, newest_schema, schema};
use crate::templates::mail::{MailTemplates, TemplateError};
use crate::web::pages::Pages;
use crate::web::{self, WebState};
use secrecy::ExposeSecret;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Events per page of a listing; Google's own default is 250, its limit 2500.
pub const PAGE_SIZE: u16 = 500;

/// Why Accord did not start. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No database, or one without tables.
    #[error("the database is not made yet")]
    NoSchema,
    /// A database of an older Accord.
    #[error("the database has schema version {found}, and this accord needs version {needed}; nothing was changed")]
    OlderSchema {
        /// What it has.
        found: i64,
        /// What this program makes.
        needed: i64,
    },
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// A key file of another time or another installation.
    #[error("the database holds values that key {0} has sealed, and the key file does not have that key")]
    MissingKey(KeyId),
    /// The certificates of the system.
    #[error("the certificates of this system cannot be read: {0}; install the package ca-certificates")]
    Certificates(io::Error),
    /// A built-in template of a mail is broken.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The address.
    #[error("cannot listen at {address}: {source}; is another program using web.listen?")]
    Listen {
        /// `web.listen`.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Everything, built.
#[derive(Clone)]
pub struct App {
    /// Use cases.
    pub engine: Engine,
    config: Arc<Config>,
}

/// Time and randomness, handed in.
#[derive(Clone)]
pub struct Surroundings {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Surroundings {
    /// Those of this machine.
    pub fn real() -> Surroundings {
        Surroundings {
            clock: Arc::new(lifecycle::SystemClock),
            entropy: Arc::new(lifecycle::SystemEntropy),
        }
    }
}

/// Opens the database as it is.
pub async fn open_database(config: &Config) -> Result<Db, StoreError> {
    match &config.database.url {
        DatabaseUrl::SqliteFile(path) => Db::open_sqlite(path).await,
        DatabaseUrl::Postgres(url) => Db::open_postgres(url.expose_secret()).await,
    }
}

fn mail_settings(config: &Config) -> Result<MailSettings, OpenError> {
    let mail = &config.mail;
    let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Ok(MailSettings {
        server: mail.server.clone().map(Arc::new),
        limits: Limits {
            connect: mail.timeout,
            command: mail.timeout,
            ..Limits::default()
        },
        transport: Arc::default(),
        templates: MailTemplates::embedded()?,
        overrides: mail.templates.clone(),
        prompt_lead: ms(mail.prompt_lead),
        settle: ms(mail.settle),
        prompt_interval: ms(mail.prompt_interval),
        prompt_digest: mail.prompt_digest.clone(),
        link: i64::from(mail.link_hours) * 3_600_000,
        per_recipient_per_day: i64::from(mail.per_recipient_per_day),
        per_tenant_per_hour: i64::from(mail.per_tenant_per_hour),
        dkim_by_server: mail.dkim_by_server,
        rest: 3000,
    })
}

impl App {
    /// Opens the database, brings its schema up to date, reads the keys and builds the rest. Sends nothing to Google.
    ///
    /// A key file is created only while the database holds no sealed value.
    pub async fn open(config: Config, surroundings: Surroundings) -> Result<App, OpenError> {
        let db = open_database(&config).await?;
        migrate(&db).await?;
        Self::build(config, db, surroundings).await
    }

    /// The same over a database that is up to date already: for commands, which must not change the schema under a running
    /// daemon, nor make a database where a wrong address was given.
    pub async fn open_as_it_is(config: Config, surroundings: Surroundings) -> Result<App, OpenError> {
        if let DatabaseUrl::SqliteFile(path) = &config.database.url
            && !path.exists()
        {
            return Err(OpenError::NoSchema);
        }
        let db = open_database(&config).await?;
        let mut tx = db.read().await?;
        let found = schema::version(&mut tx).await?;
        drop(tx);
        let needed = newest_schema();
        match found {
            None => Err(OpenError::NoSchema),
            Some(found) if found > needed => Err(StoreError::NewerSchema(found).into()),
            Some(found) if found < needed => Err(OpenError::OlderSchema { found, needed }),
            Some(_) => Self::build(config, db, surroundings).await,
        }
    }

    async fn build(config: Config, db: Db, surroundings: Surroundings) -> Result<App, OpenError> {
        let may_create = !sealed::holds_any(&db).await?;
        let Surroundings { clock, entropy } = surroundings;
        let keys = keys::load_or_create(&config.secrets.key, may_create, entropy.as_ref(), clock.as_ref())?;
        if let Some(key) = sealed::missing_key(&db, &keys).await? {
            return Err(OpenError::MissingKey(key));
        }
        let transport = Arc::new(Transport::new(config.sync.request_timeout).map_err(OpenError::Certificates)?);
        let google = &config.google;
        let endpoints = Endpoints {
            client_id: google.client_id.clone(),
            client_secret: google.client_secret.clone(),
            auth_url: google.auth_url.clone(),
            token_url: google.token_url.clone(),
            revoke_url: google.revoke_url.clone(),
            userinfo_url: google.userinfo_url.clone(),
            calendar_url: google.calendar_url.clone(),
        };
        let engine = Engine {
            db,
            keys: Arc::new(keys),
            clock,
            entropy,
            oauth: OAuth::new(transport.clone(), Arc::new(endpoints)),
            google: CalendarApi::new(transport.clone(), &google.calendar_url),
            people: PeopleApi::new(transport, &google.people_url),
            tokens: TokenCache::default(),
            defaults: TenantDefaults {
                conflict: config.sync.conflict,
                inbound_cancel: config.sync.inbound_cancel,
                inbound_move: config.sync.inbound_move,
                guests: config.sync.guests,
                brake_share: config.sync.brake_share,
                brake_min: config.sync.brake_min,
                language: config.mail.language,
                sender: config.mail.from.clone(),
                reminders: config.mail.reminders.clone(),
            },
            sync: SyncSettings {
                window_past_days: config.sync.window_past_days,
                lease_ms: i64::try_from(config.sync.lease.as_millis()).unwrap_or(i64::MAX),
                page_size: PAGE_SIZE,
                contact_create_delay_ms: i64::from(config.sync.contact_create_delay_minutes) * 60_000,
            },
            mail: mail_settings(&config)?,
            public_url: config.web.public_url.as_str().into(),
            wake: Arc::new(Notify::new()),
        };
        Ok(App {
            engine,
            config: Arc::new(config),
        })
    }

    /// What it was built from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Takes the address of the configuration.
    pub async fn listen(config: &Config) -> Result<TcpListener, OpenError> {
        let address = config.web.listen;
        TcpListener::bind(address)
            .await
            .map_err(|source| OpenError::Listen { address, source })
    }

    /// Answers requests and runs the jobs until the stop; then waits until what is in hand has ended.
    ///
    /// # Errors
    /// The socket's, or a broken template; nothing else ends it.
    pub async fn serve(&self, listener: TcpListener, stop: Stop) -> io::Result<()> {
        let pages = Pages::new(self.engine.clone(), &self.config.google.auth_url).map_err(io::Error::other)?;
        let state = WebState {
            engine: self.engine.clone(),
            defaults: self.engine.defaults.clone(),
            body_limit: self.config.web.body_limit_bytes,
            public_url: self.config.web.public_url.clone(),
        };
        let settings = jobs::Settings {
            cadence: Cadence::new(self.config.sync.schedule.clone(), self.engine.clock.now()),
            concurrency: self.config.sync.concurrency,
            retention: Retention {
                changes_days: self.config.retention.changes_days,
                choosing_hours: self.config.retention.choosing_hours,
                letters_days: self.config.mail.keep_days,
            },
        };
        let watchdog = tokio::spawn(lifecycle::feed_watchdog());
        lifecycle::notify_ready();
        let (served, ()) = tokio::join!(
            web::serve::serve(listener, web::with_pages(state, pages), stop.clone()),
            jobs::run(self.engine.clone(), settings, stop),
        );
        watchdog.abort();
        served
    }

    /// Closes the database.
    pub async fn close(self) {
        self.engine.db.close().await;
    }
}
