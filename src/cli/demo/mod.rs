//! `accord demo`: everything on this machine, in one process: a pretend Google, SQLite, the daemon, two connected users.
//!
//! Nothing is short-cut: the users are connected through the same pages that a real one sees, and their events and contacts
//! come in and go out over HTTP. The pretend Google lives in memory, so a demo ends with its process.
mod browser;
mod contacts;
mod form;
mod seed;

use super::out::{Failure, Format, Progress, json, line, say};
use super::{Context, open};
use crate::app::App;
use crate::config::{Config, Sources};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::ids::{TenantId, UserId};
use crate::engine::connect;
use crate::engine::once::Answer;
use crate::engine::users::NewUser;
use crate::lifecycle::{self, PATIENCE, Shutdown, SystemClock, SystemEntropy};
use crate::sandbox::{NewPerson, Sandbox, SandboxOptions};
use browser::{Browser, Request};
use chrono::{NaiveDate, TimeDelta};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use seed::PEOPLE;
use serde_json::{Map, Value, json};
use std::fs::{self, DirBuilder};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

const CLIENT_ID: &str = "accord-demo.apps.googleusercontent.com";
/// How long the first import may take on a slow machine.
const IMPORT: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder for the database, the key and the configuration [default: a temporary one, removed at the end].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Loopback address and port of the app's API and the pages; port 0 lets the system choose.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where the pretend Google listens.
    #[arg(long, default_value = "127.0.0.1:8085", value_name = "ADDRESS")]
    google_listen: SocketAddr,
}

pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    if !arguments.listen.ip().is_loopback() {
        return Err(Failure::usage("the demo listens on this machine only").hint("write --listen 127.0.0.1:8080"));
    }
    let listener = TcpListener::bind(arguments.listen).await.map_err(|error| {
        Failure::failed(format_args!("cannot listen at {}: {error}", arguments.listen))
            .hint("choose another port: --listen 127.0.0.1:0")
    })?;
    let folder = Folder::new(arguments.dir)?;
    let public_url = format!("http://{}", listener.local_addr()?);
    let google = start_google(arguments.google_listen, &public_url).await?;
    let pretended = Pretended {
        google: google.base_url(),
        mail: google.smtp_addr(),
    };
    let done = in_folder(context, &folder.path, listener, &public_url, &pretended).await;
    google.stop().await;
    done
}

/// Where what is pretended listens.
struct Pretended {
    google: String,
    mail: SocketAddr,
}

/// The pretend Google with its two users, and the mail server beside it.
async fn start_google(listen: SocketAddr, public_url: &str) -> Result<Sandbox, Failure> {
    let mut seed = [0; 32];
    SystemEntropy.fill(&mut seed);
    let people = PEOPLE.iter().map(|person| NewPerson {
        email: person.email.to_owned(),
        name: Some(person.name.to_owned()),
        time_zone: Some(person.zone.to_owned()),
    });
    let options = SandboxOptions {
        listen,
        client_id: CLIENT_ID.to_owned(),
        client_secret: "demo-secret".to_owned(),
        redirect_uris: vec![format!("{public_url}/oauth/callback")],
        people: people.collect(),
        seed,
        ..SandboxOptions::default()
    };
    Sandbox::start(options).await.map_err(|error| {
        Failure::failed(format_args!("the pretend Google cannot listen at {listen}: {error}"))
            .hint("choose another port: --google-listen 127.0.0.1:0")
    })
}

async fn in_folder(
    context: &Context,
    folder: &Path,
    listener: TcpListener,
    public_url: &str,
    pretended: &Pretended,
) -> Result<(), Failure> {
    let google = pretended.google.as_str();
    let config_file = write_config(folder, public_url, pretended)?;
    let sources = Sources {
        file: Some(config_file.clone()),
        ..Sources::default()
    };
    let config = Config::load(&sources).map_err(|problems| open::wrong_config(&problems))?;
    lifecycle::init_logging(&config.log);
    let app = open::open(config).await?;
    let shutdown = Shutdown::new(PATIENCE);
    let stop = shutdown.stop();
    let mut outcome = Ok(());
    let mut served = Ok(());
    let set_up = Box::pin(async {
        // A signal during the set-up stops it where it stands.
        if let Some(Err(failure)) = stop.unless_requested(set_up(context, &app, google, &config_file)).await {
            outcome = Err(failure);
            shutdown.request();
        }
    });
    let tasks = async { (served, ()) = tokio::join!(Box::pin(app.serve(listener, shutdown.stop())), set_up) };
    shutdown.supervise(tasks).await?;
    app.close().await;
    served?;
    outcome
}

