//! What Google makes of a name: the display names, and the parts of one that was sent as a single text.
use super::state::Object;
use serde_json::json;

const PARTS: [&str; 5] = [
    "honorificPrefix",
    "givenName",
    "middleName",
    "familyName",
    "honorificSuffix",
];
const PREFIXES: [&str; 6] = ["dr.", "miss", "mr.", "mrs.", "ms.", "prof."];
const SUFFIXES: [&str; 8] = ["ii", "iii", "iv", "jr.", "m.d.", "md", "phd", "sr."];

/// Fills in `displayName`, `displayNameLastFirst` and `unstructuredName`, from the parts or from the single text.
pub fn normalise(name: &mut Object, text_wins: bool) {
    let text = take(name, "unstructuredName");
    let has_parts = PARTS.iter().any(|part| name.contains_key(*part));
    if let Some(text) = &text
        && (text_wins || !has_parts)
    {
        for part in PARTS {
            name.remove(part);
        }
        split(name, text);
    }
    let part = |key: &str| name.get(key).and_then(|value| value.as_str()).unwrap_or_default();
    let whole = joined(&PARTS.map(part));
    if whole.is_empty() {
        return;
    }
    let first = joined(&[part(PARTS[0]), part(PARTS[1]), part(PARTS[2])]);
    let (family, suffix) = (part(PARTS[3]), part(PARTS[4]));
    let last_first = match (family, first.as_str()) {
        ("", _) | (_, "") => whole.clone(),
        _ if suffix.is_empty() => format!("{family}, {first}"),
        _ => format!("{family}, {first}, {suffix}"),
    };
    name.insert("displayName".into(), json!(whole));
    name.insert("displayNameLastFirst".into(), json!(last_first));
    name.insert("unstructuredName".into(), json!(whole));
}

fn take(name: &mut Object, key: &str) -> Option<String> {
    name.remove(key).and_then(|value| value.as_str().map(str::to_owned))
}

fn joined(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// `Dr. John Jay Doe III` into its parts. The family name is the last word.
fn split(name: &mut Object, text: &str) {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let is = |word: &str, known: &[&str]| known.contains(&word.to_lowercase().as_str());
    if words.len() > 1 && is(words[0], &PREFIXES) {
        name.insert(PARTS[0].into(), json!(words.remove(0)));
    }
    if words.len() > 1
        && let Some(last) = words.pop_if(|word| is(word, &SUFFIXES))
    {
        name.insert(PARTS[4].into(), json!(last));
    }
    if words.len() > 1
        && let Some(family) = words.pop()
    {
        name.insert(PARTS[3].into(), json!(family));
    }
    if let Some((given, middle)) = words.split_first() {
        name.insert(PARTS[1].into(), json!(given));
        if !middle.is_empty() {
            name.insert(PARTS[2].into(), json!(middle.join(" ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn normalised(name: Value, text_wins: bool) -> Value {
        let mut name = name.as_object().unwrap().clone();
        normalise(&mut name, text_wins);
        Value::Object(name)
    }

    #[test]
    fn the_parts_make_the_display_names() {
        let name = normalised(
            json!({"honorificPrefix": "Dr.", "givenName": "John", "middleName": "Jay", "familyName": "Doe", "honorificSuffix": "III"}),
            false,
        );
        assert_eq!(name["displayName"], "Dr. John Jay Doe III");
        assert_eq!(name["displayNameLastFirst"], "Doe, Dr. John Jay, III");
        assert_eq!(name["unstructuredName"], "Dr. John Jay Doe III");
        let mononym = normalised(json!({"givenName": "Cher"}), false);
        assert_eq!(mononym["displayNameLastFirst"], "Cher");
        assert_eq!(
            normalised(json!({"phoneticGivenName": "x"}), false),
            json!({"phoneticGivenName": "x"})
        );
    }

    #[test]
    fn a_single_text_is_split_and_of_two_writings_the_switch_decides() {
        let name = normalised(json!({"unstructuredName": "Dr. John Jay Doe III"}), false);
        assert_eq!(
            (&name["givenName"], &name["middleName"], &name["familyName"]),
            (&json!("John"), &json!("Jay"), &json!("Doe"))
        );
        let both = json!({"givenName": "Ana", "unstructuredName": "Berta Ruiz"});
        assert_eq!(normalised(both.clone(), false)["displayName"], "Ana");
        assert_eq!(normalised(both, true)["displayName"], "Berta Ruiz");
    }
}
