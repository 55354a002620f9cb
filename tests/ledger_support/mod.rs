//! An installation with a ledger, beside which the built binary and the auditor can be run.
#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
use accord::app::{App, Surroundings};
use accord::args;
use accord::config::{Config, Sources};
use accord::domain::clock::TestClock;
use accord::domain::ids::{BookingId, MessageId, TenantId, UserId};
use accord::domain::mail::{Letter, Mailbox};
use accord::engine::Engine;
use accord::engine::ledger::{Event, append};
use accord::store::{Backend, Value};
use chrono::{DateTime, TimeDelta};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use uuid::Uuid;

pub mod office;

/// 2026-03-02T09:00:00Z.
pub const START_MS: i64 = 1_772_442_000_000;
pub const HOUR_MS: i64 = 3_600_000;

fn id(kind: u16, last: u8) -> Uuid {
    Uuid::from_u128(0x0190_f3c4_0000_7cc0_9d3a_0000_0000_0000 + (u128::from(kind) << 80) + u128::from(last))
}

pub fn message(last: u8) -> MessageId {
    MessageId(id(1, last))
}

pub fn booking(last: u8) -> BookingId {
    BookingId(id(2, last))
}

pub fn user(last: u8) -> UserId {
    UserId(id(3, last))
}

/// The installation.
pub struct Book {
    folder: tempfile::TempDir,
    pub engine: Engine,
    pub clock: Arc<TestClock>,
    pub tenant: TenantId,
}

impl Book {
    pub async fn new(url: &str) -> Book {
        let folder = tempfile::tempdir().unwrap();
        let (file, key) = (folder.path().join("accord.toml"), folder.path().join("accord.key"));
        let text = format!(
            "[database]\nurl = \"{url}\"\n[secrets]\nkey_file = \"{}\"\n",
            key.display()
        );
        fs::write(&file, text).unwrap();
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };
        let clock = Arc::new(TestClock::at(DateTime::from_timestamp_millis(START_MS).unwrap()));
        let surroundings = Surroundings {
            clock: clock.clone(),
            ..Surroundings::real()
        };
        let app = App::open(Config::load(&sources).unwrap(), surroundings).await.unwrap();
        let book = Book {
            folder,
            engine: app.engine,
            clock,
            tenant: TenantId(id(0, 1)),
        };
        book.add_tenant(book.tenant).await;
        book
    }

    pub async fn add_tenant(&self, tenant: TenantId) {
        const SQL: &str =
            "INSERT INTO tenants (id, name, settings, created_at, updated_at) VALUES ($1, 'Kaval', $2, 0, 0)";
        self.sql(SQL, args![tenant, r#"{"admin_email":"admin@kaval.example"}"#])
            .await;
    }

    pub fn is_postgres(&self) -> bool {
        self.engine.db.backend() == Backend::Postgres
    }

    pub async fn try_sql(&self, sql: &'static str, args: Vec<Value>) -> Result<u64, String> {
        let mut tx = self.engine.db.begin().await.unwrap();
        let done = tx.execute(sql, args).await.map_err(|error| error.to_string())?;
        tx.commit().await.unwrap();
        Ok(done)
    }

    #[track_caller]
    pub fn sql(&self, sql: &'static str, args: Vec<Value>) -> impl Future<Output = u64> {
        let caller = std::panic::Location::caller();
        async move {
            let done = self.try_sql(sql, args).await;
            done.unwrap_or_else(|error| panic!("{caller}: {error}"))
        }
    }

    /// What somebody does first who wants to change a ledger.
    pub async fn drop_triggers(&self) {
        let all: &[&'static str] = if self.is_postgres() {
            &["ALTER TABLE ledger DISABLE TRIGGER ALL"]
        } else {
            &[
                "DROP TRIGGER ledger_is_not_changed",
                "DROP TRIGGER ledger_is_not_cut",
                "DROP TRIGGER ledger_is_not_replaced",
            ]
        };
        for sql in all {
            self.sql(sql, args![]).await;
        }
    }

    pub fn at(&self) -> i64 {
        self.engine.now_ms()
    }

    pub fn pass(&self, ms: i64) {
        self.clock.advance(TimeDelta::milliseconds(ms));
    }

    /// Adds a row, a second after the one before.
    pub async fn note(&self, event: Event<'_>) {
        self.pass(1000);
        let mut tx = self.engine.db.begin().await.unwrap();
        append(&self.engine, &mut tx, self.tenant, event).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub fn accord(&self, arguments: &[&str]) -> Output {
        let file = self.folder.path().join("accord.toml");
        Command::new(env!("CARGO_BIN_EXE_accord"))
            .args(["--config", file.to_str().unwrap()])
            .args(arguments)
            .env_clear()
            .output()
            .unwrap()
    }

    /// What `accord ledger export` prints.
    pub fn export(&self) -> String {
        let output = self.accord(&["ledger", "export", "--tenant", &self.tenant.to_string()]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A letter about message `last`.
pub fn letter(last: u8, to: &str) -> Letter {
    let mailbox = |name: &str, address: &str| Mailbox {
        name: name.to_owned(),
        address: address.to_owned(),
    };
    Letter {
        message_id: format!("{}@kaval.example", message(last)),
        from: mailbox("Kaval s.r.o.", "post@kaval.example"),
        reply_to: Some(mailbox("Ana Ruiz", "ana@kaval.example")),
        to: mailbox("Eva Horáková", to),
        subject: "Haircut on 3 March".to_owned(),
        text: "Hello Eva,\nsee you on 3 March at 10:00 (Europe/Prague).\n".to_owned(),
        html: "<p>Hello Eva,</p>\n<p>see you on 3 March.</p>\n".to_owned(),
        calendar: None,
        unsubscribe: None,
    }
}
