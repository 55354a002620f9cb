//! The consent page: what waits for its user's yes, each mail as it would arrive.
//!
//! There are two ways to it, with the same page behind: the link in a mail to the user's own address, and a sign-in with the
//! connected account. Opening it changes nothing. A decision comes by POST with the form token of this browser, is about the mail
//! whose hash was shown, and is recorded singly; what came of it is read again from the mails, so that reloading, going back or a
//! second click decides nothing anew.
mod door;
mod view;

use super::browser::{Fields, check_form, field, form_token};
use super::problem::Failure;
use super::{Pages, me, see_other};
use crate::domain::ids::MessageId;
use crate::engine::connect::{ConnectError, Refusal};
use crate::engine::mail::page::{self, SHOWN};
use crate::engine::mail::{self, How, MailError};
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum_extra::extract::CookieJar;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use door::{Closed, Door, Way};
use minijinja::context;
use serde::Deserialize;

/// For the frame with a mail's HTML: its own styles and nothing else, in an origin of its own, and only on our pages.
const MAIL_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

/// What has just been done. Only these words, and what now stands about mails of this user, are ever repeated from an address.
#[derive(Deserialize)]
pub(super) struct Said {
    said: Option<String>,
    done: Option<String>,
}

impl Said {
    fn notice(&self) -> Option<&'static str> {
        match self.said.as_deref()? {
            "paused" => Some(
                "All mails to your customers are paused. Whatever waited or had not been sent yet will not be sent.",
            ),
            "resumed" => Some("Mails go on: what changes from now on is put before you again."),
            _ => None,
        }
    }

    fn problem(&self) -> Option<&'static str> {
        match self.said.as_deref()? {
            "nothing" => Some(
                "Nothing is ticked, so nothing was done. Tick the mails that you mean, then press the button again.",
            ),
            "unknown" => {
                Some("It was not clear what to do, so nothing was done. Please tick and press a button again.")
            }
            _ => None,
        }
    }

    fn outcomes(&self) -> Vec<(MessageId, Outcome)> {
        let all = self.done.as_deref().unwrap_or_default().split(',');
        let read = all.filter_map(|one| {
            let (id, word) = one.split_once('.')?;
            Some((id.parse().ok()?, Outcome::of_word(word)?))
        });
        read.take(SHOWN as usize).collect()
    }
}

/// How one decision went. Where the mail stands says more, unless it waits as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Recorded,
    Changed,
    NotCertain,
    Failed,
}

impl Outcome {
    const ALL: [(Outcome, &'static str); 4] = [
        (Outcome::Recorded, "ok"),
        (Outcome::Changed, "changed"),
        (Outcome::NotCertain, "uncertain"),
        (Outcome::Failed, "failed"),
    ];

    fn of_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(_, known)| *known == word)
            .map(|(outcome, _)| outcome)
    }

    fn as_str(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find(|(outcome, _)| *outcome == self)
            .map_or("failed", |(_, word)| word)
    }

    fn of(result: Result<(), MailError>) -> Self {
        match result {
            // What it is now is read from the mail itself.
            Ok(()) | Err(MailError::Closed(_) | MailError::Missing) => Self::Recorded,
            Err(MailError::Changed | MailError::OtherContent) => Self::Changed,
            Err(MailError::NotCertain) => Self::NotCertain,
            Err(error) => {
                tracing::error!(%error, "a decision about a mail was not recorded");
                Self::Failed
            }
        }
    }
}

/// The page.
pub(super) async fn show(
    State(pages): State<Pages>,
    Path(way): Path<Way>,
    Query(said): Query<Said>,
    jar: CookieJar,
) -> Response {
    let door = match door::open(&pages, &way, &jar).await {
        Ok(door) => door,
        Err(Closed::SignIn(ConnectError::Refused {
            reason: Refusal::SignedOut,
            ..
        })) => return me::sign_in_page(&pages, &way.tenant, jar).await,
        Err(closed) => return pages.closed(&way, closed),
    };
    let (form, jar) = match pages.session(&jar).filter(|_| door.how == How::SignIn) {
        Some(session) => (form_token(session), jar),
        None => {
            let (browser, jar) = pages.known_browser(jar);
            (form_token(&browser), jar)
        }
    };
    (jar, shown(&pages, &door, &form, &said).await).into_response()
}

async fn shown(pages: &Pages, door: &Door, form: &str, said: &Said) -> Response {
    let outcomes = said.outcomes();
    let ids: Vec<MessageId> = outcomes.iter().map(|(id, _)| *id).collect();
    let found = async {
        let page = page::consent_page(&pages.engine, door.tenant, door.user).await?;
        let decided = page::some_of(&pages.engine, door.tenant, door.user, &ids).await?;
        Ok::<_, MailError>((page, decided))
    };
    let (page, decided) = match found.await {
        Ok(found) => found,
        Err(error) => return pages.mail_problem(error, &door.home()),
    };
    let results = decided.iter().filter_map(|found| {
        let (_, outcome) = outcomes.iter().find(|(id, _)| *id == found.row.id)?;
        Some(view::result(found, *outcome, page.zone))
    });
    let results: Vec<_> = results.collect();
    let context = context! {
        notice => said.notice(), problem => said.problem(), results,
        path => &door.path, form, home => door.home(), me => format!("/me/{}", door.tenant), is_signed_in => door.how == How::SignIn,
        ..view::page(&page, &door.path)
    };
    let mut response = pages.page(StatusCode::OK, "pages/consents.html", context);
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, pages.framing_policy.clone());
    response
}

