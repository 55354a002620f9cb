//! Tenants, their settings and the keys of their apps.
//!
//! A key is `accord_<tenant>_<key id>_<secret>`: it carries its tenant, so that the look-up starts there. It is shown once;
//! only a hash of the secret is kept. 32 random bytes need no slow hash (there is nothing to guess).
use super::{BadField, Engine, Refusal};
use crate::domain::ids::{ApiKeyId, TenantId};
use crate::domain::settings::{EffectiveSettings, TenantDefaults, TenantSettings};
use crate::store::mail::{subjects, tenants as mail_tenants};
use crate::store::tenants::{self, ApiKey, Tenant};
use crate::store::{StoreError, customers};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// Longest name of a tenant, a user or a resource, in characters.
pub const NAME_CHARS: usize = 200;

/// How exactly the last use of a key is known (ms): a write for every request would be too much.
const USE_NOTED_MS: i64 = 60 * 60 * 1000;

/// Who calls: the tenant, and with which of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The tenant.
    pub tenant: TenantId,
    /// The key.
    pub key: ApiKeyId,
}

/// What a merge patch of a tenant changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TenantPatch {
    /// A new name.
    pub name: Option<String>,
    /// A merge patch of the settings.
    pub settings: Map<String, Value>,
    /// What is known to be wrong with the request already; it is refused together with what is found here.
    pub bad: Vec<BadField>,
}

/// Trims a name and checks it.
pub(super) fn checked_name(field: &'static str, given: &str) -> Result<String, BadField> {
    let name = given.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS {
        return Err(BadField::new(field, format!("must have 1 to {NAME_CHARS} characters")));
    }
    if name.chars().any(char::is_control) {
        return Err(BadField::new(field, "must not contain control characters"));
    }
    Ok(name.to_owned())
}

impl Engine {
    /// Makes a tenant and its first API key, which is shown only now.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every problem of the name and the settings.
    pub async fn create_tenant(
        &self,
        name: &str,
        settings: &Map<String, Value>,
    ) -> Result<(Tenant, SecretString), Refusal> {
        let mut bad = Vec::new();
        let name = checked_name("name", name).map_err(|problem| bad.push(problem)).ok();
        let settings = TenantSettings::new(settings)
            .map_err(|problems| bad.extend(problems.into_iter().map(BadField::from)))
            .ok();
        let (Some(name), Some(settings)) = (name, settings) else {
            return Err(Refusal::Invalid(bad));
        };
        let now = self.now_ms();
        let tenant = Tenant {
            id: TenantId(self.fresh_uuid()),
            name,
            settings,
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.db.begin().await?;
        tenants::insert(&mut tx, &tenant).await?;
        let key = self.insert_key(&mut tx, tenant.id).await?;
        tx.commit().await?;
        Ok((tenant, key))
    }

    /// Makes another API key for a tenant, which is shown only now.
    pub async fn create_api_key(&self, tenant: TenantId) -> Result<SecretString, Refusal> {
        let mut tx = self.db.begin().await?;
        if !tenants::lock(&mut tx, tenant).await? {
            return Err(Refusal::Missing("tenant"));
        }
        let key = self.insert_key(&mut tx, tenant).await?;
        tx.commit().await?;
        Ok(key)
    }

    /// Ends an API key.
    pub async fn revoke_api_key(&self, tenant: TenantId, key: ApiKeyId) -> Result<(), Refusal> {
        let mut tx = self.db.begin().await?;
        if !tenants::revoke_key(&mut tx, tenant, key, self.now_ms()).await? {
            return Err(Refusal::Missing("API key"));
        }
        Ok(tx.commit().await?)
    }

    async fn insert_key(&self, tx: &mut crate::store::Tx, tenant: TenantId) -> Result<SecretString, Refusal> {
        let id = ApiKeyId(self.fresh_uuid());
        let mut secret = [0u8; 32];
        self.entropy.fill(&mut secret);
        let hash = Sha256::digest(secret);
        tenants::insert_key(tx, tenant, id, &hash, self.now_ms()).await?;
        let secret = URL_SAFE_NO_PAD.encode(secret);
        let text = format!("accord_{}_{}_{secret}", tenant.0.simple(), id.0.simple());
        Ok(SecretString::from(text))
    }

    /// Who a key belongs to.
    ///
    /// # Errors
    /// [`Refusal::UnknownCaller`] for everything that is no valid key, without telling why.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Refusal> {
        let (tenant, key, secret) = read_key(token).ok_or(Refusal::UnknownCaller)?;
        let hash = Sha256::digest(secret);
        let mut tx = self.db.read().await?;
        let known = tenants::key_hash(&mut tx, tenant, key).await?;
        drop(tx);
        match known {
            Some((known, last_used)) if bool::from(known.as_slice().ct_eq(hash.as_slice())) => {
                self.note_use(tenant, key, last_used);
                Ok(Caller { tenant, key })
            }
            _ => Err(Refusal::UnknownCaller),
        }
    }

