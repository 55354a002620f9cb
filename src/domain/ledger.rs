//! The record of proposals, questions, decisions and mails, as bytes.
//!
//! `docs/ledger.md` describes the same for somebody without this code; the two must agree to the byte. An entry holds ids, counts,
//! words and commitments, and never a name, an address or a text: what is said about a person is said as a code under a salt
//! that can be erased. Where entries are kept is not known here.
use super::ids::{ApiKeyId, BookingId, MessageId, TenantId, UserId};
use super::mac::code;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

pub mod chain;

/// Name of the format, in exports and in the first hash of every chain.
pub const FORMAT: &str = "accord-ledger-1";
/// What the codes over heads are for (see [`super::seal::KeyRing::mac`]).
pub const HEAD: &str = "ledger-head";

/// SHA-256: what ties a row to all rows before it.
pub type Hash = [u8; 32];

/// The hash before the first row of a tenant.
pub fn first_hash(tenant: TenantId) -> Hash {
    Sha256::digest(format!("{FORMAT} {tenant}")).into()
}

/// The hash of a row, from the one of the row before and its entry.
pub fn next_hash(before: &[u8], entry: &str) -> Hash {
    Sha256::new().chain_update(before).chain_update(entry).finalize().into()
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
            // Writing to a `String` cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// The bytes of a text of lower-case hex digits.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| {
        matches!(c, b'0'..=b'9' | b'a'..=b'f')
            .then(|| char::from(c).to_digit(16))
            .flatten()
    };
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
        .collect()
}

/// Something that happened, in plain values: [`Event::entry`] makes commitments of those that tell of a person.
///
/// Words (`kind`, `how`, `by`, `reason`, `class`, `result`) are lower-case letters, digits and `_`.
#[derive(Clone, Copy)]
pub enum Event<'a> {
    /// A mail to a customer waits for its user's yes.
    Proposed {
        /// The mail.
        message: MessageId,
        /// What it is about.
        booking: BookingId,
        /// Who is asked.
        user: UserId,
        /// See [`super::mail::Kind`].
        kind: &'a str,
        /// The key of the address under the tenant's secret.
        recipient_key: &'a [u8],
        /// As the letter has it.
        address: &'a str,
        /// [`super::mail::Letter::hash`].
        content_hash: [u8; 32],
        /// Not sent after, ms.
        expires_at: i64,
    },
    /// The user was written to about it.
    Prompted {
        /// The mail that waits.
        message: MessageId,
        /// The mail that asks.
        notice: MessageId,
    },
    /// The user said yes.
    Approved {
        /// The mail.
        message: MessageId,
        /// Who.
        user: UserId,
        /// `mailbox`, `sign_in` or `app_asserted`.
        how: &'a str,
        /// Of `app_asserted`: the key of the app that says so.
        key_id: Option<ApiKeyId>,
        /// What was said yes to.
        content_hash: [u8; 32],
        /// Until when the yes is good, ms.
        expires_at: i64,
    },
    /// The user said no.
    Declined {
        /// The mail.
        message: MessageId,
        /// Who.
        user: UserId,
        /// As of a yes; also `tenant_key`.
        how: &'a str,
        /// The key, when it came through the API.
        key_id: Option<ApiKeyId>,
    },
    /// It will not be sent: the user changed their mind, or there is no reason for it any more.
    Withdrawn {
        /// The mail.
        message: MessageId,
        /// `user`, `engine` or `customer`.
        by: &'a str,
        /// One word.
        reason: &'a str,
    },
    /// A newer version took its place.
    Superseded {
        /// The mail.
        message: MessageId,
    },
    /// Nobody decided, or it could not be sent, while it was of use.
    Expired {
        /// The mail.
        message: MessageId,
    },
    /// It is about to be handed to a mail server; written before the first byte is.
    Sending {
        /// The mail.
        message: MessageId,
        /// `customer` or `notice`.
        class: &'a str,
        /// 1, 2, 3.
        attempt: i64,
        /// The key of the address under the tenant's secret.
        recipient_key: &'a [u8],
        /// As the letter has it.
        address: &'a str,
        /// Of the letter that is handed over.
        content_hash: [u8; 32],
    },
    /// How an attempt ended.
    Result {
        /// The mail.
        message: MessageId,
        /// Which attempt.
        attempt: i64,
        /// `accepted`, `deferred`, `refused`, `unknown` (it may have been taken) or `unable` (no server was reached).
        result: &'a str,
        /// The three digits that the server said (RFC 5321, section 4.2).
        answer_code: Option<u16>,
    },
    /// A worker ended in the middle of an attempt: the mail may have been sent.
    Overtaken {
        /// The mail.
        message: MessageId,
        /// Which attempt.
        attempt: i64,
    },
    /// A mail to a user or an admin, which needs no yes.
    Notice {
        /// The mail.
        message: MessageId,
        /// Which of the fixed templates.
        kind: &'a str,
        /// The key of the address under the tenant's secret.
        recipient_key: &'a [u8],
        /// As the letter has it.
        address: &'a str,
        /// [`super::mail::Letter::hash`].
        content_hash: [u8; 32],
    },
    /// An address wants no more mail of this tenant.
    Suppressed {
        /// Its key under the tenant's secret.
        recipient_key: &'a [u8],
        /// The address, where it is known.
        address: Option<&'a str>,
        /// The mail whose link was used.
        message: MessageId,
    },
    /// Whoever reads at the address wants mail again.
    SuppressionLifted {
        /// Its key under the tenant's secret.
        recipient_key: &'a [u8],
        /// The address, where it is known.
        address: Option<&'a str>,
        /// The mail whose link was used.
        message: MessageId,
    },
    /// A user sends no mail to customers for now.
    Paused {
        /// Who.
        user: UserId,
    },
    /// A user sends mail to customers again.
    Resumed {
        /// Who.
        user: UserId,
    },
}

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

