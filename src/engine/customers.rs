//! Customers as the app uses them: create, look, change, delete.
//!
//! Every change is one transaction, guarded by the version that the caller saw. What customers are found by follows from their
//! rows: at once for what the API writes, a moment later for what was written in SQL.
//!
//! `contact.rs`: the acts that unlink a customer from its contact, and link it again; `reader.rs`: how a customer reads mails
mod contact;
mod reader;

use super::bookings::{Problems, owner};
use super::once::{self, Answer, Attempt, Once};
use super::{BadField, Engine, Refusal};
use crate::domain::booking::Side;
use crate::domain::customer::{Customer, Details};
use crate::domain::ids::{CustomerId, TenantId, UserId};
use crate::domain::people::{check, email_key, phone};
use crate::domain::settings::is_address;
use crate::domain::validate::FieldProblem;
use crate::store::customer_contacts::{self, CustomerContact};
use crate::store::customers::{self, CustomerFilter, CustomerRow, CustomerText, NewCustomer, Reader};
use crate::store::{StoreError, Tx, contact_links, customer_states, tenants};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

pub use contact::ContactWish;

/// A customer as it is shown.
#[derive(Debug, Clone)]
pub struct CustomerView {
    /// The row.
    pub row: CustomerRow,
    /// What it holds, or why that cannot be understood: the row was written in SQL.
    pub details: Result<Details, String>,
    /// The E.164 forms beside the phones, in their order; `None` for what is no number.
    pub e164: Vec<Option<String>>,
    /// How it stands to its user's contacts.
    pub contact: CustomerContact,
}

/// Fields of a customer as they were sent.
#[derive(Debug, Clone, Default)]
pub struct CustomerEdit {
    /// By their names in the API; what is missing stays, null empties.
    pub fields: Map<String, Value>,
    /// What is known to be wrong with the request already.
    pub bad: Vec<BadField>,
}

/// What may be asked of a list, as it was sent.
#[derive(Debug, Clone, Default)]
pub struct CustomerSearch {
    /// Only this user's.
    pub user_id: Option<UserId>,
    /// An email address in any case.
    pub email: Option<String>,
    /// A telephone number in any writing.
    pub phone: Option<String>,
}

impl CustomerEdit {
    /// The fields that can be written, as the API calls them.
    pub const FIELDS: [&'static str; 10] = [
        "given_name",
        "family_name",
        "emails",
        "phones",
        "organizations",
        "addresses",
        "birthday",
        "gender",
        "language",
        "time_zone",
    ];

    /// Those that are mirrored.
    const DETAILS: &'static [&'static str] = Self::FIELDS.split_at(8).0;

    /// These details with what was sent put over them.
    fn applied_to(&self, details: &Details, problems: &mut Problems) -> Details {
        let mut json = match serde_json::to_value(details) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        for &field in Self::DETAILS {
            let Some(value) = self.fields.get(field) else { continue };
            json.remove(field);
            if value.is_null() {
                continue;
            }
            let alone = Map::from_iter([(field.to_owned(), value.clone())]);
            match serde_json::from_value::<Details>(Value::Object(alone)) {
                Ok(_) => drop(json.insert(field.to_owned(), value.clone())),
                Err(error) => problems.field(field, format!("must be {}: {error}", shape(field))),
            }
        }
        let details: Details = serde_json::from_value(Value::Object(json)).unwrap_or_default();
        // What is not sent stays as it is, also where it came from SQL or from Google and the API would have refused it.
        let sent = |bad: &FieldProblem| self.fields.contains_key(bad.field);
        for bad in check::app_problems(&details).into_iter().filter(sent) {
            problems.field(bad.field, bad.problem);
        }
        details
    }
}

/// What a field must be, as the end of a sentence.
fn shape(field: &str) -> &'static str {
    match field {
        "emails" | "phones" => "a list of objects with value, and perhaps type and primary",
        "organizations" => "a list of objects with name, title or both",
        "addresses" => "a list of objects with any of street, city, region, postal_code, country_code and type",
        "birthday" => "an object with month and day, and perhaps year, or null",
        _ => "a text",
    }
}

