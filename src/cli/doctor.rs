//! `accord doctor`: looks for what is wrong with an installation and names the likely cause. Changes nothing.
use super::out::{Failure, Format, Progress, json, line, say};
use super::{Context, open};
use crate::app::open_database;
use crate::config::{Config, DatabaseUrl, keys};
use crate::domain::clock::Clock;
use crate::engine::sealed;
use crate::google::transport::Transport;
use crate::lifecycle::{SystemClock, SystemEntropy};
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
    findings.extend(database(&config).await);
    findings.extend(google(&config).await);
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
            keys(config, false),
        ];
    }
    let db = match open_database(config).await {
        Ok(db) => db,
        Err(error) => return vec![Finding::bad(ABOUT, format_args!("{url}: {error}"), cause(&error))],
    };
    let mut findings = vec![match schema_of(&db).await {
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
    // Without tables there is no sealed value.
    let needs_keys = sealed::holds_any(&db).await.unwrap_or(false);
    db.close().await;
    findings.push(keys(config, needs_keys));
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
        StoreError::Unreachable(_) => "the server is down, or host, port or password in database.url are wrong",
        StoreError::Open { .. } => "the folder does not exist or belongs to another user than the one who runs this",
        _ => "the file is no Accord database, or was damaged; look at the message",
    }
}

fn keys(config: &Config, needed: bool) -> Finding {
    const ABOUT: &str = "keys";
    let source = &config.secrets.key;
    // Never creates anything here.
    match keys::load_or_create(source, false, &SystemEntropy, &SystemClock) {
        Ok(ring) => Finding::good(ABOUT, format_args!("{source}, newest {}", ring.newest())),
        Err(keys::KeyFileError::Missing(path)) if !needed => {
            let found = format_args!("{} does not exist", path.display());
            Finding::odd(
                ABOUT,
                found,
                "it is made with the first `accord serve`, since nothing is sealed yet",
            )
        }
        Err(error) => Finding::bad(
            ABOUT,
            error,
            "tokens in the database cannot be opened without the right key file",
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
