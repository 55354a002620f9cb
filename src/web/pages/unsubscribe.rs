//! The page on which a customer ends the mails of a tenant, or lets them come again.
//!
//! The code in the address is the proof; there is no cookie. Looking changes nothing, because mail scanners look; a POST ends the
//! mails, whatever its body is: the button's, or the one-click body of RFC 8058, as a form or as multipart. It answers
//! with the page itself, because mail programs do not follow redirects (RFC 8058, section 3.1), and twice is once.
use super::Pages;
use crate::domain::ids::{MessageId, TenantId};
use crate::domain::language::Language;
use crate::engine::mail::{self, MailError, Unsubscribing};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::context;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Address {
    tenant: String,
    message: String,
    code: String,
}

/// What there is to decide.
pub(super) async fn show(State(pages): State<Pages>, Path(address): Path<Address>) -> Response {
    answer(&pages, &address, None).await
}

/// Ends the mails.
pub(super) async fn end(State(pages): State<Pages>, Path(address): Path<Address>) -> Response {
    answer(&pages, &address, Some(Act::End)).await
}

/// Lets them come again.
pub(super) async fn lift(State(pages): State<Pages>, Path(address): Path<Address>) -> Response {
    answer(&pages, &address, Some(Act::Lift)).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    End,
    Lift,
}

async fn answer(pages: &Pages, address: &Address, act: Option<Act>) -> Response {
    let engine = &pages.engine;
    let (Ok(tenant), Ok(id)) = (address.tenant.parse::<TenantId>(), address.message.parse::<MessageId>()) else {
        return unknown(pages);
    };
    let done = async {
        match act {
            None => {}
            Some(Act::End) => mail::suppress(engine, tenant, id, &address.code).await?,
            Some(Act::Lift) => mail::lift(engine, tenant, id, &address.code).await?,
        }
        mail::look(engine, tenant, id, &address.code).await
    };
    match done.await {
        Ok(found) => page(pages, address, &found, act == Some(Act::Lift)),
        Err(MailError::Missing) => unknown(pages),
        Err(error) => pages.mail_problem(error, ""),
    }
}

fn page(pages: &Pages, address: &Address, found: &Unsubscribing, is_lifted: bool) -> Response {
    let words = Words::of(found.language);
    let named = |text: &str| text.replace("{}", &found.tenant);
    let (title, text, button) = match (found.is_suppressed, is_lifted) {
        (true, _) => (words.ended, words.ended_text, words.lift),
        (false, true) => (words.lifted, words.lifted_text, words.end),
        (false, false) => (words.ask, words.ask_text, words.end),
    };
    let context = context! {
        lang => found.language.as_str(), title => named(title), text => named(text), button,
        footer => named(words.footer), is_suppressed => found.is_suppressed,
        path => format!("/unsubscribe/{}/{}/{}", address.tenant, address.message, address.code),
    };
    pages.page(StatusCode::OK, "pages/unsubscribe.html", context)
}

/// In English: without a right address nobody knows whose mail it is about.
fn unknown(pages: &Pages) -> Response {
    let context = context! {
        title => "This link is not known",
        text => "It may be incomplete: mail programs sometimes break long addresses in two. Nothing was changed.",
        remedy => "Copy the whole address from the mail, or answer the mail and ask its sender to write no more.",
        again => (), button => "",
    };
    pages.page(StatusCode::NOT_FOUND, "pages/problem.html", context)
}

/// The page's words; `{}` is the tenant.
struct Words {
    ask: &'static str,
    ask_text: &'static str,
    end: &'static str,
    ended: &'static str,
    ended_text: &'static str,
    lift: &'static str,
    lifted: &'static str,
    lifted_text: &'static str,
    footer: &'static str,
}

impl Words {
    fn of(language: Language) -> &'static Words {
        match language {
            Language::En => &ENGLISH,
            Language::Es => &SPANISH,
            Language::De => &GERMAN,
        }
    }
}

const ENGLISH: Words = Words {
    ask: "No more mails from {}?",
    ask_text: "Then you get no confirmations, changes, cancellations or reminders of your bookings by email. The bookings themselves stay as they are.",
    end: "No more mails",
    ended: "You get no more mails from {}",
    ended_text: "Nothing is sent to your address any more. Your bookings stay as they are; nobody tells you by email when they change or are cancelled.",
    lift: "Let mails come again",
    lifted: "Mails from {} come again",
    lifted_text: "You hear of your bookings by email again, from the next change on.",
    footer: "Accord sends mails about bookings for {}.",
};

const SPANISH: Words = Words {
    ask: "¿No recibir más correos de {}?",
    ask_text: "Entonces no recibirá por correo confirmaciones, cambios, cancelaciones ni recordatorios de sus citas. Las citas mismas no cambian.",
    end: "No recibir más correos",
    ended: "Ya no recibirá correos de {}",
    ended_text: "No se enviará nada más a su dirección. Sus citas no cambian; nadie le avisará por correo si se modifican o se cancelan.",
    lift: "Volver a recibir correos",
    lifted: "Volverá a recibir correos de {}",
    lifted_text: "Desde el próximo cambio volverá a recibir por correo los avisos de sus citas.",
    footer: "Accord envía correos sobre citas por encargo de {}.",
};

const GERMAN: Words = Words {
    ask: "Keine E-Mails mehr von {}?",
    ask_text: "Dann erhalten Sie keine Bestätigungen, Änderungen, Absagen und Erinnerungen zu Ihren Terminen mehr per E-Mail. Die Termine selbst bleiben bestehen.",
    end: "Keine E-Mails mehr",
    ended: "Sie erhalten keine E-Mails mehr von {}",
    ended_text: "An Ihre Adresse wird nichts mehr gesendet. Ihre Termine bleiben bestehen; niemand sagt Ihnen per E-Mail Bescheid, wenn sie sich ändern oder ausfallen.",
    lift: "Wieder E-Mails erhalten",
    lifted: "Sie erhalten wieder E-Mails von {}",
    lifted_text: "Ab der nächsten Änderung erfahren Sie wieder per E-Mail von Ihren Terminen.",
    footer: "Accord versendet E-Mails zu Terminen im Auftrag von {}.",
};
