//! Invented values for every mail: for previews, for tests, and for the trial of a tenant's templates.
use super::{BookingMail, Change, ConsentRequest, Context, Mail, ReconnectGoogle, WaitingMail, What};
use crate::domain::language::Language;
use crate::domain::mail::Kind;
use crate::domain::time::{Fold, Span, When, Zoned};
use crate::templates::WhenWords;
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;

/// Every address in a sample.
pub(super) const LINK: &str = "https://accord.example.com/mail/b3f1c0de";

/// One mail in one language with invented values.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Which mail.
    pub mail: Mail,
    /// In which language.
    pub language: Language,
    /// From which values.
    pub context: Context,
}

/// Every mail in every language, with all that it can show.
pub fn samples() -> Vec<Sample> {
    let pairs = Language::ALL
        .into_iter()
        .flat_map(|language| Mail::ALL.into_iter().map(move |mail| (mail, language)));
    pairs
        .map(|(mail, language)| Sample {
            mail,
            language,
            context: full(mail, language),
        })
        .collect()
}

/// With all that it can show.
pub(super) fn full(mail: Mail, language: Language) -> Context {
    let words = names(language);
    let [tenant, user, customer, title, place, old_place, description] = words.map(str::to_owned);
    let link = LINK.to_owned();
    match mail {
        Mail::ConsentRequest => ConsentRequest {
            tenant,
            user,
            link,
            waiting: vec![
                WaitingMail {
                    kind: Kind::Confirmation,
                    recipient: customer,
                    title: Some(title),
                    when: when(language, 2, 15, &[]).when,
                },
                WaitingMail {
                    kind: Kind::Reminder,
                    recipient: "Robin Weber".to_owned(),
                    title: None,
                    when: when(language, 4, 9, &[]).when,
                },
            ],
            more: 3,
            expires: WhenWords::moment(language, &at(3, 12)),
        }
        .into(),
        Mail::ReconnectGoogle => ReconnectGoogle { tenant, user, link }.into(),
        _ => BookingMail {
            tenant,
            user,
            customer,
            title: Some(title),
            when: when(language, 2, 15, &["RRULE:FREQ=WEEKLY;COUNT=6"]),
            changes: vec![
                Change {
                    what: What::When,
                    before: Some(when(language, 1, 10, &[]).when),
                    now: Some(when(language, 2, 15, &[]).when),
                },
                Change {
                    what: What::Place,
                    before: Some(old_place),
                    now: Some(place.clone()),
                },
            ],
            place: Some(place),
            unsubscribe_url: link,
            description: Some(description),
        }
        .into(),
    }
}

/// With as little as it can have.
pub(super) fn sparse(mail: Mail, language: Language) -> Context {
    match full(mail, language) {
        Context::Booking(full) => BookingMail {
            customer: String::new(),
            title: None,
            place: None,
            changes: Vec::new(),
            description: None,
            when: when(language, 2, 15, &[]),
            ..full
        }
        .into(),
        Context::ConsentRequest(mut full) => {
            full.waiting.truncate(1);
            ConsentRequest { more: 0, ..full }.into()
        }
        context @ Context::ReconnectGoogle(_) => context,
    }
}

/// With as much as there can be, so that loops inside of loops show what they cost.
pub(super) fn long(mail: Mail, language: Language) -> Context {
    match full(mail, language) {
        Context::Booking(full) => {
            let long = |text: &str| format!("{text} ").repeat(1_000);
            BookingMail {
                title: full.title.as_deref().map(long),
                place: full.place.as_deref().map(long),
                description: full.description.as_deref().map(long),
                changes: full.changes.iter().cycle().take(3).cloned().collect(),
                ..full
            }
            .into()
        }
        Context::ConsentRequest(full) => ConsentRequest {
            waiting: full.waiting.iter().cycle().take(100).cloned().collect(),
            ..full
        }
        .into(),
        context @ Context::ReconnectGoogle(_) => context,
    }
}

/// Tenant, user, customer, title, place, former place, description.
fn names(language: Language) -> [&'static str; 7] {
    match language {
        Language::En => [
            "Harbour Dental Practice",
            "Alex Morgan",
            "Sam Taylor",
            "Check-up and cleaning",
            "Room 2, 14 Quay Street",
            "Room 1, 14 Quay Street",
            "Bring the X-rays. INTERNAL-NOTE",
        ],
        Language::Es => [
            "Clínica Dental del Puerto",
            "Lucía Fernández",
            "Carmen Ruiz",
            "Revisión y limpieza",
            "Sala 2, Calle del Muelle 14",
            "Sala 1, Calle del Muelle 14",
            "Traer las radiografías. INTERNAL-NOTE",
        ],
        Language::De => [
            "Zahnarztpraxis am Hafen",
            "Jana Köhler",
            "Maria Schäfer",
            "Kontrolle und Zahnreinigung",
            "Raum 2, Kaistraße 14",
            "Raum 1, Kaistraße 14",
            "Röntgenbilder mitbringen. INTERNAL-NOTE",
        ],
    }
}

/// On a day of March 2026 at a full hour, where the practice is.
fn at(day: u32, hour: u32) -> Zoned {
    let date = NaiveDate::from_ymd_opt(2026, 3, day).unwrap_or_default();
    let time = NaiveTime::from_hms_opt(hour, 30, 0).unwrap_or_default();
    Zoned::new(date.and_time(time), Tz::Europe__Madrid, Fold::Earlier)
}

fn when(language: Language, day: u32, hour: u32, recurrence: &[&str]) -> WhenWords {
    let start = at(day, hour);
    let end = Zoned {
        local: start.local + TimeDelta::hours(1),
        ..start
    };
    let when = When {
        span: Span::Timed { start, end },
        recurrence: recurrence.iter().map(|line| (*line).to_owned()).collect(),
    };
    WhenWords::of(language, &when, None, Tz::Europe__Madrid)
}
