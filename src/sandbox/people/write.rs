//! From the Person that a client sent to the values that are kept: what is ignored, filled in, refused.
use super::body::Mask;
use super::errors::Refusal;
use super::labels::label;
use super::state::{Account, MY_CONTACTS, Object, Switches};
use super::{names, phones};
use chrono::NaiveDate;
use serde_json::{Value, json};

/// Fields that a contact has at most once.
const SINGLETONS: [&str; 4] = ["biographies", "birthdays", "genders", "names"];

/// What a write sets.
#[derive(Debug, Default)]
pub struct Written {
    /// Values of the masked fields; a field without any is absent.
    pub fields: Object,
    /// Groups, when memberships are masked and given.
    pub groups: Option<Vec<String>>,
}

/// Reads the masked fields of a sent Person.
pub fn read(person: &Object, mask: &Mask, account: &Account, switches: &Switches) -> Result<Written, Refusal> {
    let mut written = Written::default();
    for field in mask {
        let sent = person
            .get(*field)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        if *field == "memberships" {
            written.groups = groups(&sent, account)?;
            continue;
        }
        let values = values(field, &sent, account, switches)?;
        if !values.is_empty() {
            written.fields.insert((*field).to_owned(), json!(values));
        }
    }
    Ok(written)
}

fn values(field: &str, sent: &[Value], account: &Account, switches: &Switches) -> Result<Vec<Value>, Refusal> {
    let mut values = Vec::new();
    let mut primary = None;
    for (index, item) in sent.iter().enumerate() {
        let Some(item) = item.as_object() else { continue };
        // "Any non-contact data in the person to update will be ignored."
        let source = item
            .get("metadata")
            .and_then(|metadata| metadata["source"]["type"].as_str());
        if source.is_some_and(|source| source != "CONTACT") {
            continue;
        }
        let mut value = item.clone();
        let metadata = value.remove("metadata").unwrap_or_default();
        drop_defaults(&mut value);
        normalise(field, &mut value, account, switches);
        check(field, index, &value)?;
        if !has_content(&value) {
            continue;
        }
        if metadata["sourcePrimary"] == true && primary.replace(values.len()).is_some() {
            let words = "only one field of a source can be primary";
            return Err(Refusal::invalid_field(
                &format!("person.{}", super::errors::snake(field)),
                words,
            ));
        }
        values.push(Value::Object(value));
    }
    if SINGLETONS.contains(&field) && values.len() > 1 {
        return Err(Refusal::singleton(field));
    }
    if let Some(primary) = primary {
        values[..=primary].rotate_right(1);
    }
    Ok(values)
}

/// Protobuf's JSON does not tell an absent value from an empty one.
fn drop_defaults(value: &mut Object) {
    value.retain(|_, value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_i64() != Some(0),
        Value::Object(object) => {
            drop_defaults(object);
            !object.is_empty()
        }
        _ => true,
    });
}

/// A type alone, or the label that was made of it, is no value.
fn has_content(value: &Object) -> bool {
    const DECORATION: [&str; 4] = ["type", "formattedType", "protocol", "formattedProtocol"];
    value.keys().any(|key| !DECORATION.contains(&key.as_str()))
}

fn normalise(field: &str, value: &mut Object, account: &Account, switches: &Switches) {
    for derived in [
        "formattedType",
        "formattedProtocol",
        "canonicalForm",
        "displayNameLastFirst",
    ] {
        value.remove(derived);
    }
    let type_name = text(value, "type");
    match field {
        "names" => {
            value.remove("displayName");
            names::normalise(value, switches.unstructured_name_wins);
        }
        "phoneNumbers" => {
            let number = text(value, "value").unwrap_or_default();
            if let Some(form) = phones::canonical(&number, account.calling_code.as_deref()) {
                value.insert("canonicalForm".into(), json!(form));
            }
        }
        "genders" => {
            value.remove("formattedValue");
            if let Some(gender) = text(value, "value") {
                value.insert("formattedValue".into(), json!(label(field, &gender)));
            }
        }
        "addresses" if !value.contains_key("formattedValue") => {
            if let Some(whole) = whole_address(value) {
                value.insert("formattedValue".into(), json!(whole));
            }
        }
        "biographies" if value.contains_key("value") && !value.contains_key("contentType") => {
            value.insert("contentType".into(), json!("TEXT_PLAIN"));
        }
        "imClients" => {
            if let Some(protocol) = text(value, "protocol") {
                let words = match protocol.as_str() {
                    "googleTalk" => "Google Talk",
                    own => own,
                };
                value.insert("formattedProtocol".into(), json!(words));
            }
        }
        _ => {}
    }
    let labelled = !matches!(field, "genders" | "nicknames" | "locations" | "names");
    if let Some(type_name) = type_name
        && labelled
    {
        value.insert("formattedType".into(), json!(label(field, &type_name)));
    }
}

