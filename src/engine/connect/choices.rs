//! The user's own choices: which calendars are read, which one is written to, how private events appear, which contacts are
//! read and written.
//!
//! Only the user widens; the tenant narrows, and what it narrowed stays so whatever the user chooses. What is no longer
//! read is frozen, never cancelled.
use super::contacts::{ContactsOffer, contacts_offer, with_label};
use super::follow::{follow, is_some_contact, lacking};
use super::{ConnectError, Refusal, chosen};
use crate::domain::access::ContactsChoice;
use crate::domain::ids::{AccountId, CalendarId, TenantId};
use crate::engine::{Engine, tokens};
use crate::google::calendar::CalendarEntry;
use crate::google::scopes::Feature;
use crate::store::Tx;
use crate::store::accounts::{self, Account, AccountState};
use crate::store::calendars::{self, Calendar, Listed};
use crate::store::connects::{self, Names, Step};
use std::collections::BTreeSet;

/// Why the bookings of a calendar are kept but not followed.
const NOT_CHOSEN: &str = "the user does not let it be read any more";

/// What the user chose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// Calendars to read.
    pub reads: BTreeSet<CalendarId>,
    /// The calendar for new bookings; `None` keeps them in the app.
    pub writes: Option<CalendarId>,
    /// Whether private events are shown with their words.
    pub private_shown: bool,
    /// Contacts to read and write, asked for where the user allowed access to them: there is no preset answer. Whatever the
    /// name of a label says here, it is called what Google calls it.
    pub contacts: Option<ContactsChoice>,
}

/// A choice that is not possible; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// No calendar at all, and no contacts.
    #[error("nothing was chosen")]
    Nothing,
    /// Nothing was said about contacts.
    #[error("nothing was said about contacts")]
    ContactsUnanswered,
    /// Not among the labels that Google lists.
    #[error("the label that was chosen is not in the list")]
    LabelNotListed,
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
    /// Its calendars, the primary one first; none without access to them.
    pub calendars: Vec<Calendar>,
    /// What there is to choose about contacts.
    pub contacts: ContactsOffer,
    /// What is ticked already: the choices of last time, else the primary calendar for both, and nothing about contacts.
    pub preset: Choices,
}

/// Lists the account's calendars and labels at Google, anew at every look.
pub async fn offer(engine: &Engine, link: &str, browser: Option<&str>) -> Result<Offer, ConnectError> {
    let mut tx = engine.db.read().await?;
    let (row, account) = chosen(engine, &mut tx, link, browser).await?;
    let account = accounts::get(&mut tx, row.tenant_id, account).await?;
    let account = account.ok_or(tokens::TokenError::NotConnected)?;
    let names = connects::names(&mut tx, row.tenant_id, account.user_id).await?;
    let names = names.ok_or(Refusal::UnknownUser)?;
    drop(tx);
    let calendars = match Feature::Calendar.is_granted(&account.scopes) {
        true => list_calendars(engine, &account).await?,
        false => Vec::new(),
    };
    Ok(Offer {
        contacts: contacts_offer(engine, &account).await,
        preset: preset(&account, &calendars),
        names,
        account,
        calendars,
    })
}

