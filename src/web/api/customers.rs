//! `/customers`: the people bookings are made with.
use super::answer::{created, send_created, versioned};
use super::page::{self, Page};
use crate::domain::customer::{Address, Birthday, Details, Organization};
use crate::domain::ids::CustomerId;
use crate::engine::customers::{CustomerEdit, CustomerSearch, CustomerView};
use crate::store::contact_links::GoneBecause;
use crate::web::WebState;
use crate::web::fields::{Fields, JsonFields, QueryFields};
use crate::web::problem::Problem;
use crate::web::request::{ByTenant, Id, IfMatch, Repeatable};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, patch, delete))
}

const READ_ONLY: [&str; 7] = [
    "id",
    "origin",
    "version",
    "created_at",
    "updated_at",
    "problem",
    "contact",
];

/// A customer. Lists keep their order; the first email and the first phone are the primary ones.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CustomerBody {
    #[schema(format = "uuid")]
    id: String,
    /// Whose customer this is; it may appear in this user's Google Contacts.
    #[schema(format = "uuid")]
    user_id: String,
    given_name: String,
    family_name: String,
    emails: Vec<EmailBody>,
    phones: Vec<PhoneBody>,
    organizations: Vec<OrganizationBody>,
    addresses: Vec<AddressBody>,
    birthday: Option<BirthdayBody>,
    /// `male`, `female`, `unspecified` or a text of one's own; empty when not known.
    gender: String,
    /// BCP 47 tag of the language that mails to this customer are written in; null: the tenant's. Mails are written in English
    /// (`en`), Spanish (`es`) and German (`de`): any other tag is kept, and mails are in the tenant's language.
    #[schema(example = "de-AT")]
    language: Option<String>,
    /// IANA name of the zone that times in mails to this customer are told in; null: the zone of each booking. A name written in
    /// SQL that does not exist counts as null.
    #[schema(example = "Europe/Vienna")]
    time_zone: Option<String>,
    /// Who created it: `app` or `google`.
    origin: String,
    /// Why the row, written in SQL, cannot be understood; its lists are empty here then. Null for all others.
    problem: Option<String>,
    /// How it stands to the Google Contacts of its user. Read-only; see `/customers/{id}/contact`.
    contact: ContactBody,
    /// Grows with every change; also the `ETag`.
    version: i64,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// A customer as one of its user's contacts.
#[derive(Debug, Serialize, ToSchema)]
struct ContactBody {
    /// `none`: it is none; `creating`: it becomes one; `linked`: both are kept in agreement; `frozen`: the contact is not
    /// followed any more, because its user does not let it be; `matching`: a contact may be this customer, and a question
    /// waits; `unlinked`: it was one, and becomes none again by itself.
    state: &'static str,
    /// Why it is `unlinked`; else null. `google`: the contact was deleted there; `app`: the customer was deleted, and came
    /// back; `merged`: Google merged the contact into another customer's; `unlinked`: somebody said so.
    reason: Option<&'static str>,
    /// Google's name for the contact that it is or was; null when there is or was none.
    #[schema(example = "people/c5629")]
    contact_id: Option<String>,
}

/// An email address.
#[derive(Debug, Serialize, ToSchema)]
struct EmailBody {
    /// As typed.
    value: String,
    /// `home`, `work`, `other` or a text of one's own.
    #[serde(rename = "type")]
    label: String,
    /// One at most; when none is marked, the first.
    primary: bool,
}

/// A telephone number.
#[derive(Debug, Serialize, ToSchema)]
struct PhoneBody {
    /// As typed.
    value: String,
    /// `mobile`, `home`, `work`, `homeFax`, `workFax`, `other` and so on, or a text of one's own.
    #[serde(rename = "type")]
    label: String,
    /// One at most; when none is marked, the first.
    primary: bool,
    /// The number it means, read-only; null for what cannot be read as a number. The tenant's `region` tells what a
    /// number without a country code means.
    #[schema(example = "+420601234567")]
    e164: Option<String>,
}

/// Where somebody works.
#[derive(Debug, Serialize, ToSchema)]
struct OrganizationBody {
    name: String,
    /// The person's job title.
    title: String,
}

/// A postal address.
#[derive(Debug, Serialize, ToSchema)]
struct AddressBody {
    street: String,
    city: String,
    region: String,
    postal_code: String,
    /// ISO 3166-1 alpha-2.
    #[schema(example = "CZ")]
    country_code: String,
    /// `home`, `work`, `other` or a text of one's own.
    #[serde(rename = "type")]
    label: String,
}

