//! `/accounts`: connected Google accounts, their calendars and contacts, and where a user connects one.
use super::consents::mail_problem;
use super::page::{self, Page};
use crate::domain::access::ContactsChoice;
use crate::domain::ids::{AccountId, CalendarId, UserId};
use crate::engine::connect::{self, ChoiceError, ConnectError, ContactsStanding, Narrowing, Refusal};
use crate::engine::disconnect::{self, EndError, Ending};
use crate::engine::mail;
use crate::engine::sync_now;
use crate::store::accounts::Account;
use crate::store::calendars::Calendar;
use crate::web::WebState;
use crate::web::fields::{Fields, JsonFields, QueryFields};
use crate::web::problem::{Kind, Problem};
use crate::web::request::{ByTenant, Id};
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
        .routes(routes!(show, delete))
        .routes(routes!(calendars, narrow))
        .routes(routes!(contacts, narrow_contacts))
        .routes(routes!(start))
        .routes(routes!(sync))
        .routes(routes!(pause_mail))
        .routes(routes!(resume_mail))
}

/// A connected Google account.
#[derive(Debug, Serialize, ToSchema)]
struct AccountBody {
    #[schema(format = "uuid")]
    id: String,
    #[schema(format = "uuid")]
    user_id: String,
    /// The verified address at the last sign-in.
    email: String,
    /// `choosing`, `active`, `paused`, `needs_reconnect` or `disconnected`.
    state: &'static str,
    /// How private events of this account appear: `busy` or `shown`.
    private_events: &'static str,
    /// Since when its user sends no mail to customers; null: mail is proposed and sent.
    #[schema(format = "date-time")]
    mail_paused_at: Option<String>,
    /// Why it needs attention.
    last_error: Option<String>,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

impl From<&Account> for AccountBody {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.to_string(),
            user_id: account.user_id.to_string(),
            email: account.email.clone(),
            state: account.state.as_str(),
            private_events: if account.private_events_shown { "shown" } else { "busy" },
            mail_paused_at: account.mail_paused_at.map(page::instant),
            last_error: account.last_error.clone(),
            created_at: page::instant(account.created_at),
            updated_at: page::instant(account.updated_at),
        }
    }
}

/// A calendar of an account, as far as its user allowed anything with it.
#[derive(Debug, Serialize, ToSchema)]
struct CalendarBody {
    /// Google's id.
    calendar_id: String,
    title: String,
    /// IANA name.
    time_zone: String,
    /// Google's word for what the user may do with it.
    access_role: &'static str,
    /// The user allows reading it.
    user_reads: bool,
    /// The user chose it for new bookings.
    user_writes: bool,
    /// The tenant lets it be read.
    tenant_reads: bool,
    /// The tenant lets new bookings go there.
    tenant_writes: bool,
    /// It is read: both allow it.
    reads: bool,
    /// New bookings are written to it: both allow it, and it is read.
    writes: bool,
    /// Why its bookings are kept but not followed any more.
    frozen: Option<String>,
}

impl From<&Calendar> for CalendarBody {
    fn from(calendar: &Calendar) -> Self {
        Self {
            calendar_id: calendar.calendar_id.to_string(),
            title: calendar.title.clone(),
            time_zone: calendar.time_zone.clone(),
            access_role: calendar.access_role.as_str(),
            user_reads: calendar.user_reads,
            user_writes: calendar.user_writes,
            tenant_reads: calendar.tenant_reads,
            tenant_writes: calendar.tenant_writes,
            reads: calendar.reads,
            writes: calendar.writes,
            frozen: calendar.frozen.clone(),
        }
    }
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
struct CalendarsBody {
    items: Vec<CalendarBody>,
}

impl From<Vec<Calendar>> for CalendarsBody {
    /// What a user never allowed is not the tenant's to know.
    fn from(calendars: Vec<Calendar>) -> Self {
        let touched = |calendar: &&Calendar| calendar.user_reads || calendar.user_writes || calendar.frozen.is_some();
        Self {
            items: calendars.iter().filter(touched).map(Into::into).collect(),
        }
    }
}

/// Narrows one calendar, or takes a narrowing back. What is not sent stays as it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct NarrowingBody {
    calendar_id: String,
    #[schema(required = false, nullable = false)]
    reads: bool,
    #[schema(required = false, nullable = false)]
    writes: bool,
}

/// What is followed of the contacts of an account.
#[derive(Debug, Serialize, ToSchema)]
struct ContactsBody {
    /// What the user allows: `all`, `label` or `none`; null until they have said it.
    choice: Option<&'static str>,
    /// With `label`: its name, as the user saw it when choosing it.
    label: Option<String>,
    /// The tenant lets contacts be followed.
    allowed_by_tenant: bool,
    /// Customers and contacts are kept in agreement: both allow it, and the account works.
    in_force: bool,
}