/// The HTML of one mail, for its frame.
pub(super) async fn html(State(pages): State<Pages>, Path(way): Path<Way>, jar: CookieJar) -> Response {
    let door = match door::open(&pages, &way, &jar).await {
        Ok(door) => door,
        Err(closed) => return pages.closed(&way, closed),
    };
    let id = way.message.as_deref().and_then(|id| id.parse().ok());
    let letter = match id {
        Some(id) => page::letter(&pages.engine, door.tenant, door.user, id).await,
        None => Err(MailError::Missing),
    };
    match letter {
        Ok(letter) => {
            let headers = [
                (header::CONTENT_SECURITY_POLICY, MAIL_POLICY),
                (header::REFERRER_POLICY, "no-referrer"),
                (header::CACHE_CONTROL, "no-store"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, Html(letter.hide_code(&letter.html))).into_response()
        }
        Err(error) => pages.mail_problem(error, &door.home()),
    }
}

/// The decision about the ticked mails.
pub(super) async fn decide(
    State(pages): State<Pages>,
    Path(way): Path<Way>,
    jar: CookieJar,
    Form(fields): Form<Fields>,
) -> Response {
    let door = match sent(&pages, &way, &jar, &fields).await {
        Ok(door) => door,
        Err(problem) => return problem,
    };
    let ticked = fields.iter().filter(|(name, _)| name == "mail");
    let ticked = ticked.filter_map(|(_, value)| {
        let (id, hash) = value.split_once('.')?;
        Some((id.parse::<MessageId>().ok()?, URL_SAFE_NO_PAD.decode(hash).ok()?))
    });
    let ticked: Vec<_> = ticked.take(SHOWN as usize).collect();
    let word = field(&fields, "do").unwrap_or_default();
    if word != "send" && word != "decline" {
        return see_other(&format!("{}?said=unknown", door.path));
    }
    if ticked.is_empty() {
        return see_other(&format!("{}?said=nothing", door.path));
    }
    let mut done = Vec::new();
    for (id, hash) in ticked {
        let decider = door.decider();
        let result = match word {
            "send" => mail::approve(&pages.engine, door.tenant, id, &hash, &decider).await,
            _ => mail::decline(&pages.engine, door.tenant, id, &decider).await,
        };
        done.push((id, Outcome::of(result)));
    }
    to_results(&door, &done)
}

fn to_results(door: &Door, done: &[(MessageId, Outcome)]) -> Response {
    let done: Vec<String> = done
        .iter()
        .map(|(id, outcome)| format!("{id}.{}", outcome.as_str()))
        .collect();
    see_other(&format!("{}?done={}", door.path, done.join(",")))
}

/// Takes one yes back.
pub(super) async fn take_back(
    State(pages): State<Pages>,
    Path(way): Path<Way>,
    jar: CookieJar,
    Form(fields): Form<Fields>,
) -> Response {
    let door = match sent(&pages, &way, &jar, &fields).await {
        Ok(door) => door,
        Err(problem) => return problem,
    };
    let Some(id) = field(&fields, "mail").and_then(|id| id.parse().ok()) else {
        return see_other(&format!("{}?said=unknown", door.path));
    };
    let result = mail::withdraw(&pages.engine, door.tenant, id, &door.decider()).await;
    to_results(&door, &[(id, Outcome::of(result))])
}

/// Stops all mail that needs this user.
pub(super) async fn pause(
    State(pages): State<Pages>,
    Path(way): Path<Way>,
    jar: CookieJar,
    Form(fields): Form<Fields>,
) -> Response {
    set_paused(&pages, &way, &jar, &fields, true).await
}

/// Lets it go on.
pub(super) async fn resume(
    State(pages): State<Pages>,
    Path(way): Path<Way>,
    jar: CookieJar,
    Form(fields): Form<Fields>,
) -> Response {
    set_paused(&pages, &way, &jar, &fields, false).await
}

async fn set_paused(pages: &Pages, way: &Way, jar: &CookieJar, fields: &Fields, paused: bool) -> Response {
    let door = match sent(pages, way, jar, fields).await {
        Ok(door) => door,
        Err(problem) => return problem,
    };
    let set = async {
        let account = page::consent_page(&pages.engine, door.tenant, door.user).await?.account;
        match paused {
            true => mail::pause(&pages.engine, door.tenant, account).await,
            false => mail::resume(&pages.engine, door.tenant, account).await,
        }
    };
    match set.await {
        Ok(()) => see_other(&format!(
            "{}?said={}",
            door.path,
            if paused { "paused" } else { "resumed" }
        )),
        Err(error) => pages.mail_problem(error, &door.home()),
    }
}

/// Whoever sends a form, which has to be ours.
async fn sent(pages: &Pages, way: &Way, jar: &CookieJar, fields: &Fields) -> Result<Door, Response> {
    let door = door::open(pages, way, jar)
        .await
        .map_err(|closed| pages.closed(way, closed))?;
    let cookie = match door.how {
        How::SignIn => pages.session(jar),
        _ => pages.browser(jar),
    };
    match check_form(fields, cookie) {
        Ok(()) => Ok(door),
        Err(error) => Err(pages.problem(Failure::at(error, &door.path))),
    }
}
