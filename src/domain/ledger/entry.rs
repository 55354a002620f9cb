//! From something that happened to the bytes of its row.
//!
//! This is where values about people become commitments, and where what is no word is kept out.
use super::{Event, Salts, hex, message_owner, recipient_owner};
use crate::domain::ids::{ApiKeyId, BookingId, MessageId, UserId};
use crate::domain::mac::code;
use serde::Serialize;

/// A row's entry: one JSON object without spaces, its members in this order, those that it lacks left out. All text in it is
/// ASCII, so that there is one way to write it.
#[derive(Default, Serialize)]
struct Entry<'a> {
    seq: i64,
    at: i64,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    booking: Option<BookingId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<ApiKeyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_code: Option<u16>,
}

/// A salt that an event needs was not given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger's salt of {0} is missing")]
pub struct NoSalt(pub String);

/// `HMAC-SHA-256(salt, length ‖ value)` as hex.
fn commitment(salts: &Salts, owner: String, value: &[u8]) -> Result<Option<String>, NoSalt> {
    match salts.get(&owner) {
        Some(salt) => Ok(Some(hex(&code(salt, &[value])))),
        None => Err(NoSalt(owner)),
    }
}

/// A word as it is; anything else would be a text, and texts have no place in the ledger.
fn word(text: &str) -> Option<&str> {
    let is_word = (1..=40).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    Some(if is_word { text } else { "other" })
}

impl<'a> Event<'a> {
    /// Whose salts [`Event::entry`] needs.
    pub fn owners(&self) -> Vec<String> {
        match *self {
            Event::Proposed {
                message, recipient_key, ..
            }
            | Event::Sending {
                message, recipient_key, ..
            }
            | Event::Notice {
                message, recipient_key, ..
            } => vec![message_owner(message), recipient_owner(recipient_key)],
            Event::Approved { message, .. } => vec![message_owner(message)],
            Event::Suppressed { recipient_key, .. } | Event::SuppressionLifted { recipient_key, .. } => {
                vec![recipient_owner(recipient_key)]
            }
            _ => Vec::new(),
        }
    }

    /// The bytes of row `seq`, written at `at` (ms).
    ///
    /// # Errors
    /// A salt of [`Event::owners`] is missing.
    pub fn entry(&self, seq: i64, at: i64, salts: &Salts) -> Result<String, NoSalt> {
        let entry = self.filled(
            Entry {
                seq,
                at,
                ..Entry::default()
            },
            salts,
        )?;
        Ok(serde_json::to_string(&entry).expect("numbers, ids and words are JSON"))
    }

    fn filled(&self, blank: Entry<'a>, salts: &Salts) -> Result<Entry<'a>, NoSalt> {
        let recipient = |key: &[u8]| commitment(salts, recipient_owner(key), key);
        let address_of = |key: &[u8], address: &str| commitment(salts, recipient_owner(key), address.as_bytes());
        let content = |message, hash: [u8; 32]| commitment(salts, message_owner(message), &hash);
        Ok(match *self {
            Event::Proposed {
                message,
                booking,
                user,
                kind,
                recipient_key,
                address,
                content_hash,
                expires_at,
            } => Entry {
                event: "proposed",
                message: Some(message),
                booking: Some(booking),
                user: Some(user),
                kind: word(kind),
                recipient: recipient(recipient_key)?,
                address: address_of(recipient_key, address)?,
                content: content(message, content_hash)?,
                expires_at: Some(expires_at),
                ..blank
            },
            Event::Prompted { message, notice } => Entry {
                event: "prompted",
                message: Some(message),
                notice: Some(notice),
                ..blank
            },
            Event::Approved {
                message,
                user,
                how,
                key_id,
                content_hash,
                expires_at,
            } => Entry {
                event: "approved",
                message: Some(message),
                user: Some(user),
                how: word(how),
                key: key_id,
                content: content(message, content_hash)?,
                expires_at: Some(expires_at),
                ..blank
            },
            Event::Declined {
                message,
                user,
                how,
                key_id,
            } => Entry {
                event: "declined",
                message: Some(message),
                user: Some(user),
                how: word(how),
                key: key_id,
                ..blank
            },
            Event::Withdrawn { message, by, reason } => Entry {
                event: "withdrawn",
                message: Some(message),
                by: word(by),
                reason: word(reason),
                ..blank
            },
            Event::Superseded { message } => Entry {
                event: "superseded",
                message: Some(message),
                ..blank
            },
            Event::Expired { message } => Entry {
                event: "expired",
                message: Some(message),
                ..blank
            },
            Event::Sending {
                message,
                class,
                attempt,
                recipient_key,
                address,
                content_hash,
            } => Entry {
                event: "sending",
                message: Some(message),
                class: word(class),
                attempt: Some(attempt),
                recipient: recipient(recipient_key)?,
                address: address_of(recipient_key, address)?,
                content: content(message, content_hash)?,
                ..blank
            },
            Event::Result {
                message,
                attempt,
                result,
                answer_code,
            } => Entry {
                event: "result",
                message: Some(message),
                attempt: Some(attempt),
                result: word(result),
                answer_code,
                ..blank
            },
            Event::Overtaken { message, attempt } => Entry {
                event: "overtaken",
                message: Some(message),
                attempt: Some(attempt),
                ..blank
            },
            Event::Notice {
                message,
                kind,
                recipient_key,
                address,
                content_hash,
            } => Entry {
                event: "notice",
                message: Some(message),
                kind: word(kind),
                recipient: recipient(recipient_key)?,
                address: address_of(recipient_key, address)?,
                content: content(message, content_hash)?,
                ..blank
            },
            Event::Suppressed {
                recipient_key,
                address,
                message,
            } => Entry {
                event: "suppressed",
                message: Some(message),
                recipient: recipient(recipient_key)?,
                address: address.map_or(Ok(None), |address| address_of(recipient_key, address))?,
                ..blank
            },
            Event::SuppressionLifted {
                recipient_key,
                address,
                message,
            } => Entry {
                event: "suppression_lifted",
                message: Some(message),
                recipient: recipient(recipient_key)?,
                address: address.map_or(Ok(None), |address| address_of(recipient_key, address))?,
                ..blank
            },
            Event::Paused { user } => Entry {
                event: "paused",
                user: Some(user),
                ..blank
            },
            Event::Resumed { user } => Entry {
                event: "resumed",
                user: Some(user),
                ..blank
            },
        })
    }
}
