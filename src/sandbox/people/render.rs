//! A contact as the API shows it: the masked fields of the wanted sources, with their metadata.
use super::body::{Mask, PERSON_FIELDS};
use super::state::{Book, Contact, Object, Switches, Version, digest, time_text};
use super::sync::Seen;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// Most e-mail addresses, and phone numbers, of one person in a list; `people.get` has them all.
const LISTED: usize = 100;

/// What of a person is wanted, and where it is shown.
#[derive(Debug, Clone)]
pub struct View {
    /// The fields.
    pub mask: Mask,
    /// Contact data.
    pub contact: bool,
    /// Profile data.
    pub profile: bool,
    /// In a list long fields are cut.
    pub listed: bool,
    /// In a delta, what its token had seen: renamings after it are told.
    pub since: Option<Seen>,
}

impl View {
    /// One person, whole, from contact and profile.
    pub fn of(mask: Mask) -> Self {
        Self {
            mask,
            contact: true,
            profile: true,
            listed: false,
            since: None,
        }
    }

    /// With these `sources`; none means contact and profile.
    pub fn with_sources(mut self, sources: &[String]) -> Self {
        if !sources.is_empty() {
            self.contact = sources.iter().any(|source| source == "READ_SOURCE_TYPE_CONTACT");
            self.profile = sources.iter().any(|source| source == "READ_SOURCE_TYPE_PROFILE");
        }
        self
    }
}

/// The person that a contact is in one of its versions.
pub fn person(contact: &Contact, version: &Version, book: Book, view: &View, switches: &Switches) -> Value {
    let mut person = Object::new();
    person.insert("resourceName".into(), json!(version.name));
    let source = match book {
        Book::Contacts => "CONTACT",
        Book::Others => "OTHER_CONTACT",
    };
    let etag = version.etag_text(contact.id);
    let profile = version.profile.as_ref().filter(|_| view.profile);
    person.insert("etag".into(), json!(person_etag(&view.mask, profile.is_some(), &etag)));
    if version.gone.is_some() {
        if view.mask.contains("metadata") {
            person.insert("metadata".into(), json!({"deleted": true}));
        }
        return person.into();
    }
    if view.mask.contains("metadata") {
        person.insert("metadata".into(), metadata(contact, version, source, &etag, view));
    }
    let own = json!({"type": source, "id": contact.source_id()});
    for field in view.mask.iter().filter(|field| **field != "metadata") {
        let mut values = Vec::new();
        if view.contact {
            values.extend(
                contact_values(field, version)
                    .into_iter()
                    .map(|value| (value, own.clone())),
            );
        }
        if let Some(profile) = profile {
            let origin = json!({"type": "PROFILE", "id": profile.id});
            let sent = profile.fields.get(*field).and_then(Value::as_array).cloned();
            values.extend(
                sent.unwrap_or_default()
                    .into_iter()
                    .map(|value| (value, origin.clone())),
            );
        }
        let mut values = with_metadata(field, values);
        if let Some(seed) = switches.shuffle_fields
            && !values.is_empty()
        {
            let turn = digest(&[&seed.to_be_bytes(), field.as_bytes(), &contact.id.to_be_bytes()]);
            let turn = turn as usize % values.len();
            values.rotate_left(turn);
        }
        if view.listed && matches!(*field, "emailAddresses" | "phoneNumbers") {
            values.truncate(LISTED);
        }
        if !values.is_empty() {
            person.insert((*field).to_owned(), json!(values));
        }
    }
    person.into()
}