async fn list_calendars(engine: &Engine, account: &Account) -> Result<Vec<Calendar>, ConnectError> {
    let (tenant, id) = (account.tenant_id, account.id);
    let access = tokens::access_token(engine, tenant, id).await?;
    let listed = engine.google.calendar_list(&access).await?;
    let mut tx = engine.db.begin().await?;
    let mut ids = Vec::new();
    for entry in listed.into_iter().filter(|entry| !entry.deleted) {
        ids.push(entry.id.clone());
        calendars::upsert_listed(&mut tx, tenant, id, &from_google(entry)).await?;
    }
    calendars::forget_unlisted(&mut tx, tenant, id, &ids).await?;
    let mut calendars = calendars::of_account(&mut tx, tenant, id).await?;
    calendars.retain(|calendar| ids.contains(&calendar.calendar_id));
    tx.commit().await?;
    Ok(calendars)
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

/// What stands chosen now; the primary calendar for both when nothing was ever chosen. About contacts nothing is ever preset.
pub fn preset(account: &Account, calendars: &[Calendar]) -> Choices {
    let ids = |keep: fn(&Calendar) -> bool| {
        let kept = calendars.iter().filter(move |calendar| keep(calendar));
        kept.map(|calendar| calendar.calendar_id.clone())
    };
    let mut choices = Choices {
        reads: ids(|calendar| calendar.user_reads).collect(),
        writes: ids(|calendar| calendar.user_writes).next(),
        private_shown: account.private_events_shown,
        contacts: account.contacts.clone(),
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
    let mut tx = engine.db.read().await?;
    let (row, account) = chosen(engine, &mut tx, link, browser).await?;
    drop(tx);
    let choices = with_label(engine, row.tenant_id, account, choices).await?;
    let mut tx = engine.db.begin().await?;
    let (row, account) = chosen(engine, &mut tx, link, browser).await?;
    let account = apply(&mut tx, row.tenant_id, account, &choices).await?;
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
    let choices = with_label(engine, tenant, account, choices).await?;
    let mut tx = engine.db.begin().await?;
    let account = apply(&mut tx, tenant, account, &choices).await?;
    tx.commit().await?;
    Ok(account)
}

async fn apply(tx: &mut Tx, tenant: TenantId, id: AccountId, choices: &Choices) -> Result<Account, ConnectError> {
    let account = accounts::get(tx, tenant, id).await?.ok_or(Refusal::NotConnected)?;
    if account.state == AccountState::Disconnected {
        return Err(Refusal::NotConnected.into());
    }
    let (has_calendar, has_contacts) = (
        Feature::Calendar.is_granted(&account.scopes),
        Feature::Contacts.is_granted(&account.scopes),
    );
    let calendars = calendars::of_account(tx, tenant, id).await?;
    check(choices, &calendars, has_contacts)?;
    // Whoever was shown no calendars said nothing about them: what was chosen before stays.
    let speaks_of_calendars = has_calendar || !choices.reads.is_empty();
    for calendar in calendars.iter().filter(|_| speaks_of_calendars) {
        let reads = choices.reads.contains(&calendar.calendar_id);
        let writes = choices.writes.as_ref() == Some(&calendar.calendar_id);
        calendars::set_user_choice(tx, tenant, id, &calendar.calendar_id, reads, writes).await?;
        if calendar.user_reads && !reads {
            calendars::freeze(tx, tenant, id, &calendar.calendar_id, Some(NOT_CHOSEN)).await?;
        }
    }
    if speaks_of_calendars {
        accounts::set_private_events(tx, tenant, id, choices.private_shown).await?;
    }
    let contacts = match has_contacts {
        true => choices.contacts.as_ref(),
        false => account.contacts.as_ref(),
    };
    accounts::set_contacts(tx, tenant, id, contacts).await?;
    // Without access to what was chosen the choices are kept, but nothing begins.
    let begins = has_calendar && !choices.reads.is_empty() || has_contacts && is_some_contact(contacts);
    let state = match account.state {
        AccountState::Choosing if begins => AccountState::Active,
        state => state,
    };
    if matches!(state, AccountState::Active | AccountState::Paused) {
        accounts::set_state(tx, tenant, id, state, lacking(&account.scopes, contacts)).await?;
    }
    follow(tx, tenant, id).await?;
    Ok(accounts::get(tx, tenant, id).await?.ok_or(Refusal::NotConnected)?)
}

fn check(choices: &Choices, calendars: &[Calendar], has_contacts: bool) -> Result<(), ChoiceError> {
    let find = |id: &CalendarId| calendars.iter().find(|calendar| calendar.calendar_id == *id);
    if has_contacts && choices.contacts.is_none() {
        return Err(ChoiceError::ContactsUnanswered);
    }
    let wants_contacts = has_contacts && is_some_contact(choices.contacts.as_ref());
    if choices.reads.is_empty() && choices.writes.is_none() && !wants_contacts {
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
