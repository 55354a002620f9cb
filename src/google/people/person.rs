//! Google's person JSON, read into the domain. Pure.
//!
//! Promises: a person that cannot be understood becomes [`Broken`] with a reason in our words, and its neighbours go on; only
//! values that the user's own contact holds count, never those of a Google profile; keys of other apps, fields that were not
//! asked for and what Google formats for readers are dropped here, before anything can log or store them.
use super::value_json::{Gender, Kind, Name, Object, text};
use crate::domain::customer::{Address, Birthday, Details, Email, Organization, Phone};
use crate::domain::people::check;
use chrono::DateTime;
use serde_json::Value;
use serde_json::value::RawValue;

/// The key of our own entry in a contact's `clientData`; written by our creates only.
pub const CLIENT_KEY: &str = "accord";
/// Lists show at most so many emails and phones of one person.
const LISTED: usize = 100;
/// How much of a broken person is kept, in bytes.
const RAW_CAP: usize = 64 * 1024;
/// What is kept of a broken person: its name, what tells that it changed, and the fields that we mirror.
const KEPT: &[&str] = &[
    "resourceName",
    "metadata",
    Name::FIELD,
    Email::FIELD,
    Phone::FIELD,
    Organization::FIELD,
    Address::FIELD,
    Birthday::FIELD,
    Gender::FIELD,
];

/// A contact of a user, or the news that it was deleted.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// `people/c…`. May change; then the old one is among `previous_names`.
    pub resource_name: String,
    /// The id of the contact source, in hexadecimal; survives a change of the resource name. Empty when deleted.
    pub source_id: String,
    /// The etag of the contact source, which changes with every edit and is the same for every mask. Empty when deleted.
    pub etag: String,
    /// Milliseconds since the Unix epoch; 0 when Google does not say.
    pub updated_at: i64,
    /// The mirrored fields, as far as they were asked for.
    pub details: Details,
    /// The values of the entries of `clientData` that are ours.
    pub client_keys: Vec<String>,
    /// The resource names of its groups. Other groups than our own are nobody's business: do not keep them.
    pub groups: Vec<String>,
    /// Names that it had since the sync token that was asked with.
    pub previous_names: Vec<String>,
    /// Whether the contact is gone; then nothing but its name is known.
    pub deleted: bool,
    /// A list may have left out emails or phones, which is no deletion: get the person before believing it.
    pub is_partial: bool,
}

/// A person of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParsedPerson {
    /// Understood.
    Person(Box<Person>),
    /// Not understood, to be set aside.
    Broken(Box<Broken>),
}

/// A person that cannot be understood.
#[derive(Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its resource name, if it has one.
    pub resource_name: Option<String>,
    /// The etag of its contact source, if it can be read.
    pub etag: Option<String>,
    /// What is wrong, in our words, without values.
    pub reason: String,
    /// The person as JSON, mirrored fields only; cut at 64 KB.
    pub raw: String,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person")
            .field("resource_name", &self.resource_name)
            .field("etag", &self.etag)
            .field("deleted", &self.deleted)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broken")
            .field("resource_name", &self.resource_name)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

/// Reads one person. Never fails: what cannot be read is [`ParsedPerson::Broken`].
pub fn parse(item: &RawValue) -> ParsedPerson {
    parsed(object(item).and_then(|object| parse_object(&object)))
}

/// The same for a person of a list.
pub(super) fn parse_listed(item: &RawValue) -> ParsedPerson {
    let read = object(item).and_then(|object| {
        let is_cut = |field: &str| {
            object
                .get(field)
                .and_then(Value::as_array)
                .is_some_and(|all| all.len() >= LISTED)
        };
        let is_partial = is_cut(Email::FIELD) || is_cut(Phone::FIELD);
        parse_object(&object).map(|person| Person { is_partial, ..person })
    });
    parsed(read)
}

fn parsed(read: Result<Person, Box<Broken>>) -> ParsedPerson {
    read.map_or_else(ParsedPerson::Broken, |person| ParsedPerson::Person(Box::new(person)))
}

pub(super) fn object(item: &RawValue) -> Result<Object, Box<Broken>> {
    serde_json::from_str(item.get()).map_err(|_| broken(&Object::new(), "it is no JSON object".into()))
}

pub(super) fn parse_object(object: &Object) -> Result<Person, Box<Broken>> {
    read(object).map_err(|reason| broken(object, reason))
}

pub(super) fn broken(object: &Object, reason: String) -> Box<Broken> {
    let storable = |text: String| Some(text).filter(|text| !text.is_empty() && !text.contains('\0'));
    let mut kept = object.clone();
    kept.retain(|key, _| KEPT.contains(&key.as_str()));
    let mut raw = Value::Object(kept).to_string();
    if raw.len() > RAW_CAP {
        raw.truncate(raw.floor_char_boundary(RAW_CAP));
    }
    Box::new(Broken {
        resource_name: text(object, "resourceName").ok().and_then(storable),
        etag: contact_source(object)
            .and_then(|source| text(source, "etag").ok())
            .and_then(storable),
        reason,
        raw,
    })
}

