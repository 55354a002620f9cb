//! What the HTTP front hands to a pretend service, and what it gets back.
//!
//! A service is a synchronous function of its own state: [`Call`] in, [`Reply`] out. The front (`server.rs`) owns
//! sockets, tokens, scopes of the token, quotas, faults and the request log; a service never sees a connection.
use axum::http::Method;
use serde_json::Value;

/// One API request whose bearer token was already found valid.
#[derive(Debug, Clone)]
pub struct Call {
    /// HTTP method.
    pub method: Method,
    /// Percent-decoded path segments after the service's base, e.g. `["calendars", "primary", "events", "abc"]`.
    pub path: Vec<String>,
    /// Percent-decoded query parameters in order; a key may repeat.
    pub query: Vec<(String, String)>,
    /// `If-Match`, as sent, quotes included.
    pub if_match: Option<String>,
    /// `If-None-Match`, as sent, quotes included.
    pub if_none_match: Option<String>,
    /// The raw body; empty when there was none.
    pub body: Vec<u8>,
    /// The e-mail address of the pretend user whose token this is.
    pub user: String,
    /// The full scope URLs granted to that token.
    pub scopes: Vec<String>,
    /// Microseconds since the Unix epoch by the sandbox's own clock.
    pub now_us: i64,
}

/// What a service answers; the front adds Google's usual headers.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON body; `None` is an empty body (204, 304).
    pub body: Option<Value>,
}