impl From<ContactsStanding> for ContactsBody {
    fn from(standing: ContactsStanding) -> Self {
        let (choice, label) = match standing.choice {
            None => (None, None),
            Some(ContactsChoice::All) => (Some("all"), None),
            Some(ContactsChoice::None) => (Some("none"), None),
            Some(ContactsChoice::Label { name, .. }) => (Some("label"), Some(name)),
        };
        Self {
            choice,
            label,
            allowed_by_tenant: standing.allowed_by_tenant,
            in_force: standing.in_force,
        }
    }
}

/// Narrows the contacts of an account to none, or takes that back.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct ContactsNarrowingBody {
    allowed_by_tenant: bool,
}

/// Where a user connects.
#[derive(Debug, Serialize, ToSchema)]
struct ConnectBody {
    /// For the user's browser only: whoever has it can connect a Google account to this user.
    url: String,
    #[schema(format = "date-time")]
    expires_at: String,
}

fn connect_problem(error: ConnectError) -> Problem {
    match error {
        ConnectError::Refused { reason, .. } => match reason {
            Refusal::UnknownUser => Problem::detailed(Kind::NotFound, "there is no such user"),
            Refusal::NotConnected => Problem::detailed(Kind::NotFound, "there is no such connected account"),
            Refusal::Choice(ChoiceError::NotListed) => Problem::field("calendar_id", "is no calendar of this account"),
            Refusal::Choice(ChoiceError::BeyondUser { .. }) => Problem::field(
                "calendar_id",
                "was not allowed this by its user, who alone can widen it",
            ),
            other => Problem::detailed(Kind::Invalid, other.to_string()),
        },
        ConnectError::Store(error) => crate::engine::Refusal::Store(error).into(),
        error => {
            tracing::error!(%error, "a request failed");
            Problem::of(Kind::Internal)
        }
    }
}

fn end_problem(error: EndError) -> Problem {
    match error {
        EndError::Unknown => Problem::detailed(Kind::NotFound, "there is no such account"),
        EndError::Store(error) => crate::engine::Refusal::Store(error).into(),
        error => {
            tracing::error!(%error, "a request failed");
            Problem::of(Kind::Internal)
        }
    }
}

/// Lists the accounts in the order of their first connection, disconnected ones included.
#[utoipa::path(get, path = "/accounts", tag = "accounts",
    params(("cursor" = Option<String>, Query, description = "`next` of the page before."),
           ("limit" = Option<u16>, Query, description = "1 to 500; 100 when not sent.")),
    responses((status = 200, body = Page<AccountBody>, description = "A page.")))]
async fn list(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    QueryFields(mut query): QueryFields,
) -> Result<Json<Page<AccountBody>>, Problem> {
    let after: Option<AccountId> = page::id_cursor(&mut query, "accounts");
    let limit = page::limit(&mut query);
    query.finish_or_refuse()?;
    let rows = connect::accounts_of_tenant(&state.engine, tenant, after, page::one_more(limit)).await;
    let rows = rows.map_err(connect_problem)?;
    let page = page::page(rows, limit, "accounts", |row| row.id.to_string(), |row| row.into());
    Ok(Json(page))
}

/// Shows an account.
#[utoipa::path(get, path = "/accounts/{id}", tag = "accounts",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = AccountBody, description = "The account.")))]
async fn show(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<AccountId>,
) -> Result<Json<AccountBody>, Problem> {
    let (account, _) = connect::account(&state.engine, tenant, id)
        .await
        .map_err(connect_problem)?;
    Ok(Json((&account).into()))
}

/// Disconnects an account at once. Nothing is deleted in Google; bookings that were read and that nothing needs are deleted here.
#[utoipa::path(delete, path = "/accounts/{id}", tag = "accounts",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 204, description = "It is disconnected.")))]
async fn delete(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<AccountId>,
) -> Result<StatusCode, Problem> {
    let ended = disconnect::disconnect(&state.engine, tenant, id, Ending::default()).await;
    ended.map_err(end_problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows the calendars that the user of an account allowed something with.
#[utoipa::path(get, path = "/accounts/{id}/calendars", tag = "accounts",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = CalendarsBody, description = "The calendars.")))]
async fn calendars(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<AccountId>,
) -> Result<Json<CalendarsBody>, Problem> {
    let (_, calendars) = connect::account(&state.engine, tenant, id)
        .await
        .map_err(connect_problem)?;
    Ok(Json(calendars.into()))
}

/// Narrows what is read and written, within what the user allowed.
#[utoipa::path(patch, path = "/accounts/{id}/calendars", tag = "accounts", request_body = NarrowingBody,
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = CalendarsBody, description = "The calendars.")))]
async fn narrow(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<AccountId>,
    JsonFields { mut fields, .. }: JsonFields,
) -> Result<Json<CalendarsBody>, Problem> {
    let narrowing = narrowing(&mut fields);
    fields.finish_or_refuse()?;
    let calendars = connect::narrow(&state.engine, tenant, id, &[narrowing]).await;
    Ok(Json(calendars.map_err(connect_problem)?.into()))
}

