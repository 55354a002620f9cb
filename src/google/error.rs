//! What can go wrong on the wire, read from Google's four kinds of error bodies.
//!
//! Promises: the class follows from the named reason, never from the HTTP status alone (403 is rate limit, quota, scope or
//! role); an answer that is not Google's JSON is never proof of anything; neither `Display` nor `Debug` shows a body, a
//! token or Google's free text, which may quote what we sent.
use crate::domain::failure::{Denied, FailureClass};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// A failed request.
#[derive(Clone, PartialEq, Eq)]
pub struct GoogleError {
    /// What happened.
    pub kind: ErrorKind,
    /// Whether Google may have carried the request out all the same; a write must then be looked for before it is repeated.
    pub unsure: bool,
}

/// The ways in which a request fails.
#[derive(Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// No connection, or it was lost. The text names the cause (DNS, TLS, reset), never content.
    Network(String),
    /// The time for the whole request, body included, ran out.
    Timeout,
    /// Google answered, but not with success.
    Status(Box<Refusal>),
    /// A success that cannot be one: unreadable, of the wrong kind, or larger than we read.
    Protocol(String),
}

/// Which conventions an error answer follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// Calendar, People, userinfo.
    Api,
    /// The token and revocation endpoints (RFC 6749).
    OAuth,
}

/// An answer with a status other than 2xx.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Who answered.
    pub speaker: Speaker,
    /// The HTTP status.
    pub status: u16,
    /// `errors[0].reason` (Calendar), else `status` (People), else `error` (OAuth); absent when the body is not Google's JSON.
    pub reason: Option<String>,
    /// `details[].reason` of `google.rpc.ErrorInfo`, or OAuth's `error_subtype`.
    pub detail: Option<String>,
    /// The parameter or header that is to blame, for example `syncToken`.
    pub location: Option<String>,
    /// Google's free text. It may quote what we sent: for people who debug, never for logs.
    pub message: String,
    /// `Retry-After`, relative to the answer.
    pub retry_after: Option<Duration>,
    /// The limit that was reached, `metadata.quota_limit` of the details (People).
    pub limit: Option<String>,
    /// What is wrong with single items of a batch; nothing of the batch was done, as far as Google says (People).
    pub items: Vec<RefusedItem>,
}

/// An item that made Google refuse a whole batch.
#[derive(Clone, PartialEq, Eq)]
pub struct RefusedItem {
    /// Its resource name, or its index when it was to be created.
    pub key: String,
    /// What to do about it.
    pub class: FailureClass,
}

