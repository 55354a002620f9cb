//! How Google merges a PATCH: present fields replace, objects merge, arrays are replaced whole, `null` clears.
use super::state::Object;
use serde_json::Value;

/// Merges `patch` into `base`.
pub fn patch(base: &mut Object, patch: &Object) {
    for (key, new) in patch {
        match (base.get_mut(key), new) {
            (_, Value::Null) => {
                base.remove(key);
            }
            (Some(Value::Object(old)), Value::Object(new)) => self::patch(old, new),
            (_, Value::Object(new)) => {
                let mut fresh = Object::new();
                self::patch(&mut fresh, new);
                base.insert(key.clone(), Value::Object(fresh));
            }
            (_, new) => {
                base.insert(key.clone(), new.clone());
            }
        }
    }
}

/// Only the named fields of a body: nothing else is writable.
pub fn pick(body: &Object, writable: &[&str]) -> Object {
    let known = body.iter().filter(|(key, _)| writable.contains(&key.as_str()));
    known.map(|(key, value)| (key.clone(), value.clone())).collect()
}
