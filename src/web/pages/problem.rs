//! What a person is told when a step was not possible: what is the matter, and what to do next.
use super::Pages;
use crate::engine::connect::link::Link;
use crate::engine::connect::{ChoiceError, ConnectError, Refusal};
use crate::engine::mail::MailError;
use crate::engine::tokens::TokenError;
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::context;
use secrecy::ExposeSecret;

/// Why there is no page. The tenant is known on the user's own pages and says where to sign in again.
pub(super) struct Failure {
    error: ConnectError,
    home: Option<String>,
}

impl<E: Into<ConnectError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            home: None,
        }
    }
}

impl Failure {
    /// With where the user's own page is.
    pub(super) fn at(error: impl Into<ConnectError>, home: &str) -> Self {
        Self {
            error: error.into(),
            home: Some(home.to_owned()),
        }
    }
}

struct Words {
    status: StatusCode,
    title: &'static str,
    text: String,
    remedy: &'static str,
}

fn words(status: StatusCode, title: &'static str, text: impl Into<String>, remedy: &'static str) -> Words {
    Words {
        status,
        title,
        text: text.into(),
        remedy,
    }
}

const NEW_LINK: &str = "Go back to the app and ask for a new link.";
const TRY_AGAIN: &str = "Please try again in a few minutes.";

impl Pages {
    pub(super) fn problem(&self, failure: Failure) -> Response {
        let told = match &failure.error {
            ConnectError::Refused { reason, .. } => refused(reason),
            error => broken(error),
        };
        let (again, button) = match (&failure.error, failure.home) {
            (
                ConnectError::Refused {
                    again: Some((tenant, id)),
                    reason,
                },
                _,
            ) if can_try_again(reason) => {
                let link = Link::without_secret(*tenant, *id).to_text();
                (Some(format!("/connect/{}", link.expose_secret())), "Try again")
            }
            (_, Some(home)) => (Some(home), "Go to your page"),
            _ => (None, ""),
        };
        let context = context! { title => told.title, text => told.text, remedy => told.remedy, again, button };
        self.page(told.status, "pages/problem.html", context)
    }
}

impl Pages {
    /// What is told when something about mails was not possible. `home`, unless it is empty, is where to go on.
    pub(super) fn mail_problem(&self, error: MailError, home: &str) -> Response {
        let told = match error {
            MailError::Store(error) => broken(&error.into()),
            MailError::Seal(error) => broken(&error.into()),
            MailError::Missing | MailError::Closed(_) => words(
                StatusCode::NOT_FOUND,
                "This mail does not wait any more",
                "It was decided, sent, or taken back meanwhile. Nothing was changed.",
                "Load the page with your mails again.",
            ),
            error => {
                tracing::error!(%error, "a page about mails failed");
                wrong_here()
            }
        };
        let again = Some(home).filter(|home| !home.is_empty());
        let context = context! { title => told.title, text => told.text, remedy => told.remedy, again, button => "Go to your mails" };
        self.page(told.status, "pages/problem.html", context)
    }
}

/// Whether another try by the same browser can end better.
fn can_try_again(reason: &Refusal) -> bool {
    !matches!(
        reason,
        Refusal::AdminDenied | Refusal::UnknownUser | Refusal::Expired | Refusal::Finished
    )
}

