//! An Accord with its pages, a pretend Google, and browsers that walk between the two as people do.
#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
use crate::support::google::{ANA, CLIENT, EVENTS, Google, LISTS, SECRET, START_US, text};
use crate::support::http::{form, query_of};
use accord::args;
use accord::domain::clock::{TestClock, TestEntropy};
use accord::domain::ids::{AccountId, TenantId, UserId};
use accord::domain::seal::{KeyRing, SealContext, SealingKey};
use accord::engine::sync::SyncSettings;
use accord::engine::{Engine, connect};
use accord::google::calendar::CalendarApi;
use accord::google::oauth::{Endpoints, OAuth};
use accord::google::people::PeopleApi;
use accord::google::transport::Transport;
use accord::store::accounts::{self, Account};
use accord::store::calendars::{self, Calendar};
use accord::store::{Db, Value, migrate};
use accord::web::pages::{Pages, router};
use axum::Router;
use axum::body::Body;
use chrono::{DateTime, TimeDelta};
use http::{Method, Request, header};
use http_body_util::BodyExt;
use secrecy::ExposeSecret;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;
use uuid::Uuid;

pub const BEA: &str = "bea@example.com";
pub const PUBLIC: &str = "http://127.0.0.1:9999";
pub const ALL: &[&str] = &["openid", "email", EVENTS, LISTS];

/// Everything of one test.
pub struct Bed {
    pub google: Google,
    pub engine: Engine,
    pub clock: Arc<TestClock>,
    pub app: Router,
    pub tenant: TenantId,
    pub ana: UserId,
    pub bea: UserId,
}

fn id(last: u8) -> Uuid {
    Uuid::from_u128(0x0190_f3c4_5b1e_7cc0_9d3a_0000_0000_0000 + u128::from(last))
}

impl Bed {
    pub async fn new(url: &str) -> Bed {
        let google = Google::start().await;
        google.switch("users", &json!({"email": BEA, "name": "Bea Sol"})).await;
        let db = match url.strip_prefix("sqlite://") {
            Some(path) => Db::open_sqlite(path.as_ref()).await,
            None => Db::open_postgres(url).await,
        };
        let db = db.expect("a database");
        migrate(&db).await.expect("migrations run");
        let clock = Arc::new(TestClock::at(DateTime::from_timestamp_micros(START_US).unwrap()));
        let engine = engine(&google, db, clock.clone());
        let pages = Pages::new(engine.clone(), &google.url("/o/oauth2/v2/auth")).expect("templates");
        let bed = Bed {
            app: router(pages),
            google,
            engine,
            clock,
            tenant: TenantId(id(1)),
            ana: UserId(id(2)),
            bea: UserId(id(3)),
        };
        bed.add_tenant(bed.tenant, "Acme & Sons").await;
        bed
    }