/// The keys by which a customer is found: emails and E.164 numbers. Of what was written in SQL, only what has the shape of one
/// and only as many of each kind as the API would take.
fn keys(details: &Details, region: Option<&str>) -> Vec<(&'static str, String)> {
    let emails = details.emails.iter().filter(|email| is_address(email.value.trim()));
    let emails = emails.map(|email| ("email", email_key(&email.value)));
    let phones = details.phones.iter().take(check::APP_VALUES);
    let phones = phones.filter_map(|phone| Some(("phone", phone::e164(&phone.value, region)?)));
    emails.take(check::APP_VALUES).chain(phones).collect()
}

async fn region(tx: &mut Tx, tenant: TenantId) -> Result<Option<String>, StoreError> {
    let tenant = tenants::get(tx, tenant).await?;
    Ok(tenant.and_then(|tenant| tenant.settings.region))
}

/// Derives what these customers are found by; those that are gone or cannot be understood are not found. Of one that is gone
/// nothing is kept, unless its contact still has to hear of it.
pub(in crate::engine) async fn derive_keys(
    tx: &mut Tx,
    tenant: TenantId,
    ids: &[CustomerId],
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let region = region(tx, tenant).await?;
    let rows = customers::get_many(tx, tenant, ids).await?;
    let details: Vec<Details> = rows.iter().map(|row| row.text.details().unwrap_or_default()).collect();
    let gone: Vec<CustomerId> = ids
        .iter()
        .copied()
        .filter(|id| rows.iter().all(|row| row.id != *id))
        .collect();
    contact_links::bury_frozen(tx, tenant, &gone).await?;
    customer_states::forget_deleted(tx, tenant, &gone).await?;
    let found = rows
        .iter()
        .zip(&details)
        .map(|(row, details)| (row.id, row.user_id, details));
    customers::set_keys(tx, tenant, ids, found_by(found, region.as_deref())).await
}

/// The same for customers that were made in this transaction: they are not read again.
pub(super) async fn derive_keys_of<'d>(
    tx: &mut Tx,
    tenant: TenantId,
    region: Option<&str>,
    fresh: impl Iterator<Item = (CustomerId, UserId, &'d Details)>,
) -> Result<(), StoreError> {
    customers::add_keys(tx, tenant, found_by(fresh, region)).await
}

fn found_by<'d>(
    people: impl Iterator<Item = (CustomerId, UserId, &'d Details)>,
    region: Option<&str>,
) -> BTreeSet<(UserId, &'static str, String, CustomerId)> {
    let mut found = BTreeSet::new();
    for (id, user, details) in people {
        found.extend(
            keys(details, region)
                .into_iter()
                .map(|(kind, value)| (user, kind, value, id)),
        );
    }
    found
}

async fn found(tx: &mut Tx, tenant: TenantId, id: CustomerId) -> Result<CustomerRow, Refusal> {
    let row = customers::get(tx, tenant, id).await?;
    row.ok_or(Refusal::Missing("customer"))
}

fn understood(row: &CustomerRow) -> Result<Customer, Refusal> {
    row.read()
        .map_err(|problem| Refusal::Unreadable("customer", problem.to_string()))
}

/// What is shown of these rows, in their order.
async fn view(tx: &mut Tx, rows: Vec<CustomerRow>, region: Option<&str>) -> Result<Vec<CustomerView>, StoreError> {
    let ids: Vec<CustomerId> = rows.iter().map(|row| row.id).collect();
    let mut contacts = match rows.first() {
        Some(row) => customer_contacts::of_customers(tx, row.tenant_id, &ids).await?,
        None => return Ok(Vec::new()),
    };
    let shown = rows.into_iter().map(|row| {
        let details = row.text.details().map_err(|problem| problem.to_string());
        let phones = details
            .as_ref()
            .map(|details| details.phones.as_slice())
            .unwrap_or_default();
        CustomerView {
            e164: phones.iter().map(|phone| phone::e164(&phone.value, region)).collect(),
            contact: contacts.remove(&row.id).unwrap_or_default(),
            details,
            row,
        }
    });
    Ok(shown.collect())
}

/// What is shown of one customer.
async fn shown(tx: &mut Tx, tenant: TenantId, id: CustomerId) -> Result<CustomerView, Refusal> {
    let region = region(tx, tenant).await?;
    let row = found(tx, tenant, id).await?;
    let shown = view(tx, vec![row], region.as_deref()).await?.pop();
    shown.ok_or(Refusal::Missing("customer"))
}

