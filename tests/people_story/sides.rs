//! What both sides hold: the customers in the app's tables, and the contacts as Google has them, whenever its lists show that.
use super::Story;
use super::face::Face;
use crate::support::google::ANA;
use accord::domain::ids::CustomerId;
use accord::store::contact_links::{self, ContactLink};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A contact, known by the id of its source.
#[derive(Debug, Clone)]
pub struct Contact {
    pub name: String,
    pub face: Face,
    pub live: bool,
    /// The customers that it says it was created for.
    pub keys: Vec<CustomerId>,
    pub groups: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Sides {
    pub customers: BTreeMap<CustomerId, Face>,
    /// Deleted ones too.
    pub contacts: BTreeMap<u64, Contact>,
    /// Tombstones too.
    pub links: Vec<ContactLink>,
}

impl Contact {
    fn of(version: &Value) -> Contact {
        let groups = version["groups"].as_array().into_iter().flatten();
        let entries = version["fields"]["clientData"].as_array().into_iter().flatten();
        let keys = entries.filter_map(|entry| entry["value"].as_str()?.rsplit(':').next()?.parse().ok());
        Contact {
            name: version["name"].as_str().unwrap_or_default().to_owned(),
            face: Face::of_fields(&version["fields"]),
            live: version["gone"].is_null(),
            keys: keys.collect(),
            groups: groups.filter_map(|group| Some(group.as_str()?.to_owned())).collect(),
        }
    }
}

/// The contact of a link; `None` while there is none.
pub fn source(link: &ContactLink) -> Option<u64> {
    u64::from_str_radix(&link.source_id, 16).ok()
}

impl Sides {
    /// Customers and contacts that belong together, or once did, as links and contacts say.
    pub fn ties(&self) -> BTreeSet<(CustomerId, u64)> {
        let of_links = self
            .links
            .iter()
            .filter_map(|link| Some((link.customer_id, source(link)?)));
        let of_contacts = self.contacts.iter();
        let of_contacts = of_contacts.flat_map(|(id, contact)| contact.keys.iter().map(|key| (*key, *id)));
        of_links.chain(of_contacts).collect()
    }
}

impl Story {
    /// Looks at both sides.
    pub(super) async fn sides(&self) -> Sides {
        let (people, tenant) = (&self.people, self.people.tenant);
        let rows = people.customers().await;
        let customers: BTreeMap<CustomerId, Face> = rows
            .iter()
            .map(|row| {
                (
                    row.id,
                    Face::of_details(&row.text.details().expect("a readable customer")),
                )
            })
            .collect();
        let dump = people.google.switch("people/dump", &json!({})).await;
        let found = dump["accounts"][ANA]["contacts"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let latest = |contact: &Value| contact["versions"].as_array().and_then(|all| all.last().cloned());
        let contacts = found
            .iter()
            .filter_map(|(id, contact)| Some((id.parse().expect("a number"), Contact::of(&latest(contact)?))));
        let contacts = contacts.collect();
        let known: BTreeSet<CustomerId> = customers.keys().chain(&self.notes.customers).copied().collect();
        let known: Vec<CustomerId> = known.into_iter().collect();
        let links = contact_links::of_customers_anywhere(&mut people.read().await, tenant, &known).await;
        Sides {
            customers,
            contacts,
            links: links.expect("links"),
        }
    }

    /// The same, and takes note of who has come up.
    pub(super) async fn look(&mut self) -> Sides {
        let sides = self.sides().await;
        self.notes.meet(&sides);
        sides
    }

    /// Both sides, for somebody who reads.
    pub(super) async fn show(&mut self, log: &mut Vec<String>) {
        let sides = self.look().await;
        for (id, face) in &sides.customers {
            log.push(format!("    customer {id} {face:?}"));
        }
        for (id, contact) in &sides.contacts {
            log.push(format!("    contact {id:x} {contact:?}"));
        }
        for link in &sides.links {
            let ContactLink {
                customer_id,
                source_id,
                state,
                gone_because,
                waiting,
                attempted_at,
                is_edited,
                ..
            } = link;
            let more = format!("{gone_because:?} {waiting:?} attempted {attempted_at} edited {is_edited}");
            log.push(format!("    link {customer_id} - {source_id} {state} {more}"));
        }
        for question in self.people.open_questions().await {
            log.push(format!(
                "    question {} {:?} {}",
                question.kind, question.choices, question.detail
            ));
        }
    }
}