    /// A tenant with the users Ana and Bea.
    pub async fn add_tenant(&self, tenant: TenantId, name: &str) {
        const TENANT: &str =
            "INSERT INTO tenants (id, name, settings, created_at, updated_at) VALUES ($1, $2, $3, 0, 0)";
        const USER: &str =
            "INSERT INTO users (tenant_id, id, name, email, created_at, updated_at) VALUES ($1, $2, $3, $4, 0, 0)";
        self.sql(TENANT, args![tenant, name, r#"{"admin_email":"admin@example.com"}"#])
            .await;
        self.sql(USER, args![tenant, self.ana, "Ana Ruiz", ANA]).await;
        self.sql(USER, args![tenant, self.bea, "Bea Sol", BEA]).await;
    }

    /// Another process on the same database.
    pub fn other_worker(&self) -> Engine {
        Engine {
            keys: self.engine.keys.clone(),
            ..engine(&self.google, self.engine.db.clone(), self.clock.clone())
        }
    }

    pub async fn sql(&self, sql: &'static str, args: Vec<Value>) -> u64 {
        let mut tx = self.engine.db.begin().await.unwrap();
        let affected = tx.execute(sql, args).await.unwrap();
        tx.commit().await.unwrap();
        affected
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        let mut tx = self.engine.db.read().await.unwrap();
        tx.fetch_all(sql, vec![]).await.unwrap()[0].int("n").unwrap()
    }

    pub fn browser(&self) -> Browser {
        Browser {
            app: self.app.clone(),
            cookies: BTreeMap::new(),
        }
    }

    /// A one-time address, without the host.
    pub async fn link(&self, user: UserId) -> String {
        let started = connect::start(&self.engine, self.tenant, user).await.unwrap();
        let url = started.url.expose_secret().to_owned();
        url.strip_prefix(PUBLIC).expect("our address").to_owned()
    }

    pub async fn account(&self, user: UserId) -> Option<Account> {
        let mut tx = self.engine.db.read().await.unwrap();
        accounts::live_of_user(&mut tx, self.tenant, user).await.unwrap()
    }

    pub async fn account_by_id(&self, id: AccountId) -> Account {
        let mut tx = self.engine.db.read().await.unwrap();
        accounts::get(&mut tx, self.tenant, id).await.unwrap().unwrap()
    }

    pub async fn calendars(&self, account: AccountId) -> Vec<Calendar> {
        let mut tx = self.engine.db.read().await.unwrap();
        calendars::of_account(&mut tx, self.tenant, account).await.unwrap()
    }

    /// A calendar that Google listed besides the account's own.
    pub async fn other_calendar(&self, account: AccountId) -> String {
        const SQL: &str = "INSERT INTO calendars (tenant_id, account_id, calendar_id, title, time_zone, access_role) \
             VALUES ($1, $2, 'team@group.calendar.google.com', 'Team', 'UTC', 'owner')";
        self.sql(SQL, args![self.tenant, account]).await;
        "team@group.calendar.google.com".to_owned()
    }

    /// Scopes that are polled.
    pub async fn polled(&self) -> i64 {
        self.count("SELECT COUNT(*) AS n FROM sync_scopes WHERE enabled = 1")
            .await
    }

    /// How many requests of a class Google has had.
    pub async fn asked(&self, class: &str) -> u64 {
        self.google.look("counts").await["classes"][class].as_u64().unwrap_or(0)
    }

    /// Lets time pass for both sides.
    pub async fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
        self.google.pass(seconds).await;
    }

    pub async fn fault(&self, path: &str, times: u32, action: serde_json::Value) {
        self.google
            .switch("faults", &json!([{"path": path, "times": times, "action": action}]))
            .await;
    }

    /// The whole way of a connection, with the choices as they are preset.
    pub async fn connect(&self, user: UserId, email: &str) -> Account {
        let mut browser = self.browser();
        let arrived = self.to_choices(&mut browser, user, email, ALL).await;
        let page = browser.get(arrived.location()).await.expect(200);
        browser.submit(&page, 0, &[]).await.expect(303);
        self.account(user).await.expect("an account")
    }

    /// As far as Google's answer to the callback.
    pub async fn to_choices(&self, browser: &mut Browser, user: UserId, email: &str, scopes: &[&str]) -> Seen {
        let link = self.link(user).await;
        let page = browser.get(&link).await.expect(200);
        let departure = browser.submit(&page, 0, &[]).await.expect(303);
        let back = self.at_google(&departure, email, scopes, "allow").await;
        browser.get(&back).await
    }

    /// A person decides on Google's page; gives the address at which the browser comes back to us.
    pub async fn at_google(&self, departure: &Seen, email: &str, scopes: &[&str], decision: &str) -> String {
        let address = departure.location();
        let (page, query) = address.split_once('?').expect("a query");
        assert_eq!(page, self.google.url("/o/oauth2/v2/auth"));
        let answer = self.google.decide(query, email, scopes, decision).await.expect(302);
        let location = answer.header("location").expect("a redirect").to_owned();
        location.strip_prefix(PUBLIC).expect("back to us").to_owned()
    }

    /// Signs in and gives the user's page.
    pub async fn sign_in(&self, browser: &mut Browser, email: &str) -> Seen {
        let home = format!("/me/{}", self.tenant);
        let page = browser.get(&home).await.expect(200);
        let departure = browser.submit(&page, 0, &[]).await.expect(303);
        let asked = query_of(departure.location());
        assert_eq!(asked["scope"], "openid email", "signing in asks for nothing else");
        assert_eq!(asked["access_type"], "online");
        let back = self.at_google(&departure, email, &["openid", "email"], "allow").await;
        let arrived = browser.get(&back).await;
        match arrived.status {
            303 => browser.get(arrived.location()).await,
            _ => arrived,
        }
    }

    /// A stored token, opened.
    pub async fn stored(&self, account: AccountId, column: &str) -> Option<String> {
        let mut tx = self.engine.db.read().await.unwrap();
        let stored = accounts::tokens(&mut tx, self.tenant, account).await.unwrap();
        let sealed = match column {
            "refresh_token" => stored.refresh_sealed,
            _ => stored.access_sealed,
        }?;
        let (tenant, row) = (self.tenant.to_string(), account.to_string());
        let context = SealContext {
            table: "accounts",
            column,
            tenant: &tenant,
            row: &row,
        };
        let plain = self.engine.keys.open(&context, &sealed).unwrap();
        Some(String::from_utf8(plain.to_vec()).unwrap())
    }
}

fn engine(google: &Google, db: Db, clock: Arc<TestClock>) -> Engine {
    let entropy = Arc::new(TestEntropy::default());
    let transport = Arc::new(Transport::new(Duration::from_secs(5)).expect("a transport"));
    let calendar_url = google.url("/calendar/v3/");
    let endpoints = Endpoints {
        client_id: CLIENT.into(),
        client_secret: SECRET.into(),
        auth_url: google.url("/o/oauth2/v2/auth"),
        token_url: google.url("/token"),
        revoke_url: google.url("/revoke"),
        userinfo_url: google.url("/v1/userinfo"),
        calendar_url: calendar_url.clone(),
    };
    Engine {
        db,
        keys: Arc::new(KeyRing::new(SealingKey::generate(&*entropy), vec![])),
        clock,
        entropy,
        oauth: OAuth::new(transport.clone(), Arc::new(endpoints)),
        google: CalendarApi::new(transport.clone(), &calendar_url),
        people: PeopleApi::new(transport, &google.url("/v1")),
        tokens: Default::default(),
        wake: Default::default(),
        defaults: Default::default(),
        sync: SyncSettings {
            window_past_days: 30,
            lease_ms: 60_000,
            page_size: 250,
            contact_create_delay_ms: 30 * 60 * 1000,
        },
        mail: accord::engine::mail::MailSettings::without_server().unwrap(),
        public_url: PUBLIC.into(),
    }
}

/// A browser: it keeps cookies and shows what it got.
pub struct Browser {
    app: Router,
    pub cookies: BTreeMap<String, String>,
}

/// What a browser shows.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Seen {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    #[track_caller]
    pub fn says(&self, words: &str) {
        assert!(self.body.contains(words), "`{words}` is not in:\n{}", self.body);
    }

