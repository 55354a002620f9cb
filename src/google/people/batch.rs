//! Many contacts at once.
//!
//! A batch that changes something is carried out or refused as a whole, and a refusal names the items that are to blame
//! ([`RefusedItem`](crate::google::error::RefusedItem)s of the error). Google does not promise that a refused batch did nothing, so a refused create counts as
//! unsure.
use super::list::{CONTACTS_ONLY, IDENTITY, PERSON_FIELDS, person_mask};
use super::person::{self, Broken, ParsedPerson};
use super::person_body::{Readable, Update, create_body, google_fields};
use super::{PeopleApi, resource_url};
use crate::domain::customer::Details;
use crate::domain::failure::FailureClass;
use crate::domain::people::merge::PersonField;
use crate::google::error::{self, ErrorKind, GoogleError};
use http::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Most contacts of one batch that reads, creates or updates.
pub const BATCH: usize = 200;
/// Most contacts of one batch that deletes.
pub const BATCH_DELETE: usize = 500;

/// What Google says about one item: the person, or what to do instead.
pub type Answered = Result<ParsedPerson, FailureClass>;
/// The same of one that is to be changed.
pub type AnsweredReadable = Result<Result<Readable, Box<Broken>>, FailureClass>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    requested_resource_name: Option<String>,
    status: Option<Value>,
    http_status_code: Option<u16>,
    person: Option<Box<RawValue>>,
}

impl Item {
    fn answered(self) -> Answered {
        self.person().map(|person| person::parse(&person))
    }

    fn person(self) -> Result<Box<RawValue>, FailureClass> {
        if let Some(status) = self.status.filter(|status| status["code"].as_i64().unwrap_or(0) != 0) {
            return Err(error::status_class(&status));
        }
        match (self.person, self.http_status_code) {
            (Some(person), _) => Ok(person),
            (None, Some(404 | 410)) => Err(FailureClass::Gone),
            (None, _) => Err(FailureClass::Protocol),
        }
    }
}

#[derive(Deserialize)]
struct Responses {
    responses: Option<Vec<Item>>,
}

