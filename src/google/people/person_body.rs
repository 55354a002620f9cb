//! What we write into Google's contacts: the bodies of creates and updates. Pure.
//!
//! Google replaces each field of an update whole, so what Accord does not model (a middle name, a department, a post-office box)
//! is read just before, carried through in memory and sent back. Promises: fields that were not touched are not in the mask;
//! nothing that Google derives is sent; a value that stays keeps the members that Accord does not know, a value that is another
//! one takes none of them over; values without anything that we model are never removed.
use super::person::{self, Broken, CLIENT_KEY, Person};
use super::value_json::{Gender, Kind, Listed, Name, Object};
use crate::domain::customer::{Address, Birthday, Details, Email, Organization, Phone};
use crate::domain::people::merge::PersonField;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The group in which Google's own screens show a contact.
const MY_CONTACTS: &str = "contactGroups/myContacts";

/// Some fields of a contact as Google holds them at one moment, with the etag of that moment. In memory only: never store it,
/// never log it.
#[derive(Clone, PartialEq)]
pub struct RawFields {
    source_id: String,
    etag: String,
    fields: BTreeMap<&'static str, Vec<Object>>,
}

/// A contact read in order to be changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Readable {
    /// What we know of it. Of its details only the fields that were asked for are filled.
    pub person: Person,
    /// What must be carried through the change.
    pub raw: RawFields,
}

impl std::fmt::Debug for RawFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawFields")
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}

/// What is sent to change a contact.
#[derive(Clone, PartialEq)]
pub struct Update {
    /// `updatePersonFields`: Google's names of the fields that are replaced. Empty when there is nothing to change.
    pub mask: String,
    /// The person with these fields, and with the etag that must still be its own.
    pub body: Value,
}

impl std::fmt::Debug for Update {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Update")
            .field("mask", &self.mask)
            .finish_non_exhaustive()
    }
}

/// Google's name of the field that holds one of ours. Given and family name share one.
pub fn google_field(field: PersonField) -> &'static str {
    match field {
        PersonField::GivenName | PersonField::FamilyName => Name::FIELD,
        PersonField::Emails => Email::FIELD,
        PersonField::Phones => Phone::FIELD,
        PersonField::Organizations => Organization::FIELD,
        PersonField::Addresses => Address::FIELD,
        PersonField::Birthday => Birthday::FIELD,
        PersonField::Gender => Gender::FIELD,
    }
}

/// Google's names of the fields, each once, in a fixed order: contacts of one batch need the same mask.
pub fn google_fields(fields: &[PersonField]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = PersonField::ALL
        .into_iter()
        .filter(|field| fields.contains(field))
        .map(google_field)
        .collect();
    names.dedup();
    names
}

impl Readable {
    /// Reads a contact that was asked for with nothing of these fields masked.
    pub fn parse(item: &RawValue, fields: &[PersonField]) -> Result<Self, Box<Broken>> {
        let object = person::object(item)?;
        let person = person::parse_object(&object)?;
        let mut raw = RawFields {
            source_id: person.source_id.clone(),
            etag: person.etag.clone(),
            fields: BTreeMap::new(),
        };
        for field in google_fields(fields) {
            let entries = person::entries(&object, field).map_err(|reason| person::broken(&object, reason))?;
            raw.fields.insert(field, entries.into_iter().cloned().collect());
        }
        Ok(Self { person, raw })
    }
}

/// The body that creates a contact: its details, our key by which a repetition finds it, and its groups.
///
/// With a group of its own it is put into `myContacts` too, where Google would else not show it.
pub fn create_body(details: &Details, client_key: &str, group: Option<&str>) -> Value {
    let mut body = Object::new();
    for field in google_fields(&PersonField::ALL) {
        let entries = written(field, &[], details, &PersonField::ALL);
        if !entries.is_empty() {
            body.insert(field.to_owned(), json!(entries));
        }
    }
    body.insert("clientData".into(), json!([{ "key": CLIENT_KEY, "value": client_key }]));
    if let Some(group) = group {
        let memberships =
            [MY_CONTACTS, group].map(|name| json!({ "contactGroupMembership": { "contactGroupResourceName": name } }));
        body.insert("memberships".into(), json!(memberships));
    }
    Value::Object(body)
}

/// The update that makes the touched fields of a contact hold what is wanted.
///
/// A touched field that was not read is left out, because writing it blindly would destroy what is there. Of a name of which only
/// one half is touched, the other half stays as it was read.
pub fn update_body(raw: &RawFields, wanted: &Details, touched: &[PersonField]) -> Update {
    let mut body = Object::new();
    let mut mask = Vec::new();
    for field in google_fields(touched) {
        if let Some(entries) = raw.fields.get(field) {
            body.insert(field.to_owned(), json!(written(field, entries, wanted, touched)));
            mask.push(field);
        }
    }
    body.insert(
        "metadata".into(),
        json!({ "sources": [{ "type": "CONTACT", "id": raw.source_id, "etag": raw.etag }] }),
    );
    Update {
        mask: mask.join(","),
        body: Value::Object(body),
    }
}