    #[track_caller]
    pub fn location(&self) -> &str {
        let location = self.headers.get(header::LOCATION).expect("a redirect");
        let location = location.to_str().unwrap();
        location.strip_prefix(PUBLIC).unwrap_or(location)
    }
}

impl Browser {
    pub async fn get(&mut self, path: &str) -> Seen {
        self.send(Method::GET, path, String::new()).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Seen {
        self.send(Method::POST, path, form(fields)).await
    }

    /// Submits the nth form of a page as it stands, with fields replaced or, when a value is empty, taken out.
    pub async fn submit(&mut self, page: &Seen, nth: usize, changes: &[(&str, &str)]) -> Seen {
        let part = page.body.split("<form ").nth(nth + 1).expect("a form");
        let part = &part[..part.find("</form>").expect("the end of the form")];
        let action = attribute(part, "action").expect("an action");
        if attribute(part, "method").as_deref() == Some("get") {
            return self.get(&action).await;
        }
        let mut fields: Vec<(String, String)> = Vec::new();
        for input in part.split("<input ").skip(1) {
            let input = &input[..input.find('>').unwrap()];
            let kind = attribute(input, "type").unwrap();
            if kind == "hidden" || input.contains(" checked") {
                fields.push((attribute(input, "name").unwrap(), attribute(input, "value").unwrap()));
            }
        }
        fields.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let mut all: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        all.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        self.post(&action, &all).await
    }

    async fn send(&mut self, method: Method, path: &str, body: String) -> Seen {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::COOKIE, cookies.join("; "))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(
                cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
                "{cookie}"
            );
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            match value {
                "" => self.cookies.remove(name),
                _ => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let body = body.collect().await.unwrap().to_bytes();
        let seen = Seen {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        };
        if seen.body.contains("<html") {
            let header = |name: &str| seen.headers[name].to_str().unwrap();
            assert_eq!(header("cache-control"), "no-store");
            assert_eq!(header("referrer-policy"), "no-referrer");
            assert!(
                header("content-security-policy")
                    .starts_with("default-src 'none'; style-src 'self'; form-action 'self' http://")
            );
            assert!(!seen.body.contains("<script") && !seen.body.contains("undefined"));
        }
        seen
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    let value = &rest[..rest.find('"')?];
    Some(
        value
            .replace("&#x2f;", "/")
            .replace("&amp;", "&")
            .replace("&quot;", "\""),
    )
}

/// The sub of a person at the pretend Google.
pub async fn sub(google: &Google, email: &str) -> String {
    let people = google.look("users").await;
    let person = people
        .as_array()
        .unwrap()
        .iter()
        .find(|person| person["email"] == email);
    text(person.expect("a person"), "sub")
}
