//! The kinds of values that keys have, and the rules that one value alone can break.
//!
//! The rule that matters most is "nothing leaves this machine unencrypted": addresses must be https unless they are
//! loopback, and PostgreSQL elsewhere must verify its certificate. Errors never quote a value that may hold a password.
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

use super::problem::Invalid;
use crate::domain::language::UnknownLanguage;
use crate::domain::mail::{NotAMailbox, NotReminders, SmtpUrlProblem};
use crate::domain::policy::UnknownPolicy;

impl From<UnknownPolicy> for Invalid {
    fn from(error: UnknownPolicy) -> Self {
        one_of(&error.given, error.allowed)
    }
}

/// The problem of a word that is not among those allowed.
pub(super) fn one_of(given: &str, allowed: &[&str]) -> Invalid {
    Invalid::new(
        format!("`{given}` is not a choice"),
        format!("write one of {}", allowed.join(", ")),
    )
}

/// A number within limits.
pub(super) fn number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, Invalid>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    move |text| match text.trim().parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => {
            let fix = format!("write a number from {} to {}", range.start(), range.end());
            Err(Invalid::new(format!("`{text}` is out of range"), fix))
        }
    }
}

/// An address without a trailing slash: https, or http on this machine.
pub(super) fn endpoint(text: &str) -> Result<String, Invalid> {
    let fix = "write a URL such as https://accord.example.com";
    let uri: Uri = text
        .parse()
        .map_err(|_| Invalid::new(format!("`{text}` is not a URL"), fix))?;
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
        return Err(Invalid::new(format!("`{text}` is not a complete URL"), fix));
    };
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
        || text.contains(['?', '#'])
    {
        return Err(Invalid::new("the URL carries a user, a query or a fragment", fix));
    }
    match scheme {
        "https" => Ok(text.trim_end_matches('/').to_owned()),
        "http" if is_loopback(host) => Ok(text.trim_end_matches('/').to_owned()),
        "http" => Err(Invalid::new(
            format!("`{text}` would cross the network unencrypted"),
            "write https://",
        )),
        _ => Err(Invalid::new(
            format!("`{scheme}` is not a scheme that Accord speaks"),
            "write https://",
        )),
    }
}

/// An endpoint at the root of its host: every path below it is Accord's own.
pub(super) fn root(text: &str) -> Result<String, Invalid> {
    let endpoint = endpoint(text)?;
    match endpoint.split_once("://").is_some_and(|(_, rest)| rest.contains('/')) {
        true => Err(Invalid::new(
            format!("`{text}` has a path"),
            "give Accord a host name of its own and write only that",
        )),
        false => Ok(endpoint),
    }
}

/// Whether a host is this machine.
fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Nothing, or a value.
pub(super) fn optional<T, E: Into<Invalid>>(
    parse: impl Fn(&str) -> Result<T, E>,
) -> impl Fn(&str) -> Result<Option<T>, Invalid> {
    move |text| match text.trim() {
        "" => Ok(None),
        text => parse(text).map(Some).map_err(Into::into),
    }
}

/// A switch.
pub(super) fn yes_or_no(text: &str) -> Result<bool, Invalid> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(one_of(text, &["true", "false"])),
    }
}

impl From<NotReminders> for Invalid {
    fn from(error: NotReminders) -> Self {
        Invalid::new("the text is no list of reminders", format!("it {error}"))
    }
}

impl From<UnknownLanguage> for Invalid {
    fn from(_: UnknownLanguage) -> Self {
        Invalid::new("mails are not written in this language", "write one of en, es, de")
    }
}

impl From<NotAMailbox> for Invalid {
    fn from(_: NotAMailbox) -> Self {
        Invalid::new("the text is no sender", "write an address, or Name <address>")
    }
}

impl From<SmtpUrlProblem> for Invalid {
    /// The problem says what is wrong, a colon, and what to do.
    fn from(problem: SmtpUrlProblem) -> Self {
        let words = problem.to_string();
        let (wrong, fix) = words
            .split_once(": ")
            .unwrap_or((&words, "write smtps://user:password@host"));
        Invalid::new(format!("the mail server's address {wrong}"), fix)
    }
}

/// A length of time: a whole number and s, m, h or d.
pub(super) fn duration(text: &str) -> Result<Duration, Invalid> {
    let text = text.trim();
    let invalid = || {
        Invalid::new(
            format!("`{text}` is not a length of time"),
            "write a number and s, m, h or d, such as 90m",
        )
    };
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => return Err(invalid()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| invalid())?;
    // A year is longer than anything that is meant.
    let seconds = number.checked_mul(unit).filter(|seconds| *seconds <= 366 * 86_400);
    seconds.map(Duration::from_secs).ok_or_else(invalid)
}

