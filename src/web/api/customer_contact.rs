//! `/customers/{id}/contact`: ending the link between a customer and its contact, and beginning one again.
use super::answer::versioned;
use super::customers::CustomerBody;
use crate::domain::ids::CustomerId;
use crate::engine::customers::ContactWish;
use crate::web::WebState;
use crate::web::fields::{Fields, JsonFields, QueryFields};
use crate::web::problem::{Kind, Problem};
use crate::web::request::{ByTenant, Id};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(link, unlink))
}

/// One of the two.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct WishBody {
    /// `true`: the customer becomes a new contact.
    create: Option<bool>,
    /// Google's name for the contact that the customer is.
    #[schema(example = "people/c5629")]
    contact_id: Option<String>,
}

fn wish(fields: &mut Fields) -> Option<ContactWish> {
    let (create, contact) = (fields.flag("create"), fields.text("contact_id"));
    match (create, contact) {
        (Some(true), None) => return Some(ContactWish::Create),
        (Some(true), Some(_)) => fields.problem("create", "cannot be sent together with contact_id"),
        (_, None) => fields.problem("create", "must be true, unless contact_id is sent"),
        (_, Some(contact)) => match ContactWish::link(&contact) {
            None => fields.problem(
                "contact_id",
                "must be Google's name for a contact, such as people/c5629",
            ),
            named => return named,
        },
    }
    None
}

/// Lets a customer become one of its user's contacts, or links it with a certain one, although it was unlinked before. It
/// is done by the next pass over the contacts, which begins at once.
#[utoipa::path(post, path = "/customers/{id}/contact", tag = "customers", request_body = WishBody,
    params(("id" = String, Path, format = "uuid")),
    responses((status = 202, body = CustomerBody, description = "The customer; it will be linked.")))]
async fn link(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<CustomerId>,
    JsonFields { mut fields, .. }: JsonFields,
) -> Result<(StatusCode, Json<CustomerBody>), Problem> {
    let wish = wish(&mut fields);
    fields.finish_or_refuse()?;
    let wish = wish.ok_or(Problem::of(Kind::Invalid))?;
    let view = state.engine.link_contact(tenant, id, &wish).await?;
    Ok((StatusCode::ACCEPTED, Json(CustomerBody::from(&view))))
}

/// Ends the link of a customer with its contact. Nothing changes in Google, and neither is imported or written again until
/// somebody links them. With `restore=true` the customer gets back what it held before they were linked.
#[utoipa::path(delete, path = "/customers/{id}/contact", tag = "customers",
    params(("id" = String, Path, format = "uuid"),
           ("restore" = Option<bool>, Query, description = "`true`: undo what linking brought to the customer.")),
    responses((status = 200, body = CustomerBody, description = "The customer, unlinked.")))]
async fn unlink(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<CustomerId>,
    QueryFields(mut query): QueryFields,
) -> Result<Response, Problem> {
    let restore = match query.text("restore").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            query.problem("restore", "must be true or false");
            false
        }
    };
    query.finish_or_refuse()?;
    let view = state.engine.unlink_contact(tenant, id, restore).await?;
    Ok(versioned(view.row.version, CustomerBody::from(&view)))
}
