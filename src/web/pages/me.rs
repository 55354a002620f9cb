//! The pages of a user who signed in with the connected Google account.
use super::browser::{Fields, check_form, choices, field, form_token};
use super::problem::{Failure, choice};
use super::{Pages, choices_fields, questions, see_other};
use crate::domain::ids::TenantId;
use crate::engine::connect::{self, ConnectError, Refusal};
use crate::engine::disconnect::{self, Ending, ReadData, WrittenItems};
use crate::engine::mail::page as mail_page;
use crate::engine::sign_in::{self, Overview};
use crate::google::scopes::Feature;
use crate::store::accounts::{Account, AccountState};
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use minijinja::context;
use secrecy::ExposeSecret;
use serde::Deserialize;

/// Everything that a signed-in page starts from.
pub(super) struct Visit {
    pub(super) tenant: TenantId,
    pub(super) path: String,
    pub(super) form: String,
    pub(super) overview: Overview,
}

/// Who is signed in, with their account.
pub(super) async fn visit(pages: &Pages, tenant: &str, jar: &CookieJar) -> Result<Visit, ConnectError> {
    let tenant: TenantId = tenant.parse().map_err(|_| Refusal::Unknown)?;
    let session = pages.session(jar).ok_or(Refusal::SignedOut)?;
    let user = sign_in::who(&pages.engine, tenant, session).await?;
    Ok(Visit {
        tenant,
        path: format!("/me/{tenant}"),
        form: form_token(session),
        overview: sign_in::overview(&pages.engine, tenant, user).await?,
    })
}

/// The same for a form, which has to be ours.
pub(super) async fn sent(pages: &Pages, tenant: &str, jar: &CookieJar, fields: &Fields) -> Result<Visit, Failure> {
    let visit = visit(pages, tenant, jar).await;
    let visit = visit.map_err(|error| Failure::at(error, &format!("/me/{tenant}")))?;
    check_form(fields, pages.session(jar)).map_err(|error| Failure::at(error, &visit.path))?;
    Ok(visit)
}

/// What has just been done. Only these words are ever repeated from an address.
#[derive(Deserialize)]
pub(super) struct Done {
    said: Option<String>,
}

impl Done {
    fn words(&self) -> Option<&'static str> {
        match self.said.as_deref() {
            Some("saved") => Some("Your choices were saved."),
            Some("answered") => Some("Thank you. What you answered is done within a few minutes."),
            _ => None,
        }
    }
}

/// The user's page, or the sign-in page.
pub(super) async fn show(
    State(pages): State<Pages>,
    Path(tenant): Path<String>,
    Query(done): Query<Done>,
    jar: CookieJar,
) -> Response {
    match visit(&pages, &tenant, &jar).await {
        Ok(visit) => me_page(&pages, &visit, StatusCode::OK, done.words(), None).await,
        Err(ConnectError::Refused {
            reason: Refusal::SignedOut,
            ..
        }) => sign_in_page(&pages, &tenant, jar).await,
        Err(error) => pages.problem(error.into()),
    }
}

/// What somebody sees who is not signed in.
pub(super) async fn sign_in_page(pages: &Pages, tenant: &str, jar: CookieJar) -> Response {
    let name = match tenant.parse() {
        Ok(tenant) => sign_in::tenant_name(&pages.engine, tenant).await,
        Err(_) => Err(Refusal::Unknown.into()),
    };
    match name {
        Ok(name) => {
            let (browser, jar) = pages.known_browser(jar);
            let context = context! { tenant => name, path => format!("/me/{tenant}"), form => form_token(&browser) };
            (jar, pages.page(StatusCode::OK, "pages/sign_in.html", context)).into_response()
        }
        Err(error) => pages.problem(error.into()),
    }
}