/// Makes the tenant, connects its users, waits for the first import and says what to try.
async fn set_up(context: &Context, app: &App, google: &str, config_file: &Path) -> Result<(), Failure> {
    let progress = Progress::of("setting up");
    let engine = &app.engine;
    let base = engine.public_url.to_string();
    let monday = seed::monday(SystemClock.now().date_naive());
    let mut events = 0;
    for person in &PEOPLE {
        events += seed::calendar(google, person, monday).await?;
    }
    let contacts = contacts::make(google, &PEOPLE[0]).await?;
    let settings = Map::from_iter([
        ("admin_email".to_owned(), Value::from("admin@kaval.example")),
        ("time_zone".to_owned(), Value::from("Europe/Prague")),
    ]);
    let (tenant, key) = engine
        .create_tenant("Kaval Telephony", &settings)
        .await
        .map_err(open::refused)?;
    let key = key.expose_secret();
    let mut users = Vec::new();
    for person in &PEOPLE {
        let user = make_user(app, tenant.id, person).await?;
        // The app had its customers before: what is a contact too is recognised, not made twice.
        let customers = seed::customers(engine, tenant.id, user).await?;
        connect(app, tenant.id, user, person).await?;
        users.push((user, customers));
    }
    let booking = seed::bookings(&base, key, &users, monday).await?;
    let (first, customers) = &users[0];
    let expected = Expected {
        booking: &booking,
        customer: customers.last().map_or("", String::as_str),
        user: *first,
        contacts,
    };
    let imported = timeout(IMPORT, imported(app, tenant.id, &base, key, &expected)).await;
    let imported = imported.map_err(|_| {
        Failure::failed("the first import did not end in time").hint(format_args!(
            "`accord --config {} status` tells why",
            config_file.display()
        ))
    })??;
    let guest = customers.get(1).map_or("", String::as_str);
    let proposed = seed::consultation(&base, key, (*first, guest), monday + TimeDelta::days(15)).await?;
    drop(progress);
    let said = Ready {
        proposed: &proposed,
        google,
        base: &base,
        key,
        tenant: tenant.id,
        users: &users,
        booking: &booking,
        customer: expected.customer,
        imported: &imported,
        monday,
        events,
        contacts,
        config_file,
    };
    match context.format {
        Format::Json => said.json(),
        Format::Text => said.text(),
    }
}

async fn make_user(app: &App, tenant: TenantId, person: &seed::Person) -> Result<UserId, Failure> {
    let new = NewUser {
        name: person.name.to_owned(),
        email: person.email.to_owned(),
        time_zone: Some(person.zone.to_owned()),
        ..NewUser::default()
    };
    let mut id = None;
    let render = |user: &crate::store::users::User| {
        id = Some(user.id);
        Answer {
            status: 201,
            body: Vec::new(),
        }
    };
    app.engine
        .create_user(tenant, &new, None, render)
        .await
        .map_err(open::refused)?;
    id.ok_or_else(|| Failure::failed("the user was not made"))
}

/// What the user's browser does: the one-time URL, our page, Google's page, the choices.
async fn connect(app: &App, tenant: TenantId, user: UserId, person: &seed::Person) -> Result<(), Failure> {
    let link = connect::start(&app.engine, tenant, user)
        .await
        .map_err(open::not_connected)?;
    let mut browser = Browser::default();
    let page = browser.open(link.url.expose_secret()).await?;
    let at_google = browser.submit(&page, &[]).await?;
    let choices = browser
        .submit(&at_google, &[("user", person.email), ("decision", "allow")])
        .await?;
    let chosen = browser.submit(&choices, &[("contacts", person.contacts)]).await?;
    chosen.expect_good().map(drop)
}

/// What the first import brought.
struct Imported {
    bookings: usize,
    /// Of the booking that the app is to rename.
    version: i64,
    /// The booking of the first user's first customer call.
    call: String,
    /// How many customers the first user has.
    customers: usize,
    /// Of the customer that is a contact too.
    customer_version: i64,
}

/// What the set-up made and the first import is looked for in.
struct Expected<'a> {
    /// The booking that the app is to rename.
    booking: &'a str,
    /// The customer that is a contact too.
    customer: &'a str,
    /// Whose they are.
    user: UserId,
    /// How many contacts there are.
    contacts: usize,
}

