//! `/consents`: mails to customers that wait for their user's yes, and what became of them.
//!
//! A yes is the user's alone. Over this API it can only be told where the operator trusts the app to have asked; saying no, and
//! taking a yes back, anybody may who speaks for the user.
use super::page::{self, Page};
use crate::domain::ids::{MessageId, UserId};
use crate::domain::ledger::{from_hex, hex};
use crate::domain::mail::{Letter, State as MailState};
use crate::engine::mail::{self, Decider, Filter, How, MailError, Proposal};
use crate::web::WebState;
use crate::web::fields::{JsonFields, QueryFields};
use crate::web::problem::{Kind, Problem};
use crate::web::request::{Asker, ByTenant, ByTenantOrUser, Id};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(approve))
        .routes(routes!(decline))
        .routes(routes!(withdraw))
        .routes(routes!(token))
}

/// A mail to a customer, as its user is asked about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentBody {
    #[schema(format = "uuid")]
    id: String,
    /// `confirmation`, `update`, `cancellation` or `reminder`.
    kind: String,
    /// `proposed`: waits for its user; `queued`: may be sent; `sending`; `sent`; `maybe_sent`: the server may have taken it, never sent
    /// again by itself; `failed`; `declined`; `superseded`: a newer one took its place; `withdrawn`; `expired`.
    state: &'static str,
    /// Why it ended: `changed`, `cancelled`, `past`, `suppressed`, `paused`, `user`, `erased`, `disconnected`, `void` or `unwritable`.
    reason: Option<String>,
    /// Who is asked.
    #[schema(format = "uuid")]
    user_id: Option<String>,
    /// The booking; of an occurrence, its series.
    #[schema(format = "uuid")]
    booking_id: Option<String>,
    /// Which occurrence of a series it is about.
    original_start: Option<String>,
    #[schema(format = "uuid")]
    customer_id: Option<String>,
    /// Of this and the next five: exactly what is sent, but for the code in the link that ends mail, which is the recipient's alone.
    /// Null once it was erased.
    recipient: Option<RecipientBody>,
    subject: Option<String>,
    text: Option<String>,
    html: Option<String>,
    /// What the recipient's calendar reads, if there is such a part.
    calendar: Option<CalendarPartBody>,
    /// SHA-256 of the mail in hex: what a yes is about.
    content_hash: String,
    /// Of a reminder: how long before the start, minutes.
    offset_minutes: Option<i64>,
    /// Not sent before.
    #[schema(format = "date-time")]
    due_at: Option<String>,
    /// Not sent after, and no longer to be decided.
    #[schema(format = "date-time")]
    expires_at: String,
    /// Before this its user is not written to about it, because more edits may come.
    #[schema(format = "date-time")]
    settle_until: Option<String>,
    /// When its user was written to about it.
    #[schema(format = "date-time")]
    prompted_at: Option<String>,
    /// The decision, if there is one.
    decided: Option<DecidedBody>,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// To whom a mail goes.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecipientBody {
    /// Empty when none is known.
    name: String,
    address: String,
}

impl RecipientBody {
    /// Somebody.
    pub(super) fn new(name: String, address: String) -> Self {
        Self { name, address }
    }
}

/// The calendar part of a mail.
#[derive(Debug, Serialize, ToSchema)]
struct CalendarPartBody {
    /// `REQUEST` or `CANCEL` (RFC 5546).
    method: &'static str,
    /// iCalendar (RFC 5545).
    text: String,
}

/// What was decided about a mail.
#[derive(Debug, Serialize, ToSchema)]
struct DecidedBody {
    /// `approved` or `declined`.
    decision: &'static str,
    /// Of a yes: `mailbox`, by the link sent to the user's own address; `sign_in`, after a sign-in with the connected Google account;
    /// `app_asserted`, the app says so. Of a no, the ledger has it.
    how: Option<String>,
    /// Of `app_asserted`: the API key.
    #[schema(format = "uuid")]
    key_id: Option<String>,
    #[schema(format = "date-time")]
    at: String,
    /// When the yes was taken back.
    #[schema(format = "date-time")]
    withdrawn_at: Option<String>,
}

