//! The pages a user sees: connecting, choosing, signing in, deciding about mails, leaving; and the one a customer sees: no more mails.
//!
//! No JavaScript, nothing from other hosts, nothing kept by the browser or told to the next site. Every form carries a token
//! that belongs to the browser's cookie. What the pages show comes from one engine call each.
mod browser;
mod connect;
mod consents;
mod me;
mod problem;
mod questions;
mod unsubscribe;
mod when;

use crate::domain::access::ContactsChoice;
use crate::engine::Engine;
use crate::engine::connect::{Choices, ContactsOffer, Label};
use crate::google::scopes::Feature;
use crate::store::accounts::Account;
use crate::store::calendars::Calendar;
use crate::templates::{TemplateError, Templates};
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use minijinja::{Value, context};
use std::sync::Arc;

/// No form of ours is longer, not even with hundreds of calendars.
const BODY_LIMIT: usize = 256 * 1024;

/// What the pages work with; cheap to clone.
#[derive(Clone)]
pub struct Pages {
    engine: Engine,
    templates: Arc<Templates>,
    /// Whether cookies are for https only.
    secure: bool,
    policy: HeaderValue,
    /// The same for the page that frames mails.
    framing_policy: HeaderValue,
}

impl Pages {
    /// `auth_url` is Google's consent address: browsers apply `form-action` to where a form is redirected, too.
    ///
    /// # Errors
    /// When an embedded template is broken.
    pub fn new(engine: Engine, auth_url: &str) -> Result<Self, TemplateError> {
        // Scheme, two slashes, host: what a content security policy calls an origin.
        let google: Vec<&str> = auth_url.splitn(4, '/').take(3).collect();
        let policy = format!(
            "default-src 'none'; style-src 'self'; form-action 'self' {}; frame-ancestors 'none'; base-uri 'none'",
            google.join("/")
        );
        // A configured address that cannot be in a header cannot be sent to either: then forms stay here.
        let header =
            |policy: &str| HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Ok(Self {
            templates: Arc::new(Templates::embedded()?),
            secure: engine.public_url.starts_with("https://"),
            policy: header(&policy),
            framing_policy: header(&format!("{policy}; frame-src 'self'")),
            engine,
        })
    }

    fn page(&self, status: StatusCode, template: &str, context: Value) -> Response {
        let mut response = match self.templates.render(template, context) {
            Ok(page) => (status, Html(page)).into_response(),
            Err(error) => {
                tracing::error!(%error, "a page cannot be shown");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "This page cannot be shown. Please try again later.",
                )
                    .into_response()
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// The routes of all pages, for any outer state.
pub fn router<S: Clone + Send + Sync + 'static>(pages: Pages) -> Router<S> {
    Router::new()
        .route("/", get(front))
        .route("/pages.css", get(stylesheet))
        .route("/connect/{link}", get(connect::open))
        .route("/connect/{link}/google", post(connect::depart))
        .route("/oauth/callback", get(connect::callback))
        .route("/connect/{link}/choices", get(connect::offer).post(connect::choose))
        .route("/connect/{link}/done", get(connect::done))
        .route("/me/{tenant}", get(me::show))
        .route("/me/{tenant}/sign-in", post(me::sign_in))
        .route("/me/{tenant}/sign-out", post(me::sign_out))
        .route("/me/{tenant}/choices", post(me::choose))
        .route("/me/{tenant}/questions/{id}", post(questions::answer))
        .route("/me/{tenant}/reconnect", post(me::reconnect))
        .route("/me/{tenant}/disconnect", get(me::ask_disconnect).post(me::disconnect))
        .route("/me/{tenant}/consents", get(consents::show).post(consents::decide))
        .route("/me/{tenant}/consents/take-back", post(consents::take_back))
        .route("/me/{tenant}/consents/pause", post(consents::pause))
        .route("/me/{tenant}/consents/resume", post(consents::resume))
        .route("/me/{tenant}/consents/{message}/html", get(consents::html))
        .route(
            "/consents/{tenant}/{id}/{secret}",
            get(consents::show).post(consents::decide),
        )
        .route("/consents/{tenant}/{id}/{secret}/take-back", post(consents::take_back))
        .route("/consents/{tenant}/{id}/{secret}/pause", post(consents::pause))
        .route("/consents/{tenant}/{id}/{secret}/resume", post(consents::resume))
        .route("/consents/{tenant}/{id}/{secret}/{message}/html", get(consents::html))
        .route(
            "/unsubscribe/{tenant}/{message}/{code}",
            get(unsubscribe::show).post(unsubscribe::end),
        )
        .route("/unsubscribe/{tenant}/{message}/{code}/lift", post(unsubscribe::lift))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(pages)
}

/// For whoever types the bare address.
async fn front(State(pages): State<Pages>) -> Response {
    let context = context! {
        title => "Accord",
        text => "This service keeps the bookings and customers of an app in agreement with Google Calendar and Google Contacts.",
        remedy => "To connect your Google account, ask the app for a link. To change your choices or to disconnect, open your own page; \
                   its address was shown when you connected.",
        again => (),
    };
    pages.page(StatusCode::OK, "pages/problem.html", context)
}

async fn stylesheet() -> Response {
    const CSS: &str = include_str!("../../../templates/pages/pages.css");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], CSS).into_response()
}

