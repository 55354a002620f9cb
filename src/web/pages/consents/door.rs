//! By which way a user came to the consent page, and what to tell whoever cannot enter.
use crate::domain::ids::{TenantId, UserId};
use crate::engine::connect::ConnectError;
use crate::engine::mail::page::{LinkError, by_link};
use crate::engine::mail::{Decider, How};
use crate::web::pages::problem::Failure;
use crate::web::pages::{Pages, me};
use axum::http::StatusCode;
use axum::response::Response;
use axum_extra::extract::CookieJar;
use minijinja::context;
use serde::Deserialize;

/// The parts of an address: `/consents/{tenant}/{id}/{secret}` or `/me/{tenant}/consents`.
#[derive(Deserialize)]
pub(in crate::web::pages) struct Way {
    pub(super) tenant: String,
    id: Option<String>,
    secret: Option<String>,
    pub(super) message: Option<String>,
}

impl Way {
    fn home(&self) -> Option<String> {
        let tenant: TenantId = self.tenant.parse().ok()?;
        Some(format!("/me/{tenant}/consents"))
    }
}

/// A user at their page.
pub(super) struct Door {
    pub(super) tenant: TenantId,
    pub(super) user: UserId,
    pub(super) how: How,
    /// The page's own address.
    pub(super) path: String,
}

impl Door {
    /// The same page after a sign-in.
    pub(super) fn home(&self) -> String {
        format!("/me/{}/consents", self.tenant)
    }

    pub(super) fn decider(&self) -> Decider {
        Decider {
            user: Some(self.user),
            how: self.how,
        }
    }
}

/// Why the page is not shown.
pub(super) enum Closed {
    Link(LinkError),
    SignIn(ConnectError),
}

/// Finds out who is there. Changes nothing.
pub(super) async fn open(pages: &Pages, way: &Way, jar: &CookieJar) -> Result<Door, Closed> {
    let (Some(id), Some(secret)) = (&way.id, &way.secret) else {
        let visit = me::visit(pages, &way.tenant, jar).await.map_err(Closed::SignIn)?;
        return Ok(Door {
            tenant: visit.tenant,
            user: visit.overview.account.user_id,
            how: How::SignIn,
            path: format!("{}/consents", visit.path),
        });
    };
    let (Ok(tenant), Ok(id)) = (way.tenant.parse::<TenantId>(), id.parse()) else {
        return Err(Closed::Link(LinkError::Unknown));
    };
    let user = by_link(&pages.engine, tenant, id, secret).await.map_err(Closed::Link)?;
    Ok(Door {
        tenant,
        user,
        how: How::Mailbox,
        path: format!("/consents/{tenant}/{id}/{secret}"),
    })
}

impl Pages {
    /// What is told instead of the page.
    pub(super) fn closed(&self, way: &Way, closed: Closed) -> Response {
        let (status, title, text, remedy) = match closed {
            Closed::SignIn(error) => {
                let home = way.home().unwrap_or_default();
                return self.problem(if home.is_empty() {
                    error.into()
                } else {
                    Failure::at(error, &home)
                });
            }
            Closed::Link(LinkError::Store(error)) => return self.problem(ConnectError::from(error).into()),
            Closed::Link(LinkError::Unknown) => (
                StatusCode::NOT_FOUND,
                "This link is not known",
                "It may be incomplete, or so old that it is forgotten. Nothing was changed, and no mail was sent by it.",
                "Open the link in the mail once more, or sign in with your Google account to see what waits.",
            ),
            Closed::Link(LinkError::Expired) => (
                StatusCode::GONE,
                "This link has expired",
                "Nothing was changed, and no mail was sent by it. Mails that you did not decide about are never sent.",
                "Sign in with your Google account to see what still waits, or wait for the next mail: it brings a new link.",
            ),
            Closed::Link(LinkError::Disconnected) => (
                StatusCode::GONE,
                "This Google account is not connected any more",
                "The link was sent to an account that has been disconnected. Without it no mail is sent for you, and nothing waits.",
                "To connect again, ask the app for a new link. If you have connected another account, sign in with that one.",
            ),
        };
        let context = context! { title, text, remedy, again => way.home(), button => "Sign in" };
        self.page(status, "pages/problem.html", context)
    }
}
