//! Ids as types, so that a calendar can never be handed where a user is meant.
//!
//! Ids that Accord makes are UUIDv7, written in lower-case hyphenated form everywhere (SQL, API, logs). Ids that Google
//! makes are opaque strings.
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A text that is no id of ours; the remedy is to send the id exactly as Accord returned it.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
#[error("is not an id: expected a UUID such as 0190f3c4-5b1e-7cc0-9d3a-6f1f2b7c8d9e")]
pub struct InvalidId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            /// Accepts only the canonical lower-case hyphenated form, so that one id has one text.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let id = Uuid::parse_str(text).map_err(|_| InvalidId)?;
                if id.hyphenated().to_string() == text { Ok(Self(id)) } else { Err(InvalidId) }
            }
        }
    )+};
}

ids! {
    /// A company that uses the app.
    TenantId,
    /// A person with a softphone.
    UserId,
    /// A connected Google identity of a user.
    AccountId,
    /// A booking: a single one, a series, or an occurrence of a series that differs from it.
    BookingId,
    /// A person bookings are made with.
    CustomerId,
    /// A room, a device or a service that a booking takes place with.
    ResourceId,
    /// A customer's tie to a Google contact.
    LinkId,
    /// A record of two edits of the same field.
    ConflictId,
    /// Something that waits for a person.
    QuestionId,
    /// An API key of a tenant (its id, not its secret).
    ApiKeyId,
    /// One attempt to connect a Google account.
    ConnectId,
    /// One item that was set aside.
    QuarantineId,
    /// A mail: proposed, asked about, sent or not.
    MessageId,
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as Google writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    )+};
}

texts! {
    /// Google's id of a calendar: an e-mail address for a primary calendar, never the alias `primary`.
    CalendarId,
    /// Google's id of an event, unique within one calendar. Opaque: instance ids are not taken apart.
    EventId,
}
