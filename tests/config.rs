//! The configuration as an operator meets it: layers, secrets, refusals, and what `config show` tells.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use accord::config::{Config, ConfigProblems, DatabaseUrl, KeySource, Sources};
use accord::domain::policy::{ConflictPolicy, Inbound};
use secrecy::ExposeSecret;
use tempfile::TempDir;

fn with_file(text: &str) -> (TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "accord.toml", text);
    (
        folder,
        Sources {
            file: Some(file),
            ..Sources::default()
        },
    )
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

/// Loads one key as the environment would set it.
fn set(key: &str, value: &str) -> Result<Config, ConfigProblems> {
    Config::load(&Sources::default().with(key, value))
}

fn keys(problems: &ConfigProblems) -> Vec<&str> {
    problems.0.iter().map(|problem| problem.key.as_str()).collect()
}

/// The only problem there is, as text.
#[track_caller]
fn refusal(loaded: Result<Config, ConfigProblems>) -> String {
    let problems = loaded.expect_err("it should be refused");
    assert_eq!(problems.0.len(), 1, "{problems}");
    problems.to_string()
}

#[test]
fn the_embedded_default_is_valid_and_every_key_of_it_is_read() {
    let config = Config::load(&Sources::default()).unwrap();
    assert!(
        matches!(&config.database.url, DatabaseUrl::SqliteFile(path) if path == Path::new("/var/lib/accord/accord.db"))
    );
    assert_eq!(config.sync.conflict, ConflictPolicy::Origin);
    assert_eq!(config.sync.schedule.to_string(), "*/2 * * * *");
    assert_eq!(config.sync.window_past_days, 30);
    assert_eq!(config.retention.changes_days, 30);
    assert_eq!(config.retention.choosing_hours, 24);
    assert!(config.warnings().is_empty());
}

#[test]
fn every_key_of_the_manual_has_a_comment_above_it() {
    let mut is_explained = false;
    for line in accord::config::DEFAULT.lines() {
        match line.split_once(" = ") {
            _ if line.starts_with('#') => is_explained = true,
            Some((key, _)) => assert!(is_explained, "{key} has no comment"),
            None => is_explained = false,
        }
    }
}

#[test]
fn a_file_beats_the_default_the_environment_the_file_and_a_credential_everything() {
    let (folder, mut sources) =
        with_file("[sync]\nconflict = \"google\"\nguests = \"push\"\n[google]\nclient_id = \"file\"");
    let credentials = folder.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    write(&credentials, "google.client_id", "credential\n");
    write(&credentials, "tls.key", "belongs to somebody else");
    sources.credentials_dir = Some(credentials);
    let sources = sources
        .with("sync.conflict", "app")
        .with("google.client_id", "environment");
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.sync.guests.as_str(), "push");
    assert_eq!(config.sync.conflict, ConflictPolicy::App);
    assert_eq!(config.google.client_id, "credential");
    assert_eq!(config.sync.inbound_move, Inbound::Apply);
}