    /// Notes that a key was seen, beside the request: neither a locked database nor a failure holds it up.
    fn note_use(&self, tenant: TenantId, key: ApiKeyId, last_used: Option<i64>) {
        let now = self.now_ms();
        if last_used.is_some_and(|last| now < last + USE_NOTED_MS) {
            return;
        }
        let engine = self.clone();
        tokio::spawn(async move {
            let noted = async {
                let mut tx = engine.db.begin().await?;
                tenants::key_used(&mut tx, tenant, key, now).await?;
                tx.commit().await
            };
            let noted: Result<(), StoreError> = noted.await;
            if let Err(error) = noted {
                tracing::debug!(%tenant, %error, "the use of an API key was not noted; the next request does it");
            }
        });
    }

    /// The API keys of a tenant, the oldest first, ended ones included.
    pub async fn api_keys(&self, tenant: TenantId) -> Result<Vec<ApiKey>, Refusal> {
        let mut tx = self.db.read().await?;
        tenants::get(&mut tx, tenant).await?.ok_or(Refusal::Missing("tenant"))?;
        Ok(tenants::keys(&mut tx, tenant).await?)
    }

    /// Every tenant, for the operator.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, Refusal> {
        let mut tx = self.db.read().await?;
        Ok(tenants::list(&mut tx).await?)
    }

    /// One tenant.
    pub async fn tenant(&self, id: TenantId) -> Result<Tenant, Refusal> {
        let mut tx = self.db.read().await?;
        tenants::get(&mut tx, id).await?.ok_or(Refusal::Missing("tenant"))
    }

    /// What is in force for a tenant.
    pub async fn settings(&self, id: TenantId, defaults: &TenantDefaults) -> Result<EffectiveSettings, Refusal> {
        Ok(self.tenant(id).await?.settings.effective(defaults))
    }

    /// Changes a tenant's name and settings.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every problem; nothing is changed then.
    pub async fn patch_tenant(&self, id: TenantId, patch: &TenantPatch) -> Result<Tenant, Refusal> {
        let mut tx = self.db.begin().await?;
        if !tenants::lock(&mut tx, id).await? {
            return Err(Refusal::Missing("tenant"));
        }
        let mut tenant = tenants::get(&mut tx, id).await?.ok_or(Refusal::Missing("tenant"))?;
        let mut bad = patch.bad.clone();
        if let Some(name) = &patch.name {
            match checked_name("name", name) {
                Ok(name) => tenant.name = name,
                Err(problem) => bad.push(problem),
            }
        }
        let region = tenant.settings.region.clone();
        let reminders = tenant.settings.effective(&self.defaults).reminders;
        match tenant.settings.patched(&patch.settings) {
            Ok(settings) => tenant.settings = settings,
            Err(problems) => bad.extend(problems.into_iter().map(BadField::from)),
        }
        if !bad.is_empty() {
            return Err(Refusal::Invalid(bad));
        }
        tenant.updated_at = self.now_ms();
        tenants::update(&mut tx, &tenant).await?;
        if tenant.settings.region != region {
            // Numbers without a country code mean others now.
            customers::forget_noticed(&mut tx, id).await?;
        }
        if tenant.settings.effective(&self.defaults).reminders != reminders {
            // What is due when is another question now.
            subjects::remind_again(&mut tx, id).await?;
        }
        tx.commit().await?;
        Ok(tenant)
    }

    /// Whether the operator lets this tenant's app say yes for its users.
    pub async fn is_app_asserted(&self, id: TenantId) -> Result<bool, Refusal> {
        let mut tx = self.db.read().await?;
        Ok(mail_tenants::is_app_asserted(&mut tx, id).await?)
    }

    /// Allows or ends that. A yes that was said stays said.
    pub async fn set_app_asserted(&self, id: TenantId, is_allowed: bool) -> Result<(), Refusal> {
        let mut tx = self.db.begin().await?;
        if !mail_tenants::set_app_asserted(&mut tx, id, is_allowed).await? {
            return Err(Refusal::Missing("tenant"));
        }
        Ok(tx.commit().await?)
    }
}

/// Takes a key apart. The secret is base64url and may itself contain `_`.
fn read_key(token: &str) -> Option<(TenantId, ApiKeyId, [u8; 32])> {
    let mut parts = token.splitn(4, '_');
    if parts.next()? != "accord" {
        return None;
    }
    let tenant = simple_uuid(parts.next()?)?;
    let key = simple_uuid(parts.next()?)?;
    let secret = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
    Some((TenantId(tenant), ApiKeyId(key), secret.try_into().ok()?))
}

/// An id as keys and links carry it: 32 lower-case hexadecimal digits.
pub(super) fn simple_uuid(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.simple().to_string() == text).then_some(id)
}
