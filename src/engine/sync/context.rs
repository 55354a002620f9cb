//! What a pass knows before it starts.
//!
//! A quiet pass needs one row ([`scopes::ScopeContext`]); the tenant's settings, resources and quarantine are read only when
//! there is something to do.
use super::SyncError;
use crate::domain::booking::Side;
use crate::domain::event::{Event, Words};
use crate::domain::ids::{BookingId, EventId, ResourceId, TenantId};
use crate::domain::merge::{Resources, Rules, name_key};
use crate::domain::settings::EffectiveSettings;
use crate::engine::{Engine, tokens};
use crate::google::calendar::{ListParameters, Reading};
use crate::store::placements::Placement;
use crate::store::scopes::{self, Claim, ScopeContext, ScopeKey};
use crate::store::{Tx, hand_overs, quarantine, resources, tenants};
use chrono_tz::Tz;
use secrecy::SecretString;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// Said of a calendar that can still be read.
pub(super) const READ_ONLY: &str =
    "Google lets the account only read this calendar now; what the app changes waits until it may write again";

/// Everything that the parts of a pass share.
pub(super) struct Context<'a> {
    pub engine: &'a Engine,
    pub claim: &'a Claim,
    pub scope: ScopeContext,
    pub reading: Reading,
    /// Of what decides which events a listing shows, and how much of them; a token made with others is not used.
    pub fingerprint: String,
    /// Whether the scope has anything to push.
    pub has_pending: bool,
    /// Whether an answer, or a look at other scopes, is outstanding.
    pub has_waiting: bool,
    pub settings: Option<EffectiveSettings>,
    pub resources: ResourceNames,
    /// Items of this scope that are set aside: (side, item id) and the refused version.
    pub quarantined: HashMap<(String, String), i64>,
    /// Events of this scope that have to leave the calendar, because their booking was handed over.
    pub hand_overs: HashSet<EventId>,
    /// Bookings with an answer that this pass does not carry out, because it has not looked at their events.
    pub unread: HashSet<BookingId>,
    /// Other scopes that are to look soon, because of what this one has lost.
    pub others: Mutex<HashSet<ScopeKey>>,
    /// When the listing began, ms.
    pub started_at: i64,
    /// Whether this only finds out what a pass would do, with a private copy of the rows: it holds no lease.
    pub is_plan: bool,
}

