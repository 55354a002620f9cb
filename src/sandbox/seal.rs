//! Opaque texts for clients: page tokens and sync tokens, sealed against tampering by a checksum, with no state here.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

const CHECK_BYTES: usize = 6;

/// Makes the opaque text.
pub fn seal<T: Serialize>(token: &T) -> String {
    let json = serde_json::to_vec(token).unwrap_or_default();
    let mut bytes = Sha256::digest(&json)[..CHECK_BYTES].to_vec();
    bytes.extend(json);
    URL_SAFE.encode(bytes)
}

/// Reads it back; `None` for anything that was not sealed here as this kind of token.
pub fn open<T: DeserializeOwned>(text: &str) -> Option<T> {
    let bytes = URL_SAFE.decode(text).ok()?;
    let (check, json) = bytes.split_at_checked(CHECK_BYTES)?;
    if Sha256::digest(json)[..CHECK_BYTES] != *check {
        return None;
    }
    serde_json::from_slice(json).ok()
}