pub(super) async fn me_page(
    pages: &Pages,
    visit: &Visit,
    status: StatusCode,
    done: Option<&str>,
    problem: Option<String>,
) -> Response {
    let Overview {
        names,
        account,
        calendars,
    } = &visit.overview;
    let preset = connect::preset(account, calendars);
    let contacts = connect::contacts_offer(&pages.engine, account).await;
    let (questions, more_questions) = match questions::open(pages, visit.tenant, account).await {
        Ok(questions) => questions,
        Err(error) => return pages.problem(error.into()),
    };
    let mails = match mail_page::count_waiting(&pages.engine, visit.tenant, account.user_id).await {
        Ok(mails) => mails,
        Err(error) => return pages.mail_problem(error, &visit.path),
    };
    let context = context! {
        tenant => &names.tenant, user => &names.user, email => &account.email, done, problem, questions, more_questions, mails,
        state_words => state_words(account), path => &visit.path, form => &visit.form,
        can_reconnect => account.state == AccountState::NeedsReconnect || account.state == AccountState::Choosing
            || !Feature::Calendar.is_granted(&account.scopes),
        ..choices_fields(account, calendars, &contacts, &preset)
    };
    pages.page(status, "pages/me.html", context)
}

fn state_words(account: &Account) -> &'static str {
    match account.state {
        AccountState::Choosing | AccountState::Active
            if !Feature::Calendar.is_granted(&account.scopes) && !Feature::Contacts.is_granted(&account.scopes) =>
        {
            "Connected, but without access to your calendar or your contacts: nothing is read or written"
        }
        AccountState::Choosing => "Connected, but you have not made your choices yet: nothing is read",
        AccountState::Active => "Connected",
        AccountState::Paused => "Paused by the people who run the app: nothing is read or written",
        AccountState::NeedsReconnect => {
            "Google no longer accepts the permission: nothing is read or written until you connect again"
        }
        AccountState::Disconnected => "Disconnected",
    }
}

/// Sends the browser to Google to say who is there.
pub(super) async fn sign_in(
    State(pages): State<Pages>,
    Path(tenant): Path<String>,
    jar: CookieJar,
    Form(fields): Form<Fields>,
) -> Response {
    let sent = async {
        let browser = pages.browser(&jar);
        check_form(&fields, browser)?;
        let browser = browser.ok_or(Refusal::ForeignForm)?;
        let tenant = tenant.parse().map_err(|_| Refusal::Unknown)?;
        sign_in::start(&pages.engine, tenant, browser).await
    };
    match sent.await {
        Ok(address) => see_other(&address),
        Err(error) => pages.problem(Failure::at(error, &format!("/me/{tenant}"))),
    }
}

/// Ends the session.
pub(super) async fn sign_out(
    State(pages): State<Pages>,
    Path(tenant): Path<String>,
    jar: CookieJar,
    Form(fields): Form<Fields>,
) -> Response {
    let visit = match sent(&pages, &tenant, &jar, &fields).await {
        Ok(visit) => visit,
        Err(failure) => return pages.problem(failure),
    };
    let session = pages.session(&jar).unwrap_or_default();
    match sign_in::sign_out(&pages.engine, visit.tenant, session).await {
        Ok(()) => (pages.without_session(jar), see_other(&visit.path)).into_response(),
        Err(error) => pages.problem(Failure::at(error, &visit.path)),
    }
}

/// Takes changed choices.
pub(super) async fn choose(
    State(pages): State<Pages>,
    Path(tenant): Path<String>,
    jar: CookieJar,
    Form(fields): Form<Fields>,
) -> Response {
    let visit = match sent(&pages, &tenant, &jar, &fields).await {
        Ok(visit) => visit,
        Err(failure) => return pages.problem(failure),
    };
    let account = visit.overview.account.id;
    match connect::choose_again(&pages.engine, visit.tenant, account, &choices(&fields)).await {
        Ok(_) => see_other(&format!("{}?said=saved", visit.path)),
        Err(ConnectError::Refused {
            reason: Refusal::Choice(error),
            ..
        }) => {
            let problem = Some(choice(&error));
            me_page(&pages, &visit, StatusCode::UNPROCESSABLE_ENTITY, None, problem).await
        }
        Err(error) => pages.problem(Failure::at(error, &visit.path)),
    }
}

