//! Event types other than `default`: who may be created, and with what.
use super::super::errors::Refusal;
use super::super::methods::EVENT_TYPES;
use super::super::state::Object;
use super::super::time::{self, When};
use super::body::Place;
use serde_json::{Value, json};

/// Refuses an event that its type does not allow; fills in what the type fixes.
pub fn check(fields: &mut Object, place: &Place) -> Result<(), Refusal> {
    let kind = fields
        .get("eventType")
        .and_then(Value::as_str)
        .unwrap_or("default")
        .to_owned();
    if !EVENT_TYPES.contains(&kind.as_str()) {
        return Err(Refusal::invalid_field("eventType"));
    }
    let days = match (time::stored(fields.get("start")), time::stored(fields.get("end"))) {
        (Some(When::Day(start)), Some(When::Day(end))) => Some((end - start).num_days()),
        _ => None,
    };
    let refuse = || Err(Refusal::event_type(400));
    let fix = |fields: &mut Object, key: &str, word: &str| {
        let given = fields.entry(key).or_insert_with(|| json!(word));
        if *given == word {
            Ok(())
        } else {
            Err(Refusal::event_type(400))
        }
    };
    match kind.as_str() {
        "birthday" => {
            fields
                .entry("birthdayProperties")
                .or_insert_with(|| json!({"type": "birthday"}));
            let yearly = fields
                .get("recurrence")
                .and_then(|lines| lines[0].as_str())
                .is_some_and(|rule| rule.contains("FREQ=YEARLY"));
            let single = fields.contains_key("recurringEventId");
            let own = fields["birthdayProperties"]["type"] == "birthday"
                && fields["birthdayProperties"].get("contact").is_none();
            if !own || days != Some(1) || !(yearly || single) || fields.contains_key("attendees") {
                return refuse();
            }
            fix(fields, "visibility", "private")?;
            fix(fields, "transparency", "transparent")
        }
        "focusTime" | "outOfOffice" => {
            let properties = format!("{kind}Properties");
            if !place.primary || days.is_some() || !fields.contains_key(&properties) {
                return refuse();
            }
            fix(fields, "transparency", "opaque")
        }
        "workingLocation" => {
            if !place.primary || days.is_some_and(|days| days != 1) || !fields.contains_key("workingLocationProperties")
            {
                return refuse();
            }
            fix(fields, "visibility", "public")?;
            fix(fields, "transparency", "transparent")
        }
        _ => Ok(()),
    }
}