impl Responses {
    /// Under the names that were asked for.
    fn by_name(self) -> HashMap<String, Item> {
        let items = self.responses.unwrap_or_default().into_iter();
        items
            .filter_map(|item| Some((item.requested_resource_name.clone()?, item)))
            .collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    created_people: Option<Vec<Item>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Updated {
    update_result: Option<HashMap<String, Item>>,
}

impl PeopleApi {
    /// Several contacts, at most [`BATCH`], each under the name that was asked, in that order. One that Google did not answer
    /// about is of class `Protocol`, which proves nothing.
    pub async fn batch_get(
        &self,
        access: &SecretString,
        resource_names: &[&str],
    ) -> Result<Vec<(String, Answered)>, GoogleError> {
        within(resource_names.len(), BATCH)?;
        let fields = format!(
            "responses(requestedResourceName,httpStatusCode,status,person({}))",
            person_mask()
        );
        let mut query = vec![
            ("personFields", PERSON_FIELDS),
            CONTACTS_ONLY,
            ("fields", fields.as_str()),
        ];
        query.extend(resource_names.iter().map(|name| ("resourceNames", *name)));
        let url = self.verb_url("people:batchGet", &query)?;
        let responses: Responses = self.read(access, url).await?;
        let answers = in_order(resource_names, responses.by_name());
        Ok(answers
            .map(|(name, item)| (name, item.and_then(Item::answered)))
            .collect())
    }

    /// Several contacts, at most [`BATCH`], with everything that Google holds in these fields, as
    /// [`PeopleApi::read_for_update`] reads one.
    pub async fn batch_read_for_update(
        &self,
        access: &SecretString,
        resource_names: &[&str],
        fields: &[PersonField],
    ) -> Result<Vec<(String, AnsweredReadable)>, GoogleError> {
        within(resource_names.len(), BATCH)?;
        let names = google_fields(fields).join(",");
        if names.is_empty() {
            return Err(GoogleError::unsendable("no field is to be changed"));
        }
        let person_fields = format!("metadata,{names}");
        let mask = format!("responses(requestedResourceName,httpStatusCode,status,person({IDENTITY},{names}))");
        let mut query = vec![
            ("personFields", person_fields.as_str()),
            CONTACTS_ONLY,
            ("fields", mask.as_str()),
        ];
        query.extend(resource_names.iter().map(|name| ("resourceNames", *name)));
        let url = self.verb_url("people:batchGet", &query)?;
        let responses: Responses = self.read(access, url).await?;
        let readable = |item: Item| item.person().map(|person| Readable::parse(&person, fields));
        let answers = in_order(resource_names, responses.by_name());
        Ok(answers.map(|(name, item)| (name, item.and_then(readable))).collect())
    }

    /// Creates several contacts, at most [`BATCH`], given with their keys; the answers are in the order of the contacts. One
    /// that Google did not answer about is of class `Protocol`, which proves nothing.
    ///
    /// # Errors
    /// Refused items are named by their index. The error is `unsure` even when Google refuses: look for the keys in a full listing
    /// before anything is created again.
    pub async fn batch_create(
        &self,
        access: &SecretString,
        contacts: &[(Details, String)],
        group: Option<&str>,
    ) -> Result<Vec<Answered>, GoogleError> {
        within(contacts.len(), BATCH)?;
        let bodies: Vec<Value> = contacts
            .iter()
            .map(|(details, key)| json!({ "contactPerson": create_body(details, key, group) }))
            .collect();
        let body = json!({ "contacts": bodies, "readMask": PERSON_FIELDS, "sources": [CONTACTS_ONLY.1] });
        let fields = format!("createdPeople(httpStatusCode,status,person({}))", person_mask());
        let url = self.verb_url("people:batchCreateContacts", &[("fields", &fields)])?;
        let created: Result<Created, GoogleError> = self.write(access, Method::POST, url, &body).await;
        let created = created.map_err(|error| GoogleError {
            unsure: error.unsure || matches!(&error.kind, ErrorKind::Status(refusal) if refusal.status == 400),
            ..error
        })?;
        let people = created.created_people.unwrap_or_default();
        let answers: Vec<Answered> = people.into_iter().map(Item::answered).collect();
        let keys = contacts.iter().map(|(_, key)| key);
        Ok(keys
            .enumerate()
            .map(|(at, key)| created_with(key, at, &answers))
            .collect())
    }

    /// Changes several contacts, at most [`BATCH`], whose updates all have the same mask. Answers are as those of
    /// [`PeopleApi::batch_get`].
    ///
    /// # Errors
    /// Refused items are named by their resource names; one stale etag is enough for the whole batch to be refused.
    pub async fn batch_update(
        &self,
        access: &SecretString,
        updates: &[(&str, Update)],
    ) -> Result<Vec<(String, Answered)>, GoogleError> {
        within(updates.len(), BATCH)?;
        let Some((_, first)) = updates.first().filter(|(_, first)| !first.mask.is_empty()) else {
            return Err(GoogleError::unsendable("no field is to be changed"));
        };
        if updates.iter().any(|(_, update)| update.mask != first.mask) {
            return Err(GoogleError::unsendable("the updates of a batch have different masks"));
        }
        let bodies: Map<String, Value> = updates
            .iter()
            .map(|(name, update)| ((*name).to_owned(), update.body.clone()))
            .collect();
        if bodies.len() != updates.len() {
            return Err(GoogleError::unsendable("a batch holds one contact twice"));
        }
        let body = json!({ "contacts": bodies, "updateMask": first.mask, "readMask": PERSON_FIELDS,
            "sources": [CONTACTS_ONLY.1] });
        // The keys of a map cannot be named in a mask, so `readMask` alone keeps the rest away.
        let url = self.verb_url("people:batchUpdateContacts", &[("fields", "updateResult")])?;
        let updated: Updated = self.write(access, Method::POST, url, &body).await?;
        let names: Vec<&str> = updates.iter().map(|(name, _)| *name).collect();
        let answers = in_order(&names, updated.update_result.unwrap_or_default());
        Ok(answers
            .map(|(name, item)| (name, item.and_then(Item::answered)))
            .collect())
    }

    /// Deletes several contacts, at most [`BATCH_DELETE`]. One that is already gone may spoil the batch.
    pub async fn batch_delete(&self, access: &SecretString, resource_names: &[&str]) -> Result<(), GoogleError> {
        within(resource_names.len(), BATCH_DELETE)?;
        for name in resource_names {
            resource_url("", "people", name)?;
        }
        let url = self.verb_url("people:batchDeleteContacts", &[])?;
        let body = json!({ "resourceNames": resource_names });
        let call = super::Call::new(Method::POST, url).bearer(access).json(&body);
        self.transport.send(call).await.map(|_| ())
    }
}

/// The answer about the contact that was created with a key. Google does not promise an order, so the key decides; a failure
/// carries none and counts for its own place.
fn created_with(key: &str, at: usize, answers: &[Answered]) -> Answered {
    let has_key = |answer: &&Answered| matches!(answer, Ok(ParsedPerson::Person(person)) if person.client_keys.iter().any(|own| own == key));
    let is_failure = |answer: &&Answered| !matches!(answer, Ok(ParsedPerson::Person(_)));
    let answer = answers.iter().find(has_key).or(answers.get(at).filter(is_failure));
    answer.cloned().unwrap_or(Err(FailureClass::Protocol))
}

fn in_order<'n>(
    names: &'n [&str],
    mut answers: HashMap<String, Item>,
) -> impl Iterator<Item = (String, Result<Item, FailureClass>)> + 'n {
    names.iter().map(move |name| {
        let item = answers.remove(*name);
        ((*name).to_owned(), item.ok_or(FailureClass::Protocol))
    })
}

fn within(count: usize, most: usize) -> Result<(), GoogleError> {
    if count == 0 || count > most {
        return Err(GoogleError::unsendable(format!(
            "a batch holds 1 to {most} contacts, not {count}"
        )));
    }
    Ok(())
}
