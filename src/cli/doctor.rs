//! `accord doctor`: looks for what is wrong with an installation and names the likely cause. Changes nothing.
use super::out::{Failure, Format, Progress, json, line, say};
use super::{Context, open};
use crate::app::open_database;
use crate::config::keys::{self, KeyFileError};
use crate::config::{Config, DatabaseUrl, KeySource};
use crate::domain::clock::Clock;
use crate::domain::seal::KeyRing;
use crate::engine::sealed;
use crate::google::transport::Transport;
use crate::lifecycle::{SystemClock, SystemEntropy};
use crate::mail::transport::{self, Delivery, Limits};
use crate::store::{Db, StoreError, newest_schema, schema};
use chrono::DateTime;
use serde::Serialize;
use std::time::Duration;

/// Google refuses signatures and codes beyond some minutes; half a minute is worth a word.
const SKEW_SECONDS: i64 = 30;
/// Longest wait for one of Google's addresses.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    Odd,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    about: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    likely: Option<String>,
}

impl Finding {
    fn good(about: &'static str, found: impl ToString) -> Finding {
        Finding {
            about,
            verdict: Verdict::Good,
            found: found.to_string(),
            likely: None,
        }
    }

    fn odd(about: &'static str, found: impl ToString, likely: impl ToString) -> Finding {
        Finding {
            about,
            verdict: Verdict::Odd,
            found: found.to_string(),
            likely: Some(likely.to_string()),
        }
    }

    fn bad(about: &'static str, found: impl ToString, likely: impl ToString) -> Finding {
        Finding {
            about,
            verdict: Verdict::Bad,
            found: found.to_string(),
            likely: Some(likely.to_string()),
        }
    }
}

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    // A configuration that cannot be read is told like everywhere else; nothing more could be looked at.
    let config = open::config(context)?;
    let progress = Progress::of("looking");
    let mut findings = vec![complete(&config)];
    findings.extend(config.warnings().into_iter().map(|warning| {
        let found = format_args!("{} {}: {}", warning.key, warning.place, warning.wrong).to_string();
        Finding::odd("configuration", found, warning.fix)
    }));
    findings.extend(database(&config).await);
    findings.extend(google(&config).await);
    findings.extend(mail(&config).await);
    drop(progress);
    match context.format {
        Format::Json => json(&findings)?,
        Format::Text => {
            for finding in &findings {
                let mark = match finding.verdict {
                    Verdict::Good => "ok ",
                    Verdict::Odd => "?  ",
                    Verdict::Bad => "BAD",
                };
                line(format_args!("{mark} {:<14} {}", finding.about, finding.found))?;
                if let Some(likely) = &finding.likely {
                    line(format_args!("    {:<14} -> {likely}", ""))?;
                }
            }
        }
    }
    match findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Bad)
        .count()
    {
        0 => {
            say("nothing is in the way");
            Ok(())
        }
        1 => Err(Failure::failed("one thing is in the way")),
        n => Err(Failure::failed(format_args!("{n} things are in the way"))),
    }
}

fn complete(config: &Config) -> Finding {
    match config.check_for_serving() {
        Ok(()) => Finding::good("configuration", "complete"),
        Err(problems) => Finding::bad("configuration", problems, "`accord serve` will not start like this"),
    }
}

async fn database(config: &Config) -> Vec<Finding> {
    const ABOUT: &str = "database";
    let url = &config.database.url;
    if let DatabaseUrl::SqliteFile(path) = url
        && !path.exists()
    {
        let likely = "not made yet; the first `accord serve` or `accord migrate` makes it";
        return vec![
            Finding::odd(ABOUT, format_args!("{url} does not exist"), likely),
            match keys(config) {
                Ok(ring) => found_keys(config, &ring),
                Err(error) => without_keys(error, false),
            },
        ];
    }
    let db = match open_database(config).await {
        Ok(db) => db,
        Err(error) => return vec![Finding::bad(ABOUT, format_args!("{url}: {error}"), cause(&error))],
    };
    let version = schema_of(&db).await;
    let is_empty = matches!(version, Ok(None));
    let mut findings = vec![match version {
        Ok(None) => Finding::odd(
            ABOUT,
            format_args!("{url} is empty"),
            "the first `accord serve` or `accord migrate` fills it",
        ),
        Ok(Some(version)) if version < newest_schema() => {
            let found = format_args!("{url} has schema {version}, this accord makes {}", newest_schema());
            Finding::odd(
                ABOUT,
                found,
                "the next `accord serve` or `accord migrate` brings it up to date",
            )
        }
        Ok(Some(version)) if version > newest_schema() => {
            let error = StoreError::NewerSchema(version);
            Finding::bad(ABOUT, &error, "an older accord was installed over a newer one")
        }
        Ok(Some(version)) => Finding::good(ABOUT, format_args!("{url} has schema {version}")),
        Err(error) => Finding::bad(ABOUT, format_args!("{url}: {error}"), cause(&error)),
    }];
    findings.push(match keys(config) {
        Ok(ring) if is_empty => found_keys(config, &ring),
        Ok(ring) => fitting(&db, &config.secrets.key, &ring).await,
        // Without tables there is no sealed value.
        Err(error) => without_keys(error, sealed::holds_any(&db).await.unwrap_or(false)),
    });
    db.close().await;
    findings
}

async fn schema_of(db: &Db) -> Result<Option<i64>, StoreError> {
    let mut tx = db.read().await?;
    schema::version(&mut tx).await
}

