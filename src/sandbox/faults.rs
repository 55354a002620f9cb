//! Faults: what goes wrong next, and for which requests.
//!
//! A fault is a rule (which requests, after how many, how often) and an action. Rules are tried in the order they were
//! set; a request meets at most one. Persons (`person:` tokens) never meet any.
use super::{
    answer::{Answer, Content},
    refusal,
    request::Request,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutPoint {
    /// Before the work: nothing happened.
    Before,
    /// After the work was done: the client cannot know.
    After,
    /// After the work, in the middle of the body.
    Body,
}

/// What happens to the request, beside a possible delay.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Only the delay.
    Nothing,
    /// This answer, and no work.
    Instead(Answer),
    /// The work, then this answer.
    After(Answer),
    /// No reply.
    Cut(CutPoint),
}

/// A fault as it meets one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Slept (real time) before anything else.
    pub delay: Duration,
    /// What then happens.
    pub outcome: Outcome,
    /// The action as it was set, for the request log.
    pub action: Value,
}

/// A rule as it is set and listed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// HTTP method; any when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// Part of the path, or, with `*` for any text, the whole path.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Part of the query, e.g. `syncToken=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    /// Only requests with a token of this user, refreshing one included.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// So many matching requests go through first.
    #[serde(default)]
    skip: u32,
    /// So many matching requests are hit.
    #[serde(default = "once")]
    times: u32,
    /// What happens to them.
    action: Value,
}

fn once() -> u32 {
    1
}

/// The rules that are left.
#[derive(Debug, Default)]
pub struct Faults(Vec<Rule>);

impl Faults {
    /// Adds one rule or a list of them; nothing is added when one of them is not understood.
    pub fn add(&mut self, body: Value) -> Result<(), String> {
        let list = if body.is_array() { body } else { json!([body]) };
        let rules: Vec<Rule> = serde_json::from_value(list).map_err(|error| error.to_string())?;
        for rule in &rules {
            parse_action(&rule.action, false)?;
        }
        self.0.extend(rules);
        Ok(())
    }

    /// What is left, as it could be set again.
    pub fn left(&self) -> Value {
        json!(self.0)
    }

    /// Forgets all rules.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault that this request meets, if any; it is used up by one.
    pub fn meet(&mut self, request: &Request, user: Option<&str>) -> Option<Fault> {
        let met = self.0.iter_mut().find_map(|rule| {
            if !rule.matches(request, user) {
                return None;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                return None;
            }
            rule.times = rule.times.checked_sub(1)?;
            Some(rule.action.clone())
        });
        self.0.retain(|rule| rule.times > 0);
        let people = super::api::people::is_people(&request.path);
        met.and_then(|action| parse_action(&action, people).ok())
    }
}

impl Rule {
    fn matches(&self, request: &Request, user: Option<&str>) -> bool {
        let path_fits = self.path.as_ref().is_none_or(|pattern| {
            let fits = |path: &str| {
                if pattern.contains('*') {
                    glob(pattern, path)
                } else {
                    path.contains(pattern)
                }
            };
            fits(&request.path) || fits(&request.readable_path())
        });
        path_fits
            && self
                .method
                .as_ref()
                .is_none_or(|method| method.eq_ignore_ascii_case(request.method.as_str()))
            && self
                .query
                .as_ref()
                .is_none_or(|part| request.raw_query.contains(part.as_str()))
            && self
                .user
                .as_ref()
                .is_none_or(|wanted| user.is_some_and(|user| user.eq_ignore_ascii_case(wanted)))
    }
}

/// Whether `text` is `pattern`, where `*` stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, rest)) => text
            .strip_prefix(before)
            .is_some_and(|tail| (0..=tail.len()).any(|at| tail.is_char_boundary(at) && glob(rest, &tail[at..]))),
    }
}

/// `people` says whose words an answer without a body has.
fn parse_action(action: &Value, people: bool) -> Result<Fault, String> {
    let mut keys = action.as_object().cloned().ok_or("an action is an object")?;
    let delay = match keys.remove("delay_ms") {
        None => None,
        Some(value) => Some(value.as_u64().ok_or("delay_ms is a number of milliseconds")?),
    };
    let outcome = if let Some(cut) = keys.remove("cut") {
        Outcome::Cut(match cut.as_str() {
            Some("before") => CutPoint::Before,
            Some("after") => CutPoint::After,
            Some("body") => CutPoint::Body,
            _ => return Err("cut is before, after or body".into()),
        })
    } else if let Some(after) = keys.remove("after") {
        let mut after = after.as_object().cloned().ok_or("after holds an answer")?;
        let answer = take_answer(&mut after, people)?.ok_or("after needs status or refuse")?;
        nothing_left(&after)?;
        Outcome::After(answer)
    } else if keys.remove("garbage").is_some_and(|on| on == true) {
        Outcome::After(refusal::garbage())
    } else if keys.remove("empty_json").is_some_and(|on| on == true) {
        Outcome::After(refusal::empty_object())
    } else if let Some(answer) = take_answer(&mut keys, people)? {
        Outcome::Instead(answer)
    } else if delay.is_some() {
        Outcome::Nothing
    } else {
        return Err("an action needs status, refuse, after, delay_ms, cut, garbage or empty_json".into());
    };
    nothing_left(&keys)?;
    Ok(Fault {
        delay: Duration::from_millis(delay.unwrap_or(0)),
        outcome,
        action: action.clone(),
    })
}