/// Waits until every account has had a good pass and nothing of the app waits.
async fn imported(
    app: &App,
    tenant: TenantId,
    base: &str,
    key: &str,
    expected: &Expected<'_>,
) -> Result<Imported, Failure> {
    let bearer = format!("Bearer {key}");
    let user = expected.user.to_string();
    let (bookings, customers) = (
        format!("{base}/api/v1/bookings?limit=200"),
        format!("{base}/api/v1/customers?limit=200&user_id={user}"),
    );
    loop {
        let accounts = crate::engine::status::accounts(&app.engine, Some(tenant), false)
            .await
            .map_err(open::refused)?;
        if let Some(error) = accounts.iter().find_map(|account| account.last_error.as_ref()) {
            tracing::warn!(error, "a first pass failed; it is tried again");
        }
        if !accounts.is_empty()
            && accounts
                .iter()
                .all(|account| account.last_good_at.is_some() && account.waiting_changes == 0)
            && items(&bearer, &customers).await?.len() >= expected.contacts
        {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    let (bookings, customers) = (items(&bearer, &bookings).await?, items(&bearer, &customers).await?);
    let version = |items: &[Value], id: &str| {
        let item = items.iter().find(|item| item["id"] == id);
        item.and_then(|item| item["version"].as_i64()).unwrap_or(1)
    };
    let call = bookings
        .iter()
        .find(|item| item["title"] == seed::FIRST_CALL && item["user_id"] == user.as_str())
        .and_then(|item| item["id"].as_str());
    Ok(Imported {
        version: version(&bookings, expected.booking),
        call: call.unwrap_or_default().to_owned(),
        bookings: bookings.len(),
        customer_version: version(&customers, expected.customer),
        customers: customers.len(),
    })
}

/// The items of a list of the app's API.
async fn items(bearer: &str, address: &str) -> Result<Vec<Value>, Failure> {
    let request = Request {
        method: "GET",
        address,
        headers: &[("authorization", bearer)],
        body: String::new(),
    };
    let mut listed = Browser::default().send(request).await?.expect_good()?.json()?;
    Ok(match listed["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    })
}

/// What is there, when everything is.
struct Ready<'a> {
    google: &'a str,
    base: &'a str,
    key: &'a str,
    tenant: TenantId,
    users: &'a [(UserId, Vec<String>)],
    booking: &'a str,
    customer: &'a str,
    /// The booking whose customer is to get a mail.
    proposed: &'a str,
    imported: &'a Imported,
    monday: NaiveDate,
    events: usize,
    contacts: usize,
    config_file: &'a Path,
}

impl Ready<'_> {
    fn json(&self) -> Result<(), Failure> {
        let users = self
            .users
            .iter()
            .zip(&PEOPLE)
            .map(|((id, _), person)| json!({ "id": id, "email": person.email, "name": person.name }));
        json(&json!({
            "ready": true,
            "google_url": self.google,
            "base_url": self.base,
            "user_page": format!("{}/me/{}", self.base, self.tenant),
            "tenant_id": self.tenant,
            "api_key": self.key,
            "users": users.collect::<Vec<_>>(),
            "booking_id": self.booking,
            "customer_id": self.customer,
            "proposed_booking_id": self.proposed,
            "proposed_to": seed::GUEST,
            "events": self.events,
            "bookings": self.imported.bookings,
            "contacts": self.contacts,
            "customers": self.imported.customers,
            "config_file": self.config_file,
        }))
    }

    fn text(&self) -> Result<(), Failure> {
        let Ready {
            google,
            base,
            key,
            tenant,
            booking,
            customer,
            imported,
            ..
        } = self;
        let Imported {
            version,
            call,
            customer_version,
            ..
        } = imported;
        let config = self.config_file.display();
        // `cargo run` puts no `accord` on the PATH.
        let program = std::env::current_exe().unwrap_or_else(|_| "accord".into());
        let program = program.display();
        let somebody = utf8_percent_encode(PEOPLE[0].email, NON_ALPHANUMERIC);
        let week = |day: NaiveDate| format!("{google}/people/{somebody}?day={day}");
        line(format_args!(
            "ready: {} events in two calendars are {} bookings in the app, and {} contacts of {} are among {} customers",
            self.events, imported.bookings, self.contacts, PEOPLE[0].name, imported.customers
        ))?;
        line("")?;
        line(format_args!("  pretend Google   {google}/"))?;
        line(format_args!("  all mail         {google}/mailbox"))?;
        line(format_args!(
            "  user page        {base}/me/{tenant}  (sign in as {}; there is no password)",
            PEOPLE.map(|person| person.name).join(" or ")
        ))?;
        line(format_args!(
            "  app API          {base}/api/v1/  (described at {base}/api/v1/openapi.json)"
        ))?;
        line(format_args!("  API key          {key}"))?;
        line("")?;
        line("six things to try:")?;
        line(format_args!(
            "1. {} is asked by mail whether {} may be told of a new booking. Follow the link in it, look, tick, send:",
            PEOPLE[0].name,
            seed::GUEST
        ))?;
        line(format_args!("   {google}/mailbox?to={}", PEOPLE[0].email))?;
        line(format_args!(
            "   and a few seconds later: {google}/mailbox?to={}",
            seed::GUEST
        ))?;
        line(format_args!(
            "2. Rename or move “{}” and save it; its booking follows a few seconds later:",
            seed::FIRST_CALL
        ))?;
        line(format_args!("   {}", week(self.monday)))?;
        line(format_args!(
            "   curl -s -H 'Authorization: Bearer {key}' {base}/api/v1/bookings/{call}"
        ))?;
        line("3. Rename a booking in the app; a few seconds later the calendar shows it:")?;
        line(format_args!(
            "   curl -s -X PATCH -H 'Authorization: Bearer {key}' -H 'If-Match: \"{version}\"' -H 'Content-Type: application/json' \\"
        ))?;
        line(format_args!(
            "     -d '{{\"title\":\"Renamed in the app\"}}' {base}/api/v1/bookings/{booking}"
        ))?;
        line(format_args!("   {}", week(self.monday + TimeDelta::days(7))))?;
        line("4. Change a contact, say the telephone number of Ada King; the customer follows a few seconds later:")?;
        line(format_args!("   {google}/people/{somebody}/contacts"))?;
        line(format_args!(
            "   curl -s -H 'Authorization: Bearer {key}' {base}/api/v1/customers/{customer}"
        ))?;
        line("5. Change a customer in the app; a few seconds later the contact shows it:")?;
        line(format_args!(
            "   curl -s -X PATCH -H 'Authorization: Bearer {key}' -H 'If-Match: \"{customer_version}\"' -H 'Content-Type: application/json' \\"
        ))?;
        line(format_args!(
            "     -d '{{\"organizations\":[{{\"name\":\"Analytical Engines\"}}]}}' {base}/api/v1/customers/{customer}"
        ))?;
        line(
            "6. Change the choices or disconnect on the user page, and see what the operator sees, in another terminal:",
        )?;
        line(format_args!("   '{program}' --config '{config}' status"))?;
        say("\nCtrl-C stops the demo; the pretend Google forgets everything.");
        Ok(())
    }
}

/// The configuration as a file, so that every other command can look at the demo, too.
fn write_config(folder: &Path, public_url: &str, Pretended { google, mail }: &Pretended) -> Result<PathBuf, Failure> {
    let quoted = |text: &str| Value::from(text).to_string();
    let path = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "# Made by `accord demo`.\n\
         [database]\nurl = {}\n\
         [google]\nclient_id = {}\nclient_secret = \"demo-secret\"\nauth_url = {}\ntoken_url = {}\nrevoke_url = {}\n\
         userinfo_url = {}\ncalendar_url = {}\npeople_url = {}\n\
         [web]\nlisten = {}\npublic_url = {}\n\
         [sync]\n# So that a person sees it.\nschedule = \"*/3 * * * * *\"\n\
         [mail]\nsmtp_url = \"smtp://{mail}\"\nfrom = {}\nsettle = \"3s\"\nprompt_interval = \"5s\"\n\
         [secrets]\nkey_file = {}\n\
         [log]\nlevel = \"warn\"\n",
        quoted(&format!("sqlite://{}", path("accord.db").replace('%', "%25"))),
        quoted(CLIENT_ID),
        quoted(&format!("{google}/o/oauth2/v2/auth")),
        quoted(&format!("{google}/token")),
        quoted(&format!("{google}/revoke")),
        quoted(&format!("{google}/v1/userinfo")),
        quoted(&format!("{google}/calendar/v3")),
        quoted(&format!("{google}/v1")),
        quoted(public_url.trim_start_matches("http://")),
        quoted(public_url),
        quoted("Kaval Telephony <mail@kaval.example>"),
        quoted(&path("accord.key")),
    );
    let file = folder.join("accord.toml");
    let mut options = fs::OpenOptions::new();
    let mut out = options.write(true).create_new(true).mode(0o600).open(&file)?;
    std::io::Write::write_all(&mut out, text.as_bytes())?;
    Ok(file)
}

/// The demo's folder; a temporary one goes with it.
struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    fn new(given: Option<PathBuf>) -> Result<Folder, Failure> {
        if let Some(path) = given {
            DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
            if fs::read_dir(&path)?.next().is_some() {
                return Err(Failure::usage(format_args!("{} is not empty", path.display()))
                    .hint("a demo cannot go on with an earlier one, whose pretend Google is gone; name a new folder"));
            }
            return Ok(Folder {
                path: fs::canonicalize(path)?,
                is_temporary: false,
            });
        }
        let mut random = [0; 8];
        SystemEntropy.fill(&mut random);
        let path = std::env::temp_dir().join(format!("accord-demo-{:016x}", u64::from_be_bytes(random)));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Folder {
            path,
            is_temporary: true,
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            say(format_args!("{} could not be removed: {error}", self.path.display()));
        }
    }
}