fn read(object: &Object) -> Result<Person, String> {
    let resource_name = text(object, "resourceName").unwrap_or_default();
    if resource_name.is_empty() {
        return Err("it has no resourceName".into());
    }
    let nothing = Object::new();
    let metadata = match object.get("metadata") {
        None => &nothing,
        Some(metadata) => metadata.as_object().ok_or("its metadata cannot be read")?,
    };
    let mut person = Person {
        resource_name,
        source_id: String::new(),
        etag: String::new(),
        updated_at: 0,
        details: Details::default(),
        client_keys: Vec::new(),
        groups: Vec::new(),
        previous_names: texts(metadata.get("previousResourceNames")).ok_or("its metadata cannot be read")?,
        deleted: metadata.get("deleted") == Some(&Value::Bool(true)),
        is_partial: false,
    };
    if !person.deleted {
        let source = contact_source(object).ok_or("it has no contact source")?;
        let unreadable = |_| "its metadata cannot be read";
        person.source_id = text(source, "id").map_err(unreadable)?;
        person.etag = text(source, "etag").map_err(unreadable)?;
        person.updated_at = match text(source, "updateTime").map_err(unreadable)?.as_str() {
            "" => 0,
            time => DateTime::parse_from_rfc3339(time)
                .map_err(|_| "its metadata cannot be read")?
                .timestamp_millis(),
        };
        if person.source_id.is_empty() || person.etag.is_empty() {
            return Err("its contact source has no id or no etag".into());
        }
        person.details = details(object)?;
        person.client_keys = client_keys(object)?;
        person.groups = groups(object)?;
    }
    storable(&person)?;
    Ok(person)
}

fn details(object: &Object) -> Result<Details, String> {
    let name = single::<Name>(object)?.unwrap_or_default();
    Ok(Details {
        given_name: name.given,
        family_name: name.family,
        emails: list::<Email>(object)?,
        phones: list::<Phone>(object)?,
        organizations: list::<Organization>(object)?,
        addresses: list::<Address>(object)?,
        birthday: single::<Birthday>(object)?,
        gender: single::<Gender>(object)?.unwrap_or_default().0,
    })
}

fn list<K: Kind>(object: &Object) -> Result<Vec<K>, String> {
    let mut values = Vec::new();
    for entry in entries(object, K::FIELD)? {
        values.extend(K::read(entry).map_err(|_| unreadable(K::FIELD))?);
    }
    Ok(values)
}

fn single<K: Kind>(object: &Object) -> Result<Option<K>, String> {
    Ok(list::<K>(object)?.into_iter().next())
}

/// The contact's own values of a field: the primary one first, the rest in Google's order.
pub(super) fn entries<'o>(object: &'o Object, field: &str) -> Result<Vec<&'o Object>, String> {
    let values = match object.get(field) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(values) => values.as_array().ok_or_else(|| unreadable(field))?,
    };
    let contact = contact_source(object).and_then(|source| source.get("id"));
    let mut own = Vec::new();
    for value in values {
        let value = value.as_object().ok_or_else(|| unreadable(field))?;
        let source = &value.get("metadata").unwrap_or(&Value::Null)["source"];
        // Nothing but contacts was asked for, so a value without a source is the contact's.
        let is_contact = source["type"].as_str().is_none_or(|kind| kind == "CONTACT");
        let is_same = source.get("id").is_none() || contact.is_none() || source.get("id") == contact;
        if is_contact && is_same {
            own.push(value);
        }
    }
    let is = |value: &Object, mark: &str| value.get("metadata").is_some_and(|metadata| metadata[mark] == true);
    own.sort_by_key(|value| match (is(value, "primary"), is(value, "sourcePrimary")) {
        (true, _) => 0,
        (_, true) => 1,
        _ => 2,
    });
    Ok(own)
}

/// The source that the user's own contact is; a person without it is somebody's profile.
pub(super) fn contact_source(object: &Object) -> Option<&Object> {
    let sources = object.get("metadata")?.get("sources")?.as_array()?;
    sources
        .iter()
        .filter_map(Value::as_object)
        .find(|source| source.get("type").is_some_and(|kind| kind == "CONTACT"))
}

fn client_keys(object: &Object) -> Result<Vec<String>, String> {
    let mut keys = Vec::new();
    for entry in entries(object, "clientData")? {
        if entry.get("key").is_some_and(|key| key == CLIENT_KEY) {
            keys.push(text(entry, "value").map_err(|_| unreadable("clientData"))?);
        }
    }
    Ok(keys)
}

/// Membership in a domain is no group.
fn groups(object: &Object) -> Result<Vec<String>, String> {
    let mut groups = Vec::new();
    for entry in entries(object, "memberships")? {
        let Some(membership) = entry.get("contactGroupMembership") else {
            continue;
        };
        let name = membership["contactGroupResourceName"].as_str();
        groups.push(name.ok_or_else(|| unreadable("memberships"))?.to_owned());
    }
    Ok(groups)
}

/// PostgreSQL cannot store NUL, and cutting it out would be an edit that nobody made.
fn storable(person: &Person) -> Result<(), String> {
    let mut texts = vec![&person.resource_name, &person.source_id, &person.etag];
    texts.extend(
        person
            .client_keys
            .iter()
            .chain(&person.groups)
            .chain(&person.previous_names),
    );
    if texts.iter().any(|text| text.contains('\0')) {
        return Err("its metadata contains the character NUL".into());
    }
    match check::google_problems(&person.details).first() {
        Some(problem) => Err(format!("its {} {}", problem.field, problem.problem)),
        None => Ok(()),
    }
}

fn unreadable(field: &str) -> String {
    format!("its {field} cannot be read")
}

fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    match value {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(value) => value
            .as_array()?
            .iter()
            .map(|text| text.as_str().map(str::to_owned))
            .collect(),
    }
}
