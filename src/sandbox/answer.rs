//! What the front answers before it becomes bytes, and how it becomes bytes in Google's manner.
//!
//! Pretty printing, gzip and the usual headers are here and nowhere else; the rest of the sandbox thinks in [`Answer`].
use super::wire::Reply;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use flate2::{Compression, write::GzEncoder};
use serde::Serialize;
use serde_json::{Value, ser::PrettyFormatter};
use std::io::Write;

/// A body that is not bytes yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// No body at all (204, 304).
    Empty,
    /// JSON, printed as the request asks.
    Json(Value),
    /// Anything else: content type and text.
    Text(String, String),
    /// Octets that need not be text: content type and octets.
    Bytes(String, Vec<u8>),
}

/// An answer that nothing was sent of yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers beside the usual ones.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub content: Content,
}

impl Answer {
    /// A JSON answer.
    pub fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: Content::Json(body),
        }
    }

    /// An HTML answer.
    pub fn html(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: Content::Text("text/html; charset=UTF-8".to_owned(), text.into()),
        }
    }

    /// The page that Google's web servers show for `status` when no API stands behind the path.
    pub fn plain_page(status: u16) -> Self {
        let title = match status {
            404 => "Not Found",
            405 => "Method Not Allowed",
            500 => "Internal Server Error",
            502 => "Server Error",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            _ => "Error",
        };
        Self::html(
            status,
            format!(
                "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n<title>Error {status} ({title})!!1</title>\n\
                 <p><b>{status}.</b> <ins>That\u{2019}s an error.</ins>\n"
            ),
        )
    }

    /// The same answer with one more header.
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Whether it reports success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        let etag = reply
            .body
            .as_ref()
            .and_then(|body| body.get("etag"))
            .and_then(Value::as_str)
            .map(str::to_owned);
        let content = reply.body.map_or(Content::Empty, Content::Json);
        let headers = etag.into_iter().map(|etag| ("etag".to_owned(), etag)).collect();
        Self {
            status: reply.status,
            headers,
            content,
        }
    }
}

/// How the request wants its answer printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Printing {
    /// `prettyPrint`, by default true.
    pub pretty: bool,
    /// Whether the body is sent compressed.
    pub gzip: bool,
}

impl Printing {
    /// Reads `prettyPrint` and the two headers that Google wants before it compresses: `Accept-Encoding: gzip` and a
    /// `User-Agent` that contains `gzip`.
    pub fn asked_by(headers: &HeaderMap, query: &[(String, String)]) -> Self {
        let says_gzip = |name: HeaderName| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .is_some_and(|v| v.contains("gzip"))
        };
        Self {
            pretty: !query
                .iter()
                .any(|(key, value)| key == "prettyPrint" && value == "false"),
            gzip: says_gzip(header::ACCEPT_ENCODING) && says_gzip(header::USER_AGENT),
        }
    }
}

/// JSON text as Google prints it: one space of indentation, or none at all.
pub fn print_json(value: &Value, pretty: bool) -> Vec<u8> {
    let mut text = Vec::new();
    let printed = if pretty {
        value.serialize(&mut serde_json::Serializer::with_formatter(
            &mut text,
            PrettyFormatter::with_indent(b" "),
        ))
    } else {
        value.serialize(&mut serde_json::Serializer::new(&mut text))
    };
    printed.expect("a JSON value always prints into memory");
    text.push(b'\n');
    text
}

/// The answer as it goes over the wire, with Google's usual headers; `now_us` becomes `Date`.
pub fn send(answer: Answer, printing: Printing, now_us: i64) -> Response<Body> {
    let (content_type, mut body) = match answer.content {
        Content::Empty => (None, Vec::new()),
        Content::Json(value) => (
            Some("application/json; charset=UTF-8".to_owned()),
            print_json(&value, printing.pretty),
        ),
        Content::Text(content_type, text) => (Some(content_type), text.into_bytes()),
        Content::Bytes(content_type, bytes) => (Some(content_type), bytes),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("cache-control", "no-cache, no-store, max-age=0, must-revalidate"),
        ("pragma", "no-cache"),
        ("expires", "Mon, 01 Jan 1990 00:00:00 GMT"),
        ("server", "ESF"),
        ("vary", "Origin,X-Origin,Referer"),
        ("x-content-type-options", "nosniff"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    insert(&mut headers, "date", &http_date(now_us));
    if let Some(content_type) = content_type {
        insert(&mut headers, "content-type", &content_type);
        if printing.gzip && !body.is_empty() {
            body = compressed(&body);
            insert(&mut headers, "content-encoding", "gzip");
        }
    }
    for (name, value) in &answer.headers {
        insert(&mut headers, name, value);
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}

/// A header that cannot be one (a switch may ask for anything) is left out rather than sent broken.
fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
        headers.insert(name, value);
    }
}

fn compressed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(body)
        .and_then(|()| encoder.finish())
        .expect("memory takes every write")
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
fn http_date(now_us: i64) -> String {
    chrono::DateTime::from_timestamp_micros(now_us)
        .unwrap_or_default()
        .format("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}