fn cause(error: &StoreError) -> &'static str {
    match error {
        StoreError::Locked => "another program, perhaps a backup or an sqlite3 shell, holds a transaction open",
        StoreError::Full => "the disk or a quota is full",
        StoreError::ReadOnly => "the disk is mounted read-only, or the file belongs to another user",
        StoreError::Unreachable(_) => "the server is down, or host, port or password in database.url are wrong",
        StoreError::Open { .. } => "the folder does not exist or belongs to another user than the one who runs this",
        _ => "the file is no Accord database, or was damaged; look at the message",
    }
}

const KEYS: &str = "keys";

/// The keys of the configuration; never creates any.
fn keys(config: &Config) -> Result<KeyRing, KeyFileError> {
    keys::load_or_create(&config.secrets.key, false, &SystemEntropy, &SystemClock)
}

/// Keys of a database that holds nothing yet.
fn found_keys(config: &Config, ring: &KeyRing) -> Finding {
    Finding::good(KEYS, format_args!("{}, newest {}", config.secrets.key, ring.newest()))
}

/// Why there are no keys; whether the database needs them.
fn without_keys(error: KeyFileError, needed: bool) -> Finding {
    match error {
        KeyFileError::Missing(path) if !needed => Finding::odd(
            KEYS,
            format_args!("{} does not exist", path.display()),
            "it is made with the first `accord serve`, since nothing is sealed yet",
        ),
        error => Finding::bad(
            KEYS,
            error,
            "tokens in the database cannot be opened without the right key file",
        ),
    }
}

/// Whether every sealed value of the database has its key.
async fn fitting(db: &Db, source: &KeySource, ring: &KeyRing) -> Finding {
    let newest = ring.newest();
    match sealed::missing_key(db, ring).await {
        Ok(None) => Finding::good(KEYS, format_args!("{source} has every key in use, newest {newest}")),
        Ok(Some(key)) => Finding::bad(
            KEYS,
            format_args!("{source} lacks the key {key}, which has sealed values of the database"),
            "the file is of another installation or from before a rotation; put the right one in place",
        ),
        Err(error) => Finding::odd(
            KEYS,
            format_args!("{source}, newest {newest}, cannot be compared with the database: {error}"),
            "bring the schema up to date first, then look again",
        ),
    }
}

async fn google(config: &Config) -> Vec<Finding> {
    const ABOUT: &str = "Google";
    let transport = match Transport::new(TIMEOUT) {
        Ok(transport) => transport,
        Err(error) => {
            return vec![Finding::bad(
                "certificates",
                error,
                "install the package ca-certificates",
            )];
        }
    };
    let mut findings = Vec::new();
    let mut skew = None;
    for address in [
        &config.google.token_url,
        &config.google.calendar_url,
        &config.google.userinfo_url,
    ] {
        match transport.probe(address).await {
            Ok(date) => {
                findings.push(Finding::good(ABOUT, format_args!("{address} answers")));
                let there = date.and_then(|date| DateTime::parse_from_rfc2822(&date).ok());
                skew = skew.or(there.map(|there| (SystemClock.now() - there.to_utc()).num_seconds()));
            }
            Err(error) => {
                let likely = "a firewall or proxy, DNS, or a wrong address under [google]";
                findings.push(Finding::bad(ABOUT, format_args!("{address}: {error}"), likely));
            }
        }
    }
    findings.extend(skew.map(|seconds| match seconds.abs() <= SKEW_SECONDS {
        true => Finding::good("clock", "agrees with Google's"),
        false => Finding::bad(
            "clock",
            format_args!("{seconds} s away from Google's"),
            "time synchronisation (chrony, systemd-timesyncd) does not run",
        ),
    }));
    findings
}

/// Whether the mail server would take mail. Says hello and goodbye, and hands nothing over.
async fn mail(config: &Config) -> Vec<Finding> {
    const ABOUT: &str = "mail";
    let mail = &config.mail;
    let mut findings = Vec::new();
    let Some(server) = &mail.server else {
        return vec![Finding::odd(
            ABOUT,
            "mail.smtp_url is empty",
            "no mail is proposed or sent for tenants without a server of their own (`accord tenant smtp`)",
        )];
    };
    let sender = mail.from.as_ref().and_then(|from| from.address.rsplit_once('@'));
    findings.extend(mail.from.is_none().then(|| {
        let likely = "no mail is proposed or sent for tenants without a `sender` of their own (`accord tenant set`)";
        Finding::odd(ABOUT, "mail.from is empty", likely)
    }));
    let limits = Limits {
        connect: TIMEOUT,
        command: TIMEOUT,
        total: TIMEOUT * 2,
        ..Limits::default()
    };
    let name = sender.map_or("localhost", |(_, domain)| domain);
    let probed = transport::Transport::new().probe(server, name, &limits).await;
    findings.push(match probed {
        Ok(()) => Finding::good(
            ABOUT,
            format_args!("{} answers; `accord mail test` sends a mail", server.name()),
        ),
        Err(Delivery::Deferred { reason } | Delivery::Unknown { reason }) => {
            let likely = "the server is down, a firewall, DNS, or a wrong host or port in mail.smtp_url";
            Finding::bad(ABOUT, format_args!("{}: {reason}", server.name()), likely)
        }
        Err(Delivery::Unable { reason }) => {
            let likely = "user and password in mail.smtp_url, or how the server is to be reached: smtps:// or smtp://";
            Finding::bad(ABOUT, format_args!("{}: {reason}", server.name()), likely)
        }
        Err(Delivery::Refused { answer, .. } | Delivery::Accepted { answer }) => Finding::bad(
            ABOUT,
            format_args!("{}: {answer}", server.name()),
            "its operator knows why",
        ),
    });
    findings
}