/// A day of birth.
#[derive(Debug, Serialize, ToSchema)]
struct BirthdayBody {
    /// Null when not known.
    year: Option<i32>,
    month: u32,
    day: u32,
}

/// What can be written. In a patch, what is not sent stays, and null empties; a list is replaced whole.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct CustomerPatchBody {
    given_name: Option<String>,
    family_name: Option<String>,
    emails: Option<Vec<EmailBody>>,
    phones: Option<Vec<PhoneBody>>,
    organizations: Option<Vec<OrganizationBody>>,
    addresses: Option<Vec<AddressBody>>,
    birthday: Option<BirthdayBody>,
    gender: Option<String>,
    /// BCP 47 tag; mails are in the tenant's language where it is null or names none that mails are written in.
    #[schema(example = "de-AT")]
    language: Option<String>,
    /// IANA name; null: times in mails are told in the zone of each booking.
    #[schema(example = "Europe/Vienna")]
    time_zone: Option<String>,
}

/// A new customer.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct NewCustomerBody {
    /// Whose customer it will be.
    #[schema(format = "uuid")]
    user_id: String,
    given_name: Option<String>,
    family_name: Option<String>,
    emails: Option<Vec<EmailBody>>,
    phones: Option<Vec<PhoneBody>>,
    organizations: Option<Vec<OrganizationBody>>,
    addresses: Option<Vec<AddressBody>>,
    birthday: Option<BirthdayBody>,
    gender: Option<String>,
    /// BCP 47 tag; mails are in the tenant's language where it is null or names none that mails are written in.
    #[schema(example = "de-AT")]
    language: Option<String>,
    /// IANA name; null: times in mails are told in the zone of each booking.
    #[schema(example = "Europe/Vienna")]
    time_zone: Option<String>,
}

impl From<&CustomerView> for CustomerBody {
    fn from(view: &CustomerView) -> Self {
        let row = &view.row;
        let unread = Details {
            given_name: row.text.given_name.clone(),
            family_name: row.text.family_name.clone(),
            gender: row.text.gender.clone(),
            ..Details::default()
        };
        let details = view.details.as_ref().unwrap_or(&unread);
        let phones = details.phones.iter().zip(&view.e164).enumerate();
        Self {
            id: row.id.to_string(),
            user_id: row.user_id.to_string(),
            given_name: details.given_name.clone(),
            family_name: details.family_name.clone(),
            emails: details
                .emails
                .iter()
                .enumerate()
                .map(|(index, email)| EmailBody {
                    value: email.value.clone(),
                    label: email.label.clone(),
                    primary: index == 0,
                })
                .collect(),
            phones: phones
                .map(|(index, (phone, e164))| PhoneBody {
                    value: phone.value.clone(),
                    label: phone.label.clone(),
                    primary: index == 0,
                    e164: e164.clone(),
                })
                .collect(),
            organizations: details.organizations.iter().map(Into::into).collect(),
            addresses: details.addresses.iter().map(Into::into).collect(),
            birthday: details.birthday.map(Into::into),
            gender: details.gender.clone(),
            language: row.reader.language.clone(),
            time_zone: row.reader.time_zone.clone(),
            origin: row.origin.as_str().to_owned(),
            problem: view.details.as_ref().err().cloned(),
            contact: ContactBody {
                state: view.contact.standing.as_str(),
                reason: view.contact.reason.map(GoneBecause::as_str),
                contact_id: view.contact.contact_id.clone(),
            },
            version: row.version,
            created_at: page::instant(row.created_at),
            updated_at: page::instant(row.updated_at),
        }
    }
}

impl From<&Organization> for OrganizationBody {
    fn from(organization: &Organization) -> Self {
        Self {
            name: organization.name.clone(),
            title: organization.title.clone(),
        }
    }
}

impl From<&Address> for AddressBody {
    fn from(address: &Address) -> Self {
        Self {
            street: address.street.clone(),
            city: address.city.clone(),
            region: address.region.clone(),
            postal_code: address.postal_code.clone(),
            country_code: address.country_code.clone(),
            label: address.label.clone(),
        }
    }
}

impl From<Birthday> for BirthdayBody {
    fn from(birthday: Birthday) -> Self {
        Self {
            year: birthday.year,
            month: birthday.month,
            day: birthday.day,
        }
    }
}