impl Engine {
    /// Makes a customer; `render` makes the answer that a repetition with the same key gets again.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every problem of every field.
    pub async fn create_customer(
        &self,
        tenant: TenantId,
        user: Option<&str>,
        edit: &CustomerEdit,
        once: Option<&Once>,
        render: impl FnOnce(&CustomerView) -> Answer + Send,
    ) -> Result<Answer, Refusal> {
        let mut tx = match once::begin(self, tenant, once).await? {
            Attempt::First(tx) => tx,
            Attempt::Repeated(answer) => return Ok(answer),
        };
        let mut problems = Problems::of(&edit.bad);
        let owner = owner(&mut tx, tenant, user, &mut problems).await?;
        let details = edit.applied_to(&Details::default(), &mut problems);
        let reader = edit.applied_to_reader(&Reader::default(), &mut problems);
        problems.into_result()?;
        let owner = owner.ok_or_else(|| Refusal::field("user_id", "is required"))?;
        let id = CustomerId(self.fresh_uuid());
        let text = CustomerText::of(&details);
        let new = NewCustomer {
            id,
            user_id: owner,
            text,
            reader,
            origin: Side::App,
            created_at: self.now_ms(),
        };
        customers::insert(&mut tx, tenant, &[new]).await?;
        derive_keys(&mut tx, tenant, &[id]).await?;
        let answer = render(&shown(&mut tx, tenant, id).await?);
        once::finish(self, tx, tenant, once, &answer).await?;
        Ok(answer)
    }

    /// One customer.
    pub async fn customer(&self, tenant: TenantId, id: CustomerId) -> Result<CustomerView, Refusal> {
        let mut tx = self.db.read().await?;
        shown(&mut tx, tenant, id).await
    }

    /// Customers in id order, after a given id.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] when the phone to look for is no number.
    pub async fn customers(
        &self,
        tenant: TenantId,
        search: &CustomerSearch,
        after: Option<CustomerId>,
        limit: i64,
    ) -> Result<Vec<CustomerView>, Refusal> {
        let mut tx = self.db.read().await?;
        let region = region(&mut tx, tenant).await?;
        let phone = match &search.phone {
            None => None,
            // In a query an unescaped + arrives as a space.
            Some(typed) => Some(
                phone::e164(
                    &typed.replacen(' ', "+", usize::from(typed.starts_with(' '))),
                    region.as_deref(),
                )
                .ok_or_else(|| {
                    Refusal::field("phone", "is no telephone number: write it with + and the country code")
                })?,
            ),
        };
        let filter = CustomerFilter {
            user_id: search.user_id,
            email: search.email.as_deref().map(email_key),
            phone,
        };
        let rows = customers::list_after(&mut tx, tenant, &filter, after, limit).await?;
        Ok(view(&mut tx, rows, region.as_deref()).await?)
    }

    /// Changes what was sent of a customer that has the version the caller saw.
    pub async fn change_customer(
        &self,
        tenant: TenantId,
        id: CustomerId,
        version: i64,
        edit: &CustomerEdit,
    ) -> Result<CustomerView, Refusal> {
        let mut tx = self.db.begin().await?;
        let row = found(&mut tx, tenant, id).await?;
        if row.version != version {
            return Err(Refusal::Stale { current: row.version });
        }
        let customer = understood(&row)?;
        let mut problems = Problems::of(&edit.bad);
        let details = edit.applied_to(&customer.details, &mut problems);
        let reader = edit.applied_to_reader(&row.reader, &mut problems);
        problems.into_result()?;
        if details != customer.details || reader != row.reader {
            if !customers::update(&mut tx, tenant, id, version, &CustomerText::of(&details), &reader).await? {
                let current = found(&mut tx, tenant, id).await?.version;
                return Err(Refusal::Stale { current });
            }
            derive_keys(&mut tx, tenant, &[id]).await?;
        }
        let changed = shown(&mut tx, tenant, id).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Deletes a customer that no booking names.
    pub async fn delete_customer(&self, tenant: TenantId, id: CustomerId, version: i64) -> Result<(), Refusal> {
        let mut tx = self.db.begin().await?;
        found(&mut tx, tenant, id).await?;
        match customers::delete(&mut tx, tenant, id, version).await {
            Ok(true) => Ok(tx.commit().await?),
            Ok(false) => {
                let current = found(&mut tx, tenant, id).await?.version;
                Err(Refusal::Stale { current })
            }
            Err(StoreError::ForeignKey(_)) => Err(Refusal::InUse(
                "bookings still name this customer; take it off them, or delete them, first",
            )),
            Err(error) => Err(error.into()),
        }
    }
}
