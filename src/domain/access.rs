//! What a user may do with a calendar, and what a user lets Accord do with the contacts.
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// Which contacts a user lets Accord read and write.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ContactsChoice {
    /// Every contact.
    All,
    /// Those with one label, which Google's API calls a contact group.
    Label {
        /// Its resource name.
        group: String,
        /// Its name, as the user saw it.
        name: String,
    },
    /// None.
    None,
}

/// Google's access roles, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AccessRole {
    /// Times only. Roles that we do not know count as this one.
    FreeBusyReader,
    /// Reads; details of private events are hidden.
    Reader,
    /// Writes; details of private events are hidden.
    WriterWithoutPrivateAccess,
    /// Writes.
    Writer,
    /// Writes and shares.
    Owner,
}

impl AccessRole {
    /// Reads Google's word. One that we do not know allows the least.
    pub fn from_google(word: &str) -> Self {
        match word {
            "reader" => Self::Reader,
            "writerWithoutPrivateAccess" => Self::WriterWithoutPrivateAccess,
            "writer" => Self::Writer,
            "owner" => Self::Owner,
            _ => Self::FreeBusyReader,
        }
    }

    /// Google's word, also used in SQL and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FreeBusyReader => "freeBusyReader",
            Self::Reader => "reader",
            Self::WriterWithoutPrivateAccess => "writerWithoutPrivateAccess",
            Self::Writer => "writer",
            Self::Owner => "owner",
        }
    }

    /// Whether events can be created and changed.
    pub fn writes(self) -> bool {
        self >= Self::WriterWithoutPrivateAccess
    }

    /// Whether titles, descriptions and locations can be read.
    pub fn reads_words(self) -> bool {
        self >= Self::Reader
    }

    /// Whether the words of private events can be read, too.
    pub fn reads_private(self) -> bool {
        self >= Self::Writer
    }
}

impl fmt::Display for AccessRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AccessRole {
    type Err = Infallible;

    /// Never fails, see [`AccessRole::from_google`].
    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(Self::from_google(word))
    }
}