fn text(value: &Object, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// The parts of an address as one text: street, then place, then country, a line each.
fn whole_address(address: &Object) -> Option<String> {
    let part = |key: &str| text(address, key).unwrap_or_default();
    let words = |parts: &[String], between: &str| {
        let parts: Vec<&str> = parts
            .iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        parts.join(between)
    };
    let region = words(&[part("region"), part("postalCode")], " ");
    let place = words(&[part("city"), region], ", ");
    let country = text(address, "country").unwrap_or_else(|| part("countryCode"));
    let lines = [
        part("streetAddress"),
        part("extendedAddress"),
        part("poBox"),
        place,
        country,
    ];
    Some(words(&lines, "\n")).filter(|whole| !whole.is_empty())
}

fn check(field: &str, index: usize, value: &Object) -> Result<(), Refusal> {
    let place = |below: &str| format!("person.{}[{index}].{below}", super::errors::snake(field));
    for key in ["date", "startDate", "endDate"] {
        if value.get(key).is_some_and(|date| !is_date(date)) {
            return Err(Refusal::invalid_field(&place(key), "is no date"));
        }
    }
    let lacks = |key: &str| !value.contains_key(key);
    match field {
        "birthdays" if has_content(value) && lacks("date") && lacks("text") => Err(Refusal::invalid_field(
            &place("date"),
            "a birthday has a date or a text",
        )),
        "events" if has_content(value) && lacks("date") => {
            Err(Refusal::invalid_field(&place("date"), "an event has a date"))
        }
        _ => Ok(()),
    }
}

/// A whole date, a month and day, a year, or a year and month.
fn is_date(date: &Value) -> bool {
    let number = |key: &str| match &date[key] {
        Value::Null => Some(0),
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    };
    let (Some(year), Some(month), Some(day)) = (number("year"), number("month"), number("day")) else {
        return false;
    };
    if !(0..=9999).contains(&year) || !(0..=12).contains(&month) || !(0..=31).contains(&day) {
        return false;
    }
    match (year, month, day) {
        (0, 0, _) | (_, 0, 1..) | (0, _, 0) => false,
        (_, _, 0) => true,
        // Without a year, 29 February is a day.
        (year, month, day) => {
            let year = if year == 0 { 2024 } else { year };
            NaiveDate::from_ymd_opt(year as i32, month as u32, day as u32).is_some()
        }
    }
}

/// The groups of sent memberships; `None` when there is none.
fn groups(sent: &[Value], account: &Account) -> Result<Option<Vec<String>>, Refusal> {
    let mut groups: Vec<String> = Vec::new();
    for (index, item) in sent.iter().enumerate() {
        let Some(name) = item["contactGroupMembership"]["contactGroupResourceName"].as_str() else {
            continue;
        };
        let id = name.strip_prefix("contactGroups/").unwrap_or_default();
        if id == "all" || account.groups.get(id).is_none_or(|group| group.deleted) {
            let place = format!("person.memberships[{index}].contact_group_membership");
            return Err(Refusal::invalid_field(&place, "there is no such contact group"));
        }
        if !groups.iter().any(|known| known == id) {
            groups.push(id.to_owned());
        }
    }
    Ok(Some(groups).filter(|groups| !groups.is_empty()))
}

/// The groups of a contact that was made without any.
pub fn default_groups() -> Vec<String> {
    vec![MY_CONTACTS.to_owned()]
}

/// Whether a contact may newly join a group: users' groups, and of Google's own two.
pub fn takes_members(account: &Account, group: &str) -> bool {
    match account.groups.get(group) {
        Some(group) if group.deleted => false,
        Some(group) => !group.system || group.id == MY_CONTACTS || group.id == "starred",
        None => false,
    }
}
