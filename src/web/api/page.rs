//! Pages of lists, their cursors, and instants as the API writes them.
use crate::web::fields::Fields;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use std::str::FromStr;
use utoipa::ToSchema;

/// Entries of a page when nothing was asked for.
const DEFAULT_LIMIT: usize = 100;
/// Most entries of a page.
const MAX_LIMIT: usize = 500;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next: Option<String>,
}

/// Reads `limit`.
pub fn limit(query: &mut Fields) -> usize {
    match query.text("limit").map(|text| text.parse::<usize>()) {
        None => DEFAULT_LIMIT,
        Some(Ok(limit)) if (1..=MAX_LIMIT).contains(&limit) => limit,
        Some(_) => {
            query.problem("limit", format!("must be a whole number from 1 to {MAX_LIMIT}"));
            DEFAULT_LIMIT
        }
    }
}

/// A place in a list, opaque to the caller. `kind` keeps the cursor of one list out of another.
pub fn cursor(kind: &str, place: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{kind} {place}"))
}

/// Reads a cursor that [`cursor`] made for the same list.
pub fn read_cursor(query: &mut Fields, field: &'static str, kind: &str) -> Option<String> {
    let sent = query.text(field)?;
    let place = URL_SAFE_NO_PAD
        .decode(sent)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| Some(text.strip_prefix(kind)?.strip_prefix(' ')?.to_owned()));
    if place.is_none() {
        not_a_cursor(query, field);
    }
    place
}

/// Reads the cursor of a list that is in the order of ids.
pub fn id_cursor<T: FromStr>(query: &mut Fields, kind: &str) -> Option<T> {
    let id = read_cursor(query, "cursor", kind)?.parse().ok();
    if id.is_none() {
        not_a_cursor(query, "cursor");
    }
    id
}

/// Notes that a cursor is none of this list.
pub fn not_a_cursor(query: &mut Fields, field: &'static str) {
    query.problem(field, "is no cursor of this list: send what the last page gave as next");
}

/// Cuts a list that was asked for one entry too many into a page.
pub fn page<R, T>(
    mut rows: Vec<R>,
    limit: usize,
    kind: &str,
    id: impl Fn(&R) -> String,
    body: impl Fn(&R) -> T,
) -> Page<T> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    Page {
        items: rows.iter().map(body).collect(),
        next: rows.last().filter(|_| more).map(|row| cursor(kind, &id(row))),
    }
}

/// One more than a page, to know whether there is another.
pub fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1
}

/// Milliseconds since the epoch as RFC 3339 in UTC.
pub fn instant(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}
