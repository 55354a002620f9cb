//! The record of proposals, questions, decisions and mails, as bytes.
//!
//! `docs/ledger.md` describes the same for somebody without this code; the two must agree to the byte. An entry holds ids, counts,
//! words and commitments, and never a name, an address or a text: what is said about a person is said as a code under a salt
//! that can be erased. Where entries are kept is not known here.
use super::ids::{MessageId, TenantId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

pub mod chain;
mod entry;
mod event;

pub use entry::NoSalt;
pub use event::Event;

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
    /// The installation's code over the head, which nobody else can check; null when there is none.
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