/// Whose salt commitments are made with, in the words of the table of salts.
pub fn recipient_owner(recipient_key: &[u8]) -> String {
    format!("recipient:{}", hex(recipient_key))
}

/// Whose salt the commitment to a mail's content is made with.
pub fn message_owner(message: MessageId) -> String {
    format!("message:{message}")
}

/// Salts by their owner.
pub type Salts = BTreeMap<String, Vec<u8>>;

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

/// What every entry says of its own place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// Which row.
    pub seq: i64,
    /// When it was written, ms.
    pub at: i64,
}

impl Place {
    /// Reads it out of an entry; `None` when that is no entry.
    pub fn of(entry: &str) -> Option<Place> {
        serde_json::from_str(entry).ok()
    }
}

/// The line that an export begins with.
#[derive(Debug, Serialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: &'static str,
    /// Whose ledger it is.
    pub tenant: TenantId,
    /// The first row that follows.
    pub from: i64,
    /// The hash before it.
    pub before: String,
    /// The head; null when somebody removed it.
    pub head: Option<HeadLine>,
    /// The installation's code over the head, which nobody else can check.
    pub mac: Option<String>,
}

/// A row's number and hash.
#[derive(Debug, Serialize)]
pub struct HeadLine {
    /// Which row; 0 before the first.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

/// A row in an export.
#[derive(Debug, Serialize)]
pub struct RowLine<'a> {
    /// Which row.
    pub seq: i64,
    /// When it was written, ms.
    pub at: i64,
    /// The bytes that are hashed, as a text.
    pub entry: &'a str,
    /// Its hash.
    pub hash: String,
}

/// A salt in an export.
#[derive(Debug, Serialize)]
pub struct SaltLine<'a> {
    /// Its owner.
    pub salt: &'a str,
    /// The salt.
    pub value: String,
}

#[cfg(test)]
mod tests;
