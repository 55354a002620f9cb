//! Codes that only a holder of a key can make (HMAC-SHA-256, RFC 2104), over several parts at once.
//!
//! Each part goes in after its length as 8 bytes big endian, so that no two lists of parts are one text.
use super::clock::Entropy;
use super::seal::{KeyId, KeyRing};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Length of a code.
pub const LENGTH: usize = 32;

fn keyed(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

/// The code of these parts under a key.
pub fn code(key: &[u8], parts: &[&[u8]]) -> [u8; LENGTH] {
    keyed(key, parts).finalize().into_bytes().into()
}

/// Whether it is the code of these parts, found out in constant time.
pub fn is_code(key: &[u8], parts: &[&[u8]], code: &[u8]) -> bool {
    keyed(key, parts).verify_slice(code).is_ok()
}

/// 32 random bytes: a salt or a key.
pub fn fresh(entropy: &dyn Entropy) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    entropy.fill(&mut bytes);
    bytes
}

impl KeyRing {
    /// A code under the newest key: key id (4 bytes), then HMAC-SHA-256 (32). `purpose` keeps codes of different things apart.
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
        let newest = self.newest();
        let mut mac = newest.bytes().to_vec();
        if let Some(key) = self.key(newest) {
            mac.extend(code(&derived(key.expose(), purpose), parts));
        }
        mac
    }

    /// Whether one of the ring's keys made this code for this purpose and these parts.
    pub fn verifies(&self, purpose: &str, parts: &[&[u8]], mac: &[u8]) -> bool {
        let Some((id, mac)) = mac.split_first_chunk() else {
            return false;
        };
        let key = self.key(KeyId::from_bytes(*id));
        key.is_some_and(|key| is_code(&derived(key.expose(), purpose), parts, mac))
    }
}

/// The sealing key itself is only used for sealing.
fn derived(key: &[u8; 32], purpose: &str) -> [u8; LENGTH] {
    code(key, &[b"accord-mac-1", purpose.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::TestEntropy;
    use crate::domain::seal::SealingKey;

    #[test]
    fn a_code_is_good_for_its_purpose_and_its_parts_only() {
        let entropy = TestEntropy::default();
        let ring = KeyRing::new(SealingKey::generate(&entropy), Vec::new());
        let mac = ring.mac("consent", &[b"ab", b"c"]);
        assert!(ring.verifies("consent", &[b"ab", b"c"], &mac));
        assert!(!ring.verifies("ledger", &[b"ab", b"c"], &mac));
        assert!(!ring.verifies("consent", &[b"a", b"bc"], &mac));
        assert!(!ring.verifies("consent", &[b"ab", b"c"], &mac[..20]));
        assert!(!ring.verifies("consent", &[b"ab", b"c"], b""));
    }

    #[test]
    fn a_code_outlives_a_rotation_of_the_keys_and_not_the_loss_of_its_key() {
        let entropy = TestEntropy::default();
        let old = SealingKey::generate(&entropy);
        let mac = KeyRing::new(old.clone(), Vec::new()).mac("consent", &[b"x"]);
        let rotated = KeyRing::new(SealingKey::generate(&entropy), vec![old]);
        assert!(rotated.verifies("consent", &[b"x"], &mac));
        assert!(!KeyRing::new(SealingKey::generate(&entropy), Vec::new()).verifies("consent", &[b"x"], &mac));
    }
}
