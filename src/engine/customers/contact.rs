//! The explicit acts by which a customer stops being one of its user's contacts, or becomes one again.
//!
//! Nothing is asked of Google here: links and tombstones are written, and the next pass over the contacts acts on them.
//! Whatever was unlinked, by whomever, stays so until one of these acts names it.
use super::{CustomerView, derive_keys, found, shown};
use crate::domain::access::ContactsChoice;
use crate::domain::customer::Details;
use crate::domain::ids::{CustomerId, TenantId};
use crate::engine::{Engine, Refusal};
use crate::store::contact_links::{self, ContactLink, GoneBecause, LinkState};
use crate::store::customer_contacts::{self, Standing};
use crate::store::customers::{self, CustomerText};
use crate::store::scopes::{self, ScopeKey};
use crate::store::{StoreError, Tx, accounts, changes, conflicts, contact_matches, customer_states, questions};
use serde::Deserialize;

/// What a customer shall become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactWish {
    /// A new contact.
    Create,
    /// The contact with this resource name.
    Link(String),
}

impl ContactWish {
    /// To be linked with this contact; `None` for what has not the shape of Google's name for one, `people/` and an id.
    pub fn link(contact: &str) -> Option<ContactWish> {
        let id = contact.strip_prefix("people/")?;
        let is_plain = id
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'));
        // `people/me` is the user, and no contact.
        (is_plain && id != "me" && (1..=128).contains(&id.len())).then(|| ContactWish::Link(contact.to_owned()))
    }
}

/// Both sides before they were linked, as the link keeps them.
#[derive(Deserialize)]
struct Before {
    local: Details,
}

impl Engine {
    /// Ends the link of a customer: both sides keep what they hold, or, with `restore`, the customer gets back what it held
    /// before it was linked. Neither is imported or pushed again by itself.
    ///
    /// # Errors
    /// [`Refusal::NotNow`] when there is no link, a create is under way, or what was before is not known.
    pub async fn unlink_contact(
        &self,
        tenant: TenantId,
        id: CustomerId,
        restore: bool,
    ) -> Result<CustomerView, Refusal> {
        let mut tx = self.db.begin().await?;
        let row = found(&mut tx, tenant, id).await?;
        let mut links = contact_links::of_customers_anywhere(&mut tx, tenant, &[id]).await?;
        links.retain(|link| link.state != LinkState::Gone);
        if links.is_empty() {
            return Err(Refusal::NotNow("this customer is not linked with a contact"));
        }
        if links.iter().any(|link| link.attempted_at > 0) {
            return Err(Refusal::NotNow(
                "a contact is being created for this customer; try again when it is there",
            ));
        }
        if restore {
            let text = CustomerText::of(&before(self, tenant, &links)?);
            if text != row.text && !customers::update(&mut tx, tenant, id, row.version, &text, &row.reader).await? {
                let current = found(&mut tx, tenant, id).await?.version;
                return Err(Refusal::Stale { current });
            }
            derive_keys(&mut tx, tenant, &[id]).await?;
        }
        let now = self.now_ms();
        let was_followed = links.iter().any(|link| link.state != LinkState::Frozen);
        for link in links {
            let scope = ScopeKey::contacts(tenant, link.account_id);
            contact_links::put(&mut tx, &mut link.buried(GoneBecause::Unlinked)).await?;
            withdraw(&mut tx, &scope, &id.to_string(), now).await?;
            // A removal that the brake held with others is held no longer.
            scopes::make_scope_due(&mut tx, &scope).await?;
        }
        conflicts::decide_open_of_customer(&mut tx, tenant, id, None, now).await?;
        if was_followed {
            let version = found(&mut tx, tenant, id).await?.version;
            customer_states::agree(&mut tx, tenant, &[(id, version)]).await?;
        }
        self.acted(tx, tenant, id).await
    }

