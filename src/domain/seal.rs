//! Sealing: what must not be readable in the database is encrypted before it gets there, and bound to its place.
//!
//! A sealed value opens only with the table, column, tenant and row it was sealed for, so that a row copied over another
//! one is noticed. Every value names its key; the newest key of the ring seals, all of them open, and that is rotation.
//! Where keys are kept is not known here.
//!
//! Layout: version (1 byte, `1`) ‖ key id (4) ‖ nonce (24) ‖ XChaCha20-Poly1305 ciphertext with its tag (16). The
//! associated data is version ‖ key id ‖ the four parts of the context, each after its length as 8 bytes big endian.
use std::fmt;
use std::str::FromStr;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::clock::Entropy;

const VERSION: u8 = 1;
const ID: usize = 4;
const NONCE: usize = 24;
const HEADER: usize = 1 + ID + NONCE;

/// The name of a key, shown as 8 hex digits. Not a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; ID]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = NotAKeyId;

    fn from_str(text: &str) -> Result<Self, NotAKeyId> {
        let is_hex = text.len() == 2 * ID && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(text, 16).ok().filter(|_| is_hex);
        number.map(|number| Self(number.to_be_bytes())).ok_or(NotAKeyId)
    }
}

impl KeyId {
    /// From the four bytes that stand before a sealed value or a code.
    pub fn from_bytes(bytes: [u8; ID]) -> Self {
        Self(bytes)
    }

    /// The four bytes.
    pub fn bytes(self) -> [u8; ID] {
        self.0
    }
}

/// A text that is not 8 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key id is 8 hex digits")]
pub struct NotAKeyId;

/// One key. `Debug` shows its id only; the bytes are wiped when it is dropped.
#[derive(Clone)]
pub struct SealingKey {
    id: KeyId,
    bytes: Zeroizing<[u8; 32]>,
}

impl SealingKey {
    /// A key read from where keys are kept.
    pub fn new(id: KeyId, bytes: Zeroizing<[u8; 32]>) -> Self {
        Self { id, bytes }
    }

    /// A new key with a new id.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let (mut id, mut bytes) = ([0; ID], Zeroizing::new([0; 32]));
        entropy.fill(&mut id);
        entropy.fill(bytes.as_mut_slice());
        Self { id: KeyId(id), bytes }
    }

    /// Its name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The secret itself, for the file it is kept in.
    pub fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.bytes))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.id)
    }
}

/// The place a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealContext<'a> {
    /// Table, for example `accounts`.
    pub table: &'a str,
    /// Column, for example `refresh_token`.
    pub column: &'a str,
    /// Id of the tenant that the row belongs to.
    pub tenant: &'a str,
    /// Id of the row.
    pub row: &'a str,
}

impl SealContext<'_> {
    fn associated_data(&self, id: KeyId) -> Vec<u8> {
        let mut data = vec![VERSION];
        data.extend(id.0);
        for part in [self.table, self.column, self.tenant, self.row] {
            data.extend((part.len() as u64).to_be_bytes());
            data.extend(part.as_bytes());
        }
        data
    }
}

/// Why a value stays closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The ring lacks the key. The value is fine: bring the key back.
    #[error("the value is sealed with key {0}, which is not in the key file; restore the key file that holds it")]
    MissingKey(KeyId),
    /// The value was altered, or belongs to another table, column, tenant or row.
    #[error("the value in {table}.{column} does not belong to this row, or was altered")]
    NotThisRow {
        /// Table of the context given.
        table: String,
        /// Column of the context given.
        column: String,
    },
    /// Too short, or of a version that this program does not know.
    #[error("the value is not one that this version of Accord sealed")]
    Unreadable,
}

/// The keys of an installation: the newest seals, all open.
#[derive(Debug, Clone)]
pub struct KeyRing {
    newest: SealingKey,
    older: Vec<SealingKey>,
}

impl KeyRing {
    /// A ring of one newest key and any number of older ones.
    pub fn new(newest: SealingKey, older: Vec<SealingKey>) -> Self {
        Self { newest, older }
    }

    /// The id of the key that seals now.
    pub fn newest(&self) -> KeyId {
        self.newest.id
    }

    /// One of its keys.
    pub(super) fn key(&self, id: KeyId) -> Option<&SealingKey> {
        std::iter::once(&self.newest)
            .chain(&self.older)
            .find(|key| key.id == id)
    }

    /// The key that sealed a value; `None` when the bytes are no sealed value.
    pub fn key_of(sealed: &[u8]) -> Option<KeyId> {
        let (header, _) = sealed.split_first_chunk::<HEADER>()?;
        (header[0] == VERSION).then(|| KeyId([header[1], header[2], header[3], header[4]]))
    }

    /// The key of a value that begins with `header` (5 bytes), when it is not in this ring.
    pub fn lacks(&self, header: &[u8]) -> Option<KeyId> {
        let [VERSION, a, b, c, d] = *header else { return None };
        let id = KeyId([a, b, c, d]);
        (self.newest.id != id && self.older.iter().all(|key| key.id != id)).then_some(id)
    }

    /// How every value begins that the newest key has sealed: version and key id.
    pub fn header(&self) -> [u8; 1 + ID] {
        let [a, b, c, d] = self.newest.id.0;
        [VERSION, a, b, c, d]
    }

    /// Whether a value should be sealed again, because a newer key exists than the one that sealed it.
    pub fn is_outdated(&self, sealed: &[u8]) -> bool {
        Self::key_of(sealed) != Some(self.newest.id)
    }