impl<'a> Context<'a> {
    pub async fn load(engine: &'a Engine, tx: &mut Tx, claim: &'a Claim) -> Result<Context<'a>, SyncError> {
        let scope = scopes::context(tx, &claim.key).await?.ok_or(SyncError::NoSuchScope)?;
        let reading = Reading {
            zone: scope.calendar_zone.parse().unwrap_or(Tz::UTC),
            role: scope.access_role,
            show_private: scope.private_shown,
        };
        let fingerprint = format!(
            "{}-{}-{}-{}",
            ListParameters::fingerprint(),
            engine.sync.window_past_days,
            scope.private_shown,
            scope.access_role.as_str()
        );
        Ok(Context {
            engine,
            claim,
            reading,
            fingerprint,
            has_pending: scope.has_pending,
            has_waiting: scope.has_waiting,
            scope,
            settings: None,
            resources: ResourceNames::default(),
            quarantined: HashMap::new(),
            hand_overs: HashSet::new(),
            unread: HashSet::new(),
            others: Mutex::default(),
            started_at: engine.now_ms(),
            is_plan: false,
        })
    }

    /// Reads what only a pass with work needs.
    pub async fn load_rest(&mut self) -> Result<(), SyncError> {
        let mut tx = self.engine.db.read().await?;
        let tenant = tenants::get(&mut tx, self.tenant())
            .await?
            .ok_or(SyncError::NoSuchScope)?;
        self.settings = Some(tenant.settings.effective(&self.engine.defaults));
        self.resources = ResourceNames::new(resources::names(&mut tx, self.tenant()).await?);
        let aside = quarantine::list(&mut tx, self.tenant(), Some(self.key().account)).await?;
        let key = &self.claim.key;
        let leaving = hand_overs::from_calendar(&mut tx, key.tenant, key.account, &key.calendar).await?;
        self.hand_overs = leaving.into_iter().map(|found| found.event_id).collect();
        self.quarantined = aside
            .into_iter()
            .filter(|item| item.calendar_id == self.key().calendar)
            .map(|item| ((item.side, item.item_id), item.version))
            .collect();
        Ok(())
    }

    /// Why the calendar is frozen, now that it has answered: only for a lost right to write. A calendar that could never
    /// be written is not frozen by that.
    pub fn frozen(&self) -> Option<&'static str> {
        let wrote = self.scope.access_role.writes() || self.scope.frozen.as_deref() == Some(READ_ONLY);
        (wrote && !self.reading.role.writes()).then_some(READ_ONLY)
    }

    /// Whether the calendar takes writes at present, as far as is known.
    pub fn takes_writes(&self) -> bool {
        self.scope.frozen.is_none() && self.scope.writes_paused_until <= self.engine.now_ms()
    }

    /// Whether shared fields of an event are ours to change. While a lost role may come back they still are: what the app
    /// changes meanwhile waits, instead of being put back.
    pub fn may_write(&self, event: &Event) -> bool {
        event.organizer && (self.reading.role.writes() || self.frozen().is_some())
    }

    /// Whether this account can write an event now, lost roles not counted: what decides whether it leads.
    pub fn can_write(&self, event: &Event) -> bool {
        event.organizer && self.reading.role.writes()
    }

    pub fn key(&self) -> &ScopeKey {
        &self.claim.key
    }

    pub fn tenant(&self) -> TenantId {
        self.claim.key.tenant
    }

    pub fn settings(&self) -> &EffectiveSettings {
        self.settings.as_ref().expect("load_rest ran before anything is merged")
    }

    /// Where the user's all-day bookings begin.
    pub fn day_zone(&self) -> Tz {
        self.scope.user_zone.parse().unwrap_or(Tz::UTC)
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

    /// Notes scopes that are to look soon. A step that is rolled back has asked for one look too many, which harms nobody.
    pub fn ask_others(&self, scopes: Vec<ScopeKey>) {
        self.others
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(scopes);
    }

    /// Gives the noted scopes to whoever makes them due.
    pub fn take_others(&self) -> HashSet<ScopeKey> {
        std::mem::take(&mut *self.others.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Prolongs the lease while only reading goes on, which may take longer than a lease lasts.
    pub async fn prolong(&self) -> Result<(), SyncError> {
        if self.is_plan {
            return Ok(());
        }
        Ok(self.begin().await?.commit().await?)
    }

    /// What decides when the sides of this placement differ.
    pub fn rules<'r>(&'r self, placement: &Placement, origin: Side, words: Words) -> Rules<'r> {
        let settings = self.settings();
        Rules {
            policy: settings.conflict,
            origin,
            inbound_cancel: settings.inbound_cancel,
            inbound_move: settings.inbound_move,
            guests: settings.guests,
            words,
            writable: placement.is_writable,
            has_guests: placement.has_guests,
            answer: match placement.answer.as_deref() {
                Some("app") => Some(Side::App),
                Some("google") => Some(Side::Google),
                _ => None,
            },
            resources: &self.resources,
        }
    }
}

/// The tenant's resources by id and by name.
#[derive(Default)]
pub(super) struct ResourceNames {
    names: HashMap<ResourceId, String>,
    /// A name that two resources share names neither.
    ids: HashMap<String, Option<ResourceId>>,
}

impl ResourceNames {
    fn new(all: Vec<(ResourceId, String)>) -> ResourceNames {
        let mut found = ResourceNames::default();
        let mut seen = HashSet::new();
        for (id, name) in all {
            let key = name_key(&name);
            let only = if seen.insert(key.clone()) { Some(id) } else { None };
            found.ids.insert(key, only);
            found.names.insert(id, name);
        }
        found
    }
}

impl Resources for ResourceNames {
    fn name(&self, id: ResourceId) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    fn by_name(&self, text: &str) -> Option<ResourceId> {
        let key = name_key(text);
        if key.is_empty() {
            None
        } else {
            self.ids.get(&key).copied().flatten()
        }
    }
}
