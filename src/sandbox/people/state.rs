//! What the pretend Google Contacts remembers: accounts, contacts with their latest versions, groups, and the strictly growing
//! position of every change.
//!
//! A contact keeps the versions that somebody may still be shown: a write can be slower to reach lists than `people.get`.
use super::errors::{ExpiryForm, Refusal};
use super::sync::Listing;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};

/// A JSON object.
pub type Object = Map<String, Value>;

/// The group that holds every contact that is in no other group.
pub const MY_CONTACTS: &str = "myContacts";

/// System groups with the names that people see. Only the first two take new members.
pub const SYSTEM_GROUPS: [(&str, &str); 8] = [
    (MY_CONTACTS, "My Contacts"),
    ("starred", "Starred"),
    ("all", "All Contacts"),
    ("blocked", "Blocked"),
    ("chatBuddies", "Chat contacts"),
    ("coworkers", "Coworkers"),
    ("family", "Family"),
    ("friends", "Friends"),
];

/// Everything.
#[derive(Debug, Default, Serialize)]
pub struct State {
    /// By e-mail address, lower case.
    pub accounts: BTreeMap<String, Account>,
    /// What tests changed.
    pub switches: Switches,
    /// Answered lists whose later pages may still be asked for.
    #[serde(skip)]
    pub listings: VecDeque<(u64, Listing)>,
}

/// Behaviour that tests can change.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Switches {
    /// How an expired sync token is refused.
    pub expiry_form: ExpiryForm,
    /// How long writes take to reach lists and deltas, milliseconds: at least, at most.
    pub propagation_ms: (u64, u64),
    /// Pages hold at most this many items.
    pub page_size: Option<usize>,
    /// Every so many pages, one is empty.
    pub empty_page_every: Option<usize>,
    /// Every item comes twice.
    pub duplicate_items: bool,
    /// The values of a field come in an order that follows from this.
    pub shuffle_fields: Option<u64>,
    /// Of a name that was sent with parts and as one text, the text counts.
    pub unstructured_name_wins: bool,
    /// Most contacts of an account; 25,000 when absent.
    pub contact_limit: Option<usize>,
}

/// One user's contacts.
#[derive(Debug, Default, Serialize)]
pub struct Account {
    /// Google's account number.
    pub sub: String,
    /// Full name.
    pub name: String,
    /// Country calling code for numbers in national writing.
    pub calling_code: Option<String>,
    /// Contacts by source id, tombstones included.
    pub contacts: BTreeMap<u64, Contact>,
    /// "Other contacts" by source id.
    pub others: BTreeMap<u64, Contact>,
    /// Groups by id, tombstones included.
    pub groups: BTreeMap<String, Group>,
    /// Rises with every change.
    pub position: u64,
    /// Generation of the sync tokens.
    pub epoch: u64,
    /// Tokens older than this position would miss purged tombstones.
    pub purged: u64,
    /// How many full lists will be empty although contacts exist.
    pub empty_lists: u64,
    /// Until then every etag is refused as stale.
    pub stale_until_us: i64,
    /// Latest stamp given.
    stamp_us: i64,
}

/// Why a contact is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Gone {
    /// Deltas tell it as deleted.
    Deleted,
    /// Merged into this contact, whose former names it now has.
    MergedInto(u64),
}

/// A contact source.
#[derive(Debug, Clone, Serialize)]
pub struct Contact {
    /// The source id.
    pub id: u64,
    /// Oldest first; never empty.
    pub versions: Vec<Version>,
}

/// A contact as it was from one write to the next.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Version {
    /// Of the write.
    pub position: u64,
    /// From when on lists show it.
    pub visible_us: i64,
    /// Resource name.
    pub name: String,
    /// Former resource names.
    pub former: Vec<Former>,
    /// Values by field of a Person, without their metadata.
    pub fields: Object,
    /// Ids of its groups.
    pub groups: Vec<String>,
    /// The linked profile.
    pub profile: Option<Profile>,
    /// Set on tombstones.
    pub gone: Option<Gone>,
    /// `updateTime` of the source.
    pub updated_us: i64,
    /// The position of the latest change of the contact's own data: the source's etag follows from it.
    pub revision: u64,
}

/// A resource name that a contact had.
#[derive(Debug, Clone, Serialize)]
pub struct Former {
    /// The name.
    pub name: String,
    /// Position of the renaming.
    pub position: u64,
    /// From when on lists show the renaming.
    pub visible_us: i64,
}

/// A Google profile that a contact is linked to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Profile {
    /// The account number.
    pub id: String,
    /// Values by field of a Person.
    pub fields: Object,
}

/// A contact group.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Group {
    /// Id.
    pub id: String,
    /// Name as set.
    pub name: String,
    /// Name as shown.
    pub formatted: String,
    /// One of Google's own.
    pub system: bool,
    /// `clientData`.
    pub client_data: Vec<Value>,
    /// `updateTime`.
    pub updated_us: i64,
    /// Position of the last change; the etag follows from it.
    pub changed: u64,
    /// A tombstone.
    pub deleted: bool,
}

impl State {
    /// Makes an account with the system groups.
    pub fn add_account(&mut self, email: &str, sub: &str, name: &str, calling_code: Option<&str>) {
        let mut account = Account {
            sub: sub.to_owned(),
            name: name.to_owned(),
            calling_code: calling_code.map(str::to_owned),
            ..Account::default()
        };
        for (id, formatted) in SYSTEM_GROUPS {
            let group = Group {
                id: id.to_owned(),
                name: id.to_owned(),
                formatted: formatted.to_owned(),
                system: true,
                ..Group::default()
            };
            account.groups.insert(id.to_owned(), group);
        }
        self.accounts.insert(email.to_lowercase(), account);
    }

