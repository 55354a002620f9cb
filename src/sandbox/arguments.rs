//! The arguments of the services' own commands under `/_sandbox/`; an error is words for the test's author.
use serde_json::Value;

/// A text.
pub fn text<'a>(body: &'a Value, key: &str) -> Result<&'a str, String> {
    body.get(key)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("{key} is missing"))
}

/// `true` or `false`.
pub fn flag(body: &Value, key: &str) -> Result<bool, String> {
    body.get(key)
        .and_then(Value::as_bool)
        .ok_or_else(|| format!("{key} is true or false"))
}

/// A number; absent and null are `None`.
pub fn number(body: &Value, key: &str) -> Result<Option<usize>, String> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) => Ok(Some(number as usize)),
            None => Err(format!("{key} is a number")),
        },
    }
}