/// 303: the browser goes on with GET, and going back does not send the form again.
fn see_other(address: &str) -> Response {
    match HeaderValue::try_from(address) {
        Ok(address) => {
            let headers = [
                (header::LOCATION, address),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            ];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What `choices_fields.html` shows.
fn choices_fields(account: &Account, calendars: &[Calendar], contacts: &ContactsOffer, choices: &Choices) -> Value {
    let rows: Vec<Value> = calendars
        .iter()
        .map(|calendar| {
            context! {
                id => calendar.calendar_id.as_str(),
                title => &calendar.title,
                is_primary => calendar.is_primary,
                has_words => calendar.access_role.reads_words(),
                can_write => calendar.access_role.writes(),
                not_read => !calendar.tenant_reads,
                not_written => !calendar.tenant_writes || !calendar.tenant_reads,
                reads => choices.reads.contains(&calendar.calendar_id),
                writes => choices.writes.as_ref() == Some(&calendar.calendar_id),
            }
        })
        .collect();
    context! {
        has_calendar => Feature::Calendar.is_granted(&account.scopes),
        has_contacts => *contacts != ContactsOffer::NotGranted,
        calendars => rows, has_write => choices.writes.is_some(), private_shown => choices.private_shown,
        contacts => choices.contacts.as_ref().map(contacts_value), labels => labels(contacts, choices),
        labels_unknown => *contacts == ContactsOffer::LabelsUnknown, not_followed => !account.tenant_contacts,
    }
}

/// The value of the field for a choice of contacts.
fn contacts_value(choice: &ContactsChoice) -> &str {
    match choice {
        ContactsChoice::All => "all",
        ContactsChoice::None => "none",
        ContactsChoice::Label { group, .. } => group,
    }
}

/// The labels to choose from: Google's, or while it does not show them the one that stands chosen.
fn labels(contacts: &ContactsOffer, choices: &Choices) -> Vec<Value> {
    let value =
        |label: &Label| context! { group => &label.group, name => &label.name, is_starred => label.is_starred() };
    match (contacts, &choices.contacts) {
        (ContactsOffer::Labels(labels), _) => labels.iter().map(value).collect(),
        (ContactsOffer::LabelsUnknown, Some(ContactsChoice::Label { group, name })) if !name.is_empty() => {
            let (group, name) = (group.clone(), name.clone());
            vec![value(&Label { group, name })]
        }
        _ => Vec::new(),
    }
}