    /// Encrypts `plain` for one place, with a fresh nonce from `entropy`.
    pub fn seal(&self, entropy: &dyn Entropy, context: &SealContext<'_>, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        entropy.fill(&mut nonce);
        let associated = context.associated_data(self.newest.id);
        let payload = Payload {
            msg: plain,
            aad: &associated,
        };
        let encrypted = self.newest.cipher().encrypt(&XNonce::from(nonce), payload);
        let encrypted = encrypted.expect("XChaCha20-Poly1305 fails only beyond 256 GB");
        let mut sealed = Vec::with_capacity(HEADER + encrypted.len());
        sealed.push(VERSION);
        sealed.extend(self.newest.id.0);
        sealed.extend(nonce);
        sealed.extend(encrypted);
        sealed
    }

    /// Decrypts a value for the place it was sealed for. The plain text is wiped when it is dropped.
    ///
    /// # Errors
    /// See [`SealError`]; none of them carries any part of the value.
    pub fn open(&self, context: &SealContext<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let id = Self::key_of(sealed).ok_or(SealError::Unreadable)?;
        let (header, encrypted) = sealed.split_first_chunk::<HEADER>().ok_or(SealError::Unreadable)?;
        let (_, nonce) = header.split_last_chunk::<NONCE>().ok_or(SealError::Unreadable)?;
        let key = self.key(id).ok_or(SealError::MissingKey(id))?;
        let associated = context.associated_data(id);
        let opened = key.cipher().decrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: encrypted,
                aad: &associated,
            },
        );
        opened.map(Zeroizing::new).map_err(|_| SealError::NotThisRow {
            table: context.table.to_owned(),
            column: context.column.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::clock::TestEntropy;

    const PLACE: SealContext<'_> = SealContext {
        table: "accounts",
        column: "refresh_token",
        tenant: "t1",
        row: "a1",
    };

    fn ring(entropy: &TestEntropy) -> KeyRing {
        KeyRing::new(SealingKey::generate(entropy), Vec::new())
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_again(plain: Vec<u8>, tenant: String, row: String) {
            let entropy = TestEntropy::default();
            let ring = ring(&entropy);
            let place = SealContext { tenant: &tenant, row: &row, ..PLACE };
            let sealed = ring.seal(&entropy, &place, &plain);
            let opened = ring.open(&place, &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), plain.as_slice());
            prop_assert_ne!(ring.seal(&entropy, &place, &plain), sealed, "every seal has its own nonce");
        }

        #[test]
        fn a_value_with_one_altered_byte_stays_closed(plain: Vec<u8>, at: prop::sample::Index, flip in 1u8..) {
            let entropy = TestEntropy::default();
            let ring = ring(&entropy);
            let mut sealed = ring.seal(&entropy, &PLACE, &plain);
            let at = at.index(sealed.len());
            sealed[at] ^= flip;
            prop_assert!(ring.open(&PLACE, &sealed).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_refused_without_a_panic(bytes: Vec<u8>) {
            prop_assert!(ring(&TestEntropy::default()).open(&PLACE, &bytes).is_err());
        }
    }

    #[test]
    fn a_value_moved_to_another_place_stays_closed() {
        let entropy = TestEntropy::default();
        let ring = ring(&entropy);
        let sealed = ring.seal(&entropy, &PLACE, b"1//refresh");
        for elsewhere in [
            SealContext {
                table: "messages",
                ..PLACE
            },
            SealContext {
                column: "access_token",
                ..PLACE
            },
            SealContext { tenant: "t2", ..PLACE },
            SealContext { row: "a2", ..PLACE },
            // The border between two parts counts, too.
            SealContext {
                tenant: "t1a",
                row: "1",
                ..PLACE
            },
        ] {
            let error = ring.open(&elsewhere, &sealed).unwrap_err();
            assert!(matches!(error, SealError::NotThisRow { .. }), "{elsewhere:?}");
        }
    }

    #[test]
    fn after_a_rotation_old_values_open_and_are_known_to_be_outdated() {
        let entropy = TestEntropy::default();
        let old = SealingKey::generate(&entropy);
        let sealed = KeyRing::new(old.clone(), Vec::new()).seal(&entropy, &PLACE, b"token");
        let rotated = KeyRing::new(SealingKey::generate(&entropy), vec![old.clone()]);
        assert_eq!(rotated.open(&PLACE, &sealed).unwrap().as_slice(), b"token");
        assert!(rotated.is_outdated(&sealed));
        assert!(!rotated.is_outdated(&rotated.seal(&entropy, &PLACE, b"token")));

        let forgetful = KeyRing::new(SealingKey::generate(&entropy), Vec::new());
        let error = forgetful.open(&PLACE, &sealed).unwrap_err();
        assert_eq!(error, SealError::MissingKey(old.id()));
        assert!(error.to_string().contains(&old.id().to_string()));
    }

    #[test]
    fn debug_output_names_the_key_and_shows_none_of_it() {
        let ring = ring(&TestEntropy::default());
        let shown = format!("{ring:?}");
        assert_eq!(
            shown,
            format!("KeyRing {{ newest: SealingKey({}), older: [] }}", ring.newest())
        );
    }

    #[test]
    fn a_key_id_reads_back_as_written() {
        let id: KeyId = "00c0ffee".parse().unwrap();
        assert_eq!(id.to_string(), "00c0ffee");
        for wrong in ["", "c0ffee", "+0c0ffee", "00c0ffee0", "00c0ffeg"] {
            assert_eq!(wrong.parse::<KeyId>(), Err(NotAKeyId), "{wrong}");
        }
    }
}
