//! An Accord with its REST API on a port of its own, a tenant, a user, and an app that calls it or writes SQL.
#![allow(dead_code, reason = "every test file uses its own part of this")]
use accord::domain::clock::{TestClock, TestEntropy};
use accord::domain::ids::{TenantId, UserId};
use accord::domain::seal::{KeyRing, SealingKey};
use accord::domain::settings::TenantDefaults;
use accord::engine::Engine;
use accord::engine::sync::SyncSettings;
use accord::engine::tokens::TokenCache;
use accord::google::calendar::CalendarApi;
use accord::google::oauth::{Endpoints, OAuth};
use accord::google::people::PeopleApi;
use accord::google::transport::Transport;
use accord::store::{Db, migrate};
use accord::web::{WebState, router};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Longest body that the server under test takes.
pub const BODY_LIMIT: usize = 64 * 1024;

pub struct App {
    pub engine: Engine,
    pub clock: Arc<TestClock>,
    pub tenant: TenantId,
    pub user: String,
    pub token: String,
    address: SocketAddr,
    database: String,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: hyper::HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
            .to_str()
            .unwrap()
    }

    /// Checks the status and hands the body over.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// Checks that this is the problem of this name, and hands the body over.
    #[track_caller]
    pub fn problem(&self, status: u16, name: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(body["type"], format!("urn:accord:problem:{name}"), "{body}");
        assert_eq!(body["status"], status);
        assert!(body["title"].is_string());
        body
    }

    /// The fields that a 400 names, sorted.
    #[track_caller]
    pub fn bad_fields(&self) -> Vec<String> {
        let body = self.problem(400, "invalid-request");
        let errors = body["errors"].as_array().unwrap_or_else(|| panic!("{body}"));
        let mut fields: Vec<String> = errors
            .iter()
            .map(|error| error["field"].as_str().unwrap().to_owned())
            .collect();
        fields.sort_unstable();
        fields
    }
}

impl App {
    /// Serves a fresh database with one tenant and one user (Europe/Prague).
    pub async fn start(database: String) -> App {
        Self::start_with(database, |_| {}).await
    }

    /// The same with a mail server, at which nothing may answer, and a sender; users are asked at once.
    pub async fn start_with_mail(database: String, server: &str) -> App {
        let server = Arc::new(server.parse().unwrap());
        let app = Self::start_with(database, |engine| {
            engine.mail.server = Some(server);
            engine.mail.settle = 0;
            engine.mail.rest = 0;
        })
        .await;
        let settings = json!({"settings": {"sender": "Acme <mail@acme.example>", "reminders": "1h"}});
        app.patch("/tenant", &json!(0), &settings).await.expect(200);
        app
    }

