//! The People service's refusals: `google.rpc.Status` in an `error` envelope, word for word where a recorded one exists.
//!
//! There is no `errors[]` list here, unlike Calendar's. Nothing here decides when to refuse.
use super::super::params::{BadParameter, Fault};
use super::super::wire::Reply;
use serde_json::{Value, json};

/// The service's name in error details.
pub const SERVICE: &str = "people.googleapis.com";
const PROJECT: &str = "336992806363";
const VALID_PATHS: &str = "Valid paths are documented at https://developers.google.com/people/api/rest/v1/people/get.";
const CREDENTIAL_HELP: &str = "Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
const EXPIRED: &str = "Sync token is expired. Clear local cache and retry call without the sync token.";
const STALE: &str =
    "Request person.etag is different than the current person.etag. Clear local cache and get the latest person.";

/// `google.rpc.Code`, as far as People uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    InvalidArgument,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    Internal,
    Unavailable,
    Unauthenticated,
}

impl Code {
    /// HTTP status, name and number.
    fn parts(self) -> (u16, &'static str, u8) {
        match self {
            Code::InvalidArgument => (400, "INVALID_ARGUMENT", 3),
            Code::NotFound => (404, "NOT_FOUND", 5),
            Code::AlreadyExists => (409, "ALREADY_EXISTS", 6),
            Code::PermissionDenied => (403, "PERMISSION_DENIED", 7),
            Code::ResourceExhausted => (429, "RESOURCE_EXHAUSTED", 8),
            Code::FailedPrecondition => (400, "FAILED_PRECONDITION", 9),
            Code::Aborted => (409, "ABORTED", 10),
            Code::Internal => (500, "INTERNAL", 13),
            Code::Unavailable => (503, "UNAVAILABLE", 14),
            Code::Unauthenticated => (401, "UNAUTHENTICATED", 16),
        }
    }
}

/// A refusal, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// What kind.
    pub code: Code,
    message: String,
    details: Vec<Value>,
    /// Another HTTP status than the code's own.
    http: Option<u16>,
}

/// What every operation answers.
pub type Answer = Result<Value, Refusal>;

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let (http, status, _) = refusal.code.parts();
        let code = refusal.http.unwrap_or(http);
        let mut error = json!({"code": code, "message": refusal.message, "status": status});
        if !refusal.details.is_empty() {
            error["details"] = json!(refusal.details);
        }
        Reply {
            status: code,
            body: Some(json!({"error": error})),
        }
    }
}

/// In which form an expired sync token is refused; reports differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiryForm {
    /// 400 `FAILED_PRECONDITION` with `EXPIRED_SYNC_TOKEN`, as most reports have it.
    #[default]
    FailedPrecondition,
    /// 400 `INVALID_ARGUMENT` with `EXPIRED_SYNC_TOKEN`.
    InvalidArgument,
    /// 410, as the contacts guide says.
    Gone,
    /// 400 without details: only the words tell.
    WithoutDetails,
}