/// Begins a new connection of the same user.
pub(super) async fn reconnect(
    State(pages): State<Pages>,
    Path(tenant): Path<String>,
    jar: CookieJar,
    Form(fields): Form<Fields>,
) -> Response {
    let visit = match sent(&pages, &tenant, &jar, &fields).await {
        Ok(visit) => visit,
        Err(failure) => return pages.problem(failure),
    };
    match connect::start(&pages.engine, visit.tenant, visit.overview.account.user_id).await {
        Ok(started) => see_other(started.url.expose_secret()),
        Err(error) => pages.problem(Failure::at(error, &visit.path)),
    }
}

/// Asks whether to disconnect, with how much it is about.
pub(super) async fn ask_disconnect(State(pages): State<Pages>, Path(tenant): Path<String>, jar: CookieJar) -> Response {
    match visit(&pages, &tenant, &jar).await {
        Ok(visit) => disconnect_page(&pages, &visit, None).await,
        Err(error) => pages.problem(Failure::at(error, &format!("/me/{tenant}"))),
    }
}

async fn disconnect_page(pages: &Pages, visit: &Visit, problem: Option<&str>) -> Response {
    let Overview { names, account, .. } = &visit.overview;
    let counts = match disconnect::counts(&pages.engine, visit.tenant, account.id).await {
        Ok(counts) => counts,
        Err(error) => return pages.problem(Failure::at(error, &visit.path)),
    };
    let status = match problem {
        None => StatusCode::OK,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let context = context! {
        tenant => &names.tenant, email => &account.email, problem,
        read => counts.read, customers => counts.customers, written => counts.written, contacts => counts.contacts,
        path => &visit.path, form => &visit.form,
    };
    pages.page(status, "pages/disconnect.html", context)
}

/// Disconnects. Deleting what was written is only taken from somebody who saw how many there are now.
pub(super) async fn disconnect(
    State(pages): State<Pages>,
    Path(tenant): Path<String>,
    jar: CookieJar,
    Form(fields): Form<Fields>,
) -> Response {
    let visit = match sent(&pages, &tenant, &jar, &fields).await {
        Ok(visit) => visit,
        Err(failure) => return pages.problem(failure),
    };
    if field(&fields, "sure") != Some("yes") {
        let problem = "To disconnect, tick “Yes, disconnect”. Nothing was changed.";
        return disconnect_page(&pages, &visit, Some(problem)).await;
    }
    let Overview { names, account, .. } = &visit.overview;
    let ending = Ending {
        read: match field(&fields, "read") {
            Some("keep") => ReadData::Keep,
            _ => ReadData::RemoveUnneeded,
        },
        written: match field(&fields, "written") {
            Some("remove") => WrittenItems::Remove,
            _ => WrittenItems::Keep,
        },
    };
    if ending.written == WrittenItems::Remove {
        let shown = |name| field(&fields, name).and_then(|count| count.parse::<i64>().ok());
        let shown = (shown("written_count"), shown("contacts_count"));
        match disconnect::counts(&pages.engine, visit.tenant, account.id).await {
            Ok(counts) if shown == (Some(counts.written), Some(counts.contacts)) => {}
            Ok(_) => {
                let problem = "The number of events or contacts has changed since you saw it. Please look again. Nothing was changed.";
                return disconnect_page(&pages, &visit, Some(problem)).await;
            }
            Err(error) => return pages.problem(Failure::at(error, &visit.path)),
        }
    }
    match disconnect::disconnect(&pages.engine, visit.tenant, account.id, ending).await {
        Ok(()) => {
            let removes = ending.written == WrittenItems::Remove;
            let context = context! { tenant => &names.tenant, email => &account.email, removes };
            let page = pages.page(StatusCode::OK, "pages/disconnected.html", context);
            (pages.without_session(jar), page).into_response()
        }
        Err(error) => pages.problem(Failure::at(error, &visit.path)),
    }
}