impl GoogleError {
    /// An answer that makes no sense.
    pub fn protocol(why: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Protocol(why.into()),
            unsure: true,
        }
    }

    /// A request that we refuse to send.
    pub(super) fn unsendable(why: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Protocol(why.into()),
            unsure: false,
        }
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        // A proxy or a back end that fails with 5xx may do so after the write (503 after the commit has been seen).
        let unsure = refusal.status >= 500;
        Self {
            kind: ErrorKind::Status(Box::new(refusal)),
            unsure,
        }
    }

    /// What to do next.
    pub fn class(&self) -> FailureClass {
        match &self.kind {
            ErrorKind::Network(_) | ErrorKind::Timeout => FailureClass::Transient { retry_after: None },
            ErrorKind::Protocol(_) => FailureClass::Protocol,
            ErrorKind::Status(refusal) => match refusal.speaker {
                Speaker::Api => refusal.api_class(),
                Speaker::OAuth => refusal.oauth_class(),
            },
        }
    }

    /// The HTTP status, if there was an answer other than success.
    pub fn status(&self) -> Option<u16> {
        match &self.kind {
            ErrorKind::Status(refusal) => Some(refusal.status),
            _ => None,
        }
    }

    /// What Google said, if it answered other than with success.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.kind {
            ErrorKind::Status(refusal) => Some(refusal),
            _ => None,
        }
    }

    pub(super) fn refusal_mut(&mut self) -> Option<&mut Refusal> {
        match &mut self.kind {
            ErrorKind::Status(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl Refusal {
    /// Reads any of Google's four envelopes; whatever else stands in the body is ignored.
    pub(super) fn parse(speaker: Speaker, status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let document: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let error = &document["error"];
        let details = error["details"].as_array().map(Vec::as_slice).unwrap_or_default();
        let (reason, detail, location, message) = match error {
            Value::String(code) => (
                Some(code.as_str()),
                document["error_subtype"].as_str(),
                None,
                document["error_description"].as_str(),
            ),
            Value::Object(_) => {
                let first = &error["errors"][0];
                (
                    first["reason"].as_str().or(error["status"].as_str()),
                    details.iter().find_map(|detail| detail["reason"].as_str()),
                    first["location"].as_str(),
                    error["message"].as_str(),
                )
            }
            _ => (None, None, None, None),
        };
        Self {
            speaker,
            status,
            reason: reason.map(identifier),
            detail: detail.map(identifier),
            location: location.map(identifier),
            message: message.unwrap_or_default().chars().take(500).collect(),
            retry_after,
            limit: details
                .iter()
                .find_map(|detail| detail["metadata"]["quota_limit"].as_str())
                .map(identifier),
            items: details.iter().flat_map(refused_items).collect(),
        }
    }

    fn names(&self, reasons: &[&str]) -> bool {
        [&self.reason, &self.detail]
            .into_iter()
            .flatten()
            .any(|name| reasons.contains(&name.as_str()))
    }

    /// Google's error table for Calendar (guides/errors) and People's reference, read by reason first.
    fn api_class(&self) -> FailureClass {
        let transient = FailureClass::Transient {
            retry_after: self.retry_after,
        };
        if self.status >= 500 || self.status == 408 {
            return transient;
        }
        if self.names(&["quotaExceeded", "dailyLimitExceeded", "variableTermLimitExceeded"]) || self.is_long_limit() {
            return FailureClass::QuotaExhausted;
        }
        if self.status == 429
            || self.names(&[
                "rateLimitExceeded",
                "userRateLimitExceeded",
                "RATE_LIMIT_EXCEEDED",
                "RESOURCE_EXHAUSTED",
            ])
        {
            return FailureClass::RateLimited {
                retry_after: self.retry_after,
            };
        }
        match self.status {
            401 => return FailureClass::Unauthorized,
            412 => return FailureClass::Conflict412,
            300..=399 => return FailureClass::Protocol,
            _ => {}
        }
        // A proxy's 404 page must never look like a deleted event, nor its 403 like a lost role.
        if self.reason.is_none() {
            return transient;
        }
        match self.status {
            400 if self.void_token() => FailureClass::TokenExpired,
            // People compares etags in the body.
            400 if self.names(&["FAILED_PRECONDITION", "failedPrecondition"]) => FailureClass::Conflict412,
            400 if self.message.starts_with("Invalid sequence value") => FailureClass::Conflict412,
            400 if self.names(&["eventTypeRestriction"]) => FailureClass::Permission(Denied::EventType),
            403 if self.names(&["accessNotConfigured", "SERVICE_DISABLED"]) => FailureClass::OperatorAlarm,
            403 => FailureClass::Permission(self.denied()),
            410 if self.void_token() => FailureClass::TokenExpired,
            404 | 410 => FailureClass::Gone,
            409 if self.names(&["duplicate", "alreadyExists", "ALREADY_EXISTS"]) => FailureClass::Duplicate409,
            // `conflict`: two writes to one calendar at once.
            409 => transient,
            _ => FailureClass::BadData,
        }
    }

    fn void_token(&self) -> bool {
        self.names(&["fullSyncRequired", "updatedMinTooLongAgo", "EXPIRED_SYNC_TOKEN"])
            || self
                .reason
                .as_deref()
                .is_some_and(|reason| reason.starts_with("syncTokenWith"))
            || self.location.as_deref() == Some("syncToken")
            || self.message == "Invalid sync token value."
            || self.message.starts_with("Sync token is expired")
    }

    /// People's limits of a day, and of an account that is full.
    fn is_long_limit(&self) -> bool {
        self.message.starts_with(FULL_ACCOUNT)
            || self.limit.as_deref().is_some_and(|limit| {
                let limit = limit.to_ascii_lowercase();
                limit.contains("perday") || limit.contains("daily")
            })
    }

    fn denied(&self) -> Denied {
        if self.names(&["insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"]) {
            Denied::ScopeMissing
        } else if self.names(&["forbiddenForNonOrganizer"]) {
            Denied::NotOrganizer
        } else if self.names(&["eventTypeRestriction"]) {
            Denied::EventType
        } else {
            Denied::Forbidden
        }
    }

    /// Only `invalid_grant` proves a dead grant; a wrong client concerns the operator; all else may pass.
    fn oauth_class(&self) -> FailureClass {
        match self.reason.as_deref() {
            _ if self.status >= 500 => FailureClass::Transient {
                retry_after: self.retry_after,
            },
            Some("invalid_grant") => FailureClass::Reconnect,
            Some("invalid_client" | "unauthorized_client" | "deleted_client") => FailureClass::OperatorAlarm,
            _ if self.status == 429 => FailureClass::RateLimited {
                retry_after: self.retry_after,
            },
            _ => FailureClass::Transient {
                retry_after: self.retry_after,
            },
        }
    }
}

/// How People begins when an account cannot hold more contacts.
const FULL_ACCOUNT: &str = "MY_CONTACTS_OVERFLOW_COUNT";

/// The entries of `contactErrors` in one of the details of a refused batch.
fn refused_items(detail: &Value) -> Vec<RefusedItem> {
    let errors = detail["contactErrors"].as_object().into_iter().flatten();
    errors
        .map(|(key, status)| RefusedItem {
            key: key.clone(),
            class: status_class(status),
        })
        .collect()
}

/// What a `google.rpc.Status` of a single item asks for, by its `google.rpc.Code`.
pub(super) fn status_class(status: &Value) -> FailureClass {
    match status["code"].as_i64() {
        _ if status["message"]
            .as_str()
            .is_some_and(|text| text.starts_with(FULL_ACCOUNT)) =>
        {
            FailureClass::QuotaExhausted
        }
        Some(3 | 11 | 12) => FailureClass::BadData,
        Some(5) => FailureClass::Gone,
        Some(6) => FailureClass::Duplicate409,
        Some(7) => FailureClass::Permission(Denied::Forbidden),
        Some(8) => FailureClass::RateLimited { retry_after: None },
        Some(9) => FailureClass::Conflict412,
        Some(16) => FailureClass::Unauthorized,
        _ => FailureClass::Transient { retry_after: None },
    }
}

/// Reasons are words; a text that is none could carry anything and is not kept.
fn identifier(text: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !text.is_empty() && text.len() <= 80 && text.chars().all(word) {
        text.to_owned()
    } else {
        "unnamed".to_owned()
    }
}

impl fmt::Display for GoogleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::Network(cause) => write!(f, "the connection to Google failed: {cause}"),
            ErrorKind::Timeout => write!(f, "Google did not answer in time"),
            ErrorKind::Protocol(why) => write!(f, "Google's answer cannot be used: {why}"),
            ErrorKind::Status(refusal) => fmt::Display::fmt(refusal, f),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Google answered {}", self.status)?;
        for name in [&self.reason, &self.detail].into_iter().flatten() {
            write!(f, " {name}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for GoogleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "GoogleError({self}; {}{})",
            self.class().as_str(),
            if self.unsure { "; unsure" } else { "" }
        )
    }
}

impl fmt::Debug for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::Network(cause) => write!(f, "Network({cause})"),
            ErrorKind::Timeout => f.write_str("Timeout"),
            ErrorKind::Status(refusal) => write!(f, "Status({refusal})"),
            ErrorKind::Protocol(why) => write!(f, "Protocol({why})"),
        }
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({self})")
    }
}

impl std::error::Error for GoogleError {}