impl Refusal {
    /// A refusal without details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Vec::new(),
            http: None,
        }
    }

    fn with(mut self, detail: Value) -> Self {
        self.details.push(detail);
        self
    }

    /// As an item of a batch: `google.rpc.Status`.
    pub fn status(&self) -> Value {
        json!({"code": self.code.parts().2, "message": self.message})
    }

    /// 400 with the words that Google uses when it says no more.
    pub fn invalid_argument() -> Self {
        Self::new(Code::InvalidArgument, "Request contains an invalid argument.")
    }

    /// 400 about one field, as the JSON front of Google's APIs words it: `words` is both message and description.
    pub fn bad_field(field: &str, words: String) -> Self {
        let detail = violation(field, &words);
        Self::new(Code::InvalidArgument, words).with(detail)
    }

    /// 400 about one field whose own words are not known; the description is the sandbox's.
    pub fn invalid_field(field: &str, words: &str) -> Self {
        Self::invalid_argument().with(violation(field, words))
    }

    /// 400: a required mask is absent or empty.
    pub fn mask_required(name: &str) -> Self {
        let words = format!("{name} mask is required. Please specify one or more valid paths. {VALID_PATHS}");
        Self::new(Code::InvalidArgument, words)
    }

    /// 400: a mask names what it cannot.
    pub fn mask_path(name: &str, path: &str) -> Self {
        let words = format!("Invalid {name} mask path: \"{path}\". {VALID_PATHS}");
        Self::new(Code::InvalidArgument, words)
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "Requested entity was not found.")
    }

    /// 400: the contact changed since its etag was read.
    pub fn stale_etag() -> Self {
        Self::new(Code::FailedPrecondition, STALE)
    }

    /// 400: an update without any etag.
    pub fn etag_missing() -> Self {
        let words =
            "Request must set person.etag or person.metadata.sources.etag for the source that is being updated.";
        Self::new(Code::InvalidArgument, words)
    }

    /// 400: two values of a field that a contact has once.
    pub fn singleton(field: &str) -> Self {
        let words = format!("Cannot have more than one person.{field} per source.");
        Self::new(Code::InvalidArgument, words)
    }

    /// An expired sync token.
    pub fn expired_sync_token(form: ExpiryForm) -> Self {
        let code = match form {
            ExpiryForm::InvalidArgument => Code::InvalidArgument,
            _ => Code::FailedPrecondition,
        };
        let mut refusal = Self::new(code, EXPIRED);
        if form != ExpiryForm::WithoutDetails {
            refusal = refusal.with(error_info("EXPIRED_SYNC_TOKEN", SERVICE, json!({})));
        }
        refusal.http = (form == ExpiryForm::Gone).then_some(410);
        refusal
    }

    /// A batch of which some items are wrong: nothing was done. `errors` is keyed by index or resource name.
    pub fn batch(kind: &str, errors: Vec<(String, Refusal)>) -> Self {
        let failed = errors
            .iter()
            .any(|(_, refusal)| refusal.code == Code::FailedPrecondition);
        let message = errors.first().map(|(_, refusal)| refusal.message.clone());
        let items: serde_json::Map<_, _> = errors
            .into_iter()
            .map(|(key, refusal)| (key, refusal.status()))
            .collect();
        let code = if failed {
            Code::FailedPrecondition
        } else {
            Code::InvalidArgument
        };
        Self::new(code, message.unwrap_or_default()).with(json!({
            "@type": format!("type.googleapis.com/google.people.v1.{kind}"), "contactErrors": items}))
    }

    /// 401: no credential was sent.
    pub fn credentials_missing(method: &str) -> Self {
        let words = format!("Request is missing required authentication credential. {CREDENTIAL_HELP}");
        let metadata = json!({"service": SERVICE, "method": method});
        Self::new(Code::Unauthenticated, words).with(error_info("CREDENTIALS_MISSING", "googleapis.com", metadata))
    }

    /// 401: a credential was sent and is not (or no longer) good.
    pub fn invalid_credentials(method: &str) -> Self {
        let words = format!("Request had invalid authentication credentials. {CREDENTIAL_HELP}");
        let metadata = json!({"service": SERVICE, "method": method});
        Self::new(Code::Unauthenticated, words).with(error_info("ACCESS_TOKEN_EXPIRED", "googleapis.com", metadata))
    }

    /// 403: the token's scopes do not allow the method.
    pub fn scope(method: &str) -> Self {
        let metadata = json!({"service": SERVICE, "method": method});
        Self::new(
            Code::PermissionDenied,
            "Request had insufficient authentication scopes.",
        )
        .with(error_info(
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "googleapis.com",
            metadata,
        ))
    }

    /// 403: the operator has not enabled the API.
    pub fn api_disabled() -> Self {
        let url = format!("https://console.developers.google.com/apis/api/{SERVICE}/overview?project={PROJECT}");
        let words = format!(
            "People API has not been used in project {PROJECT} before or it is disabled. Enable it by visiting {url} then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry."
        );
        let metadata = json!({"consumer": format!("projects/{PROJECT}"), "service": SERVICE});
        Self::new(Code::PermissionDenied, words)
            .with(json!({"@type": "type.googleapis.com/google.rpc.Help",
                "links": [{"description": "Google developers console API activation", "url": url}]}))
            .with(error_info("SERVICE_DISABLED", "googleapis.com", metadata))
    }

    /// 429 of a quota: its long name, its limit's name and its metric.
    pub fn quota(words: &str, limit: &str, metric: &str) -> Self {
        let message = format!(
            "Quota exceeded for quota metric '{words}' and limit '{words} per minute per user' of service '{SERVICE}' for consumer 'project_number:{PROJECT}'."
        );
        let metadata = json!({"quota_limit": limit, "service": SERVICE, "quota_metric": format!("{SERVICE}/{metric}"),
            "consumer": format!("projects/{PROJECT}")});
        Self::new(Code::ResourceExhausted, message).with(error_info("RATE_LIMIT_EXCEEDED", "googleapis.com", metadata))
    }

    /// 429 of the back end: the fixed quota of full syncs.
    pub fn back_end_quota() -> Self {
        Self::new(
            Code::ResourceExhausted,
            "Resource has been exhausted (e.g. check quota).",
        )
        .with(json!({
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{"subject": "QUOTA_EXCEEDED", "description": "FBS quota limit exceeded"}]}))
    }

    /// 409: another write of the same user is under way.
    pub fn aborted() -> Self {
        Self::new(Code::Aborted, "The operation was aborted.")
    }

    /// 503.
    pub fn unavailable() -> Self {
        Self::new(Code::Unavailable, "The service is currently unavailable.")
    }

    /// 400: the account is full.
    pub fn too_many_contacts() -> Self {
        Self::new(Code::FailedPrecondition, "MY_CONTACTS_OVERFLOW_COUNT")
    }
}