    /// Lets a customer become a contact, or be linked with a certain one, although it was unlinked before.
    ///
    /// # Errors
    /// [`Refusal::NotNow`] when it is linked already, its user has not connected any contacts, or the contact is another
    /// customer's.
    pub async fn link_contact(
        &self,
        tenant: TenantId,
        id: CustomerId,
        wish: &ContactWish,
    ) -> Result<CustomerView, Refusal> {
        let mut tx = self.db.begin().await?;
        let user = found(&mut tx, tenant, id).await?.user_id;
        let account = accounts::live_of_user(&mut tx, tenant, user).await?.filter(|account| {
            let lets = matches!(
                account.contacts,
                Some(ContactsChoice::All | ContactsChoice::Label { .. })
            );
            lets && account.tenant_contacts
        });
        let account = account.ok_or(Refusal::NotNow(
            "the user of this customer has no Google Contacts connected",
        ))?;
        let links = contact_links::of_customers(&mut tx, tenant, account.id, &[id]).await?;
        refuse_linked(&links)?;
        let scope = ScopeKey::contacts(tenant, account.id);
        let nobody = CustomerId(self.fresh_uuid());
        match wish {
            ContactWish::Create => {
                let stands = customer_contacts::of_customers(&mut tx, tenant, &[id]).await?;
                if stands.get(&id).is_some_and(|of| of.standing == Standing::Matching) {
                    return Err(Refusal::NotNow(
                        "a contact of the user may be this customer; answer the question about it first",
                    ));
                }
                customer_contacts::lift_tombstones(&mut tx, (tenant, account.id), id, None, nobody).await?;
                customer_states::disagree(&mut tx, tenant, id).await?;
            }
            ContactWish::Link(contact) => {
                let others = contact_links::of_contacts(&mut tx, tenant, account.id, &[contact.as_str()], &[]).await?;
                if others.iter().any(|link| link.state != LinkState::Gone) {
                    return Err(Refusal::NotNow(
                        "this contact is linked with another customer; unlink that one first",
                    ));
                }
                customer_contacts::lift_tombstones(&mut tx, (tenant, account.id), id, Some(contact), nobody).await?;
                contact_matches::set(&mut tx, tenant, account.id, contact, &[id]).await?;
                contact_matches::set_answer(&mut tx, tenant, account.id, contact, Some(id)).await?;
                withdraw(&mut tx, &scope, contact, self.now_ms()).await?;
            }
        }
        customer_states::look_again(&mut tx, tenant, user).await?;
        scopes::make_scope_due(&mut tx, &scope).await?;
        self.acted(tx, tenant, id).await
    }

    /// Ends such an act: it is in the change feed, and the daemon is woken.
    async fn acted(&self, mut tx: Tx, tenant: TenantId, id: CustomerId) -> Result<CustomerView, Refusal> {
        changes::record(&mut tx, tenant, "customer", &id.to_string()).await?;
        let shown = shown(&mut tx, tenant, id).await?;
        tx.commit().await?;
        self.wake.notify_one();
        Ok(shown)
    }
}

/// What the customer held before the newest of these links.
fn before(engine: &Engine, tenant: TenantId, links: &[ContactLink]) -> Result<Details, Refusal> {
    let kept = links
        .iter()
        .rev()
        .find_map(|link| Some((link.id, link.before_sealed.as_ref()?)));
    let (link, sealed) = kept.ok_or(Refusal::NotNow(
        "what this customer held before it was linked is not known: it was made from its contact, or the contact from it",
    ))?;
    let unreadable = |error: &dyn std::fmt::Display| Refusal::Internal(format!("link {link}: {error}"));
    let plain = engine
        .open("contact_links", "before_sealed", tenant, &link.to_string(), sealed)
        .map_err(|error| unreadable(&error))?;
    let before: Before = serde_json::from_slice(&plain).map_err(|error| unreadable(&error))?;
    Ok(before.local)
}

fn refuse_linked(links: &[ContactLink]) -> Result<(), Refusal> {
    let present = links.iter().find(|link| link.state != LinkState::Gone);
    Err(Refusal::NotNow(match present.map(|link| link.state) {
        None | Some(LinkState::Gone) => return Ok(()),
        Some(LinkState::Live) => "this customer is linked with a contact already; unlink it first",
        Some(LinkState::Creating) => "a contact is being created for this customer already",
        Some(LinkState::Frozen) => {
            "this customer is linked with a contact that the user no longer lets be used; unlink it first"
        }
    }))
}

/// What was asked about a customer or a contact is decided by the act itself.
async fn withdraw(tx: &mut Tx, scope: &ScopeKey, subject: &str, at: i64) -> Result<(), StoreError> {
    match questions::open_in_scope(tx, scope, subject).await? {
        Some(open) => questions::withdraw_one(tx, scope.tenant, open.id, at).await,
        None => Ok(()),
    }
}
