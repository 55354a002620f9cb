//! Google Contacts (People API v1), method by method.
//!
//! Every request names the fields it wants and reads the user's own contacts only. No method retries: the caller decides by the
//! class of the error. Google wants all writes of one user one after the other, which callers see to. An update is guarded by the
//! etag of the contact source, which travels in the body; a stale one comes back as class `Conflict412`.
//!
//! - `person.rs`: a person's JSON into the domain; `value_json.rs`: its values, in both directions
//! - `person_body.rs`: what is written; `list.rs`: pages; `batch.rs`: many at once; `groups.rs`: contact groups
mod batch;
mod groups;
mod list;
mod person;
mod person_body;
mod value_json;

pub use super::calendar::PageEnd;
pub use batch::{Answered, AnsweredReadable, BATCH, BATCH_DELETE};
pub use groups::{Group, MODIFY, Modified};
pub use list::{PeoplePage, fingerprint};
pub use person::{Broken, CLIENT_KEY, ParsedPerson, Person, parse};
pub use person_body::{RawFields, Readable, Update, create_body, google_field, google_fields, update_body};

use super::error::GoogleError;
use super::transport::{Call, Transport};
use super::url;
use crate::domain::customer::Details;
use crate::domain::people::merge::PersonField;
use http::Method;
use list::{CONTACTS_ONLY, Connections, IDENTITY, PERSON_FIELDS, person_mask};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;

/// The People API at one address.
#[derive(Clone)]
pub struct PeopleApi {
    transport: Arc<Transport>,
    base_url: Arc<str>,
}

impl PeopleApi {
    /// The API at `base_url`, for example `https://people.googleapis.com/v1`.
    pub fn new(transport: Arc<Transport>, base_url: &str) -> Self {
        Self {
            transport,
            base_url: base_url.into(),
        }
    }