    /// The caller's account; the front made sure that it exists.
    pub fn account(&self, user: &str) -> Result<&Account, Refusal> {
        self.accounts.get(user).ok_or_else(Refusal::not_found)
    }

    /// The caller's account, to change it.
    pub fn account_mut(&mut self, user: &str) -> Result<&mut Account, Refusal> {
        self.accounts.get_mut(user).ok_or_else(Refusal::not_found)
    }

    /// When a write that is made now reaches lists.
    pub fn visible_us(&self, user: &str, now: i64) -> i64 {
        let (least, most) = self.switches.propagation_ms;
        let position = self.accounts.get(user).map_or(0, |account| account.position);
        let spread = most.saturating_sub(least) + 1;
        let pick = digest(&[user.as_bytes(), &position.to_be_bytes()]) % spread;
        now.saturating_add(i64::try_from((least + pick).saturating_mul(1_000)).unwrap_or(i64::MAX))
    }
}

impl Account {
    /// A new source id, which nobody can guess from the last.
    pub fn new_id(&mut self) -> u64 {
        self.position += 1;
        // Google's ids look like 63-bit numbers.
        digest(&[self.sub.as_bytes(), &self.position.to_be_bytes()]) >> 1
    }

    /// A stamp that is later than all before it.
    pub fn stamp(&mut self, now: i64) -> i64 {
        self.stamp_us = now.max(self.stamp_us + 1);
        self.stamp_us
    }

    /// The contact that a resource name, also a former one, means; `None` when it is gone.
    pub fn find(&self, resource: &str) -> Option<&Contact> {
        let named = |contact: &&Contact| contact.latest().gone.is_none() && contact.latest().name == resource;
        let formerly = |contact: &&Contact| {
            let latest = contact.latest();
            latest.gone.is_none() && latest.former.iter().any(|former| former.name == resource)
        };
        self.contacts
            .values()
            .find(named)
            .or_else(|| self.contacts.values().find(formerly))
    }

    /// Live contacts.
    pub fn live(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.values().filter(|contact| contact.latest().gone.is_none())
    }

    /// How many live contacts are in a group.
    pub fn members(&self, group: &str) -> Vec<&Contact> {
        self.live()
            .filter(|contact| group == "all" || contact.latest().groups.iter().any(|id| id == group))
            .collect()
    }

    /// Writes a changed contact down as its next version. `own` says whether the contact's own data changed.
    pub fn write(&mut self, book: Book, id: u64, mut version: Version, own: bool, now: i64, visible_us: i64) {
        self.position += 1;
        version.position = self.position;
        version.visible_us = visible_us;
        if own {
            version.revision = self.position;
            version.updated_us = self.stamp(now);
        }
        let contacts = match book {
            Book::Contacts => &mut self.contacts,
            Book::Others => &mut self.others,
        };
        match contacts.get_mut(&id) {
            None => {
                let versions = vec![version];
                contacts.insert(id, Contact { id, versions });
            }
            Some(contact) => {
                // Only what a list may still have to show is kept.
                let shown = contact.versions.iter().rposition(|old| old.visible_us <= now);
                contact.versions.drain(..shown.unwrap_or(0));
                contact.versions.push(version);
            }
        }
    }

    /// One of the two collections.
    pub fn book(&self, book: Book) -> &BTreeMap<u64, Contact> {
        match book {
            Book::Contacts => &self.contacts,
            Book::Others => &self.others,
        }
    }
}

/// Which collection of contacts is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Book {
    /// The contacts.
    Contacts,
    /// "Other contacts".
    Others,
}

impl Contact {
    /// As it is.
    pub fn latest(&self) -> &Version {
        self.versions.last().expect("a contact has at least one version")
    }

    /// As lists show it at this time.
    pub fn visible(&self, now: i64) -> Option<&Version> {
        self.versions.iter().rfind(|version| version.visible_us <= now)
    }

    /// The source id as Google writes it.
    pub fn source_id(&self) -> String {
        format!("{:x}", self.id)
    }
}

impl Version {
    /// The source's etag without its `#`: twelve characters.
    pub fn etag_text(&self, id: u64) -> String {
        use base64::{Engine, engine::general_purpose::STANDARD};
        STANDARD.encode(digest(&[&id.to_be_bytes(), &self.revision.to_be_bytes()]).to_be_bytes())
    }
}

impl Group {
    /// Its etag.
    pub fn etag(&self) -> String {
        use base64::{Engine, engine::general_purpose::STANDARD};
        STANDARD.encode(digest(&[self.id.as_bytes(), &self.changed.to_be_bytes()]).to_be_bytes())
    }

    /// Its resource name.
    pub fn resource(&self) -> String {
        format!("contactGroups/{}", self.id)
    }
}

/// 64 bits that look random and follow from the parts.
pub fn digest(parts: &[&[u8]]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let bytes: [u8; 32] = hash.finalize().into();
    bytes[..8].iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// `2023-02-24T16:40:20.181599Z`.
pub fn time_text(us: i64) -> String {
    chrono::DateTime::from_timestamp_micros(us)
        .unwrap_or_default()
        .format("%Y-%m-%dT%H:%M:%S%.6fZ")
        .to_string()
}
