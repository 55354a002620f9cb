//! Calendars themselves: the primary one of each user, and secondary ones with their data owner.
use super::Ctx;
use super::errors::{Answer, Refusal, no_content, ok};
use super::merge;
use super::methods::Method;
use super::state::{Calendar, Object, Role, Rule, State, User};
use super::time;
use serde_json::{Value, json};

const WRITABLE: [&str; 6] = [
    "summary",
    "description",
    "location",
    "timeZone",
    "labelProperties",
    "workingHours",
];
/// About the 39th calendar in a short time is refused; the time is not documented.
const CREATIONS: usize = 38;
const CREATION_SPAN_US: i64 = 3_600_000_000;

impl State {
    /// A user with a primary calendar; a second call for the same address changes nothing.
    pub(super) fn add_user(&mut self, email: &str, time_zone: &str, now: i64) {
        if self.users.contains_key(email) {
            return;
        }
        let user = User {
            time_zone: time_zone.to_owned(),
            ..User::default()
        };
        self.users.insert(email.to_owned(), user);
        let fields = Object::from_iter([
            ("summary".to_owned(), json!(email)),
            ("timeZone".to_owned(), json!(time_zone)),
        ]);
        let calendar = Calendar {
            fields,
            primary_of: Some(email.to_owned()),
            ..Calendar::default()
        };
        self.place_calendar(email, calendar, email, now);
    }

    fn place_calendar(&mut self, id: &str, mut calendar: Calendar, owner: &str, now: i64) {
        calendar.data_owner = owner.to_owned();
        calendar.stamp = self.stamp(now);
        let rule = Rule {
            role: Some(Role::Owner),
            changed: self.next_position(),
            stamp: calendar.stamp,
        };
        calendar.acl.insert(format!("user:{owner}"), rule);
        self.calendars.insert(id.to_owned(), calendar);
        let fields = Object::from_iter([
            ("selected".to_owned(), json!(true)),
            (
                "defaultReminders".to_owned(),
                json!([{"method": "popup", "minutes": 10}]),
            ),
        ]);
        self.put_entry(owner, id, fields, now);
    }

    fn calendar_resource(&self, id: &str) -> Result<Value, Refusal> {
        let calendar = self.calendar(id)?;
        let mut shown = Object::from_iter([
            ("kind".to_owned(), json!("calendar#calendar")),
            ("etag".to_owned(), json!(format!("\"{}\"", calendar.stamp))),
            ("id".to_owned(), json!(id)),
        ]);
        shown.extend(calendar.fields.clone());
        if calendar.primary_of.is_none() {
            shown.insert("dataOwner".into(), json!(calendar.data_owner));
        }
        let conference = json!({"allowedConferenceSolutionTypes": ["hangoutsMeet"]});
        shown.insert("conferenceProperties".into(), conference);
        Ok(Value::Object(shown))
    }

    /// `calendars.get`.
    pub(super) fn get_calendar(&mut self, ctx: &Ctx<'_>) -> Answer {
        let (id, _) = self.visible(&ctx.user, ctx.segment(1))?;
        let calendar = self.calendar_resource(&id)?;
        if calendar["etag"].as_str().is_some_and(|etag| ctx.is_unchanged(etag)) {
            return super::errors::not_modified();
        }
        ok(calendar)
    }

    /// `calendars.insert`: the token's user becomes the data owner.
    pub(super) fn insert_calendar(&mut self, ctx: &Ctx<'_>) -> Answer {
        let mut fields = calendar_fields(&ctx.body()?, Object::new())?;
        let user = self.users.get_mut(&ctx.user).ok_or_else(Refusal::not_found)?;
        user.creations.retain(|at| ctx.now - at < CREATION_SPAN_US);
        if user.creations.len() >= CREATIONS {
            return Err(Refusal::new(
                403,
                "usageLimits",
                "quotaExceeded",
                "Calendar usage limits exceeded.",
            ));
        }
        user.creations.push(ctx.now);
        fields.entry("timeZone").or_insert_with(|| json!("UTC"));
        let id = format!("{}@group.calendar.google.com", self.make_id());
        let calendar = Calendar {
            fields,
            ..Calendar::default()
        };
        self.place_calendar(&id, calendar, &ctx.user, ctx.now);
        ok(self.calendar_resource(&id)?)
    }