#[test]
fn variables_of_other_programs_and_our_own_single_underscores_are_left_alone() {
    let env = [("PATH", "/bin"), ("ACCORD_CONFIG", "/nowhere"), ("ACCORDION__X", "1")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Config::load(&Sources {
        env,
        ..Sources::default()
    })
    .unwrap();
}

#[test]
fn all_problems_of_all_layers_are_told_together() {
    let (_folder, sources) = with_file(
        "stray = 1\n[sync]\nconflict = \"newest\"\nconcurency = 4\nbrake_min = \"ten\"\n[mailer]\nsmtp = \"x\"\n[log]\nlevel = [\"info\"]",
    );
    let sources = sources
        .with("web.listen", "everywhere")
        .with("sync.brake_share", "20")
        .with("web.lisen", "127.0.0.1:1");
    let problems = Config::load(&sources).unwrap_err();
    let mut found = keys(&problems);
    found.sort_unstable();
    let expected = [
        "log.level",
        "mailer.smtp",
        "stray",
        "sync.brake_min",
        "sync.brake_share",
        "sync.concurency",
        "sync.conflict",
        "web.lisen",
        "web.listen",
    ];
    assert_eq!(found, expected);
    let told = problems.to_string();
    for part in [
        "the configuration has 9 problems:",
        "`newest` is not a choice; write one of origin, google, app, ask",
        "is of type string instead of integer; write a bare integer",
        "sync.brake_share (environment ACCORD__SYNC__BRAKE_SHARE): `20` is out of range; write a number from 0 to 1",
        "web.lisen (environment ACCORD__WEB__LISEN): is not a key that Accord knows; remove it, or use one of body_limit_bytes, listen,",
        "or use one of the sections database, google, log,",
    ] {
        assert!(told.contains(part), "{part}\n--- is missing from ---\n{told}");
    }
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_a_problem_and_its_lines_are_not_quoted() {
    let sources = Sources {
        file: Some("/nonexistent/accord.toml".into()),
        ..Sources::default()
    };
    assert!(refusal(Config::load(&sources)).contains("/nonexistent/accord.toml (configuration file): cannot be read"));
    let (_folder, sources) = with_file("[google]\nclient_id = \"x\"\nclient_secret = \"GOCSPX-hush\n");
    let told = refusal(Config::load(&sources));
    assert!(told.contains("is not TOML: line 3"), "{told}");
    assert!(!told.contains("hush"), "{told}");
}

#[test]
fn a_secret_may_come_from_a_file_and_the_higher_layer_wins() {
    let (folder, sources) = with_file("[google]\nclient_secret = \"from toml\"");
    let path = write(folder.path(), "secret", "from file\n").display().to_string();
    let config = Config::load(&sources.clone().with("google.client_secret_file", &*path)).unwrap();
    assert_eq!(config.google.client_secret.expose_secret(), "from file");

    let (_folder, sources) = with_file(&format!("[google]\nclient_secret_file = \"{path}\""));
    let config = Config::load(&sources.clone().with("google.client_secret", "from environment")).unwrap();
    assert_eq!(config.google.client_secret.expose_secret(), "from environment");

    let (_folder, sources) = with_file(&format!(
        "[google]\nclient_secret = \"a\"\nclient_secret_file = \"{path}\""
    ));
    let told = refusal(Config::load(&sources));
    assert!(
        told.contains("is set together with `google.client_secret_file`; remove one of the two"),
        "{told}"
    );

    let told = refusal(set("google.client_secret_file", "/nonexistent/secret"));
    assert!(
        told.contains("google.client_secret_file (/nonexistent/secret): cannot be read"),
        "{told}"
    );

    let path = write(folder.path(), "url", "postgres://accord:pw@localhost/accord\n")
        .display()
        .to_string();
    let config = set("database.url_file", &path).unwrap();
    let DatabaseUrl::Postgres(url) = config.database.url else {
        panic!("{:?}", config.database.url)
    };
    assert_eq!(url.expose_secret(), "postgres://accord:pw@localhost/accord");
}

#[test]
fn the_key_may_be_a_credential() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "secrets.key", "");
    let sources = Sources {
        credentials_dir: Some(folder.path().to_owned()),
        ..Sources::default()
    };
    assert_eq!(Config::load(&sources).unwrap().secrets.key, KeySource::Credential(path));
    let config = set("secrets.key_file", "/srv/key").unwrap();
    assert_eq!(config.secrets.key, KeySource::File("/srv/key".into()));
    assert!(refusal(set("secrets.key_file", "")).contains("write the path of the key file"));
}

#[test]
fn a_misspelt_credential_of_ours_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "google.client_secert", "hush");
    let sources = Sources {
        credentials_dir: Some(folder.path().to_owned()),
        ..Sources::default()
    };
    let told = refusal(Config::load(&sources));
    assert!(
        told.contains("google.client_secert") && told.contains("is not a key") && !told.contains("hush"),
        "{told}"
    );
}

