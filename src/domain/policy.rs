//! The choices an operator or a tenant makes about who wins and who is asked.
//!
//! The words are the same in the configuration, in a tenant's settings, in SQL and in the API; this file is the only
//! place that spells them. What a choice then means is decided where it is used.
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word that is none of the words a policy has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is none of {}", allowed.join(", "))]
pub struct UnknownPolicy {
    /// What was written.
    pub given: String,
    /// Every word that would have been accepted.
    pub allowed: &'static [&'static str],
}

/// Declares an enum whose variants are words: `FromStr`, `Display` and serde all use exactly these.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every word, in the order of the manual.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word as it is written everywhere.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownPolicy;

            fn from_str(given: &str) -> Result<Self, UnknownPolicy> {
                match given {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownPolicy { given: given.to_owned(), allowed: Self::WORDS }),
                }
            }
        }
    };
}

words! {
    /// Which side wins when both changed the same field differently.
    ConflictPolicy {
        /// The side that created the item.
        Origin = "origin",
        /// Google, always.
        Google = "google",
        /// The app, always.
        App = "app",
        /// Nobody until a person has answered a question.
        Ask = "ask",
    }
}

words! {
    /// What happens to a cancellation or a move that somebody made in Google.
    Inbound {
        /// It is applied to the booking at once.
        Apply = "apply",
        /// The user of the booking is asked first.
        Ask = "ask",
    }
}

words! {
    /// What happens when the app cancels or moves an event that has Google guests, whom Accord never informs.
    Guests {
        /// The user is asked first.
        Ask = "ask",
        /// The change is pushed without asking.
        Push = "push",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself_in_every_spelling() {
        for word in ConflictPolicy::WORDS {
            let policy: ConflictPolicy = word.parse().unwrap();
            assert_eq!(policy.to_string(), *word);
            assert_eq!(serde_json::to_string(&policy).unwrap(), format!("\"{word}\""));
            assert_eq!(
                serde_json::from_str::<ConflictPolicy>(&format!("\"{word}\"")).unwrap(),
                policy
            );
        }
        assert_eq!("push".parse(), Ok(Guests::Push));
        assert_eq!("apply".parse(), Ok(Inbound::Apply));
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_words_that_exist() {
        let error = "Google".parse::<ConflictPolicy>().unwrap_err();
        assert_eq!(error.to_string(), "`Google` is none of origin, google, app, ask");
    }
}
