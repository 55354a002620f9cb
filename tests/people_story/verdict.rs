//! What must hold when everybody rests: both sides equal, nothing left to do, and every deed honoured.
use super::Story;
use super::face::FIELDS;
use super::questions::Asked;
use super::sides::{Sides, source};
use accord::domain::ids::CustomerId;
use accord::engine::conflicts::Conflict;
use accord::store::contact_links::LinkState;
use accord::store::quarantine;

impl Story {
    /// Judges what is there. Only what waits for an answer may differ.
    pub(super) async fn verdict(&mut self) -> Result<(), String> {
        let sides = self.look().await;
        let asked = self.asked(&sides).await;
        let conflicts = self.people.conflicts().await;
        self.nothing_is_left(&sides, &asked).await?;
        equal(&sides, &asked, &conflicts)?;
        self.nobody_is_forgotten(&sides, &asked)?;
        self.nothing_lost_or_made_up(&sides, &conflicts)?;
        self.nobody_twice(&sides)?;
        self.nobody_back(&sides)?;
        self.nobody_dies_by_itself(&sides)?;
        self.deletions_hold(&sides, &asked)
    }

    async fn nothing_is_left(&self, sides: &Sides, asked: &Asked) -> Result<(), String> {
        for link in &sides.links {
            if asked.customers.contains(&link.customer_id) {
                continue;
            }
            if link.waiting.is_some() {
                return Err(format!("it waits, and nobody is asked: {link:?}"));
            }
            if link.state == LinkState::Creating {
                return Err(format!("it is still not known whether it was created: {link:?}"));
            }
        }
        let aside = quarantine::list(&mut self.people.read().await, self.people.tenant, None).await;
        match aside.expect("quarantine").first() {
            Some(item) => Err(format!("set aside: {} {}: {}", item.side, item.item_id, item.reason)),
            None => Ok(()),
        }
    }

    /// Whoever has no counterpart lost it by somebody's deed.
    fn nobody_is_forgotten(&self, sides: &Sides, asked: &Asked) -> Result<(), String> {
        let is_linked = |state: LinkState| matches!(state, LinkState::Live | LinkState::Frozen);
        for (id, face) in sides.customers.iter().filter(|(id, _)| !asked.customers.contains(id)) {
            let linked = sides
                .links
                .iter()
                .any(|link| link.customer_id == *id && is_linked(link.state));
            let ended = self
                .notes
                .contacts_of(*id)
                .any(|contact| self.notes.is_contact_ended(contact));
            if !linked && !ended && !self.notes.united.contains(id) {
                return Err(format!("customer {id} has no contact: {face:?}"));
            }
        }
        for (id, contact) in sides
            .contacts
            .iter()
            .filter(|(id, it)| it.live && !asked.contacts.contains(id))
        {
            let linked = sides
                .links
                .iter()
                .any(|link| source(link) == Some(*id) && is_linked(link.state));
            if linked || !self.is_followed(&contact.groups) {
                continue;
            }
            let parted = self
                .notes
                .customers_of(*id)
                .any(|customer| self.notes.is_dropped(customer));
            if !parted {
                return Err(format!("contact {id:x} has no customer: {contact:?}"));
            }
        }
        Ok(())
    }

    fn is_followed(&self, groups: &[String]) -> bool {
        self.label
            .as_ref()
            .is_none_or(|label| groups.iter().any(|group| label.ends_with(&format!("/{group}"))))
    }
}

/// Both sides of each link show the same, except where they kept their own at the first meeting.
fn equal(sides: &Sides, asked: &Asked, conflicts: &[Conflict]) -> Result<(), String> {
    let of_first_link = |customer: CustomerId, field: &str| {
        let mut of_it = conflicts
            .iter()
            .filter(|conflict| conflict.customer_id == Some(customer));
        of_it.any(|conflict| conflict.policy == "first_link" && conflict.field == field)
    };
    let live = sides.links.iter().filter(|link| link.state == LinkState::Live);
    for link in live.filter(|link| !asked.customers.contains(&link.customer_id)) {
        let id = link.customer_id;
        let Some(customer) = sides.customers.get(&id) else {
            return Err(format!("a link of a customer that is gone: {link:?}"));
        };
        let contact = source(link).and_then(|source| sides.contacts.get(&source));
        let Some(contact) = contact.filter(|contact| contact.live) else {
            return Err(format!("a link to a contact that is gone: {link:?}"));
        };
        for field in FIELDS {
            let (app, google) = (customer.field(field), contact.face.field(field));
            if app != google && !of_first_link(id, field) {
                return Err(format!(
                    "{field} of customer {id}: the app has {app}, Google has {google}"
                ));
            }
        }
    }
    Ok(())
}