/// 0 stands for "at once".
fn later(ms: i64) -> Option<String> {
    (ms > 0).then(|| page::instant(ms))
}

impl From<&Proposal> for ConsentBody {
    fn from(proposal: &Proposal) -> Self {
        let letter = proposal.letter.as_ref().map(Letter::without_code);
        let (row, letter) = (&proposal.row, letter.as_ref());
        let calendar = letter.and_then(|letter| letter.calendar.as_ref());
        let approved = proposal.consent.as_ref().map(|consent| DecidedBody {
            decision: "approved",
            how: Some(consent.how.clone()),
            key_id: consent.key_id.map(|key| key.to_string()),
            at: page::instant(consent.decided_at),
            withdrawn_at: consent.withdrawn_at.map(page::instant),
        });
        let declined = (row.state == MailState::Declined).then(|| DecidedBody {
            decision: "declined",
            how: None,
            key_id: None,
            at: page::instant(row.updated_at),
            withdrawn_at: None,
        });
        Self {
            id: row.id.to_string(),
            kind: row.kind.clone(),
            state: row.state.as_str(),
            reason: row.reason.clone(),
            user_id: row.user_id.map(|id| id.to_string()),
            booking_id: row.booking_id.map(|id| id.to_string()),
            original_start: row.original_start.map(|start| start.to_string()),
            customer_id: row.customer_id.map(|id| id.to_string()),
            recipient: letter.map(|letter| RecipientBody::new(letter.to.name.clone(), letter.to.address.clone())),
            subject: letter.map(|letter| letter.subject.clone()),
            text: letter.map(|letter| letter.text.clone()),
            html: letter.map(|letter| letter.html.clone()),
            calendar: calendar.map(|part| CalendarPartBody {
                method: part.method.as_str(),
                text: part.text.clone(),
            }),
            content_hash: hex(&row.content_hash),
            offset_minutes: (row.kind == "reminder").then_some(row.offset_minutes),
            due_at: later(row.due_at),
            expires_at: page::instant(row.expires_at),
            settle_until: later(row.settle_until),
            prompted_at: row.prompted_at.map(page::instant),
            decided: approved.or(declined),
            created_at: page::instant(row.created_at),
            updated_at: page::instant(row.updated_at),
        }
    }
}

/// The yes of a user, as the app heard it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct ApproveBody {
    /// That of the mail that its user has seen.
    content_hash: String,
}

/// A token for a user.
#[derive(Debug, Serialize, ToSchema)]
struct TokenBody {
    /// For the app's screens of this user: lists, shows, declines and withdraws that user's consents, and nothing else.
    token: String,
    #[schema(format = "date-time")]
    expires_at: String,
}

/// A failure of mail that is not about one proposal.
pub(super) fn mail_problem(error: MailError) -> Problem {
    let words = error.to_string();
    let kind = match error {
        MailError::Missing => Kind::NotFound,
        MailError::Closed(_) | MailError::NoMail => Kind::NotPossibleNow,
        MailError::Changed => Kind::ProposalChanged,
        MailError::OtherContent => Kind::OtherContent,
        MailError::NotCertain => Kind::NotCertainYet,
        MailError::NotTheUser => {
            let detail = format!("{words}; only the operator can let the app of this tenant ask its users itself");
            return Problem::detailed(Kind::OnlyTheUser, detail);
        }
        MailError::Store(error) => return crate::engine::Refusal::Store(error).into(),
        error => {
            tracing::error!(%error, "a request failed");
            return Problem::of(Kind::Internal);
        }
    };
    Problem::detailed(kind, words)
}