impl From<BadParameter> for Refusal {
    fn from(BadParameter { name, value, fault }: BadParameter) -> Self {
        let field = snake(&name);
        let words = match fault {
            Fault::Unknown => format!(
                "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' could not be found in request message."
            ),
            Fault::Repeated => format!(
                "Invalid JSON payload received. Unknown name \"{name}\": Proto field is not repeating, cannot start list."
            ),
            Fault::Flag => format!("Invalid value at '{field}' (TYPE_BOOL), \"{value}\""),
            Fault::Integer => format!("Invalid value at '{field}' (TYPE_INT32), \"{value}\""),
            Fault::Word(_) => format!("Invalid value at '{field}' (TYPE_ENUM), \"{value}\""),
            Fault::Range(low, high) => {
                return Refusal::invalid_field(&field, &format!("must be between {low} and {high}"));
            }
            Fault::Missing => return Refusal::invalid_field(&field, "is required"),
            Fault::Instant => return Refusal::invalid_field(&field, "must be a time"),
        };
        Refusal::bad_field(&field, words)
    }
}

/// One of People's own refusals by the name that a fault gives it.
pub fn named(name: &str) -> Option<Refusal> {
    let reads = "Critical read requests (Contact and Profile Reads)";
    Some(match name {
        "people_quota" => Refusal::quota(
            reads,
            "CriticalReadsPerMinutePerProjectPerUser",
            "critical_read_requests",
        ),
        "people_back_end_quota" => Refusal::back_end_quota(),
        "people_unavailable" => Refusal::unavailable(),
        "people_internal" => Refusal::new(Code::Internal, "Internal error encountered."),
        "people_aborted" => Refusal::aborted(),
        "people_expired_sync_token" => Refusal::expired_sync_token(ExpiryForm::default()),
        "people_expired_sync_token_410" => Refusal::expired_sync_token(ExpiryForm::Gone),
        "people_invalid_argument" => Refusal::invalid_argument(),
        "people_stale_etag" => Refusal::stale_etag(),
        "people_not_found" => Refusal::not_found(),
        "people_scope" => Refusal::scope("google.people.v1.PeopleService.ListConnections"),
        "people_disabled" => Refusal::api_disabled(),
        "people_credentials" => Refusal::invalid_credentials("google.people.v1.PeopleService.ListConnections"),
        _ => return None,
    })
}

fn error_info(reason: &str, domain: &str, metadata: Value) -> Value {
    let mut info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain});
    if metadata.as_object().is_some_and(|metadata| !metadata.is_empty()) {
        info["metadata"] = metadata;
    }
    info
}

fn violation(field: &str, words: &str) -> Value {
    json!({"@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{"field": field, "description": words}]})
}

/// `pageSize` as Google's messages name it: `page_size`.
pub fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}