fn nothing_left(keys: &Map<String, Value>) -> Result<(), String> {
    keys.keys()
        .next()
        .map_or(Ok(()), |key| Err(format!("`{key}` does not belong here")))
}

/// Takes `status`/`refuse`, `body`, `headers`, `retry_after` out of `keys`; `None` when no answer is described.
fn take_answer(keys: &mut Map<String, Value>, people: bool) -> Result<Option<Answer>, String> {
    let mut answer = if let Some(name) = keys.remove("refuse") {
        let name = name.as_str().ok_or("refuse is a name")?.to_owned();
        refusal::named(&name).ok_or_else(|| format!("`{name}` is no refusal of Google's"))?
    } else if let Some(status) = keys.remove("status") {
        let status = status
            .as_u64()
            .and_then(|status| u16::try_from(status).ok())
            .filter(|s| (200..600).contains(s));
        let status = status.ok_or("status is a number from 200 to 599")?;
        match keys.remove("body") {
            None if status == 204 || status == 304 => Answer {
                status,
                headers: Vec::new(),
                content: Content::Empty,
            },
            None => match status {
                500..600 if people => people_error(status),
                500..600 => refusal::back_end(status, "global", "backendError", "Backend Error"),
                _ => Answer::json(status, json!({})),
            },
            Some(Value::String(text)) if text == "html" => Answer::plain_page(status),
            Some(Value::String(text)) => Answer::html(status, text),
            Some(body) => Answer::json(status, body),
        }
    } else {
        return Ok(None);
    };
    if let Some(headers) = keys.remove("headers") {
        for (name, value) in headers.as_object().ok_or("headers is an object of texts")? {
            answer = answer.with_header(name, value.as_str().ok_or("headers is an object of texts")?);
        }
    }
    if let Some(after) = keys.remove("retry_after") {
        let seconds = after
            .as_str()
            .map(str::to_owned)
            .or_else(|| after.as_u64().map(|number| number.to_string()));
        answer = answer.with_header(
            "retry-after",
            seconds.ok_or("retry_after is a number of seconds or a date")?,
        );
    }
    Ok(Some(answer))
}

/// A server error in the People API's envelope.
fn people_error(status: u16) -> Answer {
    let name = if status == 500 {
        "people_internal"
    } else {
        "people_unavailable"
    };
    let mut answer = refusal::named(name).unwrap_or_else(|| Answer::plain_page(status));
    answer.status = status;
    if let Content::Json(body) = &mut answer.content {
        body["error"]["code"] = json!(status);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderMap, Method};

    fn request(method: Method, path: &str) -> Request {
        Request::new(method, path.into(), String::new(), HeaderMap::new(), Vec::new())
    }

    #[test]
    fn a_rule_skips_then_hits_then_is_gone() {
        let mut faults = Faults::default();
        faults
            .add(json!({"method": "PATCH", "path": "/events/", "skip": 1, "times": 2, "action": {"status": 503}}))
            .unwrap();
        let patch = request(Method::PATCH, "/calendar/v3/calendars/a/events/b");
        assert!(
            faults
                .meet(&request(Method::GET, "/calendar/v3/calendars/a/events/b"), None)
                .is_none()
        );
        assert!(faults.meet(&patch, None).is_none());
        assert!(faults.meet(&patch, None).is_some());
        assert!(faults.meet(&patch, None).is_some());
        assert!(faults.meet(&patch, None).is_none());
        assert_eq!(faults.left(), json!([]));
    }

    #[test]
    fn a_star_makes_the_pattern_cover_the_whole_path() {
        assert!(glob("/calendar/*/events", "/calendar/v3/calendars/a/events"));
        assert!(!glob("/calendar/*/events", "/calendar/v3/calendars/a/events/b"));
        assert!(glob("*é*", "aéb"));
    }

    #[test]
    fn an_action_that_is_not_understood_is_refused_whole() {
        let mut faults = Faults::default();
        for action in [
            json!({"stauts": 503}),
            json!({"status": 99}),
            json!({"refuse": "lazy"}),
            json!({"cut": "here"}),
        ] {
            assert!(
                faults
                    .add(json!([{"action": {"status": 500}}, {"action": action}]))
                    .is_err()
            );
        }
        assert_eq!(faults.left(), json!([]));
    }
}
