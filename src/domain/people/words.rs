//! The values of a person as somebody reads them, one line each.
//!
//! They come as the JSON that questions and conflict records keep, so that an old record is readable, too; what is of no known
//! shape is shown as it is rather than hidden.
use crate::domain::customer::{Address, Birthday, Details, Email, Organization};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::Value;

/// A value in words; `None` where a side has none.
pub fn value(value: &Value) -> Option<String> {
    let words = match value {
        Value::Null => String::new(),
        Value::String(text) => text.trim().to_owned(),
        Value::Array(values) => list(values),
        Value::Object(members) => {
            // An email and a phone have the same shape.
            let labelled = Email::deserialize(value).map(|it| with_label(it.value, &it.label));
            let one = labelled
                .or_else(|_| Birthday::deserialize(value).map(birthday))
                .or_else(|_| Organization::deserialize(value).map(organization))
                .or_else(|_| Address::deserialize(value).map(address))
                .or_else(|_| Details::deserialize(value).map(|person| name(&person.given_name, &person.family_name)));
            match one {
                Ok(words) => words,
                Err(_) if members.is_empty() => String::new(),
                Err(_) => value.to_string(),
            }
        }
        other => other.to_string(),
    };
    Some(words).filter(|words| !words.is_empty())
}

/// A field as a reader calls it, or `None` if it is no field of a person.
pub fn field(field: &str) -> Option<&'static str> {
    Some(match field {
        "given_name" => "Given name",
        "family_name" => "Family name",
        "emails" => "Email address",
        "phones" => "Phone number",
        "organizations" => "Organization",
        "addresses" => "Postal address",
        "birthday" => "Birthday",
        "gender" => "Gender",
        "contact" => "The contact itself",
        _ => return None,
    })
}

fn list(values: &[Value]) -> String {
    let words: Vec<String> = values.iter().filter_map(value).collect();
    words.join("; ")
}

fn name(given: &str, family: &str) -> String {
    joined(&[given, family], " ")
}

fn organization(it: Organization) -> String {
    joined(&[&it.title, &it.name], ", ")
}

fn address(it: Address) -> String {
    let town = joined(&[&it.postal_code, &it.city], " ");
    let words = joined(&[&it.street, &town, &it.region, &it.country_code], ", ");
    with_label(words, &it.label)
}

fn birthday(it: Birthday) -> String {
    let day = NaiveDate::from_ymd_opt(it.year.unwrap_or(2000), it.month, it.day);
    match (day, it.year) {
        (None, _) => it.to_text(),
        (Some(day), None) => day.format("%-d %B").to_string(),
        (Some(day), Some(_)) => day.format("%-d %B %Y").to_string(),
    }
}

fn with_label(words: String, label: &str) -> String {
    if label.is_empty() {
        words
    } else {
        format!("{words} ({label})")
    }
}

fn joined(parts: &[&str], between: &str) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_value_has_words_and_none_has_none() {
        let cases = [
            (json!("Eva"), Some("Eva")),
            (json!(""), None),
            (json!(null), None),
            (
                json!({"value": "eva@example.com", "type": "work"}),
                Some("eva@example.com (work)"),
            ),
            (json!({"value": "+420 601", "type": ""}), Some("+420 601")),
            (json!({"name": "Acme", "title": "Painter"}), Some("Painter, Acme")),
            (
                json!({"street": "Main 1", "city": "Brno", "region": "", "postal_code": "60200", "country_code": "CZ", "type": "home"}),
                Some("Main 1, 60200 Brno, CZ (home)"),
            ),
            (json!({"year": 1999, "month": 11, "day": 3}), Some("3 November 1999")),
            (json!({"month": 2, "day": 29}), Some("29 February")),
            (json!({"given_name": "Eva", "family_name": "Malá"}), Some("Eva Malá")),
            (
                json!(["a@example.com", "b@example.com"]),
                Some("a@example.com; b@example.com"),
            ),
        ];
        for (given, words) in cases {
            assert_eq!(value(&given).as_deref(), words, "{given}");
        }
    }
}