fn metadata(contact: &Contact, version: &Version, source: &str, etag: &str, view: &View) -> Value {
    let mut sources = Vec::new();
    if view.contact {
        sources.push(
            json!({"type": source, "id": contact.source_id(), "etag": format!("#{etag}"),
            "updateTime": time_text(version.updated_us)}),
        );
    }
    if let Some(profile) = version.profile.as_ref().filter(|_| view.profile) {
        let etag = STANDARD.encode(digest(&[profile.id.as_bytes(), &version.position.to_be_bytes()]).to_be_bytes());
        sources.push(json!({"type": "PROFILE", "id": profile.id, "etag": format!("#{etag}"),
            "profileMetadata": {"objectType": "PERSON", "userTypes": ["GOOGLE_USER"]}}));
    }
    let mut metadata = json!({"objectType": "PERSON"});
    if !sources.is_empty() {
        metadata["sources"] = json!(sources);
    }
    if let Some(since) = view.since {
        let renamed: Vec<&str> = version
            .former
            .iter()
            .filter(|former| !since.covers(former.position, former.visible_us))
            .map(|former| former.name.as_str())
            .collect();
        if !renamed.is_empty() {
            metadata["previousResourceNames"] = json!(renamed);
        }
    }
    metadata
}

fn contact_values(field: &str, version: &Version) -> Vec<Value> {
    match field {
        "memberships" => version
            .groups
            .iter()
            .map(|id| {
                json!({"contactGroupMembership": {"contactGroupId": id, "contactGroupResourceName": format!("contactGroups/{id}")}})
            })
            .collect(),
        "photos" if !version.fields.contains_key("photos") => {
            vec![json!({"url": format!("https://lh3.googleusercontent.com/cm/{}=s100", version.name.replace('/', "-")), "default": true})]
        }
        _ => version.fields.get(field).and_then(Value::as_array).cloned().unwrap_or_default(),
    }
}

/// The first value of a field is its primary one, over all sources and within its own; memberships have none. What a test
/// planted with metadata of its own keeps it.
fn with_metadata(field: &str, values: Vec<(Value, Value)>) -> Vec<Value> {
    let mut seen: Vec<Value> = Vec::new();
    let mut shown = Vec::new();
    for (index, (mut value, source)) in values.into_iter().enumerate() {
        let mut metadata = json!({"source": source});
        if field != "memberships" {
            if index == 0 {
                metadata["primary"] = json!(true);
            }
            if !seen.contains(&source) {
                metadata["sourcePrimary"] = json!(true);
            }
        }
        seen.push(source);
        match value.get_mut("metadata").and_then(Value::as_object_mut) {
            Some(planted) => {
                for (key, value) in metadata.as_object().into_iter().flatten() {
                    planted.entry(key).or_insert_with(|| value.clone());
                }
            }
            None => value["metadata"] = metadata,
        }
        shown.push(value);
    }
    shown
}

/// `%` and a message of the mask's field numbers, the source types and the source's etag: it changes with the mask.
fn person_etag(mask: &Mask, profile: bool, etag: &str) -> String {
    let field = |tag: u8, bytes: &[u8]| {
        let mut field = vec![tag, bytes.len() as u8];
        field.extend_from_slice(bytes);
        field
    };
    let numbers: Vec<u8> = (2..)
        .zip(PERSON_FIELDS)
        .filter(|(_, name)| mask.contains(*name))
        .map(|(number, _)| number)
        .collect();
    let sources: &[u8] = if profile { &[1, 2, 5, 7] } else { &[1, 2] };
    let mut message = field(0x12, &numbers);
    message.extend(field(0x1a, sources));
    message.extend(field(0x22, etag.as_bytes()));
    format!("%{}", STANDARD.encode(message))
}

/// The source's etag inside a person's etag.
pub fn source_etag_of(person_etag: &str) -> Option<String> {
    let bytes = STANDARD.decode(person_etag.strip_prefix('%')?).ok()?;
    let mut rest = bytes.as_slice();
    while let [tag, length, tail @ ..] = rest {
        let (value, after) = tail.split_at_checked(usize::from(*length))?;
        if *tag == 0x22 {
            return String::from_utf8(value.to_vec()).ok();
        }
        rest = after;
    }
    None
}
