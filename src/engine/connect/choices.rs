//! The user's own choices: which calendars are read, which one is written to, how private events appear.
//!
//! Only the user widens; the tenant narrows, and what it narrowed stays so whatever the user chooses. What is no longer
//! read is frozen, never cancelled.
use super::{ConnectError, Refusal, chosen};
use crate::domain::ids::{AccountId, CalendarId, TenantId};
use crate::engine::{Engine, tokens};
use crate::google::calendar::CalendarEntry;
use crate::google::scopes::Feature;
use crate::store::accounts::{self, Account, AccountState};
use crate::store::calendars::{self, Calendar, Listed};
use crate::store::connects::{self, Names, Step};
use crate::store::{StoreError, Tx, changes, scopes};
use std::collections::BTreeSet;

/// Why the bookings of a calendar are kept but not followed.
const NOT_CHOSEN: &str = "the user does not let it be read any more";
const NARROWED: &str = "the tenant does not let it be read";

/// What the user chose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// Calendars to read.
    pub reads: BTreeSet<CalendarId>,
    /// The calendar for new bookings; `None` keeps them in the app.
    pub writes: Option<CalendarId>,
    /// Whether private events are shown with their words.
    pub private_shown: bool,
}

/// A choice that is not possible; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// No calendar at all.
    #[error("no calendar was chosen")]
    Nothing,
    /// Not among the calendars that were shown.
    #[error("a calendar that was chosen is not in the list")]
    NotListed,
    /// Google lets the account only read it.
    #[error("the calendar {title} cannot be written to")]
    ReadOnly {
        /// Its title.
        title: String,
    },
    /// Written to but not read.
    #[error("the calendar {title} would be written to but not read")]
    WriteWithoutRead {
        /// Its title.
        title: String,
    },
    /// Beyond what the user allowed.
    #[error("the user did not allow this for the calendar {title}")]
    BeyondUser {
        /// Its title.
        title: String,
    },
}

/// What the page with the choices shows.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Who chooses, for which tenant.
    pub names: Names,
    /// The connected account.
    pub account: Account,
    /// Its calendars, the primary one first.
    pub calendars: Vec<Calendar>,
    /// What is ticked already: the choices of last time, else the primary calendar for both.
    pub preset: Choices,
}

/// Lists the account's calendars at Google, anew at every look.
pub async fn offer(engine: &Engine, link: &str, browser: Option<&str>) -> Result<Offer, ConnectError> {
    let mut tx = engine.db.read().await?;
    let (row, account) = chosen(engine, &mut tx, link, browser).await?;
    drop(tx);
    let tenant = row.tenant_id;
    let access = tokens::access_token(engine, tenant, account).await?;
    let listed = engine.google.calendar_list(&access).await?;
    let mut tx = engine.db.begin().await?;
    let mut ids = Vec::new();
    for entry in listed.into_iter().filter(|entry| !entry.deleted) {
        ids.push(entry.id.clone());
        calendars::upsert_listed(&mut tx, tenant, account, &from_google(entry)).await?;
    }
    calendars::forget_unlisted(&mut tx, tenant, account, &ids).await?;
    let mut calendars = calendars::of_account(&mut tx, tenant, account).await?;
    calendars.retain(|calendar| ids.contains(&calendar.calendar_id));
    let account = accounts::get(&mut tx, tenant, account)
        .await?
        .ok_or(Refusal::NotConnected)?;
    let names = connects::names(&mut tx, tenant, account.user_id)
        .await?
        .ok_or(Refusal::UnknownUser)?;
    tx.commit().await?;
    Ok(Offer {
        preset: preset(&account, &calendars),
        names,
        account,
        calendars,
    })
}

fn from_google(entry: CalendarEntry) -> Listed {
    Listed {
        title: if entry.summary.is_empty() {
            entry.id.0.clone()
        } else {
            entry.summary
        },
        calendar_id: entry.id,
        time_zone: entry.time_zone.map_or("UTC", |zone| zone.name()).to_owned(),
        access_role: entry.access_role,
        is_primary: entry.primary,
    }
}

/// What stands chosen now; the primary calendar for both when nothing was ever chosen.
pub fn preset(account: &Account, calendars: &[Calendar]) -> Choices {
    let ids = |keep: fn(&Calendar) -> bool| {
        let kept = calendars.iter().filter(move |calendar| keep(calendar));
        kept.map(|calendar| calendar.calendar_id.clone())
    };
    let mut choices = Choices {
        reads: ids(|calendar| calendar.user_reads).collect(),
        writes: ids(|calendar| calendar.user_writes).next(),
        private_shown: account.private_events_shown,
    };
    if choices.reads.is_empty() {
        choices.reads = ids(|calendar| calendar.is_primary).collect();
        choices.writes = ids(|calendar| calendar.is_primary && calendar.access_role.writes()).next();
    }
    choices
}

/// Takes the choices of a connection and starts the synchronisation.
pub async fn choose(
    engine: &Engine,
    link: &str,
    browser: Option<&str>,
    choices: &Choices,
) -> Result<Account, ConnectError> {
    let mut tx = engine.db.begin().await?;
    let (row, account) = chosen(engine, &mut tx, link, browser).await?;
    let account = apply(&mut tx, row.tenant_id, account, choices).await?;
    if !connects::advance(
        &mut tx,
        row.tenant_id,
        row.id,
        Step::Chosen,
        Step::Done,
        None,
        row.expires_at,
    )
    .await?
    {
        return Err(Refusal::Finished.into());
    }
    tx.commit().await?;
    Ok(account)
}