    async fn start_with(database: String, change: impl FnOnce(&mut Engine)) -> App {
        let db = match database.strip_prefix("sqlite://") {
            Some(path) => Db::open_sqlite(std::path::Path::new(path)).await,
            None => Db::open_postgres(&database).await,
        };
        let db = db.unwrap();
        migrate(&db).await.unwrap();
        let clock = Arc::new(TestClock::at("2026-03-01T08:00:00Z".parse().unwrap()));
        let entropy = Arc::new(TestEntropy::default());
        let transport = Arc::new(Transport::new(Duration::from_secs(5)).unwrap());
        let mut engine = Engine {
            db,
            keys: Arc::new(KeyRing::new(SealingKey::generate(entropy.as_ref()), Vec::new())),
            clock: clock.clone(),
            entropy,
            oauth: OAuth::new(transport.clone(), Arc::new(no_google())),
            google: CalendarApi::new(transport.clone(), NO_GOOGLE),
            people: PeopleApi::new(transport, NO_GOOGLE),
            tokens: TokenCache::default(),
            defaults: TenantDefaults::default(),
            sync: SyncSettings {
                window_past_days: 30,
                lease_ms: 60_000,
                page_size: 250,
                contact_create_delay_ms: 30 * 60 * 1000,
            },
            mail: accord::engine::mail::MailSettings::without_server().unwrap(),
            public_url: "http://127.0.0.1".into(),
            wake: Arc::default(),
        };
        change(&mut engine);
        let (tenant, key) = engine.create_tenant("Tenant", &admin()).await.unwrap();
        let state = WebState {
            engine: engine.clone(),
            defaults: TenantDefaults::default(),
            body_limit: BODY_LIMIT,
            public_url: "http://127.0.0.1".to_owned(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router(state)).await });
        let mut app = App {
            engine,
            clock,
            tenant: tenant.id,
            user: String::new(),
            token: key.expose_secret().to_owned(),
            address,
            database,
        };
        app.user = app.add_user("Jana").await;
        app
    }

    pub fn user_id(&self) -> UserId {
        self.user.parse().unwrap()
    }

    pub async fn add_user(&self, name: &str) -> String {
        let body = json!({"name": name, "email": "jana@tenant.example", "time_zone": "Europe/Prague"});
        let user = self.post("/users", &body).await.expect(201);
        user["id"].as_str().unwrap().to_owned()
    }

    /// Another tenant of the same installation, with a user: its key and its user.
    pub async fn stranger(&self) -> (String, String) {
        let (_, key) = self.engine.create_tenant("Other", &admin()).await.unwrap();
        let key = key.expose_secret().to_owned();
        let body = json!({"name": "Eva", "email": "eva@other.example"}).to_string();
        let user = self
            .call("POST", "/users", Some(&key), &[], Some(&body))
            .await
            .expect(201);
        (key, user["id"].as_str().unwrap().to_owned())
    }

    /// A customer of a user, written in SQL as the app would.
    pub async fn add_customer(&self, user: &str, id: &str) {
        self.sql(&format!(
            "INSERT INTO customers (tenant_id, id, user_id, given_name) VALUES ('{}', '{id}', '{user}', 'Karel')",
            self.tenant
        ))
        .await
        .unwrap();
    }

    pub async fn add_resource(&self, name: &str) -> Value {
        self.post("/resources", &json!({"name": name})).await.expect(201)
    }

    /// Creates a booking of the user on 2 March 2026, 9 to 10 in Prague, with what `more` changes.
    /// Time passes, so that ids come in the order of creation.
    pub async fn book(&self, more: Value) -> Value {
        self.clock.advance(chrono::TimeDelta::milliseconds(1));
        self.post("/bookings", &self.booking(more)).await.expect(201)
    }

    pub fn booking(&self, more: Value) -> Value {
        let mut body = json!({"user_id": self.user, "title": "Haircut", "time_zone": "Europe/Prague",
            "starts_at": "2026-03-02T09:00:00+01:00", "ends_at": "2026-03-02T10:00:00+01:00"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, Some(&self.token), &[], None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_once(path, body, None).await
    }

    pub async fn post_once(&self, path: &str, body: &Value, key: Option<&str>) -> Reply {
        let headers: Vec<_> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        self.call("POST", path, Some(&self.token), &headers, Some(&body.to_string()))
            .await
    }

    pub async fn patch(&self, path: &str, version: &Value, body: &Value) -> Reply {
        let version = format!("\"{version}\"");
        let headers = [("if-match", version.as_str())];
        self.call("PATCH", path, Some(&self.token), &headers, Some(&body.to_string()))
            .await
    }

    pub async fn delete(&self, path: &str, version: &Value) -> Reply {
        let version = format!("\"{version}\"");
        self.call("DELETE", path, Some(&self.token), &[("if-match", &version)], None)
            .await
    }

    /// One request below `/api/v1`, or at an absolute path when it begins with `//`.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Reply {
        let uri = match path.strip_prefix("//") {
            Some(absolute) => format!("/{absolute}"),
            None => format!("/api/v1{path}"),
        };
        let mut request = hyper::Request::builder()
            .method(method)
            .uri(uri)
            .header("host", "accord.example");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::copy_from_slice(body.unwrap_or_default().as_bytes()));
        let stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let response = sender.send_request(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// The entries of the change feed after a position, and the next position.
    pub async fn changes(&self, after: Option<&str>) -> (Vec<Value>, String) {
        let path = after.map_or("/changes".to_owned(), |after| format!("/changes?after={after}"));
        let body = self.get(&path).await.expect(200);
        (
            body["items"].as_array().unwrap().clone(),
            body["next"].as_str().unwrap().to_owned(),
        )
    }

    /// The same, when at least `count` entries have come. PostgreSQL holds entries back while any older transaction of the
    /// server runs, those of other tests included.
    pub async fn feed(&self, after: Option<&str>, count: usize) -> (Vec<Value>, String) {
        for _ in 0..600 {
            let found = self.changes(after).await;
            if found.0.len() >= count {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{count} changes do not come: {:?}", self.changes(after).await);
    }

    /// Where the database is: a path (SQLite) or a URL (PostgreSQL).
    pub fn database(&self) -> &str {
        &self.database
    }

    pub fn is_sqlite(&self) -> bool {
        self.database.starts_with("sqlite://")
    }

    /// SQL as an app would run it: through Debian's own sqlite3 with foreign keys off, or over a PostgreSQL connection.
    /// Gives what the statement printed.
    pub async fn sql(&self, sql: &str) -> Result<String, String> {
        match self.database.strip_prefix("sqlite://") {
            Some(path) => {
                let output = Command::new("/usr/bin/sqlite3")
                    .args(["-batch", "-bail", "-cmd", ".timeout 5000", path])
                    .arg(format!("PRAGMA foreign_keys = OFF; {sql}"))
                    .output()
                    .unwrap();
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
                if output.status.success() {
                    Ok(text(output.stdout).trim().to_owned())
                } else {
                    Err(text(output.stderr))
                }
            }
            None => {
                use sqlx::Row as _;
                let mut connection = PgConnection::connect(&self.database).await.unwrap();
                let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
                    .fetch_all(&mut connection)
                    .await
                    .map_err(|error| error.to_string())?;
                let text = |row: &sqlx::postgres::PgRow| {
                    row.try_get::<String, _>(0)
                        .or_else(|_| row.try_get::<i64, _>(0).map(|n| n.to_string()))
                };
                Ok(rows.iter().map(|row| text(row).unwrap()).collect::<Vec<_>>().join("\n"))
            }
        }
    }
}

/// Nothing answers here: these tests need no Google.
const NO_GOOGLE: &str = "http://127.0.0.1:1/";

fn no_google() -> Endpoints {
    let url = NO_GOOGLE.to_owned();
    Endpoints {
        client_id: "client".to_owned(),
        client_secret: "secret".into(),
        auth_url: url.clone(),
        token_url: url.clone(),
        revoke_url: url.clone(),
        userinfo_url: url.clone(),
        calendar_url: url,
    }
}

fn admin() -> serde_json::Map<String, Value> {
    let settings = json!({"admin_email": "admin@tenant.example"});
    settings.as_object().unwrap().clone()
}