#[test]
fn database_urls_are_sqlite_or_postgres() {
    let path = |url: &str| match set("database.url", url).unwrap().database.url {
        DatabaseUrl::SqliteFile(path) => path.display().to_string(),
        other => panic!("{url}: {other:?}"),
    };
    assert_eq!(path("sqlite:///srv/a.db"), "/srv/a.db");
    assert_eq!(path("sqlite://a%20b.db"), "a b.db");
    assert_eq!(path("sqlite:a.db"), "a.db");
    for memory in ["sqlite::memory:", "sqlite://:memory:"] {
        let told = refusal(set("database.url", memory));
        assert!(
            told.contains("database.url") && told.contains("in memory") && told.contains("sqlite:///"),
            "{told}"
        );
    }
    let told = refusal(set("database.url", "mysql://root:hush@localhost/accord"));
    assert!(
        told.contains("database.url") && told.contains("`mysql`") && told.contains("(sqlite, postgres)"),
        "{told}"
    );
    assert!(!told.contains("hush"), "{told}");
    assert!(refusal(set("database.url", "sqlite:///a.db?mode=ro")).contains("no options"));
}

#[test]
fn postgres_elsewhere_must_verify_its_certificate() {
    for local in [
        "postgres://accord@localhost/accord",
        "postgresql://accord:pw@127.0.0.1:5432/accord?sslmode=disable",
        "postgres://accord@[::1]:5432/accord",
        "postgres://accord@/accord?host=/run/postgresql",
        "postgres://accord@%2Frun%2Fpostgresql/accord",
        "postgres://accord@db.example.com/accord?sslmode=verify-full&sslrootcert=/etc/ca.pem",
    ] {
        assert!(
            matches!(
                set("database.url", local).unwrap().database.url,
                DatabaseUrl::Postgres(_)
            ),
            "{local}"
        );
    }
    for refused in [
        "postgres://accord:hush@db.example.com/accord",
        "postgres://accord:hush@db.example.com/accord?sslmode=require",
        "postgres://accord:hush@db.example.com/accord?sslmode=verify-full&sslmode=disable",
        "postgres://accord:hush@db.example.com/accord?sslmode=verify-full&ssl%6dode=disable",
        "postgres://accord:hush@localhost/accord?host=db.example.com",
        "postgres://accord:hush@localhost/accord?hostaddr=203.0.113.9",
        "postgres://accord:hush@127.0.0.1@db.example.com/accord",
        "postgres://accord:hush@localhost.example.com/accord",
        "postgres://localhost:hush@/accord",
        "postgres://accord:hush@db.example.com#@localhost/accord",
        "postgres://accord@localhost/accord?pasword=hush",
        "postgres:///accord",
        "postgres://accord:hush@local\thost/accord",
    ] {
        let told = refusal(set("database.url", refused));
        assert!(
            told.contains("database.url") && !told.contains("hush"),
            "{refused}: {told}"
        );
    }
}

#[test]
fn addresses_off_this_machine_must_be_https() {
    for (key, url) in [
        ("web.public_url", "https://accord.example.com/"),
        ("web.public_url", "http://localhost:8080"),
        ("google.calendar_url", "http://127.0.0.1:4000/calendar/v3/"),
        ("google.token_url", "http://[::1]:4000/token"),
    ] {
        set(key, url).unwrap();
    }
    for (key, url) in [
        ("web.public_url", "http://accord.example.com"),
        ("web.public_url", "https://example.com/accord"),
        ("web.public_url", "https://user:pw@example.com"),
        ("web.public_url", "accord.example.com"),
        ("google.calendar_url", "http://127.0.0.1.example.com/calendar/v3"),
        ("google.token_url", "http://www.googleapis.com/token"),
        ("google.auth_url", "https://accounts.google.com/auth?x=1"),
        ("google.people_url", "ftp://localhost/v1"),
        ("google.revoke_url", ""),
    ] {
        assert!(refusal(set(key, url)).contains(key), "{key} {url}");
    }
    let config = set("google.calendar_url", "http://127.0.0.1:4000/calendar/v3/").unwrap();
    assert_eq!(config.google.calendar_url, "http://127.0.0.1:4000/calendar/v3");
}

