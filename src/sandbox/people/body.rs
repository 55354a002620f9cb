//! Bodies and masks, checked against the message types before anything is done: what no message has is refused.
use super::errors::{Refusal, snake};
use super::state::Object;
use crate::sandbox::shapes::{Field, Kind, Shapes};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Every message of People v1 that is used here.
pub static SHAPES: LazyLock<Shapes> = LazyLock::new(|| Shapes::read(include_str!("shapes.txt")));

/// What `personFields` may name.
pub const PERSON_FIELDS: &[&str] = &[
    "addresses",
    "ageRanges",
    "biographies",
    "birthdays",
    "calendarUrls",
    "clientData",
    "coverPhotos",
    "emailAddresses",
    "events",
    "externalIds",
    "genders",
    "imClients",
    "interests",
    "locales",
    "locations",
    "memberships",
    "metadata",
    "miscKeywords",
    "names",
    "nicknames",
    "occupations",
    "organizations",
    "phoneNumbers",
    "photos",
    "relations",
    "sipAddresses",
    "skills",
    "urls",
    "userDefined",
];
/// What `personFields` may name and nobody may write.
const READ_ONLY: &[&str] = &["ageRanges", "coverPhotos", "metadata", "photos", "skills"];
/// What `readMask` of other contacts may name.
pub const OTHER_FIELDS: &[&str] = &["emailAddresses", "metadata", "names", "phoneNumbers", "photos"];
/// What `copyMask` may name.
pub const COPY_FIELDS: &[&str] = &["emailAddresses", "names", "phoneNumbers"];
/// What `groupFields` may name.
pub const GROUP_FIELDS: &[&str] = &["clientData", "groupType", "memberCount", "metadata", "name"];

/// A set of field names.
pub type Mask = BTreeSet<&'static str>;

/// What `updatePersonFields` may name.
pub fn writable_fields() -> Vec<&'static str> {
    let mut fields = PERSON_FIELDS.to_vec();
    fields.retain(|field| !READ_ONLY.contains(field));
    fields
}

/// Reads a mask that must name something.
pub fn required_mask(name: &str, text: Option<&str>, allowed: &[&'static str]) -> Result<Mask, Refusal> {
    let mask = mask(name, text.unwrap_or_default(), allowed)?;
    if mask.is_empty() {
        return Err(Refusal::mask_required(name));
    }
    Ok(mask)
}

/// Reads a mask that may be empty.
pub fn mask(name: &str, text: &str, allowed: &[&'static str]) -> Result<Mask, Refusal> {
    let paths = text.split(',').map(str::trim).filter(|path| !path.is_empty());
    paths
        .map(|path| {
            let known = allowed.iter().find(|field| **field == path);
            known.copied().ok_or_else(|| Refusal::mask_path(name, path))
        })
        .collect()
}

/// Reads a body of this type; an empty one is an empty message. `place` is the request's field that it fills.
pub fn read(bytes: &[u8], type_name: &str, place: &str) -> Result<Object, Refusal> {
    if bytes.is_empty() {
        return Ok(Object::new());
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let words = format!("Invalid JSON payload received. Parse error: {error}");
        Refusal::bad_field("", words)
    })?;
    check(&value, type_name, place)?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Refusal::bad_field(
            "",
            "Invalid JSON payload received. Unknown name \"\": Root element must be a message.".to_owned(),
        )),
    }
}

fn check(value: &Value, type_name: &str, place: &str) -> Result<(), Refusal> {
    let Some(object) = value.as_object() else {
        return Err(invalid_value(
            place,
            &format!("type.googleapis.com/google.people.v1.{type_name}"),
            value,
        ));
    };
    let Some(fields) = SHAPES.get(type_name) else {
        return Ok(());
    };
    for (name, value) in object {
        let Some(field) = fields.get(name.as_str()) else {
            return Err(unknown_name(name, place, "Cannot find field."));
        };
        let below = if place.is_empty() {
            snake(name)
        } else {
            format!("{place}.{}", snake(name))
        };
        check_field(value, field, name, place, &below)?;
    }
    Ok(())
}

fn check_field(value: &Value, field: &Field, name: &str, place: &str, below: &str) -> Result<(), Refusal> {
    match (value, field.list) {
        (Value::Null, _) => Ok(()),
        (Value::Array(items), true) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| check_kind(item, &field.kind, &format!("{below}[{index}]"))),
        (Value::Array(_), false) => Err(unknown_name(
            name,
            place,
            "Proto field is not repeating, cannot start list.",
        )),
        (value, true) => Err(invalid_value(below, "TYPE_LIST", value)),
        (value, false) => check_kind(value, &field.kind, below),
    }
}

fn check_kind(value: &Value, kind: &Kind, place: &str) -> Result<(), Refusal> {
    match (kind, value) {
        (Kind::Plain, Value::String(_)) | (Kind::Bool, Value::Bool(_)) => Ok(()),
        (Kind::Plain, _) => Err(invalid_value(place, "TYPE_STRING", value)),
        (Kind::Bool, _) => Err(invalid_value(place, "TYPE_BOOL", value)),
        (Kind::Int, Value::Number(number)) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => Ok(()),
        // Protobuf's JSON reads numbers from texts too.
        (Kind::Int, Value::String(text)) if text.parse::<i32>().is_ok() => Ok(()),
        (Kind::Int, _) => Err(invalid_value(place, "TYPE_INT32", value)),
        (Kind::Word(words), Value::String(text)) if words.contains(&text.as_str()) => Ok(()),
        (Kind::Word(_), _) => Err(invalid_value(place, "TYPE_ENUM", value)),
        (Kind::Object(type_name), _) => check(value, type_name, place),
        (Kind::Map(inner), Value::Object(object)) => object.iter().try_for_each(|(key, value)| match inner {
            Some(type_name) => check(value, type_name, &format!("{place}[{key}]")),
            None => Ok(()),
        }),
        (Kind::Map(_), _) => Err(invalid_value(place, "TYPE_MESSAGE", value)),
    }
}

fn unknown_name(name: &str, place: &str, why: &str) -> Refusal {
    let at = if place.is_empty() {
        String::new()
    } else {
        format!(" at '{place}'")
    };
    let words = format!("Invalid JSON payload received. Unknown name \"{name}\"{at}: {why}");
    Refusal::bad_field(place, words)
}

fn invalid_value(place: &str, kind: &str, value: &Value) -> Refusal {
    Refusal::bad_field(place, format!("Invalid value at '{place}' ({kind}), {value}"))
}

/// An object inside a body.
pub fn object<'a>(body: &'a Object, key: &str) -> Option<&'a Object> {
    body.get(key).and_then(Value::as_object)
}
