//! The request log: what was asked, by whom, and how it ended.
//!
//! A bounded ring of the latest requests, and counts that go on after the ring forgot. Tokens and secrets are never in
//! it. A request is written down when it arrives, so that one whose client went away is seen too (its status is null).
use super::{api::methods, request::Request};
use axum::http::header;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// Longer bodies are kept as their first bytes, as text.
const BODY_LIMIT: usize = 16 * 1024;
const SECRETS: [&str; 9] = [
    "access_token",
    "assertion",
    "client_secret",
    "code",
    "code_verifier",
    "id_token",
    "oauth_token",
    "refresh_token",
    "token",
];

/// One line of the log.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Rises by one per request, from 1.
    pub seq: u64,
    /// Arrival, by the sandbox's clock.
    pub at_us: i64,
    /// HTTP method.
    pub method: String,
    /// Decoded path.
    pub path: String,
    /// Query as sent, secrets masked.
    pub query: String,
    /// The API method, e.g. `events.patch`, or the last part of the path.
    pub class: String,
    /// Whose token it was, or whose refresh token.
    pub user: Option<String>,
    /// True for a `person:` token: a hand in Google's own screens.
    pub person: bool,
    /// `If-Match`, as sent.
    pub if_match: Option<String>,
    /// What was answered; null while under way, and for ever when the connection was cut.
    pub status: Option<u16>,
    /// The request body: JSON, or form fields without secrets, or text.
    pub body: Value,
    /// The fault that the request met.
    pub fault: Option<Value>,
    /// The batch request that carried it.
    pub batch: Option<u64>,
}

/// How often what was asked, persons left out.
#[derive(Debug, Default, Serialize)]
pub struct Counts {
    /// GET requests to the APIs.
    reads: u64,
    /// Other requests to the Calendar API, by HTTP method.
    writes: BTreeMap<String, u64>,
    /// Everything, by class.
    classes: BTreeMap<String, u64>,
}

/// The ring and the counts.
#[derive(Debug)]
pub struct Journal {
    capacity: usize,
    next_seq: u64,
    entries: VecDeque<Entry>,
    counts: Counts,
}

impl Journal {
    /// A log that keeps the latest `capacity` requests.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            next_seq: 1,
            entries: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// Writes down an arrival; the number is for [`Journal::close`].
    pub fn open(
        &mut self,
        request: &Request,
        user: Option<String>,
        fault: Option<Value>,
        batch: Option<u64>,
        at_us: i64,
    ) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        let person = request.person().is_some();
        let class = class_of(request);
        if !person {
            self.counts.count(request, &class);
        }
        self.entries.push_back(Entry {
            seq,
            at_us,
            method: request.method.to_string(),
            path: request.readable_path(),
            query: masked_query(request),
            class,
            user,
            person,
            if_match: request.header(header::IF_MATCH).map(str::to_owned),
            status: None,
            body: readable_body(request),
            fault,
            batch,
        });
        while self.entries.len() > self.capacity {
            self.entries.pop_front();
        }
        seq
    }

    /// Writes down how request `seq` ended.
    pub fn close(&mut self, seq: u64, status: u16) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.seq == seq) {
            entry.status = Some(status);
        }
    }

    /// Entries with a number above `after`, oldest first.
    pub fn after(&self, after: u64) -> Value {
        json!(
            self.entries
                .iter()
                .filter(|entry| entry.seq > after)
                .collect::<Vec<_>>()
        )
    }

    /// The counts since the last clear.
    pub fn counts(&self) -> Value {
        json!(self.counts)
    }

    /// Forgets entries and counts; the numbers go on.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.counts = Counts::default();
    }
}

impl Counts {
    fn count(&mut self, request: &Request, class: &str) {
        *self.classes.entry(class.to_owned()).or_default() += 1;
        if request.path.starts_with(super::api::CALENDAR_BASE) {
            if request.method == "GET" {
                self.reads += 1;
            } else {
                *self.writes.entry(request.method.to_string()).or_default() += 1;
            }
        }
    }
}

fn class_of(request: &Request) -> String {
    let segments = request.segments_below(super::api::CALENDAR_BASE).unwrap_or_default();
    match methods::find(&request.method, &segments) {
        Some(method) => method.name.to_owned(),
        None if let Some(method) = super::api::people::method_of(request) => method.class().to_owned(),
        None => request.path.trim_start_matches('/').to_owned(),
    }
}

fn masked_query(request: &Request) -> String {
    if !request.query.iter().any(|(key, _)| SECRETS.contains(&key.as_str())) {
        return request.raw_query.clone();
    }
    let shown: Vec<(&str, &str)> = request
        .query
        .iter()
        .map(|(key, value)| (key.as_str(), shown_value(key, value)))
        .collect();
    super::request::form_text(&shown)
}

fn shown_value<'a>(key: &str, value: &'a str) -> &'a str {
    if SECRETS.contains(&key) { "***" } else { value }
}

fn readable_body(request: &Request) -> Value {
    if request.body.is_empty() {
        return Value::Null;
    }
    if request.is_form() {
        let text = String::from_utf8_lossy(&request.body);
        let pairs = super::request::form_pairs(&text);
        return pairs
            .iter()
            .map(|(key, value)| (key.clone(), json!(shown_value(key, value))))
            .collect::<serde_json::Map<_, _>>()
            .into();
    }
    if request.body.len() <= BODY_LIMIT
        && let Ok(value) = serde_json::from_slice(&request.body)
    {
        return value;
    }
    json!(String::from_utf8_lossy(
        &request.body[..request.body.len().min(BODY_LIMIT)]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderMap, Method};

    #[test]
    fn the_ring_forgets_the_oldest_and_the_counts_do_not() {
        let mut journal = Journal::new(2);
        let request = Request::new(
            Method::GET,
            "/calendar/v3/colors".into(),
            "oauth_token=secret".into(),
            HeaderMap::new(),
            Vec::new(),
        );
        for _ in 0..3 {
            let seq = journal.open(&request, None, None, None, 0);
            journal.close(seq, 200);
        }
        let left = journal.after(0);
        assert_eq!(left.as_array().unwrap().len(), 2);
        assert_eq!(left[0]["seq"], 2);
        assert!(!left.to_string().contains("secret"));
        assert_eq!(journal.counts()["classes"]["colors.get"], 3);
        assert_eq!(journal.counts()["reads"], 3);
    }
}