fn narrowing(fields: &mut Fields) -> Narrowing {
    let calendar = fields.text("calendar_id").unwrap_or_default();
    if calendar.is_empty() {
        fields.problem("calendar_id", "must name a calendar");
    }
    Narrowing {
        calendar_id: CalendarId(calendar),
        reads: fields.flag("reads"),
        writes: fields.flag("writes"),
    }
}

/// Shows what is followed of the contacts of an account.
#[utoipa::path(get, path = "/accounts/{id}/contacts", tag = "accounts",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = ContactsBody, description = "What stands.")))]
async fn contacts(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<AccountId>,
) -> Result<Json<ContactsBody>, Problem> {
    let (account, _) = connect::account(&state.engine, tenant, id)
        .await
        .map_err(connect_problem)?;
    Ok(Json(ContactsStanding::from(&account).into()))
}

/// Narrows the contacts of an account to none, or takes that back: what its user allowed is followed again, never more.
#[utoipa::path(patch, path = "/accounts/{id}/contacts", tag = "accounts", request_body = ContactsNarrowingBody,
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = ContactsBody, description = "What stands.")))]
async fn narrow_contacts(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<AccountId>,
    JsonFields { mut fields, .. }: JsonFields,
) -> Result<Json<ContactsBody>, Problem> {
    let lets = fields.flag("allowed_by_tenant");
    if lets.is_none() {
        fields.problem("allowed_by_tenant", "must be true or false");
    }
    fields.finish_or_refuse()?;
    let standing = connect::narrow_contacts(&state.engine, tenant, id, lets == Some(true)).await;
    Ok(Json(standing.map_err(connect_problem)?.into()))
}

/// Makes a one-time address at which a user connects a Google account. It ends after 15 minutes.
#[utoipa::path(post, path = "/users/{id}/connect", tag = "accounts",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 201, body = ConnectBody, description = "The address.")))]
async fn start(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<UserId>,
) -> Result<(StatusCode, Json<ConnectBody>), Problem> {
    let started = connect::start(&state.engine, tenant, id)
        .await
        .map_err(connect_problem)?;
    let body = ConnectBody {
        url: started.url.expose_secret().to_owned(),
        expires_at: page::instant(started.expires_at),
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// What the passes did; empty when nobody waited for them.
#[derive(Debug, Serialize, ToSchema)]
struct SyncBody {
    /// One per calendar, and one of the contacts; `scope` says which.
    #[schema(value_type = Vec<Object>)]
    passes: Vec<sync_now::ScopePass>,
}

/// Synchronises the calendars and the contacts of an account now. With `wait=true` the answer says what each pass did.
#[utoipa::path(post, path = "/accounts/{id}/sync", tag = "accounts",
    params(("id" = String, Path, format = "uuid"),
           ("wait" = Option<bool>, Query, description = "`true`: answer when the passes are over.")),
    responses((status = 200, body = SyncBody, description = "The passes are over."),
              (status = 202, body = SyncBody, description = "The passes will begin at once.")))]
async fn sync(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<AccountId>,
    QueryFields(mut query): QueryFields,
) -> Result<(StatusCode, Json<SyncBody>), Problem> {
    let wait = match query.text("wait").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            query.problem("wait", "must be true or false");
            false
        }
    };
    query.finish_or_refuse()?;
    if wait {
        let passes = sync_now::run(&state.engine, tenant, id).await?;
        return Ok((StatusCode::OK, Json(SyncBody { passes })));
    }
    sync_now::request(&state.engine, tenant, id).await?;
    Ok((StatusCode::ACCEPTED, Json(SyncBody { passes: Vec::new() })))
}

/// Stops all mail to customers that needs the yes of this account's user, at once: what waits or is queued is withdrawn, and nothing
/// new is proposed. Only the user can let it go on.
#[utoipa::path(post, path = "/accounts/{id}/mail/pause", tag = "accounts",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, body = AccountBody, description = "The account.")))]
async fn pause_mail(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<AccountId>,
) -> Result<Json<AccountBody>, Problem> {
    let (account, _) = connect::account(&state.engine, tenant, id)
        .await
        .map_err(connect_problem)?;
    mail::pause(&state.engine, tenant, account.id)
        .await
        .map_err(mail_problem)?;
    let (account, _) = connect::account(&state.engine, tenant, id)
        .await
        .map_err(connect_problem)?;
    Ok(Json((&account).into()))
}

/// Is always refused: a tenant's key narrows what its users allowed and never widens it. The user lets mail go on, on their own page.
#[utoipa::path(post, path = "/accounts/{id}/mail/resume", tag = "accounts",
    params(("id" = String, Path, format = "uuid")),
    responses((status = 403, description = "Only the user can.")))]
async fn resume_mail(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    Id(id): Id<AccountId>,
) -> Result<Json<AccountBody>, Problem> {
    connect::account(&state.engine, tenant, id)
        .await
        .map_err(connect_problem)?;
    let detail =
        "only the user can let mail go on: on their own page, after a sign-in with the connected Google account";
    Err(Problem::detailed(Kind::OnlyTheUser, detail))
}
