//! The hand of a person in Google Contacts, who always sees what Google has now.
use super::face::Face;
use super::sides::{Contact, Sides, source};
use super::{Change, Story};
use accord::domain::ids::CustomerId;
use serde_json::{Value, json};

impl Story {
    /// The kth live contact, in the order in which they came up.
    fn contact(&self, sides: &Sides, k: usize) -> Option<(u64, Contact)> {
        let known = self.notes.contacts.iter();
        let live = known.filter_map(|id| Some((*id, sides.contacts.get(id)?.clone())).filter(|(_, it)| it.live));
        let live: Vec<(u64, Contact)> = live.collect();
        (!live.is_empty()).then(|| live[k % live.len()].clone())
    }

    async fn person_makes(&mut self, face: &Face) -> bool {
        self.notes.added.extend(face.atoms());
        self.notes.made_by_person += 1;
        let name = self.people.person_adds(face.person_body(&Face::default())).await;
        if let Some(label) = &self.label {
            self.people.person_labels(label, &[name.as_str()], &[]).await;
        }
        true
    }

    pub(super) async fn person_creates(&mut self) -> bool {
        self.person_makes(&Face::new(self.step)).await
    }

    /// A contact with the first email, or the first number, of a customer.
    pub(super) async fn person_adds_like(&mut self, k: usize, by_email: bool) -> bool {
        let sides = self.look().await;
        let Some((_, of)) = self.customer(&sides, k) else {
            return false;
        };
        let Some(face) = self.like(&of, by_email) else {
            return false;
        };
        self.person_makes(&face).await
    }

    /// Somebody who is like another one.
    pub(super) fn like(&mut self, of: &Face, by_email: bool) -> Option<Face> {
        let mut face = Face::nameless(self.step);
        let (theirs, mine) = if by_email {
            (&of.emails, &mut face.emails)
        } else {
            (&of.phones, &mut face.phones)
        };
        let first = theirs.first()?.clone();
        self.notes.shared.insert(first.0.clone());
        self.notes.shared.insert(first.1.clone());
        mine.push(first);
        Some(face)
    }

    pub(super) async fn person_changes(&mut self, k: usize, change: Change) -> bool {
        let sides = self.look().await;
        let Some((id, contact)) = self.contact(&sides, k) else {
            return false;
        };
        let Some(after) = contact.face.after(change, self.step) else {
            return false;
        };
        self.notes.edit(&contact.face, &after);
        self.notes.touched_contacts.insert(id);
        let body = after.person_body(&contact.face);
        self.people.person_edits(&contact.name, body).await;
        true
    }

    /// Not of a contact that Accord made and does not know of yet: nobody could tell such a deletion from a failed create.
    pub(super) async fn person_removes(&mut self, k: usize) -> bool {
        let sides = self.look().await;
        let Some((id, contact)) = self.contact(&sides, k) else {
            return false;
        };
        if !contact.keys.is_empty() && !sides.links.iter().any(|link| source(link) == Some(id)) {
            return false;
        }
        self.notes.person_deleted(id, &contact.face);
        self.people.person_deletes(&contact.name).await;
        true
    }

    pub(super) async fn person_touches(&mut self, k: usize) -> bool {
        let sides = self.look().await;
        let Some((id, contact)) = self.contact(&sides, k) else {
            return false;
        };
        self.notes.touched_contacts.insert(id);
        self.google("touch", json!({"contact": contact.name})).await
    }

    pub(super) async fn person_puts_under_label(&mut self, k: usize, into: bool) -> bool {
        let sides = self.look().await;
        let (Some((id, contact)), Some(label)) = (self.contact(&sides, k), &self.label) else {
            return false;
        };
        self.notes.touched_contacts.insert(id);
        let (names, none): (&[&str], &[&str]) = (&[contact.name.as_str()], &[]);
        let (add, remove) = if into { (names, none) } else { (none, names) };
        self.people.person_labels(label, add, remove).await;
        true
    }

    pub(super) async fn person_merges(&mut self, k: usize, other: usize, forward: bool) -> bool {
        let sides = self.look().await;
        let (Some((keep_id, keep)), Some((other_id, other))) = (self.contact(&sides, k), self.contact(&sides, other))
        else {
            return false;
        };
        if keep_id == other_id {
            return false;
        }
        let body = json!({"keep": keep.name, "others": [other.name], "forward": forward});
        self.google("merge", body).await;
        self.notes.merged.insert(other_id);
        if forward {
            self.notes.renamed.insert(keep_id);
        } else {
            self.notes.needs_full_list |= self.notes.renamed.contains(&other_id);
        }
        self.notes.touched_contacts.extend([keep_id, other_id]);
        // Whatever becomes of the customers of both, a person has said that they are one.
        let customers = self
            .notes
            .customers_of(other_id)
            .chain(self.notes.customers_of(keep_id));
        let customers: Vec<CustomerId> = customers.collect();
        let faces = customers.iter().filter_map(|customer| sides.customers.get(customer));
        let (kept, taken) = (keep.face.atoms(), other.face.atoms());
        let shown = faces.flat_map(Face::atoms).chain(kept).chain(taken.clone());
        self.notes.shared.extend(shown);
        self.notes.united.extend(customers);
        let now = self.sides().await;
        let shown = now
            .contacts
            .get(&keep_id)
            .map(|contact| contact.face.atoms())
            .unwrap_or_default();
        self.notes.removed.extend(taken.difference(&shown).cloned());
        true
    }

    /// Links a contact with a profile, or takes the two apart.
    pub(super) async fn profile(&mut self, k: usize, command: &str) -> bool {
        let sides = self.look().await;
        let Some((id, contact)) = self.contact(&sides, k) else {
            return false;
        };
        self.notes.touched_contacts.insert(id);
        self.notes.renamed.insert(id);
        let body: Value = json!({"contact": contact.name});
        self.google(command, body).await
    }
}