/// Takes changed choices of a user who signed in.
pub async fn choose_again(
    engine: &Engine,
    tenant: TenantId,
    account: AccountId,
    choices: &Choices,
) -> Result<Account, ConnectError> {
    let mut tx = engine.db.begin().await?;
    let account = apply(&mut tx, tenant, account, choices).await?;
    tx.commit().await?;
    Ok(account)
}

async fn apply(tx: &mut Tx, tenant: TenantId, id: AccountId, choices: &Choices) -> Result<Account, ConnectError> {
    let account = accounts::get(tx, tenant, id).await?.ok_or(Refusal::NotConnected)?;
    if account.state == AccountState::Disconnected {
        return Err(Refusal::NotConnected.into());
    }
    let calendars = calendars::of_account(tx, tenant, id).await?;
    check(choices, &calendars)?;
    for calendar in &calendars {
        let reads = choices.reads.contains(&calendar.calendar_id);
        let writes = choices.writes.as_ref() == Some(&calendar.calendar_id);
        calendars::set_user_choice(tx, tenant, id, &calendar.calendar_id, reads, writes).await?;
        if calendar.user_reads && !reads {
            calendars::freeze(tx, tenant, id, &calendar.calendar_id, Some(NOT_CHOSEN)).await?;
        }
    }
    accounts::set_private_events(tx, tenant, id, choices.private_shown).await?;
    // Without access to the calendar the choices are kept, but nothing begins.
    if account.state == AccountState::Choosing && Feature::Calendar.missing(&account.scopes).is_empty() {
        accounts::set_state(tx, tenant, id, AccountState::Active, None).await?;
    }
    follow(tx, tenant, id).await?;
    Ok(accounts::get(tx, tenant, id).await?.ok_or(Refusal::NotConnected)?)
}

fn check(choices: &Choices, calendars: &[Calendar]) -> Result<(), ChoiceError> {
    let find = |id: &CalendarId| calendars.iter().find(|calendar| calendar.calendar_id == *id);
    if choices.reads.is_empty() && choices.writes.is_none() {
        return Err(ChoiceError::Nothing);
    }
    if !choices.reads.iter().all(|id| find(id).is_some()) {
        return Err(ChoiceError::NotListed);
    }
    let Some(writes) = &choices.writes else { return Ok(()) };
    let calendar = find(writes).ok_or(ChoiceError::NotListed)?;
    let title = calendar.title.clone();
    if !calendar.access_role.writes() {
        return Err(ChoiceError::ReadOnly { title });
    }
    if !choices.reads.contains(writes) {
        return Err(ChoiceError::WriteWithoutRead { title });
    }
    Ok(())
}

/// What the tenant lets happen with one calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowing {
    /// Which.
    pub calendar_id: CalendarId,
    /// Whether it is read; `None` leaves it.
    pub reads: Option<bool>,
    /// Whether new bookings go there; `None` leaves it.
    pub writes: Option<bool>,
}

/// Narrows calendars for the tenant, or takes a narrowing back, never beyond what the user allowed.
pub async fn narrow(
    engine: &Engine,
    tenant: TenantId,
    id: AccountId,
    narrowings: &[Narrowing],
) -> Result<Vec<Calendar>, ConnectError> {
    let mut tx = engine.db.begin().await?;
    let account = accounts::get(&mut tx, tenant, id).await?;
    if account.is_none_or(|account| account.state == AccountState::Disconnected) {
        return Err(Refusal::NotConnected.into());
    }
    for narrowing in narrowings {
        let calendar = calendars::get(&mut tx, tenant, id, &narrowing.calendar_id).await?;
        let calendar = calendar.ok_or(ChoiceError::NotListed)?;
        let (wants_reads, wants_writes) = (narrowing.reads == Some(true), narrowing.writes == Some(true));
        let reads = narrowing.reads.unwrap_or(calendar.tenant_reads);
        let writes = narrowing.writes.unwrap_or(calendar.tenant_writes);
        let title = calendar.title.clone();
        if wants_reads && !calendar.user_reads || wants_writes && !calendar.user_writes {
            return Err(ChoiceError::BeyondUser { title }.into());
        }
        // Without reading it, nothing can be kept in agreement with it.
        if wants_writes && !reads {
            return Err(ChoiceError::WriteWithoutRead { title }.into());
        }
        calendars::set_narrowing(&mut tx, tenant, id, &narrowing.calendar_id, reads, writes).await?;
    }
    follow(&mut tx, tenant, id).await?;
    let calendars = calendars::of_account(&mut tx, tenant, id).await?;
    tx.commit().await?;
    Ok(calendars)
}

/// Brings scopes and frozen calendars in line with what is in force, and makes what is followed due now.
pub(crate) async fn follow(tx: &mut Tx, tenant: TenantId, id: AccountId) -> Result<(), StoreError> {
    let account = accounts::get(tx, tenant, id).await?;
    let works = account.is_some_and(|account| is_followed(&account));
    scopes::enable_scopes(tx, tenant, id, false).await?;
    for calendar in calendars::of_account(tx, tenant, id).await? {
        let frozen = match (calendar.reads, calendar.user_reads) {
            (true, _) => None,
            (false, true) => Some(NARROWED),
            (false, false) => continue,
        };
        calendars::freeze(tx, tenant, id, &calendar.calendar_id, frozen).await?;
        if works && calendar.reads {
            scopes::ensure_scope(tx, tenant, id, &calendar.calendar_id).await?;
        }
    }
    changes::record(tx, tenant, "account", &id.to_string()).await
}

/// Whether an account is polled: it is active and its user allows access to the calendar.
fn is_followed(account: &Account) -> bool {
    account.state == AccountState::Active && Feature::Calendar.missing(&account.scopes).is_empty()
}
