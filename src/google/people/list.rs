//! The list of a user's contacts: what is asked, and when an answer counts as a page.
//!
//! As for events, a page is only believed when it says how it ends: an error document that was sent with status 200 would
//! otherwise pass as an empty page, and its end as "nothing is left".
use super::person::{self, ParsedPerson};
use super::value_json::{Gender, Kind, Name};
use crate::domain::customer::{Address, Birthday, Email, Organization, Phone};
use crate::google::calendar::PageEnd;
use crate::google::error::GoogleError;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// The fields of a person that are ever read.
pub(super) const PERSON_FIELDS: &str = "metadata,names,emailAddresses,phoneNumbers,organizations,addresses,birthdays,genders,\
    clientData,memberships";
/// Profiles stay out: what their owners publish is not what the user wrote down.
pub(super) const CONTACTS_ONLY: (&str, &str) = ("sources", "READ_SOURCE_TYPE_CONTACT");
/// What is read of a person beside its values.
pub(super) const IDENTITY: &str =
    "resourceName,metadata(deleted,previousResourceNames,sources(type,id,etag,updateTime))";
/// Whose value it is, and whether it is the primary one.
const VALUE_METADATA: &str = "metadata(primary,sourcePrimary,source(type,id))";

/// A page of contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeoplePage {
    /// Its people, in Google's order, which means nothing. May be empty although more pages follow.
    pub people: Vec<ParsedPerson>,
    /// What comes next.
    pub next: PageEnd,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Connections {
    connections: Option<Vec<Box<RawValue>>>,
    next_page_token: Option<String>,
    next_sync_token: Option<String>,
}

impl Connections {
    pub(super) fn into_page(self, page_token: Option<&str>) -> Result<PeoplePage, GoogleError> {
        let next = match (self.next_page_token, self.next_sync_token) {
            (Some(next), None) if Some(next.as_str()) == page_token => {
                return Err(GoogleError::protocol("a page names itself as the next"));
            }
            (Some(next), None) if !next.is_empty() => PageEnd::More(next),
            (None, Some(sync)) if !sync.is_empty() => PageEnd::Done(sync),
            (Some(_), Some(_)) => return Err(GoogleError::protocol("a page has both a page token and a sync token")),
            _ => {
                return Err(GoogleError::protocol(
                    "a page has neither a page token nor a sync token",
                ));
            }
        };
        let people = self.connections.unwrap_or_default();
        Ok(PeoplePage {
            people: people.iter().map(|item| person::parse_listed(item)).collect(),
            next,
        })
    }
}

/// The query of every page of one listing. Google wants all of it, the page size too, to be the same for a token's life.
pub(super) fn pairs(page_size: u16) -> Vec<(&'static str, String)> {
    vec![
        ("personFields", PERSON_FIELDS.to_owned()),
        (CONTACTS_ONLY.0, CONTACTS_ONLY.1.to_owned()),
        ("requestSyncToken", "true".to_owned()),
        ("pageSize", page_size.clamp(1, 1000).to_string()),
        (
            "fields",
            format!("nextPageToken,nextSyncToken,connections({})", person_mask()),
        ),
    ]
}

/// Changes when a sync token must not be used any longer because the questions have changed since it was given.
pub fn fingerprint(page_size: u16) -> String {
    let fixed: String = pairs(page_size)
        .iter()
        .map(|(key, value)| format!("{key}={value}\n"))
        .collect();
    Sha256::digest(fixed)
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The members of a person that are read, and no others.
pub(super) fn person_mask() -> String {
    let field = |name: &str, members: &str| format!("{name}({members},{VALUE_METADATA})");
    [
        IDENTITY.to_owned(),
        field(Name::FIELD, Name::MEMBERS),
        field(Email::FIELD, Email::MEMBERS),
        field(Phone::FIELD, Phone::MEMBERS),
        field(Organization::FIELD, Organization::MEMBERS),
        field(Address::FIELD, Address::MEMBERS),
        field(Birthday::FIELD, Birthday::MEMBERS),
        field(Gender::FIELD, Gender::MEMBERS),
        field("clientData", "key,value"),
        field("memberships", "contactGroupMembership(contactGroupResourceName)"),
    ]
    .join(",")
}