/// A refused decision; where the booking has changed, with the proposal that took the place of this one.
async fn refused(state: &WebState, asker: &Asker, asked: &Proposal, error: MailError) -> Problem {
    let problem = match error {
        MailError::Changed => mail_problem(MailError::Changed),
        other => return mail_problem(other),
    };
    let filter = Filter {
        booking_id: asked.row.booking_id,
        customer_id: asked.row.customer_id,
        state: Some(MailState::Proposed),
        class: Some("customer"),
        ..Filter::default()
    };
    let open = mail::list(&state.engine, asker.tenant, &filter, Some(asked.row.id), 500).await;
    let about_the_same = |other: &&Proposal| other.row.original_start == asked.row.original_start;
    let newest = open
        .ok()
        .and_then(|open| open.iter().rfind(about_the_same).map(|other| other.row.id));
    match newest {
        Some(newest) => problem.with_proposal(newest),
        None => problem,
    }
}

/// The mail to a customer that the asker may know of.
async fn theirs(state: &WebState, asker: &Asker, id: MessageId) -> Result<Proposal, Problem> {
    let found = mail::one(&state.engine, asker.tenant, id).await.map_err(mail_problem)?;
    let is_theirs = found.row.class == "customer" && asker.user.is_none_or(|user| found.row.user_id == Some(user));
    match is_theirs {
        true => Ok(found),
        false => Err(mail_problem(MailError::Missing)),
    }
}

async fn shown(state: &WebState, asker: &Asker, id: MessageId) -> Result<Json<ConsentBody>, Problem> {
    Ok(Json((&theirs(state, asker, id).await?).into()))
}

impl Asker {
    fn decider(&self) -> Decider {
        Decider {
            user: self.user,
            how: How::TenantKey(self.key),
        }
    }
}

/// Lists mails to customers, oldest first, whatever became of them; `state=proposed` are those that wait. A user's token sees
/// that user's only.
#[utoipa::path(get, path = "/consents", tag = "consents",
    params(("cursor" = Option<String>, Query, description = "`next` of the page before."),
           ("limit" = Option<u16>, Query, description = "1 to 500; 100 when not sent."),
           ("user_id" = Option<String>, Query, description = "Only those that this user is asked about."),
           ("booking_id" = Option<String>, Query, description = "Only those about this booking or series."),
           ("customer_id" = Option<String>, Query, description = "Only those that name this customer."),
           ("state" = Option<String>, Query, description = "Only those in this state.")),
    responses((status = 200, body = Page<ConsentBody>, description = "A page.")))]
async fn list(
    State(state): State<WebState>,
    ByTenantOrUser(asker): ByTenantOrUser,
    QueryFields(mut query): QueryFields,
) -> Result<Json<Page<ConsentBody>>, Problem> {
    let after: Option<MessageId> = page::id_cursor(&mut query, "consents");
    let limit = page::limit(&mut query);
    let filter = Filter {
        user_id: query.parsed("user_id"),
        booking_id: query.parsed("booking_id"),
        customer_id: query.parsed("customer_id"),
        state: query.parsed("state"),
        class: Some("customer"),
        ..Filter::default()
    };
    query.finish_or_refuse()?;
    let user = match (asker.user, filter.user_id) {
        (Some(own), Some(other)) if own != other => return Err(Problem::of(Kind::UserToken)),
        (own, asked) => own.or(asked),
    };
    let filter = Filter {
        user_id: user,
        ..filter
    };
    let rows = mail::list(&state.engine, asker.tenant, &filter, after, page::one_more(limit))
        .await
        .map_err(mail_problem)?;
    let id = |row: &Proposal| row.row.id.to_string();
    Ok(Json(page::page(rows, limit, "consents", id, |row| row.into())))
}

/// Shows a mail to a customer exactly as it would arrive.
#[utoipa::path(get, path = "/consents/{id}", tag = "consents",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = ConsentBody, description = "The mail.")))]
async fn show(
    State(state): State<WebState>,
    ByTenantOrUser(asker): ByTenantOrUser,
    Id(id): Id<MessageId>,
) -> Result<Json<ConsentBody>, Problem> {
    shown(&state, &asker, id).await
}

