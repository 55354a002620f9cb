//! What a writer may say about an event: which fields, of which type, with which defaults.
//!
//! A body goes through [`known`] (fields and types), is merged by the caller, and the whole event through [`settle`],
//! which refuses what Google refuses and brings the rest into canonical form: defaults absent, times in UTC.
use super::super::super::params::Params;
use super::super::errors::Refusal;
use super::super::recurrence::Series;
use super::super::state::Object;
use super::super::time::{self, When};
use super::special;
use chrono_tz::Tz;
use serde_json::{Value, json};

const TEXTS: [&str; 10] = [
    "summary",
    "description",
    "location",
    "colorId",
    "status",
    "visibility",
    "transparency",
    "eventType",
    "id",
    "iCalUID",
];
const FLAGS: [&str; 7] = [
    "anyoneCanAddSelf",
    "guestsCanInviteOthers",
    "guestsCanModify",
    "guestsCanSeeOtherGuests",
    "privateCopy",
    "attendeesOmitted",
    "endTimeUnspecified",
];
const OBJECTS: [&str; 10] = [
    "start",
    "end",
    "extendedProperties",
    "reminders",
    "source",
    "organizer",
    "birthdayProperties",
    "focusTimeProperties",
    "outOfOfficeProperties",
    "workingLocationProperties",
];
/// Fixed when the event is created.
pub const IMMUTABLE: [&str; 11] = [
    "iCalUID",
    "eventType",
    "recurringEventId",
    "originalStartTime",
    "creator",
    "organizer",
    "privateCopy",
    "birthdayProperties",
    "focusTimeProperties",
    "outOfOfficeProperties",
    "workingLocationProperties",
];
/// Written only by calls that announce that they know them; others keep what is stored.
pub const GUARDED: [&str; 4] = ["conferenceData", "attachments", "eventLabelId", "hangoutLink"];

/// The writable fields of a body, type-checked; read-only and unknown ones are ignored, as Google does.
pub fn known(body: &Object, params: &Params) -> Result<Object, Refusal> {
    let announced = |name: &str| params.text(name) == Some("1");
    let mut fields = Object::new();
    for (key, value) in body {
        let key = key.as_str();
        let fits = if value.is_null() {
            true
        } else if TEXTS.contains(&key) {
            value.is_string()
        } else if FLAGS.contains(&key) {
            value.is_boolean()
        } else if OBJECTS.contains(&key) {
            value.is_object()
        } else {
            match key {
                "sequence" => value.as_u64().is_some_and(|n| n <= i32::MAX as u64),
                "recurrence" => value.as_array().is_some_and(|lines| lines.iter().all(Value::is_string)),
                "attendees" | "attachments" => value.as_array().is_some_and(|all| all.iter().all(Value::is_object)),
                "conferenceData" => value.is_object(),
                "eventLabelId" => value.is_string(),
                _ => continue,
            }
        };
        if !fits {
            return Err(Refusal::invalid_field(key));
        }
        let written = match key {
            "conferenceData" => announced("conferenceDataVersion"),
            "eventLabelId" => announced("eventLabelVersion"),
            "colorId" => !announced("eventLabelVersion"),
            "attachments" => params.flag("supportsAttachments"),
            _ => true,
        };
        if written {
            fields.insert(key.to_owned(), value.clone());
        }
    }
    Ok(fields)
}

/// What [`settle`] must know of the place.
pub struct Place {
    /// Its zone.
    pub zone: Tz,
    /// Whether it is somebody's primary calendar.
    pub primary: bool,
}

/// Takes the reminders out of merged fields and checks them; they belong to a user, not to the event.
pub fn take_reminders(fields: &mut Object) -> Result<Value, Refusal> {
    let mut reminders = match fields.remove("reminders") {
        Some(Value::Object(reminders)) => reminders,
        _ => return Ok(json!({"useDefault": true})),
    };
    let default = reminders.get("useDefault").and_then(Value::as_bool).unwrap_or(false);
    let overrides = reminders
        .get("overrides")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if default && !overrides.is_empty() {
        return Err(Refusal::new(
            400,
            "calendar",
            "cannotUseDefaultRemindersAndSpecifyOverride",
            "Cannot specify both default reminders and overrides at the same time.",
        ));
    }
    let valid = |one: &Value| {
        matches!(one["method"].as_str(), Some("email" | "popup"))
            && one["minutes"].as_u64().is_some_and(|minutes| minutes <= 40320)
    };
    if overrides.len() > 5 || !overrides.iter().all(valid) {
        return Err(Refusal::invalid_field("reminders.overrides"));
    }
    reminders.insert("useDefault".into(), json!(default));
    if overrides.is_empty() {
        reminders.remove("overrides");
    }
    Ok(Value::Object(reminders))
}

