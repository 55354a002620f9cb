//! The words that all mails of one language share, and how values are put into them.
use crate::domain::language::Language;
use crate::domain::mail::Kind;
use serde::{Deserialize, Serialize};

const WORDS: &str = include_str!("../../../templates/mail/words.toml");

/// The words of every language. A language or a word that is missing is an error when it is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AllWords {
    en: Words,
    es: Words,
    de: Words,
}

/// The words of one language; see `templates/mail/words.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub hello: String,
    pub hello_to: String,
    pub untitled: String,
    pub none: String,
    pub what: String,
    pub when: String,
    pub repeats: String,
    #[serde(rename = "where")]
    pub place: String,
    pub with: String,
    pub with_whom: String,
    pub before: String,
    pub now: String,
    pub changed: String,
    pub details: String,
    pub answer: String,
    pub because: String,
    pub because_connected: String,
    pub no_more: String,
    pub unsubscribe: String,
    pub confirmation: String,
    pub update: String,
    pub cancellation: String,
    pub reminder: String,
}

impl AllWords {
    pub(super) fn embedded() -> Result<Self, toml::de::Error> {
        toml::from_str(WORDS)
    }

    pub(super) fn of(&self, language: Language) -> &Words {
        match language {
            Language::En => &self.en,
            Language::Es => &self.es,
            Language::De => &self.de,
        }
    }
}

impl Words {
    pub(super) fn kind(&self, kind: Kind) -> &str {
        match kind {
            Kind::Confirmation => &self.confirmation,
            Kind::Update => &self.update,
            Kind::Cancellation => &self.cancellation,
            Kind::Reminder => &self.reminder,
        }
    }
}

/// Puts values in the places of `{names}`. Braces inside a value stay what they are.
pub(super) fn fill(sentence: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let place = values
            .iter()
            .find_map(|(name, value)| Some((value, after.strip_prefix(name)?.strip_prefix('}')?)));
        match place {
            Some((value, after)) => {
                filled.push_str(value);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled + rest
}

/// One line of a value from outside: control characters and line ends become spaces, marks that turn the direction of
/// writing (and so could show another text than the one approved) are left out, and what is longer than `most` characters
/// ends in an ellipsis.
pub(super) fn line(text: &str, most: usize) -> String {
    let shown: String = text
        .chars()
        .filter(|c| !turns(*c))
        .map(|c| if breaks(c) { ' ' } else { c })
        .collect();
    clip(&shown.split_whitespace().collect::<Vec<_>>().join(" "), most)
}

/// The same for a text of several lines.
pub(super) fn lines(text: &str, most: usize) -> String {
    let shown: Vec<_> = text.lines().map(|text| line(text, most)).collect();
    clip(shown.join("\n").trim(), most)
}

fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => {
            text.chars()
                .take(most.saturating_sub(1))
                .collect::<String>()
                .trim_end()
                .to_owned()
                + "…"
        }
    }
}

fn turns(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_in_a_value_are_only_braces() {
        let values = [("user", "{tenant} {{ x }}"), ("tenant", "Acme")];
        assert_eq!(
            fill("{user} of {tenant} {other}", &values),
            "{tenant} {{ x }} of Acme {other}"
        );
    }

    #[test]
    fn a_line_has_no_control_characters_and_an_end() {
        assert_eq!(line("a\r\nBcc:\tx\u{0}\u{2028}y ", 100), "a Bcc: x y");
        assert_eq!(line("abc\u{202E}def", 100), "abcdef");
        assert_eq!(line("äöüß", 4), "äöüß");
        assert_eq!(line("äöüßx", 4), "äöü…");
    }

    #[test]
    fn several_lines_stay_several() {
        assert_eq!(lines("a \r\nb\u{7}c\n\n", 100), "a\nb c");
    }
}