#[test]
fn a_lease_must_outlast_a_request() {
    let sources = Sources::default().with("sync.request_timeout_seconds", "30");
    assert!(refusal(Config::load(&sources.clone().with("sync.lease_seconds", "59"))).contains("sync.lease_seconds"));
    Config::load(&sources.with("sync.lease_seconds", "60")).unwrap();
}

#[test]
fn serving_needs_a_client_and_other_commands_do_not() {
    let config = Config::load(&Sources::default()).unwrap();
    let problems = config.check_for_serving().unwrap_err();
    assert_eq!(keys(&problems), ["google.client_id", "google.client_secret"]);
    let sources = Sources::default()
        .with("google.client_id", "id")
        .with("google.client_secret", "secret");
    Config::load(&sources).unwrap().check_for_serving().unwrap();
}

#[test]
fn show_is_toml_that_loads_again_tells_where_values_come_from_and_hides_secrets() {
    let (_folder, sources) = with_file("[sync]\nschedule = \"0 6 * * Mon\"\n[google]\nclient_secret = \"hush\"");
    let sources = sources
        .with(
            "database.url",
            "postgres://accord:hush@localhost:5432/accord?password=hush",
        )
        .with("google.client_id", "quote \" and\nline");
    let config = Config::load(&sources).unwrap();
    let shown = config.show();
    assert!(!shown.contains("hush"), "{shown}");
    assert!(!format!("{config:?}").contains("hush"));
    let file = sources.file.unwrap().display().to_string();
    for line in [
        "url = \"postgres://********@localhost:5432/accord\" # environment ACCORD__DATABASE__URL".to_owned(),
        format!("client_secret = \"********\" # {file}"),
        format!("schedule = \"0 6 * * Mon\" # {file}"),
        "brake_share = 0.2 # default".to_owned(),
        "client_secret_file = \"\" # default".to_owned(),
    ] {
        assert!(
            shown.lines().any(|shown| shown == line),
            "{line}\n--- is missing from ---\n{shown}"
        );
    }
    let shown: toml::Table = shown.parse().expect("show prints TOML");
    let manual: toml::Table = accord::config::DEFAULT.parse().unwrap();
    let names = |table: &toml::Table| -> BTreeMap<String, Vec<String>> {
        let keys = |section: &toml::Value| section.as_table().unwrap().keys().cloned().collect();
        table
            .iter()
            .map(|(name, section)| (name.clone(), keys(section)))
            .collect()
    };
    assert_eq!(names(&shown), names(&manual), "show tells every key");
    assert_eq!(shown["google"]["client_id"].as_str(), Some("quote \" and\nline"));
}

#[test]
fn a_wrong_address_of_the_mail_server_is_a_problem_like_any_other_and_is_not_quoted() {
    for (url, wrong) in [
        ("smtps://user:hunter2@mail.example.com/inbox", "has a path"),
        ("https://user:hunter2@mail.example.com", "another scheme"),
        ("smtp://user:hunter2@mail.example.com?tls=none", "asks for no TLS"),
        ("smtps://hunter2@mail.example.com", "needs both user and password"),
        ("hunter2", "is not a URL"),
    ] {
        let refused = refusal(set("mail.smtp_url", url));
        assert!(
            refused.contains("mail.smtp_url") && refused.contains(wrong),
            "{refused}"
        );
        assert!(!refused.contains("hunter2"), "{refused}");
    }
    let config = set("mail.smtp_url", "smtps://user:hunter2@mail.example.com").unwrap();
    assert_eq!(config.mail.server.as_ref().unwrap().name(), "mail.example.com:465");
    assert!(!format!("{config:?}{}", config.show()).contains("hunter2"));
    assert!(set("mail.smtp_url", "").unwrap().mail.server.is_none());
}