fn read_edit(fields: &mut Fields) -> CustomerEdit {
    let mut edit = CustomerEdit::default();
    for field in CustomerEdit::FIELDS {
        if let Some(mut value) = fields.json(field) {
            if field == "phones" {
                forget_e164(&mut value);
            }
            edit.fields.insert(field.to_owned(), value);
        }
    }
    fields.read_only(&READ_ONLY, "");
    edit
}

/// A list that was read may be sent back as it is: the derived number beside each phone is not an edit.
fn forget_e164(phones: &mut serde_json::Value) {
    for phone in phones.as_array_mut().into_iter().flatten() {
        if let Some(members) = phone.as_object_mut() {
            members.remove("e164");
        }
    }
}

/// Creates a customer. It can be named in bookings of the same user at once.
#[utoipa::path(post, path = "/customers", tag = "customers", request_body = NewCustomerBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition harmless.")),
    responses((status = 201, body = CustomerBody, description = "The customer.")))]
async fn create(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    repeatable: Repeatable,
    JsonFields { mut fields, bytes }: JsonFields,
) -> Result<Response, Problem> {
    let user = fields.text("user_id");
    let mut edit = read_edit(&mut fields);
    edit.bad = fields.finish();
    let once = repeatable.once(&bytes);
    let render = |view: &CustomerView| created(&CustomerBody::from(view));
    let answer = state
        .engine
        .create_customer(tenant, user.as_deref(), &edit, once.as_ref(), render)
        .await?;
    Ok(send_created(answer, "customers"))
}

/// Lists customers in the order of their creation.
#[utoipa::path(get, path = "/customers", tag = "customers",
    params(("user_id" = Option<String>, Query, description = "Only this user's."),
           ("email" = Option<String>, Query, description = "Only those with this email, in any case."),
           ("phone" = Option<String>, Query, description = "Only those with this telephone number, in any writing."),
           ("cursor" = Option<String>, Query, description = "`next` of the page before."),
           ("limit" = Option<u16>, Query, description = "1 to 500; 100 when not sent.")),
    responses((status = 200, body = Page<CustomerBody>, description = "A page.")))]
async fn list(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    QueryFields(mut query): QueryFields,
) -> Result<Json<Page<CustomerBody>>, Problem> {
    let search = CustomerSearch {
        user_id: query.parsed("user_id"),
        email: query.text("email"),
        phone: query.text("phone"),
    };
    let after: Option<CustomerId> = page::id_cursor(&mut query, "customers");
    let limit = page::limit(&mut query);
    query.finish_or_refuse()?;
    let rows = state
        .engine
        .customers(tenant, &search, after, page::one_more(limit))
        .await?;
    let page = page::page(
        rows,
        limit,
        "customers",
        |view| view.row.id.to_string(),
        |view| view.into(),
    );
    Ok(Json(page))
}

/// Shows a customer.
#[utoipa::path(get, path = "/customers/{id}", tag = "customers",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = CustomerBody, description = "The customer.")))]
async fn show(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<CustomerId>,
) -> Result<Response, Problem> {
    let view = state.engine.customer(tenant, id).await?;
    Ok(versioned(view.row.version, CustomerBody::from(&view)))
}

/// Changes a customer. What is not sent stays, null empties, and a list is replaced whole.
#[utoipa::path(patch, path = "/customers/{id}", tag = "customers", request_body = CustomerPatchBody,
    params(("id" = String, Path, format = "uuid"),
           ("If-Match" = String, Header, description = "The version that was seen, such as `\"5\"`.")),
    responses((status = 200, body = CustomerBody, description = "The customer.")))]
async fn patch(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<CustomerId>,
    IfMatch(version): IfMatch,
    JsonFields { mut fields, .. }: JsonFields,
) -> Result<Response, Problem> {
    fields.read_only(&["user_id"], ": a customer stays with its user");
    let mut edit = read_edit(&mut fields);
    edit.bad = fields.finish();
    let view = state.engine.change_customer(tenant, id, version, &edit).await?;
    Ok(versioned(view.row.version, CustomerBody::from(&view)))
}

/// Deletes a customer that no booking names.
#[utoipa::path(delete, path = "/customers/{id}", tag = "customers",
    params(("id" = String, Path, format = "uuid"),
           ("If-Match" = String, Header, description = "The version that was seen, such as `\"5\"`.")),
    responses((status = 204, description = "It is deleted.")))]
async fn delete(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<CustomerId>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Problem> {
    state.engine.delete_customer(tenant, id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}
