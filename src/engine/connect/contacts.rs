//! The user's choice of contacts: what there is to choose from, and what the tenant makes of it.
//!
//! Google's contact groups are called labels here, as Google's own pages call them. Only the user widens; the tenant narrows.
use super::choices::{ChoiceError, Choices};
use super::follow::{are_contacts_followed, follow};
use super::{ConnectError, Refusal};
use crate::domain::access::ContactsChoice;
use crate::domain::ids::{AccountId, TenantId};
use crate::engine::{Engine, tokens};
use crate::google::people::Group;
use crate::google::scopes::Feature;
use crate::store::accounts::{self, Account, AccountState};
use std::time::Duration;

/// Of Google's own groups the only one that users fill themselves.
const STARRED: &str = "contactGroups/starred";
/// How long a page waits for the labels; it can do without.
const PATIENCE: Duration = Duration::from_secs(5);

/// A label of the user's contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Its resource name.
    pub group: String,
    /// As the user sees it.
    pub name: String,
}

impl Label {
    /// Whether it is the star, which users know by its sign and not by a name.
    pub fn is_starred(&self) -> bool {
        self.group == STARRED
    }
}

/// What a page can offer about contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactsOffer {
    /// The user did not allow access to the contacts at Google.
    NotGranted,
    /// The labels to choose from, besides all contacts and none.
    Labels(Vec<Label>),
    /// Google does not show the labels now. The one that stands chosen can stay.
    LabelsUnknown,
}

/// What there is to choose from. Google is asked anew at every look, and a page goes on without it.
pub async fn contacts_offer(engine: &Engine, account: &Account) -> ContactsOffer {
    if !Feature::Contacts.is_granted(&account.scopes) {
        return ContactsOffer::NotGranted;
    }
    match tokio::time::timeout(PATIENCE, labels(engine, account)).await {
        Ok(Ok(labels)) => ContactsOffer::Labels(labels),
        Ok(Err(error)) => {
            tracing::warn!(tenant = %account.tenant_id, account = %account.id, %error, "the labels cannot be shown");
            ContactsOffer::LabelsUnknown
        }
        Err(_) => ContactsOffer::LabelsUnknown,
    }
}

/// The user's own labels and the starred contacts. The one that Accord made is not among them: what is in it is followed anyway.
async fn labels(engine: &Engine, account: &Account) -> Result<Vec<Label>, ConnectError> {
    let (tenant, id) = (account.tenant_id, account.id);
    let access = tokens::access_token(engine, tenant, id).await?;
    let groups = engine.people.groups(&access).await?;
    let mut tx = engine.db.read().await?;
    let ours = accounts::contact_group(&mut tx, tenant, id).await?;
    drop(tx);
    let mut labels: Vec<Label> = groups
        .into_iter()
        .filter(|group| ours.as_deref() != Some(&*group.resource_name))
        .filter_map(label)
        .collect();
    labels.sort_by_key(|label| (!label.is_starred(), label.name.to_lowercase()));
    Ok(labels)
}

fn label(group: Group) -> Option<Label> {
    let name = match (group.is_system, &*group.resource_name) {
        (false, _) => group.name,
        (true, STARRED) => "Starred".to_owned(),
        (true, _) => return None,
    };
    Some(Label {
        group: group.resource_name,
        name,
    })
}

/// The choices with the name of their label: the one that stands, or Google's.
pub(super) async fn with_label(
    engine: &Engine,
    tenant: TenantId,
    id: AccountId,
    choices: &Choices,
) -> Result<Choices, ConnectError> {
    let mut choices = choices.clone();
    let Some(ContactsChoice::Label { group, name }) = &mut choices.contacts else {
        return Ok(choices);
    };
    let mut tx = engine.db.read().await?;
    let account = accounts::get(&mut tx, tenant, id).await?.ok_or(Refusal::NotConnected)?;
    drop(tx);
    match &account.contacts {
        Some(ContactsChoice::Label {
            group: stands,
            name: called,
        }) if stands == group => name.clone_from(called),
        _ => {
            let found = labels(engine, &account).await?.into_iter();
            let mut found = found.filter(|label| label.group == *group);
            *name = found.next().ok_or(ChoiceError::LabelNotListed)?.name;
        }
    }
    Ok(choices)
}

/// What stands about the contacts of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactsStanding {
    /// What the user chose; `None`: nothing yet.
    pub choice: Option<ContactsChoice>,
    /// Whether the tenant lets them be followed.
    pub allowed_by_tenant: bool,
    /// Whether they are followed: both allow it, and the account works.
    pub in_force: bool,
}

impl From<&Account> for ContactsStanding {
    fn from(account: &Account) -> Self {
        Self {
            choice: account.contacts.clone(),
            allowed_by_tenant: account.tenant_contacts,
            in_force: are_contacts_followed(account),
        }
    }
}

/// Narrows the contacts of an account to none for the tenant, or takes that back. What the user chose stays as it is.
pub async fn narrow_contacts(
    engine: &Engine,
    tenant: TenantId,
    id: AccountId,
    lets: bool,
) -> Result<ContactsStanding, ConnectError> {
    let mut tx = engine.db.begin().await?;
    let account = accounts::hold(&mut tx, tenant, id)
        .await?
        .ok_or(Refusal::NotConnected)?;
    if account.state == AccountState::Disconnected {
        return Err(Refusal::NotConnected.into());
    }
    if account.tenant_contacts == lets {
        return Ok((&account).into());
    }
    accounts::set_tenant_contacts(&mut tx, tenant, id, lets).await?;
    follow(&mut tx, tenant, id).await?;
    let account = accounts::get(&mut tx, tenant, id).await?.ok_or(Refusal::NotConnected)?;
    tx.commit().await?;
    engine.wake.notify_one();
    Ok((&account).into())
}
