//! The pages of a connection, from the one-time URL to "done", and Google's redirect back.
use super::browser::{Fields, check_form, choices, form_token};
use super::problem::{Failure, choice};
use super::{Pages, choices_fields, see_other};
use crate::engine::connect::link::Link;
use crate::engine::connect::{self, Answer, Arrived, Choices, ConnectError, Offer, Refusal};
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use minijinja::context;
use secrecy::ExposeSecret;
use serde::Deserialize;

/// The page of a one-time URL.
pub(super) async fn open(State(pages): State<Pages>, Path(link): Path<String>, jar: CookieJar) -> Response {
    match connect::open(&pages.engine, &link, pages.browser(&jar)).await {
        Ok(opened) => {
            let (browser, jar) = pages.known_browser(jar);
            let context = context! {
                tenant => opened.names.tenant, user => opened.names.user, connected => opened.connected,
                link, form => form_token(&browser),
            };
            (jar, pages.page(StatusCode::OK, "pages/connect.html", context)).into_response()
        }
        // The same browser, coming back to where it was.
        Err(ConnectError::Refused {
            reason: Refusal::Used, ..
        }) => match connect::offer(&pages.engine, &link, pages.browser(&jar)).await {
            Ok(_) => see_other(&format!("/connect/{}/choices", without_secret(&link))),
            Err(error) => pages.problem(error.into()),
        },
        Err(error) => pages.problem(error.into()),
    }
}

fn without_secret(link: &str) -> String {
    let text = Link::parse(link).map(|link| Link::without_secret(link.tenant, link.id).to_text());
    text.map(|text| text.expose_secret().to_owned()).unwrap_or_default()
}

/// Sends the browser to Google.
pub(super) async fn depart(
    State(pages): State<Pages>,
    Path(link): Path<String>,
    jar: CookieJar,
    Form(fields): Form<Fields>,
) -> Response {
    let departed = async {
        let browser = pages.browser(&jar);
        check_form(&fields, browser)?;
        let browser = browser.ok_or(Refusal::ForeignForm)?;
        connect::depart(&pages.engine, &link, browser).await
    };
    match departed.await {
        Ok(address) => see_other(&address),
        Err(error) => pages.problem(error.into()),
    }
}

#[derive(Deserialize)]
pub(super) struct FromGoogle {
    #[serde(default)]
    state: String,
    code: Option<String>,
    error: Option<String>,
}

/// Google sends the browser back.
pub(super) async fn callback(State(pages): State<Pages>, Query(from): Query<FromGoogle>, jar: CookieJar) -> Response {
    let answer = match (from.error, from.code) {
        (Some(error), _) => Answer::Error(error),
        (None, Some(code)) => Answer::Code(code.into()),
        (None, None) => Answer::Error("no_answer".to_owned()),
    };
    match connect::callback(&pages.engine, &from.state, answer, pages.browser(&jar)).await {
        Ok(Arrived::Choose(link)) => see_other(&format!("/connect/{}/choices", link.to_text().expose_secret())),
        Ok(Arrived::WithoutAccess(link)) => {
            let link = link.to_text();
            let context = context! { link => link.expose_secret() };
            pages.page(StatusCode::OK, "pages/without_access.html", context)
        }
        Ok(Arrived::SignedIn(session)) => {
            let jar = pages.with_session(jar, session.secret.expose_secret());
            (jar, see_other(&format!("/me/{}", session.tenant))).into_response()
        }
        Err(error) => pages.problem(error.into()),
    }
}

/// The page with the choices.
pub(super) async fn offer(State(pages): State<Pages>, Path(link): Path<String>, jar: CookieJar) -> Response {
    match connect::offer(&pages.engine, &link, pages.browser(&jar)).await {
        Ok(offer) => choices_page(&pages, &link, &jar, &offer, &offer.preset, None),
        Err(ConnectError::Refused {
            reason: Refusal::Finished,
            ..
        }) => see_other(&format!("/connect/{link}/done")),
        Err(error) => pages.problem(error.into()),
    }
}

fn choices_page(
    pages: &Pages,
    link: &str,
    jar: &CookieJar,
    offer: &Offer,
    ticked: &Choices,
    problem: Option<String>,
) -> Response {
    let status = match problem {
        None => StatusCode::OK,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let context = context! {
        tenant => &offer.names.tenant, user => &offer.names.user, email => &offer.account.email, problem, link,
        form => pages.browser(jar).map(form_token),
        ..choices_fields(&offer.account, &offer.calendars, &offer.contacts, ticked)
    };
    pages.page(status, "pages/choices.html", context)
}

/// Takes the choices.
pub(super) async fn choose(
    State(pages): State<Pages>,
    Path(link): Path<String>,
    jar: CookieJar,
    Form(fields): Form<Fields>,
) -> Response {
    let browser = pages.browser(&jar);
    if let Err(error) = check_form(&fields, browser) {
        return pages.problem(error.into());
    }
    let chosen = choices(&fields);
    match connect::choose(&pages.engine, &link, browser, &chosen).await {
        Ok(_) => see_other(&format!("/connect/{link}/done")),
        // A double click: the first one has done it.
        Err(ConnectError::Refused {
            reason: Refusal::Finished,
            ..
        }) => see_other(&format!("/connect/{link}/done")),
        Err(ConnectError::Refused {
            reason: Refusal::Choice(problem),
            ..
        }) => match connect::offer(&pages.engine, &link, browser).await {
            Ok(offer) => choices_page(&pages, &link, &jar, &offer, &chosen, Some(choice(&problem))),
            Err(error) => pages.problem(error.into()),
        },
        Err(error) => pages.problem(error.into()),
    }
}

/// The last page of a connection.
pub(super) async fn done(State(pages): State<Pages>, Path(link): Path<String>, jar: CookieJar) -> Response {
    match connect::offer(&pages.engine, &link, pages.browser(&jar)).await {
        Err(ConnectError::Refused {
            reason: Refusal::Finished,
            ..
        }) => {
            let tenant = Link::parse(&link).map(|link| link.tenant.to_string());
            pages.page(StatusCode::OK, "pages/done.html", context! { tenant_id => tenant })
        }
        Ok(_) => see_other(&format!("/connect/{link}/choices")),
        Err(error) => pages.problem(Failure::from(error)),
    }
}
