//! What Calendar's page tokens and sync tokens say; `seal` makes them opaque.
//!
//! A sync token says which stream it belongs to, of which user and generation, how far it has read, and with which
//! query. Anything that does not open is "Invalid sync token value.".
pub use super::super::seal::{open, seal};
use serde::{Deserialize, Serialize};

/// How far a client has read one stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncToken {
    /// `events:<calendar>`, `calendarList`, `acl:<calendar>` or `settings`.
    pub stream: String,
    /// The user to whom it was given.
    pub user: String,
    /// The stream's generation; an expiry starts a new one.
    pub epoch: u64,
    /// Changes up to and including this position were delivered.
    pub position: u64,
    /// The parameters of the first call that later calls must repeat, as their canonical text.
    pub shape: String,
    /// `timeMin` and `timeMax` of the first call, in microseconds: later deltas keep the window.
    pub window: (Option<i64>, Option<i64>),
}

/// Where the next page starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageToken {
    /// Number of the remembered listing.
    pub listing: u64,
    /// Index of its first key on this page.
    pub offset: usize,
    /// One-based number of this page.
    pub page: usize,
}

/// RFC 4648 base32hex, lower case, unpadded: the alphabet of event ids.
pub fn base32hex(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let mut text = String::new();
    let (mut buffer, mut bits) = (0u32, 0u32);
    for &byte in bytes {
        buffer = (buffer << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[((buffer >> bits) & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[((buffer << (5 - bits)) & 31) as usize]));
    }
    text
}

/// The reverse of [`base32hex`].
pub fn from_base32hex(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0u32, 0u32);
    for digit in text.bytes() {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'v' => digit - b'a' + 10,
            _ => return None,
        };
        buffer = ((buffer << 5) | u32::from(value)) & 0xffff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(((buffer >> bits) & 0xff) as u8);
        }
    }
    Some(bytes)
}
