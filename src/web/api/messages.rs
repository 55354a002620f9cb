//! `/messages`: mails that were approved or handed over, and notices to users and to the admin.
use super::consents::{RecipientBody, mail_problem};
use super::page::{self, Page};
use crate::domain::ids::MessageId;
use crate::domain::ledger::hex;
use crate::domain::mail::State as MailState;
use crate::engine::mail::{self, Filter, MailError, Proposal};
use crate::web::WebState;
use crate::web::fields::QueryFields;
use crate::web::problem::Problem;
use crate::web::request::{ByTenant, Id};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

/// A mail on its way, or at its end.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageBody {
    #[schema(format = "uuid")]
    id: String,
    /// `customer`: it had its user's yes; `notice`: to a user's own address or to the admin.
    class: String,
    /// Of mails to customers: `confirmation`, `update`, `cancellation` or `reminder`. Of notices: `consent_request` or `reconnect_google`.
    kind: String,
    /// As of a consent.
    state: &'static str,
    /// As of a consent.
    reason: Option<String>,
    /// Whose yes it had; of a notice, whom it is for; null: the admin.
    #[schema(format = "uuid")]
    user_id: Option<String>,
    #[schema(format = "uuid")]
    booking_id: Option<String>,
    /// Which occurrence of a series it is about.
    original_start: Option<String>,
    #[schema(format = "uuid")]
    customer_id: Option<String>,
    /// Masked in notices: the address there is of the user's Google account. Null once the mail was erased.
    recipient: Option<RecipientBody>,
    /// SHA-256 of the mail in hex.
    content_hash: String,
    /// How often it was tried to hand it over.
    attempts: i64,
    /// When the next try is due, while it is queued.
    #[schema(format = "date-time")]
    next_attempt_at: Option<String>,
    /// What the mail server said last.
    answer: Option<String>,
    /// Not sent after.
    #[schema(format = "date-time")]
    expires_at: String,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

impl From<&Proposal> for MessageBody {
    fn from(message: &Proposal) -> Self {
        let row = &message.row;
        let recipient = message.letter.as_ref().map(|letter| match row.class.as_str() {
            "customer" => RecipientBody::new(letter.to.name.clone(), letter.to.address.clone()),
            _ => RecipientBody::new(String::new(), letter.to.masked()),
        });
        let is_queued = row.state == MailState::Queued;
        Self {
            id: row.id.to_string(),
            class: row.class.clone(),
            kind: row.kind.clone(),
            state: row.state.as_str(),
            reason: row.reason.clone(),
            user_id: row.user_id.map(|id| id.to_string()),
            booking_id: row.booking_id.map(|id| id.to_string()),
            original_start: row.original_start.map(|start| start.to_string()),
            customer_id: row.customer_id.map(|id| id.to_string()),
            recipient,
            content_hash: hex(&row.content_hash),
            attempts: row.attempts,
            next_attempt_at: is_queued.then(|| page::instant(row.next_attempt_at.max(row.due_at))),
            answer: row.answer.clone(),
            expires_at: page::instant(row.expires_at),
            created_at: page::instant(row.created_at),
            updated_at: page::instant(row.updated_at),
        }
    }
}

/// Lists mails that were approved, whatever became of them then, and notices; oldest first. `state=maybe_sent` are those of which
/// nobody knows whether the server has taken them.
#[utoipa::path(get, path = "/messages", tag = "messages",
    params(("cursor" = Option<String>, Query, description = "`next` of the page before."),
           ("limit" = Option<u16>, Query, description = "1 to 500; 100 when not sent."),
           ("class" = Option<String>, Query, description = "Only `customer` or `notice`."),
           ("user_id" = Option<String>, Query, description = "Only those of this user."),
           ("booking_id" = Option<String>, Query, description = "Only those about this booking or series."),
           ("customer_id" = Option<String>, Query, description = "Only those that name this customer."),
           ("state" = Option<String>, Query, description = "Only those in this state.")),
    responses((status = 200, body = Page<MessageBody>, description = "A page.")))]
async fn list(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    QueryFields(mut query): QueryFields,
) -> Result<Json<Page<MessageBody>>, Problem> {
    let after: Option<MessageId> = page::id_cursor(&mut query, "messages");
    let limit = page::limit(&mut query);
    let class = match query.text("class").as_deref() {
        None => None,
        Some("customer") => Some("customer"),
        Some("notice") => Some("notice"),
        Some(_) => {
            query.problem("class", "must be customer or notice");
            None
        }
    };
    let filter = Filter {
        user_id: query.parsed("user_id"),
        booking_id: query.parsed("booking_id"),
        customer_id: query.parsed("customer_id"),
        state: query.parsed("state"),
        class,
        is_mail: true,
    };
    query.finish_or_refuse()?;
    let rows = mail::list(&state.engine, tenant, &filter, after, page::one_more(limit))
        .await
        .map_err(mail_problem)?;
    let id = |row: &Proposal| row.row.id.to_string();
    Ok(Json(page::page(rows, limit, "messages", id, |row| row.into())))
}

/// Shows a mail that was approved, or a notice.
#[utoipa::path(get, path = "/messages/{id}", tag = "messages",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = MessageBody, description = "The mail.")))]
async fn show(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<MessageId>,
) -> Result<Json<MessageBody>, Problem> {
    let found = mail::one(&state.engine, tenant, id).await.map_err(mail_problem)?;
    if !found.is_mail() {
        return Err(mail_problem(MailError::Missing));
    }
    Ok(Json((&found).into()))
}