/// Tells the yes of a user who was asked in the app's own screens, to exactly the mail whose hash is sent. Only where the operator
/// allows it (`accord tenant app-asserted`); otherwise the user alone can say yes, on the page that a mail to their own address
/// opens, or after a sign-in with the connected Google account. The ledger says that the app said so, and with which key.
#[utoipa::path(post, path = "/consents/{id}/approve", tag = "consents", request_body = ApproveBody,
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = ConsentBody, description = "The mail, which may be sent.")))]
async fn approve(
    State(state): State<WebState>,
    ByTenantOrUser(asker): ByTenantOrUser,
    Id(id): Id<MessageId>,
    body: JsonFields,
) -> Result<Json<ConsentBody>, Problem> {
    let mut fields = body.fields;
    let sent = fields.text("content_hash");
    let hash = sent.as_deref().and_then(from_hex);
    if hash.as_ref().is_none_or(|hash| hash.len() != 32) {
        fields.problem(
            "content_hash",
            "must be the 64 hexadecimal digits of the mail that its user has seen",
        );
    }
    fields.finish_or_refuse()?;
    let asked = theirs(&state, &asker, id).await?;
    let how = match asker.user {
        None => How::AppAsserted(asker.key),
        // Whoever has the tenant's key can make such a token: it proves nothing about the user.
        Some(_) => How::TenantKey(asker.key),
    };
    let decider = Decider { user: asker.user, how };
    let done = mail::approve(&state.engine, asker.tenant, id, &hash.unwrap_or_default(), &decider).await;
    match done {
        Ok(()) => shown(&state, &asker, id).await,
        Err(error) => Err(refused(&state, &asker, &asked, error).await),
    }
}

/// Says no for the user. Nobody can say yes to this mail any more.
#[utoipa::path(post, path = "/consents/{id}/decline", tag = "consents",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = ConsentBody, description = "The mail, declined.")))]
async fn decline(
    State(state): State<WebState>,
    ByTenantOrUser(asker): ByTenantOrUser,
    Id(id): Id<MessageId>,
) -> Result<Json<ConsentBody>, Problem> {
    let asked = theirs(&state, &asker, id).await?;
    match mail::decline(&state.engine, asker.tenant, id, &asker.decider()).await {
        Ok(()) => shown(&state, &asker, id).await,
        Err(error) => Err(refused(&state, &asker, &asked, error).await),
    }
}

/// Takes a yes back, as long as the mail was not handed over.
#[utoipa::path(post, path = "/consents/{id}/withdraw", tag = "consents",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = ConsentBody, description = "The mail, withdrawn.")))]
async fn withdraw(
    State(state): State<WebState>,
    ByTenantOrUser(asker): ByTenantOrUser,
    Id(id): Id<MessageId>,
) -> Result<Json<ConsentBody>, Problem> {
    let asked = theirs(&state, &asker, id).await?;
    match mail::withdraw(&state.engine, asker.tenant, id, &asker.decider()).await {
        Ok(()) => shown(&state, &asker, id).await,
        Err(error) => Err(refused(&state, &asker, &asked, error).await),
    }
}

/// Makes a token for the app's screens of one user. It lists, shows, declines and withdraws that user's consents, cannot say yes, and
/// is refused everywhere else. It ends after 15 minutes, or with the API key that made it.
#[utoipa::path(post, path = "/users/{id}/token", tag = "consents",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 201, body = TokenBody, description = "The token.")))]
async fn token(
    State(state): State<WebState>,
    ByTenant(tenant, caller): ByTenant,
    Id(id): Id<UserId>,
) -> Result<(StatusCode, Json<TokenBody>), Problem> {
    let (token, end) = state.engine.user_token(tenant, caller.key, id).await?;
    let body = TokenBody {
        token: token.expose_secret().to_owned(),
        expires_at: page::instant(end),
    };
    Ok((StatusCode::CREATED, Json(body)))
}
