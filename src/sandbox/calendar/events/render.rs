//! Events as a reader sees them: by role, by calendar, in the response's zone, tombstones as stubs.
use super::super::state::{Calendar, Event, Gone, Object, Role};
use super::super::time;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono_tz::Tz;
use serde_json::{Value, json};

/// Who looks at which calendar.
pub struct View<'a> {
    /// Calendar id.
    pub id: &'a str,
    /// The calendar.
    pub calendar: &'a Calendar,
    /// The reader.
    pub user: String,
    /// What the reader may see.
    pub role: Role,
    /// Zone of the response.
    pub zone: Tz,
    /// More attendees than this are left out.
    pub max_attendees: Option<usize>,
}

/// How much of a tombstone is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Details of what was deleted here.
    Full,
    /// Identity only.
    Stub,
    /// As `Stub`, but exceptions lose even the link to their series.
    Sparse,
}

const TIMES: [&str; 7] = [
    "status",
    "start",
    "end",
    "recurrence",
    "recurringEventId",
    "originalStartTime",
    "eventType",
];
const PRIVATE: [&str; 4] = ["iCalUID", "sequence", "transparency", "visibility"];

/// Whether only writers may read its words.
pub fn is_private(event: &Event) -> bool {
    matches!(event.text("visibility"), Some("private" | "confidential"))
}

impl View<'_> {
    /// The event as JSON.
    pub fn render(&self, event: &Event, form: Form) -> Value {
        match event.gone {
            Some(Gone::Withdrawn | Gone::Dropped) => return self.stub(event, form),
            Some(Gone::Deleted) if form != Form::Full && !event.raw => {
                return self.stub(event, form);
            }
            _ => {}
        }
        let mut shown = Object::from_iter([
            ("kind".to_owned(), json!("calendar#event")),
            ("etag".to_owned(), json!(event.etag())),
            ("id".to_owned(), json!(event.id)),
        ]);
        let times_only = self.role == Role::FreeBusyReader;
        let wordless =
            times_only || (is_private(event) && matches!(self.role, Role::Reader | Role::WriterWithoutPrivateAccess));
        for (key, value) in &event.fields {
            let readable =
                !wordless || TIMES.contains(&key.as_str()) || (!times_only && PRIVATE.contains(&key.as_str()));
            if readable {
                shown.insert(key.clone(), self.field(event, key, value));
            }
        }
        if !times_only {
            shown
                .entry("updated")
                .or_insert_with(|| json!(time::millis(event.updated)));
        }
        if wordless && !times_only {
            shown.insert("visibility".into(), json!("private"));
        }
        if !times_only && !event.raw {
            shown.insert("created".into(), json!(time::whole_second(event.created)));
            shown.insert("htmlLink".into(), json!(self.link(event)));
        }
        if !wordless && !event.raw {
            let reminders = event.reminders.get(&self.user).cloned();
            shown.insert(
                "reminders".into(),
                reminders.unwrap_or_else(|| json!({"useDefault": true})),
            );
            self.trim_attendees(event, &mut shown);
        }
        if event.gone.is_some() {
            shown.insert("status".into(), json!("cancelled"));
            shown.remove("recurrence");
        }
        Value::Object(shown)
    }

    /// A tombstone of which only the identity is certain.
    pub fn stub(&self, event: &Event, form: Form) -> Value {
        let of_series = event.series_id().is_some();
        if of_series && form == Form::Sparse {
            return json!({"id": event.id, "status": "cancelled"});
        }
        let mut shown = Object::from_iter([
            ("kind".to_owned(), json!("calendar#event")),
            ("etag".to_owned(), json!(event.etag())),
            ("id".to_owned(), json!(event.id)),
            ("status".to_owned(), json!("cancelled")),
        ]);
        for key in ["recurringEventId", "originalStartTime"] {
            if let Some(value) = event.fields.get(key).filter(|_| of_series) {
                shown.insert(key.into(), self.field(event, key, value));
            }
        }
        Value::Object(shown)
    }

    fn field(&self, event: &Event, key: &str, value: &Value) -> Value {
        match key {
            "start" | "end" | "originalStartTime" => time::shown(value, self.zone),
            "creator" | "organizer" if !event.raw => self.marked(value, "self", self.id),
            "attendees" if !event.raw => {
                let guests = value.as_array().into_iter().flatten();
                let marked = guests
                    .map(|guest| self.marked(&self.marked(guest, "self", self.id), "organizer", event.organizer()));
                marked.collect()
            }
            _ => value.clone(),
        }
    }

    /// `self` and `organizer` are relative to the calendar read, not to the token's user.
    fn marked(&self, person: &Value, mark: &str, address: &str) -> Value {
        let mut person = person.clone();
        if person["email"] == address && !address.is_empty() {
            person[mark] = json!(true);
        }
        person
    }

    fn trim_attendees(&self, event: &Event, shown: &mut Object) {
        let Some(Value::Array(guests)) = shown.get_mut("attendees") else {
            return;
        };
        let too_many = self.max_attendees.is_some_and(|most| guests.len() > most);
        let hidden = event.fields.get("guestsCanSeeOtherGuests") == Some(&json!(false)) && event.organizer() != self.id;
        if too_many || hidden {
            guests.retain(|guest| guest["self"] == true);
            if guests.is_empty() {
                shown.remove("attendees");
            }
            shown.insert("attendeesOmitted".into(), json!(true));
        }
    }

    fn link(&self, event: &Event) -> String {
        let calendar = match self.id.strip_suffix("@gmail.com") {
            Some(name) => format!("{name}@m"),
            None => self.id.to_owned(),
        };
        let eid = URL_SAFE_NO_PAD.encode(format!("{} {calendar}", event.id));
        format!("https://www.google.com/calendar/event?eid={eid}")
    }
}