/// Checks a whole event and makes it canonical. The missing end is looked for before everything else.
pub fn settle(fields: &mut Object, place: &Place) -> Result<(), Refusal> {
    times(fields, place.zone)?;
    let one_of = |key: &str, words: &[&str]| match fields.get(key).and_then(Value::as_str) {
        Some(word) if !words.contains(&word) => Err(Refusal::invalid_field(key)),
        _ => Ok(()),
    };
    one_of("status", &["confirmed", "tentative", "cancelled"])?;
    one_of("visibility", &["default", "public", "private", "confidential"])?;
    one_of("transparency", &["opaque", "transparent"])?;
    if let Some(color) = fields.get("colorId").and_then(Value::as_str)
        && !color.parse::<u8>().is_ok_and(|id| (1..=11).contains(&id))
    {
        return Err(Refusal::invalid_field("colorId"));
    }
    if let Some(source) = fields.get("source") {
        let url = source["url"].as_str().unwrap_or_default();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Refusal::invalid_field("source.url"));
        }
    }
    if fields
        .get("attachments")
        .and_then(Value::as_array)
        .is_some_and(|all| all.len() > 25)
    {
        return Err(Refusal::invalid_field("attachments"));
    }
    guests(fields)?;
    properties(fields)?;
    fields.entry("status").or_insert_with(|| json!("confirmed"));
    fields.entry("eventType").or_insert_with(|| json!("default"));
    fields.entry("sequence").or_insert_with(|| json!(0));
    special::check(fields, place)?;
    if let Some(Value::String(text)) = fields.get_mut("description") {
        *text = without_meet_block(text);
    }
    fields.remove("attendeesOmitted");
    fields.retain(|key, value| !is_default(key, value));
    Ok(())
}

fn is_default(key: &str, value: &Value) -> bool {
    match key {
        "summary" | "description" | "location" | "eventLabelId" => *value == "",
        "transparency" => *value == "opaque",
        "visibility" => *value == "default",
        "guestsCanInviteOthers" | "guestsCanSeeOtherGuests" => *value == true,
        "guestsCanModify" | "anyoneCanAddSelf" | "privateCopy" | "endTimeUnspecified" => *value == false,
        "attendees" | "recurrence" | "attachments" => *value == json!([]),
        "extendedProperties" => *value == json!({}),
        _ => value.is_null(),
    }
}

