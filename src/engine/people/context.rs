//! What a pass over contacts knows before it starts.
//!
//! A quiet pass needs one row ([`scopes::ContactsContext`]); the tenant's settings, the key's prefix and the quarantine are
//! read only when there is something to do.
use crate::domain::access::ContactsChoice;
use crate::domain::failure::FailureClass;
use crate::domain::ids::{CustomerId, LinkId, TenantId, UserId};
use crate::domain::settings::EffectiveSettings;
use crate::engine::sync::SyncError;
use crate::engine::{Engine, tokens};
use crate::google::people::{self, Person};
use crate::store::contact_links::ContactLink;
use crate::store::scopes::{self, Claim, ContactsContext, ScopeKey};
use crate::store::{Tx, installation, quarantine, tenants};
use secrecy::SecretString;
use std::collections::HashMap;

/// A sync token is used for so long at most; Google keeps them for seven days.
const TOKEN_MS: i64 = 6 * 24 * 60 * 60 * 1000;
/// Renewals of one installation are spread over so long before that.
const SPREAD_MS: i64 = 24 * 60 * 60 * 1000;
/// How long nothing is written after a quota that lasts hours is used up.
const PAUSE_MS: i64 = 60 * 60 * 1000;

/// Everything that the parts of a pass share.
pub(super) struct Context<'a> {
    pub engine: &'a Engine,
    pub claim: &'a Claim,
    pub scope: ContactsContext,
    /// Of what decides which contacts a listing shows; a token made with others is not used.
    pub fingerprint: String,
    pub settings: Option<EffectiveSettings>,
    /// The country in which numbers without a country code are.
    pub region: Option<String>,
    /// The tenant's name, which the contact group bears.
    pub tenant_name: String,
    /// `accord:<installation>:<tenant>:`, what our keys begin with.
    pub key_prefix: String,
    /// Items of this scope that were set aside when the pass began: (side, item id) and the refused version.
    pub quarantined: HashMap<(String, String), i64>,
    /// When the listing began, ms.
    pub started_at: i64,
    /// Whether this only finds out what a pass would do, with a private copy of the rows: it holds no lease.
    pub is_plan: bool,
}