/// Which database, and where. `Display` leaves out what may be a password.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// A SQLite database in this file.
    SqliteFile(PathBuf),
    /// The whole URL, for `PgConnectOptions`. It names a host, and verifies TLS unless that host is this machine.
    Postgres(SecretString),
}

impl FromStr for DatabaseUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fix = "write sqlite:///absolute/path, or postgres://user:password@host/name";
        let Some((kind, rest)) = text.split_once(':') else {
            return Err(Invalid::new("the text is not a URL", fix));
        };
        match kind {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path == ":memory:" {
                    // Every connection would see a database of its own, and every start would forget the links to Google.
                    return Err(Invalid::new("a database in memory cannot be used", fix));
                }
                if path.is_empty() || path.contains(['?', '#']) {
                    return Err(Invalid::new("SQLite takes a path and no options", fix));
                }
                let path = percent_decode_str(path)
                    .decode_utf8()
                    .map_err(|_| Invalid::new("the path is not UTF-8", fix))?;
                Ok(Self::SqliteFile(PathBuf::from(path.as_ref())))
            }
            "postgres" | "postgresql" => postgres(rest).map(|()| Self::Postgres(text.into())),
            _ => Err(Invalid::new(
                format!("`{kind}` is not a kind of database that Accord knows (sqlite, postgres)"),
                fix,
            )),
        }
    }
}

/// The options of a PostgreSQL URL that sqlx knows; it logs any other together with its value.
const POSTGRES_OPTIONS: &[&str] = &[
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
];

/// Checks what stands after `postgres:`. Every host that the URL names counts, because the driver takes the last.
fn postgres(rest: &str) -> Result<(), Invalid> {
    let fix = "write postgres://user:password@host/name, or postgres://user@/name?host=/run/postgresql for a socket";
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || c == '#';
    let Some(rest) = rest.strip_prefix("//").filter(|rest| !rest.contains(is_odd)) else {
        return Err(Invalid::new(
            "the PostgreSQL URL is malformed (in a password, spaces and # are written %20 and %23)",
            fix,
        ));
    };
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = before.split('/').next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let host = match host_and_port.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, _)) => v6,
        None => host_and_port.split(':').next().unwrap_or_default(),
    };
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut hosts: Vec<String> = Some(host)
        .filter(|host| !host.is_empty())
        .map(decode)
        .into_iter()
        .collect();
    let mut modes = Vec::new();
    for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match decode(key).as_str() {
            "host" | "hostaddr" => hosts.push(decode(value)),
            "sslmode" | "ssl-mode" => modes.push(decode(value)),
            key if POSTGRES_OPTIONS.contains(&key) => {}
            key => {
                let fix = format!("use one of {}", POSTGRES_OPTIONS.join(", "));
                return Err(Invalid::new(
                    format!("the PostgreSQL URL has the unknown option `{key}`"),
                    fix,
                ));
            }
        }
    }
    if hosts.is_empty() {
        return Err(Invalid::new("the PostgreSQL URL names no host", fix));
    }
    let is_local = hosts.iter().all(|host| host.starts_with('/') || is_loopback(host));
    let is_verified = !modes.is_empty() && modes.iter().all(|mode| mode == "verify-full");
    match is_local || is_verified {
        true => Ok(()),
        false => Err(Invalid::new(
            "PostgreSQL on another machine would be reached without a verified certificate",
            "add ?sslmode=verify-full to the URL (and &sslrootcert=FILE for a private authority)",
        )),
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SqliteFile(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => {
                let url = url.expose_secret();
                let address = url
                    .split('?')
                    .next()
                    .unwrap_or_default()
                    .rsplit('@')
                    .next()
                    .unwrap_or_default();
                let address = address.rsplit("://").next().unwrap_or_default();
                write!(f, "postgres://********@{address}")
            }
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, for machines.
    Json,
}

/// The format of the log.
pub(super) fn log_format(text: &str) -> Result<LogFormat, Invalid> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(one_of(text, &["text", "json"])),
    }
}

/// How much is logged.
pub(super) fn log_level(text: &str) -> Result<tracing::Level, Invalid> {
    const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];
    match LEVELS.contains(&text) {
        true => text.parse().map_err(|_| one_of(text, LEVELS)),
        false => Err(one_of(text, LEVELS)),
    }
}
