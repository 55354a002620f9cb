//! An installation for tests of the built binary, and what its commands said.
#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// An installation in a folder of its own.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Place {
        let place = Place {
            folder: tempfile::tempdir().unwrap(),
        };
        place.configure("");
        place
    }

    /// One whose database is made.
    pub fn migrated() -> Place {
        let place = Place::new();
        assert_eq!(code(&place.run(&["migrate"])), 0);
        place
    }

    /// A tenant's id.
    pub fn tenant(&self) -> String {
        let made = self.json(&["tenant", "create", "Kaval", "--admin-email", "admin@kaval.example"]);
        made["id"].as_str().unwrap().to_owned()
    }

    /// What Debian's `sqlite3` says to a statement.
    pub fn sql(&self, sql: &str) -> String {
        let done = Command::new("sqlite3")
            .arg(self.path("accord.db"))
            .arg(sql)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", err(&done));
        out(&done).trim().to_owned()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn configure(&self, more: &str) {
        let at = |name: &str| self.path(name).display().to_string();
        let text = format!(
            "[database]\nurl = \"sqlite://{}\"\n[secrets]\nkey_file = \"{}\"\n{more}",
            at("accord.db"),
            at("accord.key")
        );
        fs::write(self.path("accord.toml"), text).unwrap();
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        accord(&[&["--config", self.path("accord.toml").to_str().unwrap()], arguments].concat())
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["--json"], arguments].concat());
        assert_eq!(code(&output), 0, "{}", err(&output));
        serde_json::from_str(&out(&output)).unwrap()
    }

    /// Seals something, so that the database needs its keys.
    pub fn with_sealed_value(self) -> Place {
        let tenant = self.json(&["tenant", "create", "Kaval", "--admin-email", "a@kaval.example"])["id"].clone();
        let sql = format!(
            "INSERT INTO idempotency_keys (tenant_id, key, request_hash, status, body_sealed, created_at) \
             VALUES ('{}', 'k', x'00', 201, x'0100000000', 0)",
            tenant.as_str().unwrap()
        );
        let done = Command::new("sqlite3")
            .arg(self.path("accord.db"))
            .arg(sql)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", err(&done));
        self
    }
}

pub fn accord(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_accord"))
        .args(arguments)
        .env_clear()
        .output()
        .unwrap()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