impl<'a> Context<'a> {
    pub async fn load(engine: &'a Engine, tx: &mut Tx, claim: &'a Claim) -> Result<Context<'a>, SyncError> {
        let scope = scopes::contacts_context(tx, &claim.key)
            .await?
            .ok_or(SyncError::NoSuchScope)?;
        let chosen = match &scope.choice {
            Some(ContactsChoice::Label { group, .. }) => group.as_str(),
            Some(ContactsChoice::All) => "all",
            Some(ContactsChoice::None) | None => "none",
        };
        let fingerprint = format!("{}-{chosen}", people::fingerprint(page_size(engine)));
        Ok(Context {
            engine,
            claim,
            scope,
            fingerprint,
            settings: None,
            region: None,
            tenant_name: String::new(),
            key_prefix: String::new(),
            quarantined: HashMap::new(),
            started_at: engine.now_ms(),
            is_plan: false,
        })
    }

    /// Reads what only a pass with work needs. It writes the installation's id, once; a plan writes nothing.
    pub async fn load_rest(&mut self) -> Result<(), SyncError> {
        let mut tx = self.engine.db.begin().await?;
        let tenant = tenants::get(&mut tx, self.tenant())
            .await?
            .ok_or(SyncError::NoSuchScope)?;
        self.settings = Some(tenant.settings.effective(&self.engine.defaults));
        self.region = tenant.settings.region.clone();
        self.tenant_name = tenant.name;
        let installation = installation::id(&mut tx, self.engine.fresh_uuid()).await?;
        self.key_prefix = format!("accord:{installation}:{}:", self.tenant());
        self.quarantined = self.set_aside(&mut tx).await?;
        if self.is_plan {
            return Ok(());
        }
        Ok(tx.commit().await?)
    }

    /// Items of this scope that are set aside at this moment: (side, item id) and the refused version.
    pub async fn set_aside(&self, tx: &mut Tx) -> Result<HashMap<(String, String), i64>, SyncError> {
        let aside = quarantine::list(tx, self.tenant(), Some(self.key().account)).await?;
        let own = aside.into_iter().filter(|item| item.calendar_id == self.key().calendar);
        Ok(own.map(|item| ((item.side, item.item_id), item.version)).collect())
    }

    pub fn key(&self) -> &ScopeKey {
        &self.claim.key
    }

    pub fn tenant(&self) -> TenantId {
        self.claim.key.tenant
    }

    pub fn user(&self) -> UserId {
        self.scope.user_id
    }

    pub fn settings(&self) -> &EffectiveSettings {
        self.settings.as_ref().expect("load_rest ran before anything is merged")
    }

    /// Contacts per page.
    pub fn page_size(&self) -> u16 {
        page_size(self.engine)
    }

    /// The access token; refreshed if it is about to end.
    pub async fn access(&self) -> Result<SecretString, SyncError> {
        Ok(tokens::access_token(self.engine, self.tenant(), self.key().account).await?)
    }

    /// Begins a write of this pass: nothing is written by a worker that has lost the scope.
    pub async fn begin(&self) -> Result<Tx, SyncError> {
        let mut tx = self.engine.db.begin().await?;
        if !self.is_plan && !scopes::hold(&mut tx, self.claim, self.engine.sync.lease_ms).await? {
            return Err(SyncError::LostLease);
        }
        Ok(tx)
    }

    /// Prolongs the lease before more is read.
    pub async fn prolong(&self) -> Result<(), SyncError> {
        if self.is_plan {
            return Ok(());
        }
        Ok(self.begin().await?.commit().await?)
    }

    /// Whether Google takes writes at present, as far as is known.
    pub fn takes_writes(&self) -> bool {
        self.scope.writes_paused_until <= self.engine.now_ms()
    }

    /// Whether writing may go on after this outcome. When a quota that lasts hours is used up, reading goes on alone for a while.
    pub async fn goes_on_writing(&self, outcome: Result<(), SyncError>) -> Result<bool, SyncError> {
        match outcome {
            Ok(()) => Ok(true),
            Err(SyncError::Google(error)) if error.class() == FailureClass::QuotaExhausted => {
                let mut tx = self.begin().await?;
                let until = self.engine.now_ms() + PAUSE_MS;
                scopes::pause_writes(&mut tx, self.claim, until, &error.to_string()).await?;
                tx.commit().await?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether Google showed the contact so recently that its "not found" proves nothing.
    pub fn is_fresh(&self, link: &ContactLink) -> bool {
        self.engine.now_ms() - link.confirmed_at < self.engine.sync.contact_create_delay_ms
    }

    /// Whether everything has to be listed although there is a token: it is about to end, or a create with an unknown outcome
    /// has to be looked for.
    pub fn wants_everything(&self) -> bool {
        let age = self.started_at - self.scope.listed_at;
        let is_old = age >= TOKEN_MS - jitter(self.key());
        let delay = self.engine.sync.contact_create_delay_ms;
        let is_time = self
            .scope
            .unsure_since
            .is_some_and(|since| self.started_at >= since + delay);
        is_old || self.scope.has_unlooked || is_time
    }

    /// When a full listing counts as begun. One that lacks contacts which Google showed only a moment before it proves
    /// nothing about them: it is repeated as soon as another one would.
    pub fn listed_at(&self, is_conclusive: bool) -> i64 {
        if is_conclusive {
            return self.started_at;
        }
        let delay = self.engine.sync.contact_create_delay_ms;
        self.started_at - (TOKEN_MS - jitter(self.key())) + delay
    }

    /// Whether the user and the tenant let any contact be read or written.
    pub fn lets_any(&self) -> bool {
        !matches!(self.scope.choice, Some(ContactsChoice::None) | None)
    }

    /// Whether the user lets this contact be followed. What Accord created always is: it was the app's before.
    pub fn lets(&self, person: &Person, is_ours: bool) -> bool {
        match &self.scope.choice {
            Some(ContactsChoice::All) => true,
            Some(ContactsChoice::Label { group, .. }) => is_ours || person.groups.iter().any(|of| of == group),
            Some(ContactsChoice::None) | None => false,
        }
    }

    /// The entry in a contact's `clientData` by which a create is found again.
    pub fn client_key(&self, customer: CustomerId) -> String {
        format!("{}{customer}", self.key_prefix)
    }

    /// The customers that a contact was created for, if this installation created it for this tenant; several when Google
    /// merged such contacts.
    pub fn customers_of(&self, person: &Person) -> Vec<CustomerId> {
        let ours = person
            .client_keys
            .iter()
            .filter_map(|key| key.strip_prefix(&self.key_prefix));
        ours.filter_map(|id| id.parse().ok()).collect()
    }

    pub fn fresh_link(&self) -> LinkId {
        LinkId(self.engine.fresh_uuid())
    }
}

fn page_size(engine: &Engine) -> u16 {
    engine.sync.page_size.min(1000)
}

/// The same for a scope at every look, and spread evenly over scopes.
fn jitter(key: &ScopeKey) -> i64 {
    let bytes = key.account.0.as_bytes();
    let (_, random) = bytes.split_at(8);
    let random = random
        .iter()
        .fold(0_i64, |sum, byte| (sum << 8 | i64::from(*byte)) & i64::MAX);
    random % SPREAD_MS
}
