//! Query parameters, checked against what each method documents.
//!
//! Google ignores parameters it does not know; a typo would then pass every test, so this service refuses them.
use super::errors::Refusal;
use super::time;
use std::collections::BTreeMap;

/// What a parameter may hold.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Anything.
    Text,
    /// `true` or `false`.
    Flag,
    /// An integer of at least the first and at most the second number.
    Count(u64, u64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text that may be repeated.
    Texts,
    /// Words that may be repeated.
    Words(&'static [&'static str]),
    /// RFC 3339 with an offset.
    Instant,
}

/// One documented parameter.
pub type Param = (&'static str, Kind);

/// Handled by the HTTP front, valid everywhere.
const COMMON: [&str; 7] = [
    "alt",
    "fields",
    "key",
    "oauth_token",
    "prettyPrint",
    "quotaUser",
    "userIp",
];

/// The parameters of one call, all of them valid.
#[derive(Debug, Default, Clone)]
pub struct Params(BTreeMap<String, Vec<String>>);

impl Params {
    /// Checks names, repetition and values.
    pub fn read(query: &[(String, String)], allowed: &[Param]) -> Result<Self, Refusal> {
        let mut params = Self::default();
        for (name, value) in query {
            if COMMON.contains(&name.as_str()) {
                continue;
            }
            let Some((_, kind)) = allowed.iter().find(|(known, _)| known == name) else {
                let message = format!("Unknown parameter: {name}");
                return Err(Refusal::parameter("invalidParameter", &message, name));
            };
            check(name, value, *kind)?;
            let values = params.0.entry(name.clone()).or_default();
            if !values.is_empty() && !matches!(kind, Kind::Texts | Kind::Words(_)) {
                let message = format!("Parameter given more than once: {name}");
                return Err(Refusal::parameter("invalidParameter", &message, name));
            }
            values.push(value.clone());
        }
        Ok(params)
    }

    /// Whether it was given at all.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Its text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.first().map(String::as_str)
    }

    /// All its texts, in order.
    pub fn texts(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether it was given as `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// Whether it was given as `false`, which some methods refuse.
    pub fn denied(&self, name: &str) -> bool {
        self.text(name) == Some("false")
    }

    /// Its number.
    pub fn count(&self, name: &str) -> Option<usize> {
        self.text(name)?.parse().ok()
    }

    /// Its instant in microseconds.
    pub fn instant(&self, name: &str) -> Option<i64> {
        time::parameter(name, self.text(name)?).ok()
    }

    /// A required parameter.
    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)
            .ok_or_else(|| Refusal::parameter("required", &format!("Required parameter: {name}"), name))
    }

    /// Everything but `except`, as one canonical text: two calls with equal texts asked for the same.
    pub fn fingerprint(&self, except: &[&str]) -> String {
        let mut text = String::new();
        for (name, values) in &self.0 {
            if except.contains(&name.as_str()) {
                continue;
            }
            let mut values = values.clone();
            values.sort();
            for value in values {
                text.push_str(&format!("{name}={value}\n"));
            }
        }
        text
    }
}

fn check(name: &str, value: &str, kind: Kind) -> Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal::parameter("invalidParameter", &message, name));
    match kind {
        Kind::Text | Kind::Texts => Ok(()),
        Kind::Flag if value == "true" || value == "false" => Ok(()),
        Kind::Flag => refuse(format!("Invalid boolean value: '{value}'.")),
        Kind::Count(low, high) => match value.parse::<u64>() {
            Ok(number) if number >= low && number <= high => Ok(()),
            Ok(_) => refuse(format!(
                "Invalid value '{value}'. Values must be within the range: [{low}, {high}]"
            )),
            Err(_) => refuse(format!("Invalid integer value: '{value}'.")),
        },
        Kind::Word(words) | Kind::Words(words) if words.contains(&value) => Ok(()),
        Kind::Word(words) | Kind::Words(words) => refuse(format!(
            "Invalid string value: '{value}'. Allowed values: [{}]",
            words.join(", ")
        )),
        Kind::Instant => time::parameter(name, value).map(|_| ()),
    }
}
