//! What a refused request gets: `application/problem+json` (RFC 9457) with a `type` that stays the same for ever.
//!
//! [`Kind`] is the one table of all types; the OpenAPI document prints it. A problem says what the caller can do about it, and
//! never why the server failed inside.
use crate::domain::ids::MessageId;
use crate::engine::{BadField, Refusal};
use crate::store::StoreError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $status:ident, $title:literal;)+) => {
        /// Every problem there is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $kind),+ }

        impl Kind {
            /// The whole table.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind),+];

            /// The `type`.
            pub fn uri(self) -> &'static str {
                match self { $(Kind::$kind => concat!("urn:accord:problem:", $name)),+ }
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                match self { $(Kind::$kind => StatusCode::$status),+ }
            }

            /// The same words for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Kind::$kind => $title),+ }
            }
        }
    };
}

kinds! {
    /// `errors` names every field.
    Invalid = "invalid-request", BAD_REQUEST, "The request is not valid";
    /// Without hints.
    Unauthorized = "unauthorized", UNAUTHORIZED, "A valid API key is required";
    /// Neither a tenant's key nor its operator can; `detail` says who can, and how.
    OnlyTheUser = "only-the-user", FORBIDDEN, "Only the user can do this";
    /// It lists, shows, declines and withdraws the consents of its user.
    UserToken = "user-token", FORBIDDEN, "A user's token cannot do this";
    /// Also what belongs to another tenant.
    NotFound = "not-found", NOT_FOUND, "There is no such thing";
    /// `Allow` says which.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "This method cannot be used here";
    /// The event is not the user's to change.
    ReadOnly = "read-only-booking", CONFLICT, "The booking cannot be changed here";
    /// Title and description are outside the mirror.
    WordsWithheld = "words-withheld", CONFLICT, "The words of the booking are withheld";
    /// Written in SQL.
    Unreadable = "unreadable-row", CONFLICT, "The stored row cannot be understood";
    /// Names are unique.
    NameTaken = "name-taken", CONFLICT, "The name is taken";
    /// Something still refers to it.
    InUse = "in-use", CONFLICT, "It is still in use";
    /// `detail` says what has to happen first.
    NotPossibleNow = "not-possible-now", CONFLICT, "This cannot be done as things are";
    /// `proposal_id`, if there is one already, is the proposal that took its place.
    ProposalChanged = "proposal-changed", CONFLICT, "The booking has changed since this mail was proposed";
    /// Show it to its user again.
    OtherContent = "other-content", CONFLICT, "The hash is not that of this mail";
    /// Try again in a moment.
    NotCertainYet = "not-certain-yet", CONFLICT, "The change of the booking is not certain yet";
    /// Try again in a moment.
    InProgress = "request-in-progress", CONFLICT, "The same request is being worked on";
    /// Read everything again.
    CursorExpired = "cursor-expired", GONE, "The cursor is older than what is kept";
    /// `version` is the present one.
    Stale = "stale-version", PRECONDITION_FAILED, "It was changed meanwhile";
    /// The body is too long.
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "The request is too large";
    /// Only JSON is read.
    MediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "The body must be JSON";
    /// A key belongs to one request.
    KeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key belongs to another request";
    /// Nobody overwrites what they have not seen.
    IfMatchRequired = "if-match-required", PRECONDITION_REQUIRED, "If-Match is required";
    /// The operator's logs say more.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong here";
    /// Nothing was stored; try again.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The service cannot answer now";
}

/// A problem on its way out.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: Kind,
    detail: Option<String>,
    errors: Vec<BadField>,
    version: Option<i64>,
    proposal: Option<MessageId>,
}

/// One field of a request and what is wrong with it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// The field, query parameter or header.
    field: String,
    /// The end of a sentence that begins with the field.
    problem: String,
}

/// A problem (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// Says which problem it is; see the table in the description of this API.
    #[schema(example = "urn:accord:problem:invalid-request")]
    r#type: &'static str,
    /// The same words for every problem of this type.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is the matter this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Every field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<ErrorBody>,
    /// The present version, when the one sent is stale.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    /// The proposal that took the place of the one that was decided about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    proposal_id: Option<String>,
}

impl Problem {
    /// A problem that needs no more words.
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            detail: None,
            errors: Vec::new(),
            version: None,
            proposal: None,
        }
    }

    /// With what is the matter this time. Never anything personal, never the inside of the server.
    pub fn detailed(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::of(kind)
        }
    }

    /// Fields that are wrong.
    pub fn invalid(errors: Vec<BadField>) -> Self {
        Self {
            errors,
            ..Self::of(Kind::Invalid)
        }
    }

    /// With the proposal that took the place of the one that was decided about.
    #[must_use]
    pub fn with_proposal(mut self, proposal: MessageId) -> Self {
        self.proposal = Some(proposal);
        self
    }

    /// One field that is wrong.
    pub fn field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::invalid(vec![BadField::new(field, problem)])
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let words = refusal.to_string();
        let kind = match refusal {
            Refusal::Missing(_) => Kind::NotFound,
            Refusal::UnknownCaller => return Self::of(Kind::Unauthorized),
            Refusal::Invalid(errors) => return Self::invalid(errors),
            Refusal::Stale { current } => {
                return Self {
                    version: Some(current),
                    ..Self::detailed(Kind::Stale, words)
                };
            }
            Refusal::ReadOnly => Kind::ReadOnly,
            Refusal::WordsWithheld(_) => Kind::WordsWithheld,
            Refusal::Unreadable(..) => Kind::Unreadable,
            Refusal::NameTaken(_) => Kind::NameTaken,
            Refusal::InUse(_) => Kind::InUse,
            Refusal::NotNow(_) => Kind::NotPossibleNow,
            Refusal::InProgress => Kind::InProgress,
            Refusal::KeyReused => Kind::KeyReused,
            Refusal::CursorExpired => Kind::CursorExpired,
            Refusal::Store(error) if error.is_transient() => {
                tracing::warn!(%error, "a request was not answered");
                return Self::of(Kind::Unavailable);
            }
            // What it names was there when it was checked and went, or came, a moment later. Sent again it gets its exact answer.
            Refusal::Store(StoreError::ForeignKey(_) | StoreError::Duplicate(_)) => return Self::of(Kind::Unavailable),
            Refusal::Store(_) | Refusal::Internal(_) => {
                tracing::error!(error = words, "a request failed");
                return Self::of(Kind::Internal);
            }
        };
        Self::detailed(kind, words)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let body = ProblemBody {
            r#type: self.kind.uri(),
            title: self.kind.title(),
            status: status.as_u16(),
            detail: self.detail,
            errors: self
                .errors
                .into_iter()
                .map(|bad| ErrorBody {
                    field: bad.field,
                    problem: bad.problem,
                })
                .collect(),
            version: self.version,
            proposal_id: self.proposal.map(|id| id.to_string()),
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        match self.kind {
            Kind::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Kind::NotCertainYet => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Kind::Unavailable | Kind::InProgress => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