    /// `calendars.update` and `calendars.patch`. A change of nothing leaves the etag.
    pub(super) fn change_calendar(&mut self, ctx: &Ctx<'_>) -> Answer {
        let id = self.owned(&ctx.user, ctx.segment(1))?;
        let calendar = self.calendar(&id)?;
        ctx.check_match(&format!("\"{}\"", calendar.stamp))?;
        let base = match ctx.method {
            Method::CalendarsPatch => calendar.fields.clone(),
            _ => Object::from_iter([(
                "timeZone".to_owned(),
                calendar.fields.get("timeZone").cloned().unwrap_or(json!("UTC")),
            )]),
        };
        let fields = calendar_fields(&ctx.body()?, base)?;
        if fields != calendar.fields {
            let stamp = self.stamp(ctx.now);
            let calendar = self.calendar_mut(&id)?;
            calendar.fields = fields;
            calendar.stamp = stamp;
        }
        ok(self.calendar_resource(&id)?)
    }

    /// `calendars.delete`: secondary calendars, by their data owner only.
    pub(super) fn delete_calendar(&mut self, ctx: &Ctx<'_>) -> Answer {
        let id = self.owned(&ctx.user, ctx.segment(1))?;
        let calendar = self.calendar(&id)?;
        if calendar.primary_of.is_some() {
            return Err(Refusal::new(
                400,
                "calendar",
                "cannotDeletePrimaryCalendar",
                "The primary calendar cannot be deleted.",
            ));
        }
        if calendar.data_owner != ctx.user {
            return Err(Refusal::forbidden("Only the data owner can delete a calendar."));
        }
        self.calendars.remove(&id);
        let users: Vec<String> = self.users.keys().cloned().collect();
        for user in users {
            if self.users[&user].list.contains_key(&id) {
                self.drop_entry(&user, &id, ctx.now);
            }
        }
        no_content()
    }

    /// `calendars.clear`: deletes all events of a primary calendar.
    pub(super) fn clear_calendar(&mut self, ctx: &Ctx<'_>) -> Answer {
        let id = self.owned(&ctx.user, ctx.segment(1))?;
        if self.calendar(&id)?.primary_of.as_deref() != Some(&ctx.user) {
            return Err(Refusal::invalid("Only a primary calendar can be cleared."));
        }
        let live: Vec<String> = self
            .calendar(&id)?
            .events
            .values()
            .filter(|event| event.gone.is_none() && event.series_id().is_none())
            .map(|event| event.id.clone())
            .collect();
        for event in live {
            self.remove_event(&id, &event, ctx.now)?;
        }
        no_content()
    }
}

fn calendar_fields(body: &Object, mut base: Object) -> Result<Object, Refusal> {
    let writable = merge::pick(body, &WRITABLE);
    merge::patch(&mut base, &writable);
    for key in ["labelProperties", "workingHours"] {
        // Replaced whole when present, never merged.
        if let Some(value) = writable.get(key).filter(|value| !value.is_null()) {
            base.insert(key.into(), value.clone());
        }
    }
    for key in ["summary", "description", "location", "timeZone"] {
        if base.get(key).is_some_and(|value| !value.is_string()) {
            return Err(Refusal::invalid_field(key));
        }
    }
    for key in ["description", "location"] {
        if base.get(key) == Some(&json!("")) {
            base.remove(key);
        }
    }
    if base.get("summary").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(Refusal::required("Missing title."));
    }
    let zone = base.get("timeZone").and_then(Value::as_str);
    if zone.is_some_and(|zone| time::zone(zone).is_none()) {
        return Err(Refusal::invalid("Invalid time zone value."));
    }
    Ok(base)
}