fn refused(reason: &Refusal) -> Words {
    use Refusal as R;
    match reason {
        R::Unknown => words(
            StatusCode::NOT_FOUND,
            "This link is not known",
            "It may be incomplete, or so old that it is forgotten. Nothing was changed.",
            NEW_LINK,
        ),
        R::Expired => words(
            StatusCode::GONE,
            "This link has expired",
            "A link is good for 15 minutes. Nothing was changed by it.",
            NEW_LINK,
        ),
        R::ChoicesExpired => words(
            StatusCode::GONE,
            "This page has expired",
            "It stays open for an hour. Nothing was saved: the calendars that were chosen before, if any, stay chosen. A \
             permission for which no calendar is chosen is given back to Google by itself.",
            "To choose calendars, go back to the app and ask for a new link.",
        ),
        R::Used => words(
            StatusCode::CONFLICT,
            "This step was taken already",
            "Each link and each answer from Google can be used once; this one was used, or a newer one took its place.",
            NEW_LINK,
        ),
        R::Finished => words(
            StatusCode::CONFLICT,
            "This is done already",
            "The account was connected and your choices were saved.",
            "You can close this page.",
        ),
        R::OtherBrowser => words(
            StatusCode::FORBIDDEN,
            "This was begun in another browser",
            "For your safety a connection is finished in the browser in which it was begun, with cookies allowed. Nothing was changed.",
            "Open the link again in that browser, or go back to the app, ask for a new link and stay in one browser.",
        ),
        R::ForeignForm => words(
            StatusCode::FORBIDDEN,
            "This form cannot be used",
            "It does not belong to this browser, or cookies are switched off. Nothing was changed.",
            "Allow cookies, go back, load the page again and send the form once more.",
        ),
        R::UnknownUser => words(
            StatusCode::NOT_FOUND,
            "This user is not known any more",
            "The app has removed the user whom this link was made for.",
            NEW_LINK,
        ),
        R::Denied => words(
            StatusCode::FORBIDDEN,
            "Not connected",
            "You did not allow access on Google's page. Nothing was changed by this attempt.",
            "If that was a mistake, try again and choose Allow. Otherwise close this page.",
        ),
        R::AdminDenied => words(
            StatusCode::FORBIDDEN,
            "Your organisation does not allow this",
            "The Google administrator of your organisation has not allowed this app. Nothing was changed.",
            "Ask your Google administrator to allow it, then ask for a new link.",
        ),
        R::GoogleRefused(name) => words(
            StatusCode::BAD_REQUEST,
            "Google did not allow the connection",
            format!("Google answered: {name}. Nothing was changed."),
            "Try again; if it happens again, tell the people who run the app what Google answered.",
        ),
        R::CodeRefused => words(
            StatusCode::BAD_REQUEST,
            "Google's answer came too late",
            "Google no longer accepts its own answer; it is good for a few minutes and for one use. Nothing was changed.",
            "Please try again.",
        ),
        R::NoLastingAccess => words(
            StatusCode::BAD_GATEWAY,
            "Google gave no lasting permission",
            "Without it bookings cannot be kept in agreement while you are away. Nothing was connected, and Google is asked \
             to take back what it gave.",
            "Open myaccount.google.com/connections, remove this app there if it is listed, then try again and choose Allow.",
        ),
        R::Unverified => words(
            StatusCode::FORBIDDEN,
            "Your Google address is not verified",
            "Google has not yet checked that the e-mail address of this account is yours. Nothing was changed.",
            "Verify the address in your Google account, then try again.",
        ),
        R::OtherIdentity { connected } => words(
            StatusCode::CONFLICT,
            "Another Google account is connected",
            format!(
                "You are connected with {connected}. One user has one Google account; the other one was not connected."
            ),
            "Try again and choose that account at Google, or first disconnect it on your page.",
        ),
        R::TakenByOther => words(
            StatusCode::CONFLICT,
            "This Google account belongs to another user",
            "Another user at this company is connected with it. It was not connected to you, and theirs stays as it is.",
            "Try again and choose another Google account. Once the other user has disconnected it, it can be connected to you.",
        ),
        R::BeingLeft => words(
            StatusCode::CONFLICT,
            "This Google account is just being disconnected",
            "Another user at this company has disconnected it, and what they asked for is not finished yet. It was not \
             connected to you.",
            TRY_AGAIN,
        ),
        R::NotConnected => words(
            StatusCode::FORBIDDEN,
            "This Google account is not connected",
            "No user at this company is connected with the Google account that you signed in with.",
            "Sign in with the Google account that you connected, or ask the app for a link to connect this one.",
        ),
        R::SignedOut => words(
            StatusCode::UNAUTHORIZED,
            "You are not signed in",
            "A sign-in lasts one hour.",
            "Sign in again.",
        ),
        R::Choice(error) => words(
            StatusCode::UNPROCESSABLE_ENTITY,
            "This choice is not possible",
            choice(error),
            "Go back and choose again. Nothing was changed.",
        ),
    }
}

/// What is told about a choice that is not possible, on the page where it was made.
pub(super) fn choice(error: &ChoiceError) -> String {
    match error {
        ChoiceError::Nothing => {
            "Tick at least one calendar, or choose contacts, or close this page: then nothing is read.".to_owned()
        }
        ChoiceError::ContactsUnanswered => {
            "Please choose which contacts may be read and changed: all, those with one label, or none.".to_owned()
        }
        ChoiceError::LabelNotListed => {
            "The label that was chosen is no longer among your contacts' labels. Choose among those shown now."
                .to_owned()
        }
        ChoiceError::NotListed => {
            "A calendar that was chosen is no longer in the list. Choose among those shown now.".to_owned()
        }
        ChoiceError::ReadOnly { title } => {
            format!("Google lets you only read “{title}”. Choose another one for new bookings.")
        }
        ChoiceError::WriteWithoutRead { title } => {
            format!("New bookings would go to “{title}”, so it must be read too: tick it, or choose another one.")
        }
        ChoiceError::BeyondUser { title } => format!("“{title}” was not allowed by its user."),
    }
}

fn broken(error: &ConnectError) -> Words {
    let google_is_down = || {
        words(
            StatusCode::SERVICE_UNAVAILABLE,
            "Google cannot be reached",
            "Google did not answer as it should. Nothing was lost.",
            "Wait a moment, then load this page again. If it came after Google's own page, go back to the app and ask for a new link.",
        )
    };
    match error {
        ConnectError::Token(TokenError::NeedsReconnect | TokenError::NotConnected) => words(
            StatusCode::CONFLICT,
            "Google no longer accepts the permission",
            "It was taken back, or it has ended.",
            NEW_LINK,
        ),
        ConnectError::Google(error) => {
            tracing::warn!(%error, "Google could not be asked for a page");
            google_is_down()
        }
        ConnectError::Token(TokenError::Transient { .. }) => google_is_down(),
        ConnectError::Store(error) | ConnectError::Token(TokenError::Store(error)) if error.is_transient() => {
            tracing::warn!(%error, "a page was not answered");
            words(
                StatusCode::SERVICE_UNAVAILABLE,
                "Not now",
                "This cannot be answered at the moment. Nothing was changed.",
                TRY_AGAIN,
            )
        }
        error => {
            tracing::error!(%error, "a page failed");
            wrong_here()
        }
    }
}

fn wrong_here() -> Words {
    words(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something is wrong on our side",
        "Nothing was changed. The people who run this service can see what happened.",
        TRY_AGAIN,
    )
}
