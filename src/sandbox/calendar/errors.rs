//! Google's refusals, word for word where a recorded one exists.
//!
//! Two envelopes leave this service: the Calendar back end's (A: `errors` then `code`, no `status`) and, for missing
//! scopes only, the front end's (B: with `status` and `details`). Nothing here decides when to refuse.
use super::super::params::{BadParameter, Fault};
use super::super::wire::Reply;
use serde_json::{Value, json};

/// A refusal, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    status: u16,
    body: Option<Value>,
}

/// What every operation answers.
pub type Answer = Result<Reply, Refusal>;

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Reply {
            status: refusal.status,
            body: refusal.body,
        }
    }
}

/// Google ignores parameters it does not know; a typo would then pass every test, so this service refuses them.
impl From<BadParameter> for Refusal {
    fn from(BadParameter { name, value, fault }: BadParameter) -> Self {
        let (reason, message) = match fault {
            Fault::Unknown => ("invalidParameter", format!("Unknown parameter: {name}")),
            Fault::Repeated => ("invalidParameter", format!("Parameter given more than once: {name}")),
            Fault::Missing => ("required", format!("Required parameter: {name}")),
            Fault::Flag => ("invalidParameter", format!("Invalid boolean value: '{value}'.")),
            Fault::Integer => ("invalidParameter", format!("Invalid integer value: '{value}'.")),
            Fault::Range(low, high) => (
                "invalidParameter",
                format!("Invalid value '{value}'. Values must be within the range: [{low}, {high}]"),
            ),
            Fault::Word(words) => (
                "invalidParameter",
                format!(
                    "Invalid string value: '{value}'. Allowed values: [{}]",
                    words.join(", ")
                ),
            ),
            Fault::Instant => ("badRequest", "Bad Request".to_owned()),
        };
        Refusal::parameter(reason, &message, &name)
    }
}

/// 200 with a body.
pub fn ok(body: Value) -> Answer {
    Ok(Reply {
        status: 200,
        body: Some(body),
    })
}

/// 204 without a body: Calendar's answer to every delete.
pub fn no_content() -> Answer {
    Ok(Reply {
        status: 204,
        body: None,
    })
}

/// 304 without a body: the `If-None-Match` of a get was current.
pub fn not_modified() -> Answer {
    Ok(Reply {
        status: 304,
        body: None,
    })
}

impl Refusal {
    /// Envelope A.
    pub fn new(status: u16, domain: &str, reason: &str, message: &str) -> Self {
        let item = json!({"domain": domain, "reason": reason, "message": message});
        Self::with_item(status, item, message)
    }

    fn with_item(status: u16, item: Value, message: &str) -> Self {
        let body = json!({"error": {"errors": [item], "code": status, "message": message}});
        Self {
            status,
            body: Some(body),
        }
    }

    /// Envelope A with the place of the fault.
    pub fn located(
        status: u16,
        (domain, reason): (&str, &str),
        message: &str,
        (location_type, location): (&str, &str),
    ) -> Self {
        let item = json!({
            "domain": domain, "reason": reason, "message": message,
            "locationType": location_type, "location": location,
        });
        Self::with_item(status, item, message)
    }

    /// 400 `invalid`.
    pub fn invalid(message: &str) -> Self {
        Self::new(400, "global", "invalid", message)
    }

    /// 400 `invalid` for a body field.
    pub fn invalid_field(field: &str) -> Self {
        Self::invalid(&format!("Invalid value for: {field}"))
    }

    /// 400 `required`.
    pub fn required(message: &str) -> Self {
        Self::new(400, "global", "required", message)
    }

    /// 400 about one query parameter.
    pub fn parameter(reason: &str, message: &str, name: &str) -> Self {
        Self::located(400, ("global", reason), message, ("parameter", name))
    }

    /// 404: absent, or not for this user.
    pub fn not_found() -> Self {
        Self::new(404, "global", "notFound", "Not Found")
    }

    /// 410 of a second delete.
    pub fn deleted() -> Self {
        Self::new(410, "global", "deleted", "Resource has been deleted")
    }

    /// 409: the id, or the iCalUID, is taken; tombstones count.
    pub fn duplicate() -> Self {
        Self::new(409, "global", "duplicate", "The requested identifier already exists.")
    }

    /// 412 of a stale `If-Match`.
    pub fn condition_not_met() -> Self {
        Self::located(
            412,
            ("global", "conditionNotMet"),
            "Precondition Failed",
            ("header", "If-Match"),
        )
    }

    /// 403 `forbidden`.
    pub fn forbidden(message: &str) -> Self {
        Self::new(403, "global", "forbidden", message)
    }

    /// 403 of a role that is too low.
    pub fn access_level(level: &str) -> Self {
        let message = format!("You need to have {level} access to this calendar.");
        Self::new(403, "calendar", "requiredAccessLevel", &message)
    }

    /// 403 of a guest who touches what belongs to the organizer.
    pub fn not_organizer() -> Self {
        Self::new(
            403,
            "calendar",
            "forbiddenForNonOrganizer",
            "Shared properties can only be changed by the organizer of the event.",
        )
    }

    /// An event type that forbids the operation. The exact text is not recorded.
    pub fn event_type(status: u16) -> Self {
        Self::new(
            status,
            "calendar",
            "eventTypeRestriction",
            "The operation is not allowed for this type of event.",
        )
    }

    /// 400 of a sequence below the stored one.
    pub fn sequence() -> Self {
        Self::invalid(
            "Invalid sequence value. The specified sequence number is below the current sequence number of the \
             resource. Re-fetch the resource and use its sequence number on the following request.",
        )
    }

    /// 400 of `end <= start`, or of an empty query window.
    pub fn empty_range() -> Self {
        Self::new(400, "calendar", "timeRangeEmpty", "The specified time range is empty.")
    }

    /// 410: the sync token has expired.
    pub fn full_sync_required() -> Self {
        Self::located(
            410,
            ("calendar", "fullSyncRequired"),
            "Sync token is no longer valid, a full sync is required.",
            ("parameter", "syncToken"),
        )
    }

    /// 400: that is no sync token of this stream.
    pub fn sync_token() -> Self {
        Self::parameter("invalid", "Invalid sync token value.", "syncToken")
    }

    /// 400: a sync token beside a filter, or beside other parameters than the first call had.
    pub fn sync_restrictions() -> Self {
        Self::parameter(
            "syncTokenWithRequestRestrictions",
            "Sync token cannot be used with other request restrictions.",
            "syncToken",
        )
    }

    /// 403, envelope B: the token's scopes do not allow `method` (such as `calendar.v3.Events.Insert`).
    pub fn scope(method: &str) -> Self {
        let body = json!({"error": {
            "code": 403,
            "message": "Request had insufficient authentication scopes.",
            "errors": [{
                "message": "Insufficient Permission", "domain": "global", "reason": "insufficientPermissions",
            }],
            "status": "PERMISSION_DENIED",
            "details": [{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                "domain": "googleapis.com",
                "metadata": {"service": "calendar-json.googleapis.com", "method": method},
            }],
        }});
        Self {
            status: 403,
            body: Some(body),
        }
    }
}