fn times(fields: &mut Object, calendar_zone: Tz) -> Result<(), Refusal> {
    let written = |key: &str| match fields.get(key) {
        Some(Value::Object(object)) if !object.is_empty() => time::written(object, key),
        _ => Err(Refusal::required(&format!("Missing {key} time."))),
    };
    let end = written("end")?;
    let start = written("start")?;
    if matches!(start.when, When::Day(_)) != matches!(end.when, When::Day(_)) {
        return Err(Refusal::invalid(
            "Start and end times must either both be date or both be dateTime.",
        ));
    }
    let lines: Vec<String> = match fields.get("recurrence") {
        Some(Value::Array(lines)) => lines.iter().filter_map(|l| l.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    if !lines.is_empty() && matches!(start.when, When::At(_)) && start.zone.is_none() {
        return Err(Refusal::required("Missing time zone definition for start time."));
    }
    if end.when <= start.when {
        return Err(Refusal::empty_range());
    }
    let zone = start.zone.unwrap_or(calendar_zone);
    if !lines.is_empty() {
        Series::read(&lines, start.when, zone)?;
    }
    let end_zone = end.zone.unwrap_or(zone);
    fields.insert("start".into(), start.when.field(zone.name()));
    fields.insert("end".into(), end.when.field(end_zone.name()));
    Ok(())
}

fn guests(fields: &mut Object) -> Result<(), Refusal> {
    let organizer = fields
        .get("organizer")
        .and_then(|o| o["email"].as_str())
        .map(str::to_owned);
    let Some(Value::Array(guests)) = fields.get_mut("attendees") else {
        fields.remove("attendees");
        return Ok(());
    };
    let mut seen: Vec<Value> = Vec::new();
    for guest in guests.drain(..) {
        let guest = settled_guest(&guest, organizer.as_deref())?;
        if !seen.iter().any(|other| other["email"] == guest["email"]) {
            seen.push(guest);
        }
    }
    *guests = seen;
    Ok(())
}

fn settled_guest(guest: &Value, organizer: Option<&str>) -> Result<Value, Refusal> {
    let email = guest["email"].as_str().map(str::to_lowercase);
    let email = email.ok_or_else(|| Refusal::required("Missing attendee email."))?;
    let valid = email.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty() && !domain.is_empty() && !domain.contains('@') && !email.contains(char::is_whitespace)
    });
    if !valid {
        return Err(Refusal::invalid("Invalid attendee email."));
    }
    let response = match guest["responseStatus"].as_str() {
        Some(word @ ("needsAction" | "declined" | "tentative" | "accepted")) => word,
        Some(_) => return Err(Refusal::invalid_field("attendees.responseStatus")),
        None if organizer == Some(&email) => "accepted",
        None => "needsAction",
    };
    let mut settled = json!({"email": email, "responseStatus": response});
    for key in ["displayName", "comment"] {
        match &guest[key] {
            Value::Null => {}
            Value::String(text) if text.is_empty() || text.eq_ignore_ascii_case(&email) => {}
            Value::String(text) => settled[key] = json!(text),
            _ => return Err(Refusal::invalid_field(&format!("attendees.{key}"))),
        }
    }
    if guest["optional"] == true {
        settled["optional"] = json!(true);
    }
    if guest["additionalGuests"].as_u64().is_some_and(|count| count > 0) {
        settled["additionalGuests"] = guest["additionalGuests"].clone();
    }
    if email.ends_with("@resource.calendar.google.com") || guest["resource"] == true {
        settled["resource"] = json!(true);
    }
    Ok(settled)
}

/// Keys of at most 44 characters (longer ones are dropped silently), values cut at 1024, 300 in all and 32 kB.
fn properties(fields: &mut Object) -> Result<(), Refusal> {
    let Some(Value::Object(both)) = fields.get_mut("extendedProperties") else {
        fields.remove("extendedProperties");
        return Ok(());
    };
    both.retain(|kind, _| kind == "private" || kind == "shared");
    let (mut count, mut size) = (0, 0);
    for properties in both.values_mut() {
        let Value::Object(properties) = properties else {
            return Err(Refusal::invalid_field("extendedProperties"));
        };
        properties.retain(|key, value| key.chars().count() <= 44 && !value.is_null());
        for (key, value) in properties.iter_mut() {
            let text = value
                .as_str()
                .ok_or_else(|| Refusal::invalid_field("extendedProperties"))?;
            let text: String = text.chars().take(1024).collect();
            (count, size) = (count + 1, size + key.len() + text.len());
            *value = Value::String(text);
        }
    }
    both.retain(|_, properties| *properties != json!({}));
    if count > 300 || size > 32 * 1024 {
        return Err(Refusal::invalid_field("extendedProperties"));
    }
    Ok(())
}

/// Google removes its own Meet block, lines between two `-::~:~::~…` rulers, from descriptions.
fn without_meet_block(text: &str) -> String {
    let is_ruler = |line: &&str| line.starts_with("-::~:~::");
    if text.lines().filter(is_ruler).count() < 2 {
        return text.to_owned();
    }
    let mut inside = false;
    let mut kept = Vec::new();
    for line in text.lines() {
        if is_ruler(&line) {
            inside = !inside;
        } else if !inside {
            kept.push(line);
        }
    }
    kept.join("\n").trim_end().to_owned()
}