/// All entries of one of Google's fields, as they are to be.
fn written(field: &str, before: &[Object], wanted: &Details, touched: &[PersonField]) -> Vec<Object> {
    match field {
        Name::FIELD => {
            let old: Name = first(before).1.unwrap_or_default();
            let half = |field, old: String, new: &str| {
                if touched.contains(&field) { new.to_owned() } else { old }
            };
            let name = Name {
                given: half(PersonField::GivenName, old.given, &wanted.given_name),
                family: half(PersonField::FamilyName, old.family, &wanted.family_name),
            };
            single(before, Some(&name))
        }
        Email::FIELD => list(before, &wanted.emails),
        Phone::FIELD => list(before, &wanted.phones),
        Organization::FIELD => list(before, &wanted.organizations),
        Address::FIELD => list(before, &wanted.addresses),
        Birthday::FIELD => single(before, wanted.birthday.as_ref()),
        Gender::FIELD => single(before, Some(&Gender(wanted.gender.clone()))),
        _ => Vec::new(),
    }
}

/// The entry that holds the value of a field that a contact has once, with that value.
fn first<K: Kind>(entries: &[Object]) -> (Object, Option<K>) {
    let values = entries.iter().map(|entry| (entry, K::read(entry).ok().flatten()));
    let (mut without, mut with) = (None, None);
    for (entry, value) in values {
        match value {
            Some(_) if with.is_none() => with = Some((entry.clone(), value)),
            _ => without = without.or(Some(entry.clone())),
        }
    }
    with.unwrap_or_else(|| (without.unwrap_or_default(), None))
}

/// Google takes one entry of these fields and refuses two.
fn single<K: Kind>(before: &[Object], wanted: Option<&K>) -> Vec<Object> {
    let Some(wanted) = wanted else {
        return Vec::new();
    };
    let (mut entry, _) = first::<K>(before);
    wanted.write(&mut entry);
    let entry = sendable::<K>(entry);
    if has_content(&entry) { vec![entry] } else { Vec::new() }
}

fn list<K: Listed>(before: &[Object], wanted: &[K]) -> Vec<Object> {
    let known: Vec<(&Object, K)> = before
        .iter()
        .filter_map(|entry| Some((entry, K::read(entry).ok().flatten()?)))
        .collect();
    let values: Vec<&K> = known.iter().map(|(_, value)| value).collect();
    let was = pair(&values, wanted);
    let mut entries: Vec<Object> = wanted
        .iter()
        .zip(was)
        .map(|(value, was)| {
            let mut entry = was.map_or_else(Object::new, |at| known[at].0.clone());
            value.write(&mut entry);
            entry
        })
        .collect();
    // What has none of our members was never shown to the app, so the app cannot have removed it.
    let unknown = before.iter().filter(|entry| K::read(entry).ok().flatten().is_none());
    entries.extend(unknown.cloned());
    let entries = entries.into_iter().map(sendable::<K>);
    entries.filter(has_content).collect()
}

/// Which value each wanted one was before. The same text under the same label goes first, then the same value however written,
/// then what was most likely corrected; no value is used twice.
fn pair<K: Listed>(before: &[&K], wanted: &[K]) -> Vec<Option<usize>> {
    let mut was = vec![None; wanted.len()];
    let mut used = vec![false; before.len()];
    let rules: [fn(&K, &K) -> bool; 5] = [
        |a, b| a.text() == b.text() && a.label() == b.label(),
        |a, b| a.key() == b.key() && a.label() == b.label(),
        |a, b| a.key() == b.key(),
        |a, b| a.is_akin(b) && a.label() == b.label(),
        |a, b| a.is_akin(b),
    ];
    for matches in rules {
        for (value, was) in wanted.iter().zip(&mut was).filter(|(_, was)| was.is_none()) {
            let found = (0..before.len()).find(|at| !used[*at] && matches(before[*at], value));
            if let Some(at) = found {
                used[at] = true;
                *was = Some(at);
            }
        }
    }
    was
}

fn sendable<K: Kind>(mut entry: Object) -> Object {
    entry.retain(|key, _| key != "metadata" && !K::DERIVED.contains(&key.as_str()));
    entry
}

/// A label alone is no value.
fn has_content(entry: &Object) -> bool {
    entry.keys().any(|key| key != "type")
}
