//! The languages that mails are written in, and which of them a person gets.
//!
//! Tags come from contacts, tenants and browsers (BCP 47, RFC 5646), so nothing here trusts them: what is not understood is
//! passed over, and English is what remains. It knows no words of any language.
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A language that mails are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Spanish.
    Es,
    /// German.
    De,
}

impl Language {
    /// Every language.
    pub const ALL: [Language; 3] = [Language::En, Language::Es, Language::De];

    /// The tag used in SQL, in folder names and in HTML.
    pub fn as_str(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Es => "es",
            Language::De => "de",
        }
    }

    /// The language of a BCP 47 tag: `de` and `de-AT` are German. `None` for what is no tag, or none of ours.
    /// `de_AT`, as systems write it, is read too.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let mut parts = tag.trim().split(['-', '_']);
        let primary = parts.next()?;
        if !parts.all(is_subtag) {
            return None;
        }
        Self::ALL
            .into_iter()
            .find(|language| language.as_str().eq_ignore_ascii_case(primary))
    }

    /// The first tag of them that is one of ours: the customer's, then the tenant's, then what else is known; else English.
    pub fn choose<'a>(tags: impl IntoIterator<Item = &'a str>) -> Self {
        tags.into_iter().find_map(Self::of_tag).unwrap_or_default()
    }
}

/// Whether a text has the shape of a BCP 47 tag: a language of two or three letters, then subtags behind hyphens. Whether the
/// language exists, or is one of ours, is not asked; 35 characters are what everybody has to keep (RFC 5646, 4.4.1).
pub fn is_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_language = |part: &str| (2..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic());
    text.len() <= 35 && parts.next().is_some_and(is_language) && parts.all(is_subtag)
}

fn is_subtag(part: &str) -> bool {
    (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no language of ours. The message continues the name of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a language that mails are written in: expected en, es or de")]
pub struct UnknownLanguage;

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        Self::of_tag(text).ok_or(UnknownLanguage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_or_a_script_keeps_the_language() {
        for tag in ["de", "DE", "de-AT", "de_CH", "de-Latn-LI", " de-1996 "] {
            assert_eq!(Language::of_tag(tag), Some(Language::De), "{tag}");
        }
        assert_eq!(Language::of_tag("es-419"), Some(Language::Es));
    }

    #[test]
    fn what_is_no_tag_of_ours_names_no_language() {
        for tag in [
            "",
            "fr",
            "deutsch",
            "d",
            "de-",
            "de--AT",
            "de-AT\r\nBcc: x",
            "de,en;q=0.5",
            "de-toolongpart",
        ] {
            assert_eq!(Language::of_tag(tag), None, "{tag:?}");
        }
    }

    #[test]
    fn a_tag_has_the_shape_of_one_whatever_language_it_names() {
        for tag in [
            "de",
            "DE",
            "fr-CA",
            "pt-BR",
            "zh-Hant-TW",
            "gsw",
            "de-CH-1996",
            "en-x-own",
        ] {
            assert!(is_tag(tag), "{tag}");
        }
        let long = format!("de-{}", ["abcdefgh"; 4].join("-"));
        for text in [
            "",
            "d",
            "german",
            "de_AT",
            "de-",
            "-de",
            "de--AT",
            " de",
            "d3",
            "de-AT,en",
            "de-\u{e9}",
            &long,
        ] {
            assert!(!is_tag(text), "{text:?}");
        }
    }

    #[test]
    fn the_next_candidate_follows_an_unknown_one_and_english_is_last() {
        assert_eq!(Language::choose(["fr-CA", "de-AT", "es"]), Language::De);
        assert_eq!(Language::choose(["fr", ""]), Language::En);
        assert_eq!(Language::choose([]), Language::En);
    }

    #[test]
    fn a_language_is_written_as_it_is_read() {
        for language in Language::ALL {
            assert_eq!(language.as_str().parse(), Ok(language));
        }
        assert_eq!("fr".parse::<Language>(), Err(UnknownLanguage));
    }
}
