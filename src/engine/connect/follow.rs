//! What of an account is followed: what its state, its permissions, its user and its tenant all allow.
//!
//! Called in the transaction of whatever changes one of these. A permission that is missing stops its own feature and leaves
//! the other one alone. What is no longer followed is frozen, never cancelled.
use crate::domain::access::ContactsChoice;
use crate::domain::ids::{AccountId, TenantId};
use crate::engine::tokens::{NO_CALENDAR, NO_CONTACTS};
use crate::google::scopes::Feature;
use crate::store::accounts::{self, Account, AccountState};
use crate::store::scopes::{self, ScopeKey};
use crate::store::{StoreError, Tx, calendars, changes, contact_links, customer_states, questions};

/// Why the bookings of a calendar are kept but not followed.
const NARROWED: &str = "the tenant does not let it be read";

/// Brings scopes, frozen calendars and frozen links in line with what is in force, and makes what is followed due now.
pub(crate) async fn follow(tx: &mut Tx, tenant: TenantId, id: AccountId) -> Result<(), StoreError> {
    let Some(account) = accounts::get(tx, tenant, id).await? else {
        return Ok(());
    };
    let had_contacts = scopes::peek(tx, &ScopeKey::contacts(tenant, id)).await?.is_some();
    scopes::enable_scopes(tx, tenant, id, false).await?;
    follow_calendars(tx, &account).await?;
    if are_contacts_followed(&account) {
        follow_contacts(tx, &account, had_contacts).await?;
    } else if !are_contacts_wanted(&account) {
        leave_contacts(tx, tenant, id).await?;
    }
    changes::record(tx, tenant, "account", &id.to_string()).await
}

async fn follow_calendars(tx: &mut Tx, account: &Account) -> Result<(), StoreError> {
    let (tenant, id) = (account.tenant_id, account.id);
    let works = account.state == AccountState::Active && Feature::Calendar.is_granted(&account.scopes);
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
    Ok(())
}

async fn follow_contacts(tx: &mut Tx, account: &Account, had_contacts: bool) -> Result<(), StoreError> {
    let key = ScopeKey::contacts(account.tenant_id, account.id);
    scopes::ensure_scope(tx, key.tenant, key.account, &key.calendar).await?;
    if !had_contacts {
        // Customers of before become contacts, and what waited for an end of this may go on.
        customer_states::disagree_unlinked(tx, key.tenant, account.user_id, key.account).await?;
        customer_states::look_again(tx, key.tenant, account.user_id).await?;
    }
    Ok(())
}

/// Stops following the contacts of an account because somebody ended that: links freeze, questions are void. Whoever allows
/// it again gets a full listing, which finds what was frozen.
pub(crate) async fn leave_contacts(tx: &mut Tx, tenant: TenantId, id: AccountId) -> Result<(), StoreError> {
    let key = ScopeKey::contacts(tenant, id);
    contact_links::freeze_all(tx, tenant, id).await?;
    questions::withdraw_of_scope(tx, &key).await?;
    scopes::list_again(tx, &key).await
}

/// Whether customers and contacts of an account are kept in agreement.
pub fn are_contacts_followed(account: &Account) -> bool {
    account.state == AccountState::Active
        && Feature::Contacts.is_granted(&account.scopes)
        && are_contacts_wanted(account)
}

/// Whether both the user and the tenant want it.
fn are_contacts_wanted(account: &Account) -> bool {
    account.tenant_contacts && is_some_contact(account.contacts.as_ref())
}

/// Whether a choice lets any contact be read.
pub(super) fn is_some_contact(choice: Option<&ContactsChoice>) -> bool {
    matches!(choice, Some(ContactsChoice::All | ContactsChoice::Label { .. }))
}

/// What an account lacks for what it is to do, in words for an operator. Contacts that nobody chose are not missed.
pub(crate) fn lacking(granted: &[String], contacts: Option<&ContactsChoice>) -> Option<&'static str> {
    if !Feature::Calendar.is_granted(granted) {
        return Some(NO_CALENDAR);
    }
    let misses_contacts = is_some_contact(contacts) && !Feature::Contacts.is_granted(granted);
    misses_contacts.then_some(NO_CONTACTS)
}
