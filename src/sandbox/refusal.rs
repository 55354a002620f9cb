//! Google's own refusals, word for word, in both envelopes of the Calendar API.
//!
//! The back end answers without `status` (envelope A); the front end, which guards credentials and enablement, answers
//! with `status` and often `details` (envelope B). A client has to parse both.
use super::answer::{Answer, Content};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const SERVICE: &str = "calendar-json.googleapis.com";
const PROJECT: &str = "336992806363";
const CREDENTIAL_HELP: &str = "Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";

/// In which form a used-up quota is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum QuotaForm {
    /// 403 in envelope A, as documented.
    #[default]
    #[serde(rename = "old")]
    Old,
    /// 403 in envelope B with `RATE_LIMIT_EXCEEDED`.
    #[serde(rename = "new")]
    New,
    /// 429 in envelope A.
    #[serde(rename = "429")]
    TooManyRequests,
}

/// Envelope A: the Calendar back end.
pub fn back_end(status: u16, domain: &str, reason: &str, message: &str) -> Answer {
    Answer::json(
        status,
        json!({"error": {"errors": [{"domain": domain, "reason": reason, "message": message}], "code": status, "message": message}}),
    )
}

/// Envelope A about one query parameter.
pub fn bad_parameter(location: &str, reason: &str, message: &str) -> Answer {
    let mut answer = back_end(400, "global", reason, message);
    if let Content::Json(body) = &mut answer.content {
        body["error"]["errors"][0]["locationType"] = json!("parameter");
        body["error"]["errors"][0]["location"] = json!(location);
    }
    answer
}

/// 401, envelope B: a credential was sent and is not (or no longer) good.
pub fn invalid_credentials() -> Answer {
    let message = format!("Request had invalid authentication credentials. {CREDENTIAL_HELP}");
    unauthenticated(&message, "Invalid Credentials", "authError").with_header(
        "www-authenticate",
        "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"",
    )
}

/// 401, envelope B: no credential was sent.
pub fn login_required() -> Answer {
    let message = format!("Request is missing required authentication credential. {CREDENTIAL_HELP}");
    unauthenticated(&message, "Login Required", "required")
        .with_header("www-authenticate", "Bearer realm=\"https://accounts.google.com/\"")
}

fn unauthenticated(message: &str, short: &str, reason: &str) -> Answer {
    Answer::json(
        401,
        json!({"error": {"code": 401, "message": message,
            "errors": [{"message": short, "domain": "global", "reason": reason, "location": "Authorization", "locationType": "header"}],
            "status": "UNAUTHENTICATED"}}),
    )
}

/// 403, envelope B: the token lacks the scope. `method` is e.g. `calendar.v3.Events.Insert`, absent outside Calendar.
pub fn insufficient_scope(method: Option<&str>) -> Answer {
    let mut metadata = json!({"service": SERVICE});
    if let Some(method) = method {
        metadata["method"] = json!(method);
    }
    Answer::json(
        403,
        json!({"error": {"code": 403, "message": "Request had insufficient authentication scopes.",
            "errors": [{"message": "Insufficient Permission", "domain": "global", "reason": "insufficientPermissions"}],
            "status": "PERMISSION_DENIED",
            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                "domain": "googleapis.com", "metadata": metadata}]}}),
    )
}

/// 403, envelope B: the operator has not enabled the API.
pub fn api_disabled() -> Answer {
    let url = format!("https://console.developers.google.com/apis/api/{SERVICE}/overview?project={PROJECT}");
    let message = format!(
        "Google Calendar API has not been used in project {PROJECT} before or it is disabled. Enable it by visiting {url} then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry."
    );
    Answer::json(
        403,
        json!({"error": {"code": 403, "message": message,
            "errors": [{"message": message, "domain": "usageLimits", "reason": "accessNotConfigured", "extendedHelp": "https://console.developers.google.com"}],
            "status": "PERMISSION_DENIED",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"description": "Google developers console API activation", "url": url}]},
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED", "domain": "googleapis.com",
                 "metadata": {"consumer": format!("projects/{PROJECT}"), "service": SERVICE}}]}}),
    )
}

/// A used-up quota: `limit` is units a minute, `per_user` says whose.
pub fn quota_exhausted(form: QuotaForm, per_user: bool, limit: u32) -> Answer {
    let (reason, message) = if per_user {
        ("userRateLimitExceeded", "User Rate Limit Exceeded")
    } else {
        ("rateLimitExceeded", "Rate Limit Exceeded")
    };
    match form {
        QuotaForm::Old => back_end(403, "usageLimits", reason, message),
        QuotaForm::TooManyRequests => back_end(429, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded"),
        QuotaForm::New => rate_limit_of_the_front_end(per_user, limit),
    }
}

fn rate_limit_of_the_front_end(per_user: bool, limit: u32) -> Answer {
    let (quota_limit, words) = if per_user {
        ("defaultPerMinutePerUser", "Queries per minute per user")
    } else {
        ("defaultPerMinutePerProject", "Queries per minute")
    };
    let message = format!(
        "Quota exceeded for quota metric 'Queries' and limit '{words}' of service '{SERVICE}' for consumer 'project_number:{PROJECT}'."
    );
    Answer::json(
        403,
        json!({"error": {"code": 403, "message": message,
            "errors": [{"message": message, "domain": "usageLimits", "reason": "rateLimitExceeded"}],
            "status": "PERMISSION_DENIED",
            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED", "domain": "googleapis.com",
                "metadata": {"consumer": format!("projects/{PROJECT}"), "service": SERVICE, "quota_metric": "calendar-json.googleapis.com/default",
                    "quota_location": "global", "quota_limit": quota_limit, "quota_limit_value": limit.to_string()}}]}}),
    )
}

/// One of Google's own refusals by the name that a fault gives it; People's begin with `people_`.
pub fn named(name: &str) -> Option<Answer> {
    Some(match name {
        "rateLimitExceeded" => back_end(403, "usageLimits", name, "Rate Limit Exceeded"),
        "userRateLimitExceeded" => back_end(403, "usageLimits", name, "User Rate Limit Exceeded"),
        "quotaExceeded" => back_end(403, "usageLimits", name, "Calendar usage limits exceeded."),
        "dailyLimitExceeded" => back_end(403, "usageLimits", name, "Daily Limit Exceeded"),
        "rate_limit_new" => rate_limit_of_the_front_end(true, 600),
        "429" => back_end(429, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded"),
        "backendError" => back_end(503, "global", name, "Backend Error"),
        "accessNotConfigured" => api_disabled(),
        "authError" => invalid_credentials(),
        "forbidden" => back_end(403, "global", name, "Forbidden"),
        name => return super::people::errors::named(name).map(|refusal| super::api::people::shown(refusal.into())),
    })
}

/// An OAuth error (RFC 6749, 5.2).
pub fn oauth(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, json!({"error": error, "error_description": description}))
}

/// What a garbage fault sends: it begins like an answer and is not JSON.
pub fn garbage() -> Answer {
    let text = "{\"kind\": \"calendar#events\", \"items\": [{\"id\": \u{1a}";
    Answer {
        status: 200,
        headers: Vec::new(),
        content: Content::Text("application/json; charset=UTF-8".to_owned(), text.to_owned()),
    }
}

/// What an empty-object fault sends.
pub fn empty_object() -> Answer {
    Answer::json(200, Value::Object(serde_json::Map::new()))
}
