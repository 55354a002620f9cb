//! Placeholder of the Calendar service: just enough for the front to be built and tried against.
use super::wire::{Call, Reply};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Events by (calendar, id).
#[derive(Default)]
pub struct CalendarService {
    events: BTreeMap<(String, String), Value>,
}

impl CalendarService {
    /// An empty service.
    pub fn new() -> Self {
        Self::default()
    }

    /// A user's primary calendar needs nothing here.
    pub fn add_user(&mut self, _email: &str, _time_zone: &str, _now_us: i64) {}

    /// One call.
    pub fn handle(&mut self, call: &Call) -> Reply {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let own = |calendar: &str| {
            if calendar == "primary" {
                call.user.clone()
            } else {
                calendar.to_owned()
            }
        };
        let error = |status: u16, reason: &str, message: &str| Reply {
            status,
            body: Some(
                json!({"error": {"errors": [{"domain": "global", "reason": reason, "message": message}], "code": status, "message": message}}),
            ),
        };
        let ok = |body: Value| Reply {
            status: 200,
            body: Some(body),
        };
        if path.contains(&"events")
            && !call
                .scopes
                .iter()
                .any(|s| s.ends_with("/calendar") || s.ends_with("/calendar.events"))
        {
            return Reply {
                status: 403,
                body: Some(
                    json!({"error": {"code": 403, "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}], "status": "PERMISSION_DENIED"}}),
                ),
            };
        }
        let sent: Value = serde_json::from_slice(&call.body).unwrap_or_else(|_| json!({}));
        match (call.method.as_str(), path.as_slice()) {
            ("GET", ["users", "me", "calendarList"]) => {
                ok(json!({"kind": "calendar#calendarList", "items": [
                {"id": call.user, "summary": call.user, "timeZone": "UTC", "accessRole": "owner", "primary": true}]}))
            }
            ("GET", ["users", "me", "calendarList", id]) => {
                ok(json!({"id": id, "timeZone": "UTC"}))
            }
            ("GET", ["calendars", calendar, "events"]) => {
                let calendar = own(calendar);
                let items: Vec<&Value> = self
                    .events
                    .iter()
                    .filter(|((held, _), _)| *held == calendar)
                    .map(|(_, event)| event)
                    .collect();
                ok(
                    json!({"kind": "calendar#events", "etag": "\"1\"", "summary": calendar, "timeZone": "UTC", "items": items}),
                )
            }
            ("POST", ["calendars", calendar, "events"]) => {
                let mut event = sent;
                let id = event["id"]
                    .as_str()
                    .map_or_else(|| format!("{:026}", self.events.len()), str::to_owned);
                event["id"] = json!(id);
                event["kind"] = json!("calendar#event");
                event["status"] = json!("confirmed");
                event["etag"] = json!(format!("\"{}\"", call.now_us * 2));
                if self.events.contains_key(&(own(calendar), id.clone())) {
                    return error(409, "duplicate", "The requested identifier already exists.");
                }
                self.events.insert((own(calendar), id), event.clone());
                ok(event)
            }
            (method @ ("GET" | "PATCH" | "DELETE"), ["calendars", calendar, "events", id]) => {
                let key = (own(calendar), (*id).to_owned());
                let Some(event) = self.events.get_mut(&key) else {
                    return error(404, "notFound", "Not Found");
                };
                if method == "DELETE" {
                    self.events.remove(&key);
                    return Reply {
                        status: 204,
                        body: None,
                    };
                }
                if let (Some(held), Some(sent)) = (event.as_object_mut(), sent.as_object()) {
                    held.extend(sent.clone());
                }
                ok(event.clone())
            }
            ("GET", ["calendars", _, "events", _, "instances"]) => {
                ok(json!({"kind": "calendar#events", "items": []}))
            }
            _ => error(404, "notFound", "Not Found"),
        }
    }

    /// No switches.
    pub fn control(&mut self, command: &str, _body: &Value, _now_us: i64) -> Result<Value, String> {
        Err(format!("no command calendar/{command}"))
    }
}
