//! Every deed is honoured: nothing that somebody wrote is lost, nobody is doubled, comes back or dies by itself.
use super::Story;
use super::face::{Face, atoms_in};
use super::questions::Asked;
use super::sides::Sides;
use accord::domain::ids::CustomerId;
use accord::engine::conflicts::Conflict;
use std::collections::{BTreeMap, BTreeSet};

impl Story {
    /// Whatever somebody wrote and nobody who saw it took away is shown somewhere, or kept in a conflict record; and nothing is
    /// shown that nobody wrote.
    pub(super) fn nothing_lost_or_made_up(&self, sides: &Sides, conflicts: &[Conflict]) -> Result<(), String> {
        let mut found = BTreeSet::new();
        found.extend(sides.customers.values().flat_map(Face::atoms));
        let live = sides.contacts.values().filter(|contact| contact.live);
        found.extend(live.flat_map(|contact| contact.face.atoms()));
        if let Some(atom) = found.difference(&self.notes.added).next() {
            return Err(format!("nobody wrote {atom}"));
        }
        for conflict in conflicts {
            for value in [&conflict.base, &conflict.app, &conflict.google] {
                atoms_in(value, &mut found);
            }
        }
        let lost = self
            .notes
            .added
            .iter()
            .find(|atom| !found.contains(*atom) && !self.notes.removed.contains(*atom));
        lost.map_or(Ok(()), |atom| Err(format!("lost: {atom}")))
    }

    /// What was written for one person is shown by one customer and one contact at most; nobody is made more often than there
    /// are people.
    pub(super) fn nobody_twice(&self, sides: &Sides) -> Result<(), String> {
        let live = sides.contacts.iter().filter(|(_, contact)| contact.live);
        let contacts = live.map(|(id, contact)| (format!("contact {id:x}"), &contact.face));
        let customers = sides
            .customers
            .iter()
            .map(|(id, face)| (format!("customer {id}"), face));
        self.all_different(contacts)?;
        self.all_different(customers)?;
        let notes = &self.notes;
        for (number, (customer, contact)) in notes.created.iter().enumerate() {
            let twice = notes.created[..number].iter().find(|(of, _)| of == customer);
            if let Some((_, first)) = twice.filter(|_| !notes.kept.contains(customer)) {
                return Err(format!(
                    "{first:x} and {contact:x} were both created for customer {customer}"
                ));
            }
        }
        let made = notes.customers.len() - notes.made_by_app.min(notes.customers.len());
        if made > notes.made_by_person {
            return Err(format!(
                "{made} customers were made of {} contacts",
                notes.made_by_person
            ));
        }
        Ok(())
    }

    fn all_different<'f>(&self, shown: impl Iterator<Item = (String, &'f Face)>) -> Result<(), String> {
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for (who, face) in shown {
            for atom in face.atoms().difference(&self.notes.shared) {
                if let Some(other) = seen.insert(atom.clone(), who.clone()) {
                    return Err(format!("{other} and {who} both show {atom}"));
                }
            }
        }
        Ok(())
    }

    /// Whom somebody deleted is not there, by whatever id, unless an admin has said that the deletion was wrong.
    pub(super) fn nobody_back(&self, sides: &Sides) -> Result<(), String> {
        let notes = &self.notes;
        for dropped in notes.dropped_customers.iter().filter(|it| !notes.kept.contains(&it.id)) {
            let own: BTreeSet<&String> = dropped.atoms.difference(&notes.shared).collect();
            for (id, face) in &sides.customers {
                if *id == dropped.id || face.atoms().iter().any(|atom| own.contains(atom)) {
                    return Err(format!(
                        "customer {} was deleted and is back as {id}: {face:?}",
                        dropped.id
                    ));
                }
            }
        }
        for deleted in &notes.deleted_contacts {
            if notes
                .customers_of(deleted.id)
                .any(|customer| notes.kept.contains(&customer))
            {
                continue;
            }
            let own: BTreeSet<&String> = deleted.atoms.difference(&notes.shared).collect();
            for (id, contact) in sides.contacts.iter().filter(|(_, contact)| contact.live) {
                if contact.face.atoms().iter().any(|atom| own.contains(atom)) {
                    return Err(format!(
                        "contact {:x} was deleted and is back as {id:x}: {contact:?}",
                        deleted.id
                    ));
                }
            }
        }
        Ok(())
    }

    /// A deletion that nobody contested reaches the other side.
    pub(super) fn deletions_hold(&self, sides: &Sides, asked: &Asked) -> Result<(), String> {
        let notes = &self.notes;
        let excused = |id: &CustomerId| {
            asked.customers.contains(id) || notes.kept.contains(id) || notes.touched_customers.contains(id)
        };
        // What leaves the label is not Accord's business any more, and a match may have given a customer more than it had.
        for deleted in notes.deleted_contacts.iter().filter(|_| self.label.is_none()) {
            let theirs = notes.customers_of(deleted.id).filter(|id| !excused(id));
            for (id, face) in theirs.filter_map(|id| Some((id, sides.customers.get(&id)?))) {
                if face.atoms().is_disjoint(&notes.shared) {
                    return Err(format!(
                        "customer {id} is there although contact {:x} was deleted",
                        deleted.id
                    ));
                }
            }
        }
        for dropped in notes.dropped_customers.iter().filter(|it| !excused(&it.id)) {
            let made = notes.created.iter().filter(|(of, _)| *of == dropped.id);
            for (_, contact) in made.filter(|(_, contact)| !notes.touched_contacts.contains(contact)) {
                if sides.contacts.get(contact).is_some_and(|contact| contact.live) {
                    return Err(format!(
                        "contact {contact:x} is there although customer {} was deleted",
                        dropped.id
                    ));
                }
            }
        }
        Ok(())
    }

    /// Who is gone was deleted, or belonged to somebody who was.
    pub(super) fn nobody_dies_by_itself(&self, sides: &Sides) -> Result<(), String> {
        let notes = &self.notes;
        for id in notes.customers.iter().filter(|id| !sides.customers.contains_key(id)) {
            let ended = notes.contacts_of(*id).any(|contact| notes.is_contact_ended(contact));
            if !notes.is_dropped(*id) && !ended {
                return Err(format!("customer {id} is gone, and nobody deleted it"));
            }
        }
        let gone = |id: &u64| sides.contacts.get(id).is_none_or(|contact| !contact.live);
        for id in notes.contacts.iter().filter(|id| gone(id)) {
            let dropped = notes.customers_of(*id).any(|customer| notes.is_dropped(customer));
            if !notes.is_contact_ended(*id) && !dropped {
                return Err(format!("contact {id:x} is gone, and nobody deleted it"));
            }
        }
        Ok(())
    }
}
