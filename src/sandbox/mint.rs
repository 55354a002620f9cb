//! Makes every opaque value of the sandbox: tokens, codes, account numbers.
//!
//! The values come from one seed and a counter, so that a seeded sandbox can be replayed. They look like Google's,
//! and nobody may learn anything from their inside.
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// A source of values that do not repeat.
pub struct Mint {
    seed: [u8; 32],
    counter: u64,
}

impl Mint {
    /// A mint whose values follow from `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    /// 32 new bytes.
    pub fn bytes(&mut self) -> [u8; 32] {
        self.counter += 1;
        Sha256::new()
            .chain_update(self.seed)
            .chain_update(self.counter.to_be_bytes())
            .finalize()
            .into()
    }

    /// `prefix` followed by 43 URL-safe characters.
    pub fn token(&mut self, prefix: &str) -> String {
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(self.bytes()))
    }

    /// An account number as in Google's `sub`: 21 decimal digits.
    pub fn account_number(&mut self) -> String {
        let digits = self
            .bytes()
            .iter()
            .take(20)
            .map(|byte| char::from(b'0' + byte % 10))
            .collect::<String>();
        format!("1{digits}")
    }
}
