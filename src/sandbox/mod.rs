//! A local Google, as strict as the real one: OAuth, Calendar v3 and People v1 over plain HTTP on loopback; and beside it
//! a mail server whose mailbox is a page.
//!
//! It is written from Google's documents, the RFCs and recorded traffic, and imports nothing else of this crate, so that
//! a wrong belief in `google/` cannot hide behind the same wrong belief here. All state is in memory.
//!
//! | path | what |
//! |---|---|
//! | `/` | a web page on which pretend users look at and change their calendars and contacts |
//! | `/o/oauth2/v2/auth`, `/token`, `/revoke`, `/tokeninfo` | OAuth 2.0 |
//! | `/v1/userinfo`, `/oauth2/v2/userinfo` | who a token speaks for |
//! | `/calendar/v3/…`, `/batch/calendar/v3` | Calendar |
//! | `/v1/people/…`, `/v1/contactGroups/…`, `/v1/otherContacts/…` | People |
//! | `/mailbox` | the mails that the mail server (`smtp`, a port of its own) took |
//! | `/_sandbox/…` | switches for tests: users, clock, faults, tokens, request log (see `control`) |
//!
//! A test that plays a user in Google's own screens uses the bearer token `person:<e-mail>`: all scopes, no quota, no
//! faults, the same strictness otherwise.
mod answer;
mod api;
mod arguments;
pub mod calendar;
mod clock;
mod control;
mod faults;
mod journal;
mod mint;
mod oauth;
mod page;
mod params;
pub mod people;
mod quota;
mod refusal;
mod request;
mod seal;
mod server;
mod shapes;
pub mod smtp;
mod users;
pub mod wire;
mod world;

pub use smtp::SmtpCredentials;
use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
pub use users::NewPerson;

/// How a sandbox starts. The default suits tests: a free loopback port, one client, real time, nobody there yet.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Where to listen; must be loopback, since everybody who reaches it may do everything.
    pub listen: SocketAddr,
    /// Where the mail server listens; must be loopback too.
    pub smtp_listen: SocketAddr,
    /// With credentials the mail server offers AUTH PLAIN and LOGIN, and takes mail only after it.
    pub smtp_auth: Option<SmtpCredentials>,
    /// The one application known from the start.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Where users may be sent back to; compared letter by letter.
    pub redirect_uris: Vec<String>,
    /// Users who exist from the start.
    pub people: Vec<NewPerson>,
    /// Where the clock starts, microseconds since the Unix epoch; real time when absent.
    pub start_us: Option<i64>,
    /// Whether the clock stands still.
    pub frozen: bool,
    /// The consent screen's publishing status is "Testing": refresh tokens end after 7 days.
    pub testing: bool,
    /// How many requests the log keeps, and how many sessions the mail server's journal keeps.
    pub log_capacity: usize,
    /// All tokens follow from it. A sandbox that lives longer than one test should get random bytes, so that tokens of an
    /// earlier run are not good again.
    pub seed: [u8; 32],
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            smtp_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            smtp_auth: None,
            client_id: "accord-sandbox.apps.googleusercontent.com".to_owned(),
            client_secret: "sandbox-secret".to_owned(),
            redirect_uris: vec!["http://127.0.0.1/oauth/callback".to_owned()],
            people: Vec::new(),
            start_us: None,
            frozen: false,
            testing: false,
            log_capacity: 20_000,
            seed: [0; 32],
        }
    }
}

/// A running sandbox. Dropping it stops it.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    smtp_address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// Binds and serves. Refuses an address that is not loopback and a person that cannot be one (`InvalidInput`);
    /// other errors are the socket's.
    pub async fn start(options: SandboxOptions) -> io::Result<Self> {
        if !options.listen.ip().is_loopback() || !options.smtp_listen.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the sandbox listens on loopback addresses only",
            ));
        }
        let world = world::World::new(&options).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let smtp_listener = TcpListener::bind(options.smtp_listen).await?;
        let smtp_address = smtp_listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let shared = server::Shared::new(world);
        let server = tokio::spawn(async move {
            tokio::select! {
                () = server::serve(listener, shared.clone(), stopped) => {}
                () = smtp::serve(smtp_listener, shared) => {}
            }
        });
        Ok(Self {
            address,
            smtp_address,
            stop: Some(stop),
            server,
        })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the mail server listens: plain SMTP, no TLS.
    pub fn smtp_addr(&self) -> SocketAddr {
        self.smtp_address
    }

    /// Serves until `until` is done, then stops.
    pub async fn run_until(self, until: impl Future<Output = ()>) {
        until.await;
        self.stop().await;
    }

    /// Stops, and returns when the ports are free. Open connections are dropped as they are.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may be gone already; that is what is wanted.
            let _ = stop.send(());
        }
        let _ = (&mut self.server).await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}
