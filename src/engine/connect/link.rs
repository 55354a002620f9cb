//! One-time addresses and the secrets in them.
//!
//! A link is `<tenant>.<id>.<secret>`: the look-up starts from the tenant. Without its secret it still names an attempt,
//! which then only opens to the browser that it belongs to. Secrets have 256 bits, are compared in constant time and
//! stored as SHA-256 only: nothing slower is needed for what cannot be guessed.
use crate::domain::ids::{ConnectId, TenantId};
use crate::engine::Engine;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The address of one attempt.
#[derive(Debug)]
pub struct Link {
    /// Tenant.
    pub tenant: TenantId,
    /// Attempt.
    pub id: ConnectId,
    secret: Option<SecretString>,
}

impl Link {
    pub(crate) fn fresh(engine: &Engine, tenant: TenantId) -> Link {
        Self::with_fresh_secret(engine, tenant, ConnectId(engine.fresh_uuid()))
    }

    pub(crate) fn with_fresh_secret(engine: &Engine, tenant: TenantId, id: ConnectId) -> Link {
        Link {
            tenant,
            id,
            secret: Some(fresh_secret(engine)),
        }
    }

    /// The address of an attempt for the browser that has it already.
    pub fn without_secret(tenant: TenantId, id: ConnectId) -> Link {
        Link {
            tenant,
            id,
            secret: None,
        }
    }

    /// Reads `<tenant>.<id>` with or without `.<secret>`; anything else is no link of ours.
    pub fn parse(text: &str) -> Option<Link> {
        let mut parts = text.split('.');
        let link = Link {
            tenant: parts.next()?.parse().ok()?,
            id: parts.next()?.parse().ok()?,
            secret: parts.next().map(SecretString::from),
        };
        parts.next().is_none().then_some(link)
    }

    /// Its text.
    pub fn to_text(&self) -> SecretString {
        match &self.secret {
            None => format!("{}.{}", self.tenant, self.id),
            Some(secret) => format!("{}.{}.{}", self.tenant, self.id, secret.expose_secret()),
        }
        .into()
    }

    pub(crate) fn secret_hash(&self) -> Vec<u8> {
        self.secret
            .as_ref()
            .map(|secret| hash(secret.expose_secret()))
            .unwrap_or_default()
    }

    pub(crate) fn opens(&self, stored: &[u8]) -> bool {
        self.secret.is_some() && same(&self.secret_hash(), stored)
    }
}

/// 32 random bytes as 43 characters that are safe in addresses and cookies.
pub fn fresh_secret(engine: &Engine) -> SecretString {
    let mut random = zeroize::Zeroizing::new([0; 32]);
    engine.entropy.fill(random.as_mut_slice());
    URL_SAFE_NO_PAD.encode(random.as_slice()).into()
}

/// SHA-256.
pub fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Compares without telling how far two values agree.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "0190f3c4-5b1e-7cc0-9d3a-6f1f2b7c8d9e";
    const ID: &str = "0190f3c4-5b1e-7cc0-9d3a-6f1f2b7c8d9f";

    #[test]
    fn a_link_opens_only_with_its_own_secret() {
        let link = Link::parse(&format!("{TENANT}.{ID}.abc")).unwrap();
        assert!(link.opens(&hash("abc")));
        assert!(!link.opens(&hash("abd")));
        assert!(!Link::parse(&format!("{TENANT}.{ID}")).unwrap().opens(&hash("")));
    }

    #[test]
    fn what_is_no_link_of_ours_is_refused() {
        for text in [
            "",
            "a.b.c",
            TENANT,
            &format!("{TENANT}.{ID}.s.t"),
            &format!("{TENANT}.x.s"),
        ] {
            assert!(Link::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_secret_of_a_link_is_not_in_its_debug_output() {
        let link = Link::parse(&format!("{TENANT}.{ID}.hushhush")).unwrap();
        assert!(!format!("{link:?}").contains("hush"));
    }
}