    /// One page of contacts: of a full listing, or of what changed since a sync token. Token and page size are the same for all
    /// pages of a listing.
    ///
    /// # Errors
    /// A token that Google does not take, for whatever reason, is of class `TokenExpired`: list everything from the first page.
    pub async fn list_page(
        &self,
        access: &SecretString,
        token: Option<&str>,
        page_token: Option<&str>,
        page_size: u16,
    ) -> Result<PeoplePage, GoogleError> {
        let pairs = list::pairs(page_size);
        let mut query: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (*key, value.as_str())).collect();
        query.extend(token.map(|token| ("syncToken", token)));
        query.extend(page_token.map(|token| ("pageToken", token)));
        let url = url::join(&self.base_url, &["people", "me", "connections"], &query)?;
        let page: Result<Connections, _> = self.read(access, url).await;
        match page {
            Ok(page) => page.into_page(page_token),
            Err(mut error) => {
                if (token.is_some() || page_token.is_some())
                    && let Some(refusal) = error.refusal_mut()
                    // Google refuses a garbled token with the words for any bad argument, and the rest of the question is ours.
                    && (refusal.status == 410 || refusal.status == 400 && refusal.reason.is_some())
                {
                    refusal.detail = Some("EXPIRED_SYNC_TOKEN".into());
                    refusal.reason.get_or_insert_with(|| "unnamed".into());
                }
                Err(error)
            }
        }
    }

    /// One contact, which may meanwhile have another resource name. A deleted one is an error of class `Gone`.
    pub async fn get(&self, access: &SecretString, resource_name: &str) -> Result<ParsedPerson, GoogleError> {
        let fields = person_mask();
        let query = [("personFields", PERSON_FIELDS), CONTACTS_ONLY, ("fields", &fields)];
        let url = self.person_url(resource_name, None, &query)?;
        single(&self.read::<Box<RawValue>>(access, url).await?)
    }

    /// One contact with everything that Google holds in these fields, to be changed by [`update_body`].
    ///
    /// When its etag is not the one that was merged with, somebody edited it since: merge with these details before writing, for
    /// the update will carry the new etag and Google will take it.
    pub async fn read_for_update(
        &self,
        access: &SecretString,
        resource_name: &str,
        fields: &[PersonField],
    ) -> Result<Result<Readable, Box<Broken>>, GoogleError> {
        let names = google_fields(fields).join(",");
        if names.is_empty() {
            return Err(GoogleError::unsendable("no field is to be changed"));
        }
        let (person_fields, fields_mask) = (format!("metadata,{names}"), format!("{IDENTITY},{names}"));
        let query = [
            ("personFields", person_fields.as_str()),
            CONTACTS_ONLY,
            ("fields", &fields_mask),
        ];
        let url = self.person_url(resource_name, None, &query)?;
        let item: Box<RawValue> = self.read(access, url).await?;
        expect_person(&item)?;
        Ok(Readable::parse(&item, fields))
    }

    /// Creates a contact. Google knows no key that makes a repetition safe: when the error says `unsure`, look for `client_key` in
    /// a full listing first.
    pub async fn create(
        &self,
        access: &SecretString,
        details: &Details,
        client_key: &str,
        group: Option<&str>,
    ) -> Result<ParsedPerson, GoogleError> {
        let fields = person_mask();
        let query = [("personFields", PERSON_FIELDS), CONTACTS_ONLY, ("fields", &fields)];
        let url = self.verb_url("people:createContact", &query)?;
        let body = create_body(details, client_key, group);
        single(&self.write::<Box<RawValue>>(access, Method::POST, url, &body).await?)
    }

    /// Changes a contact (see [`update_body`]) if it still has the etag with which it was read.
    pub async fn update(
        &self,
        access: &SecretString,
        resource_name: &str,
        update: &Update,
    ) -> Result<ParsedPerson, GoogleError> {
        if update.mask.is_empty() {
            return Err(GoogleError::unsendable("no field is to be changed"));
        }
        let fields = person_mask();
        let query = [
            ("updatePersonFields", update.mask.as_str()),
            ("personFields", PERSON_FIELDS),
            CONTACTS_ONLY,
            ("fields", &fields),
        ];
        let url = self.person_url(resource_name, Some("updateContact"), &query)?;
        single(
            &self
                .write::<Box<RawValue>>(access, Method::PATCH, url, &update.body)
                .await?,
        )
    }

    /// Deletes a contact, for good: Google's trash cannot be reached. One that is already gone is an error of class `Gone`.
    pub async fn delete(&self, access: &SecretString, resource_name: &str) -> Result<(), GoogleError> {
        let url = self.person_url(resource_name, Some("deleteContact"), &[])?;
        let call = Call::new(Method::DELETE, url).bearer(access);
        self.transport.send(call).await.map(|_| ())
    }

    async fn read<T: DeserializeOwned>(&self, access: &SecretString, url: String) -> Result<T, GoogleError> {
        let call = Call::new(Method::GET, url).bearer(access);
        self.transport.send(call).await?.json()
    }

    async fn write<T: DeserializeOwned>(
        &self,
        access: &SecretString,
        method: Method,
        url: String,
        body: &Value,
    ) -> Result<T, GoogleError> {
        let call = Call::new(method, url).bearer(access).json(body);
        self.transport.send(call).await?.json()
    }

    /// The address of a contact, or of one of its own methods, whose names follow a colon that must not be encoded.
    fn person_url(
        &self,
        resource_name: &str,
        verb: Option<&str>,
        query: &[(&str, &str)],
    ) -> Result<String, GoogleError> {
        let mut path = resource_url(&self.base_url, "people", resource_name)?;
        if let Some(verb) = verb {
            path.push(':');
            path.push_str(verb);
        }
        url::join(&path, &[], query)
    }

    /// The address of a method that stands beside the contacts, such as `people:createContact`.
    fn verb_url(&self, verb: &str, query: &[(&str, &str)]) -> Result<String, GoogleError> {
        url::join(&format!("{}/{verb}", self.base_url.trim_end_matches('/')), &[], query)
    }
}

/// The address of `people/…` or `contactGroups/…`. Another name could turn a request about one contact into another request.
fn resource_url(base: &str, collection: &str, resource_name: &str) -> Result<String, GoogleError> {
    let id = resource_name
        .strip_prefix(collection)
        .and_then(|rest| rest.strip_prefix('/'))
        .ok_or_else(|| GoogleError::unsendable("a resource name is of another kind"))?;
    url::join(base, &[collection, id], &[])
}

fn single(item: &RawValue) -> Result<ParsedPerson, GoogleError> {
    expect_person(item)?;
    Ok(person::parse(item))
}

/// Everything that Google calls a person has a resource name.
fn expect_person(item: &RawValue) -> Result<(), GoogleError> {
    #[derive(serde::Deserialize)]
    struct Named {
        #[serde(rename = "resourceName")]
        _resource_name: String,
    }
    let named: Result<Named, _> = serde_json::from_str(item.get());
    named
        .map(|_| ())
        .map_err(|_| GoogleError::protocol("a person was expected, not this"))
}
