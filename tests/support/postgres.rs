//! A fresh database for every test, on SQLite and on PostgreSQL.
//!
//! Each test owns its database and nothing else: no test sees what another left. PostgreSQL is the server named by
//! `ACCORD_TEST_POSTGRES` (a URL whose user may create databases; `scripts/test` sets it), else a private one that
//! `scripts/pg-test-cluster` starts for this process and removes after it. A missing server fails the tests; it never
//! skips them. Use it through [`both_databases!`].
#![allow(
    dead_code,
    unused_macros,
    unused_imports,
    reason = "every test file uses its own part of this"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "finding a server means looking at the surroundings"
)]
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{ConnectOptions, Connection};

/// Writes one test for both databases: `name::sqlite` and `name::postgres`, each with the URL of a fresh, empty database.
///
/// ```ignore
/// both_databases! {
///     async fn a_second_claim_of_the_same_scope_is_refused(url: String) {
///         let store = Store::open(&url).await.unwrap();
///         assert!(...);
///     }
/// }
/// ```
macro_rules! both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($url:ident: String) $body:block)+) => {$(
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports, reason = "a test need not use what surrounds it")]
            use super::*;

            async fn run($url: String) $body

            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let database = $crate::support::postgres::fresh_sqlite();
                run(database.url().to_owned()).await;
            }

            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                let database = $crate::support::postgres::fresh_database().await;
                run(database.url().to_owned()).await;
            }
        }
    )+};
}
pub(crate) use both_databases;

/// An empty SQLite database in a folder of its own, which goes when this is dropped.
pub struct SqliteDatabase {
    folder: tempfile::TempDir,
    url: String,
}

impl SqliteDatabase {
    /// `sqlite:///…`; the file does not exist yet.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder that holds the database, for a test that wants to look at its files.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

/// A place for a new SQLite database.
pub fn fresh_sqlite() -> SqliteDatabase {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", folder.path().join("accord.db").display());
    SqliteDatabase { folder, url }
}

/// An empty PostgreSQL database, which goes when this is dropped, even while connections to it are open.
pub struct TestDatabase {
    server: String,
    name: String,
    url: String,
}

impl TestDatabase {
    /// `postgres://…`, for a user who may do everything.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Creates an empty database on the test server.
pub async fn fresh_database() -> TestDatabase {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    // Starting a server blocks for seconds.
    let server = tokio::task::spawn_blocking(server)
        .await
        .expect("the test server starts")
        .to_owned();
    let mut random = [0; 4];
    getrandom::fill(&mut random).expect("random bytes");
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!(
        "accord_{}_{number}_{:08x}",
        std::process::id(),
        u32::from_be_bytes(random)
    );
    // template0 has no other connections, so tests may create databases at the same time.
    execute(&server, &format!("CREATE DATABASE {name} TEMPLATE template0"))
        .await
        .expect("the test server creates databases");
    let (address, options) = server
        .split_once('?')
        .map_or((server.as_str(), None), |(url, query)| (url, Some(query)));
    let (address, _) = address
        .rsplit_once('/')
        .expect("the URL of the test server ends with a database");
    let url = format!(
        "{address}/{name}{}",
        options.map(|query| format!("?{query}")).unwrap_or_default()
    );
    TestDatabase { server, name, url }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, sql) = (
            self.server.clone(),
            format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        );
        // A thread of its own, because a runtime cannot wait inside another one. What is left goes with the server.
        let _ = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime
                .ok()
                .and_then(|runtime| runtime.block_on(execute(&server, &sql)).ok())
        })
        .join();
    }
}

async fn execute(server: &str, sql: &str) -> Result<(), sqlx::Error> {
    let options: sqlx::postgres::PgConnectOptions = server.parse()?;
    let mut connection = options.disable_statement_logging().connect().await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await?;
    connection.close().await
}

/// The URL of the server that all tests of this process share.
fn server() -> &'static str {
    static SERVER: OnceLock<String> = OnceLock::new();
    SERVER.get_or_init(|| {
        if let Ok(url) = std::env::var("ACCORD_TEST_POSTGRES") {
            return url;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/pg-test-cluster");
        let output = Command::new(script)
            .arg(std::process::id().to_string())
            .stdin(Stdio::null())
            .output();
        let output = output.unwrap_or_else(|error| panic!("{script} cannot be started: {error}"));
        assert!(
            output.status.success(),
            "{script} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("a URL").trim().to_owned()
    })
}
