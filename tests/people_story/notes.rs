//! What was done in a story: who came up, what was written, taken away, deleted and merged.
use super::face::Face;
use super::sides::Sides;
use accord::domain::ids::CustomerId;
use std::collections::BTreeSet;

/// Something that was deleted, with what it showed then.
#[derive(Debug, Clone)]
pub struct Deleted<T> {
    pub id: T,
    pub atoms: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub struct Notes {
    /// In the order in which they came up.
    pub customers: Vec<CustomerId>,
    pub contacts: Vec<u64>,
    /// How many of them the app, and the person, made.
    pub made_by_app: usize,
    pub made_by_person: usize,
    /// Everything that somebody wrote, and what somebody who saw it took away.
    pub added: BTreeSet<String>,
    pub removed: BTreeSet<String>,
    /// What more than one may rightly show: written on purpose for two, or merged by a person.
    pub shared: BTreeSet<String>,
    pub ties: BTreeSet<(CustomerId, u64)>,
    /// The contacts that were made for customers.
    pub created: Vec<(CustomerId, u64)>,
    /// What a hand has done more to than make or delete it.
    pub touched_customers: BTreeSet<CustomerId>,
    pub touched_contacts: BTreeSet<u64>,
    pub dropped_customers: Vec<Deleted<CustomerId>>,
    pub deleted_contacts: Vec<Deleted<u64>>,
    /// Contacts that were merged into others.
    pub merged: BTreeSet<u64>,
    /// Customers of merged contacts, one of which may have lost its own.
    pub united: BTreeSet<CustomerId>,
    /// Contacts that got another name, or took in others.
    pub renamed: BTreeSet<u64>,
    /// Whether only the next full list tells everything: a list lacked contacts, or a contact was deleted under a name that
    /// the daemon may never have heard.
    pub needs_full_list: bool,
    /// Customers whose removal, on whatever side, an admin has rejected.
    pub kept: BTreeSet<CustomerId>,
}

impl Notes {
    /// Takes note of who has come up.
    pub fn meet(&mut self, sides: &Sides) {
        // Ids are random, names are the same on every run.
        let mut customers: Vec<_> = sides
            .customers
            .iter()
            .filter(|(id, _)| !self.customers.contains(id))
            .collect();
        customers.sort_by_key(|(_, face)| face.atoms());
        self.customers.extend(customers.into_iter().map(|(id, _)| *id));
        let mut contacts: Vec<_> = sides
            .contacts
            .iter()
            .filter(|(id, _)| !self.contacts.contains(id))
            .collect();
        contacts.sort_by_key(|(_, contact)| contact.face.atoms());
        let created = contacts
            .iter()
            .flat_map(|(id, contact)| contact.keys.iter().map(|key| (*key, **id)));
        self.created.extend(created);
        self.contacts.extend(contacts.into_iter().map(|(id, _)| *id));
        self.ties.extend(sides.ties());
    }

    /// Somebody who saw `before` wrote `after`.
    pub fn edit(&mut self, before: &Face, after: &Face) {
        let (before, after) = (before.atoms(), after.atoms());
        self.removed.extend(before.difference(&after).cloned());
        self.added.extend(after.difference(&before).cloned());
    }

    pub fn app_dropped(&mut self, id: CustomerId, face: &Face) {
        let atoms = face.atoms();
        self.removed.extend(atoms.iter().cloned());
        self.dropped_customers.push(Deleted { id, atoms });
    }

    pub fn person_deleted(&mut self, id: u64, face: &Face) {
        self.needs_full_list |= self.renamed.contains(&id);
        let atoms = face.atoms();
        self.removed.extend(atoms.iter().cloned());
        self.deleted_contacts.push(Deleted { id, atoms });
    }

    /// The contacts that were ever tied to a customer.
    pub fn contacts_of(&self, customer: CustomerId) -> impl Iterator<Item = u64> {
        self.ties
            .iter()
            .filter(move |(of, _)| *of == customer)
            .map(|(_, contact)| *contact)
    }

    /// The customers that were ever tied to a contact.
    pub fn customers_of(&self, contact: u64) -> impl Iterator<Item = CustomerId> {
        self.ties
            .iter()
            .filter(move |(_, of)| *of == contact)
            .map(|(customer, _)| *customer)
    }

    /// Whether a person has deleted this contact, or merged it into another one.
    pub fn is_contact_ended(&self, contact: u64) -> bool {
        self.merged.contains(&contact) || self.deleted_contacts.iter().any(|deleted| deleted.id == contact)
    }

    pub fn is_dropped(&self, customer: CustomerId) -> bool {
        self.dropped_customers.iter().any(|dropped| dropped.id == customer)
    }
}
