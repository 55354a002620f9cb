//! Query parameters, checked against what each method documents.
//!
//! Both services read them here; how a wrong one is refused, and in which words, is each service's own business.
use chrono::DateTime;
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

/// What is wrong with a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The method documents no such name.
    Unknown,
    /// Given more than once, and only one makes sense.
    Repeated,
    /// Required and absent.
    Missing,
    /// Neither `true` nor `false`.
    Flag,
    /// No integer.
    Integer,
    /// Outside these limits.
    Range(u64, u64),
    /// None of these words.
    Word(&'static [&'static str]),
    /// No RFC 3339 time with an offset.
    Instant,
}

/// A parameter that a service has to refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadParameter {
    /// Its name, as sent.
    pub name: String,
    /// Its value, as sent.
    pub value: String,
    /// Why.
    pub fault: Fault,
}

/// The parameters of one call, all of them valid.
#[derive(Debug, Default, Clone)]
pub struct Params(BTreeMap<String, Vec<String>>);

impl Params {
    /// Checks names, repetition and values. `common` names belong to the HTTP front and are skipped.
    pub fn read(query: &[(String, String)], common: &[&str], allowed: &[Param]) -> Result<Self, BadParameter> {
        let mut params = Self::default();
        for (name, value) in query {
            if common.contains(&name.as_str()) {
                continue;
            }
            let bad = |fault| BadParameter {
                name: name.clone(),
                value: value.clone(),
                fault,
            };
            let (_, kind) = allowed
                .iter()
                .find(|(known, _)| known == name)
                .ok_or_else(|| bad(Fault::Unknown))?;
            check(value, *kind).map_err(bad)?;
            let values = params.0.entry(name.clone()).or_default();
            if !values.is_empty() && !matches!(kind, Kind::Texts | Kind::Words(_)) {
                return Err(bad(Fault::Repeated));
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

    /// Its instant in microseconds; milliseconds are ignored.
    pub fn instant(&self, name: &str) -> Option<i64> {
        instant(self.text(name)?)
    }

    /// A required parameter.
    pub fn required(&self, name: &str) -> Result<&str, BadParameter> {
        self.text(name).ok_or_else(|| BadParameter {
            name: name.to_owned(),
            value: String::new(),
            fault: Fault::Missing,
        })
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

fn check(value: &str, kind: Kind) -> Result<(), Fault> {
    match kind {
        Kind::Text | Kind::Texts => Ok(()),
        Kind::Flag if value == "true" || value == "false" => Ok(()),
        Kind::Flag => Err(Fault::Flag),
        Kind::Count(low, high) => match value.parse::<u64>() {
            Ok(number) if number >= low && number <= high => Ok(()),
            Ok(_) => Err(Fault::Range(low, high)),
            Err(_) => Err(Fault::Integer),
        },
        Kind::Word(words) | Kind::Words(words) if words.contains(&value) => Ok(()),
        Kind::Word(words) | Kind::Words(words) => Err(Fault::Word(words)),
        Kind::Instant => instant(value).map(|_| ()).ok_or(Fault::Instant),
    }
}

fn instant(text: &str) -> Option<i64> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(at.timestamp() * 1_000_000)
}
