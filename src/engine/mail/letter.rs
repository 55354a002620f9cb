//! The letter of a proposal: rendered once, from what it tells and what was told before.
use super::family::{Person, language_of};
use super::{Desk, MailError};
use crate::domain::ids::{BookingId, MessageId};
use crate::domain::language::Language;
use crate::domain::mail::{Aspect, Kind, Letter, Mailbox, Method, Told, Unsubscribe, clean_line};
use crate::domain::time::{OriginalStart, Span};
use crate::engine::Engine;
use crate::mail::calendar::{CalendarFacts, calendar_part};
use crate::mail::compose;
use crate::templates::WhenWords;
use crate::templates::mail::{BookingMail, Change, Context, Mail, MailTemplates, What};
use chrono::DateTime;
use chrono_tz::Tz;

/// What a letter to a customer is made from.
pub(super) struct Draft<'a> {
    pub(super) id: MessageId,
    pub(super) kind: Kind,
    pub(super) booking: BookingId,
    /// Which occurrence it is about; `None` for a single booking and for a series as a whole.
    pub(super) start: Option<OriginalStart>,
    /// The span of the series, when it is about an occurrence: its zone names the occurrence.
    pub(super) series: Option<Span>,
    /// What it tells.
    pub(super) told: &'a Told,
    /// What the customer was told before.
    pub(super) before: Option<&'a Told>,
    pub(super) sequence: i64,
    /// Who reads it.
    pub(super) customer: &'a Person,
    /// Who meets the customer, and where answers go.
    pub(super) user: &'a Mailbox,
    /// Kept for tenants' own templates; none of ours shows it.
    pub(super) description: Option<String>,
    pub(super) day_zone: Tz,
}

/// Renders it.
///
/// # Errors
/// A template that cannot be rendered with these values, or values that no mail can carry.
pub(super) fn write(
    engine: &Engine,
    desk: &Desk,
    templates: &MailTemplates,
    draft: &Draft<'_>,
) -> Result<Letter, MailError> {
    let unsubscribe_url = desk.unsubscribe_url(engine, draft.id);
    let language = language_of(draft.customer.language.as_deref(), desk.language);
    let when = |told: &Told| WhenWords::of(language, &told.when, draft.customer.zone, draft.day_zone);
    let context = BookingMail {
        tenant: clean_line(&desk.name),
        user: clean_line(&draft.user.name),
        customer: draft.customer.name.clone(),
        title: draft.told.title.clone(),
        when: when(draft.told),
        place: draft.told.place.clone(),
        changes: changes(language, draft),
        unsubscribe_url: unsubscribe_url.clone(),
        description: draft.description.clone(),
    };
    let mail = Mail::for_kind(draft.kind);
    let rendered = templates
        .render(mail, language, &Context::from(context))
        .map_err(|error| MailError::unreadable("a mail", &error))?;
    let to = Mailbox {
        name: draft.customer.name.clone(),
        address: draft.told.address.clone(),
    };
    let letter = Letter {
        message_id: format!("{}@{}", draft.id, desk.uid_domain),
        from: desk.sender.clone(),
        reply_to: Some(draft.user.clone()).filter(|user| !user.address.is_empty()),
        calendar: Some(calendar_part(&facts(engine, desk, draft, language, to.clone()))),
        to,
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
        unsubscribe: Some(Unsubscribe {
            url: unsubscribe_url,
            one_click: engine.mail.dkim_by_server,
        }),
    };
    compose::check(&letter).map_err(|error| MailError::unreadable("a mail", &error))?;
    Ok(letter)
}

fn facts(engine: &Engine, desk: &Desk, draft: &Draft<'_>, language: Language, attendee: Mailbox) -> CalendarFacts {
    let fallback = match language {
        Language::En => "Appointment",
        Language::Es => "Cita",
        Language::De => "Termin",
    };
    let title = draft.told.title.clone().filter(|title| !title.is_empty());
    CalendarFacts {
        uid: desk.uid(draft.booking),
        sequence: draft.sequence,
        dtstamp: DateTime::from_timestamp_millis(engine.now_ms()).unwrap_or_default(),
        method: if draft.kind == Kind::Cancellation {
            Method::Cancel
        } else {
            Method::Request
        },
        span: draft.told.when.span,
        recurrence: draft.told.when.recurrence.clone(),
        recurrence_id: draft.start,
        series_span: draft.series,
        summary: title.unwrap_or_else(|| fallback.to_owned()),
        location: draft.told.place.clone(),
        organizer: desk.sender.clone(),
        attendee,
    }
}

/// What is different from what the customer was told, for the mail and for the page that asks.
fn changes(language: Language, draft: &Draft<'_>) -> Vec<Change> {
    let Some(before) = draft.before.filter(|_| draft.kind == Kind::Update) else {
        return Vec::new();
    };
    let when = |told: &Told| {
        let words = WhenWords::of(language, &told.when, draft.customer.zone, draft.day_zone);
        match words.repeats.is_empty() {
            true => words.when,
            false => format!("{}, {}", words.when, words.repeats),
        }
    };
    let now = draft.told;
    let change = |aspect: Aspect| match aspect {
        Aspect::Title => Some(Change {
            what: What::Title,
            before: before.title.clone(),
            now: now.title.clone(),
        }),
        Aspect::When => Some(Change {
            what: What::When,
            before: Some(when(before)),
            now: Some(when(now)),
        }),
        Aspect::Place => Some(Change {
            what: What::Place,
            before: before.place.clone(),
            now: now.place.clone(),
        }),
        // The mail names who meets the customer, and that it takes place, as they are now.
        Aspect::User | Aspect::Status => None,
    };
    now.changed_since(before).into_iter().filter_map(change).collect()
}
