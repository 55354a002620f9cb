//! How a series goes on, as one sentence in the reader's language.
//!
//! An exact sentence or an honest one: what cannot be said in full is said to repeat, and the calendar entry that comes with
//! the mail has the rest.
use super::dates::{clock, day_and_month, locale, short_date};
use crate::domain::language::Language;
use crate::domain::recurrence::{Ending, Nth, Pattern, Plain, plain};
use crate::domain::time::{Span, When};
use chrono::{Datelike, NaiveDate, Weekday};
use chrono_tz::Tz;

/// Empty for a single booking. A reader in another `zone` is told the wall-clock time that the series keeps, because in
/// their zone its hour, and even its weekday, may move with the seasons.
pub(super) fn sentence(language: Language, when: &When, zone: Option<Tz>) -> String {
    if when.recurrence.is_empty() {
        return String::new();
    }
    let said = match plain(when) {
        Some(series) => say(language, &series),
        None => honest(language).to_owned(),
    };
    match &when.span {
        Span::Timed { start, .. } if zone.is_some_and(|zone| zone != start.zone) => {
            let (clock, there) = (clock(start), start.zone.name());
            match language {
                Language::En => format!("{said}; always at {clock} in {there}"),
                Language::Es => format!("{said}; siempre a las {clock} en {there}"),
                Language::De => format!("{said}; immer um {clock} Uhr in {there}"),
            }
        }
        _ => said,
    }
}

fn honest(language: Language) -> &'static str {
    match language {
        Language::En => "more than once; the calendar entry has all dates",
        Language::Es => "varias veces; la entrada del calendario contiene todas las fechas",
        Language::De => "mehrmals; alle Daten stehen im Kalendereintrag",
    }
}

fn say(language: Language, series: &Plain) -> String {
    let n = series.interval;
    let pattern = match language {
        Language::En => english(n, &series.pattern),
        Language::Es => spanish(n, &series.pattern),
        Language::De => german(n, &series.pattern),
    };
    let ending = match (language, series.ending) {
        (_, Ending::Never) => String::new(),
        (Language::En, Ending::Until(day)) => format!(", until {}", short_date(language, day)),
        (Language::Es, Ending::Until(day)) => format!(", hasta el {}", short_date(language, day)),
        (Language::De, Ending::Until(day)) => format!(", bis zum {}", short_date(language, day)),
        (Language::En, Ending::After(1)) => ", once".to_owned(),
        (Language::Es, Ending::After(1)) => ", una sola vez".to_owned(),
        (Language::De, Ending::After(1)) => ", einmal".to_owned(),
        (Language::En, Ending::After(count)) => format!(", {count} times in total"),
        (Language::Es, Ending::After(count)) => format!(", {count} veces en total"),
        (Language::De, Ending::After(count)) => format!(", insgesamt {count} Termine"),
    };
    let exceptions = match (series.has_exceptions, language) {
        (false, _) => "",
        (true, Language::En) => ", with exceptions (see the calendar entry)",
        (true, Language::Es) => ", con excepciones (véase la entrada del calendario)",
        (true, Language::De) => ", mit Ausnahmen (siehe Kalendereintrag)",
    };
    format!("{pattern}{ending}{exceptions}")
}

fn english(n: u16, pattern: &Pattern) -> String {
    let every = |one: &str, many: &str| {
        if n == 1 {
            format!("every {one}")
        } else {
            format!("every {n} {many}")
        }
    };
    let month = || every("month", "months");
    match pattern {
        Pattern::Days => every("day", "days"),
        Pattern::Weeks(days) => format!(
            "{} on {}",
            every("week", "weeks"),
            weekdays(Language::En, days, "", " and ")
        ),
        Pattern::MonthsOnDay(day) => format!("{} on day {day}", month()),
        Pattern::MonthsOnLastDay => format!("{} on the last day", month()),
        Pattern::MonthsOnWeekday(nth, day) => {
            let nth = ["first", "second", "third", "fourth", "last"][place(*nth)];
            format!("{} on the {nth} {}", month(), weekday(Language::En, *day))
        }
        Pattern::Years(first) => format!("{} on {}", every("year", "years"), day_and_month(Language::En, *first)),
    }
}

fn spanish(n: u16, pattern: &Pattern) -> String {
    let every = |one: &str, many: &str| {
        if n == 1 {
            format!("cada {one}")
        } else {
            format!("cada {n} {many}")
        }
    };
    let month = || every("mes", "meses");
    match pattern {
        Pattern::Days if n == 1 => "todos los días".to_owned(),
        Pattern::Days => every("día", "días"),
        Pattern::Weeks(days) => format!(
            "{}, {}",
            every("semana", "semanas"),
            weekdays(Language::Es, days, "el ", " y ")
        ),
        Pattern::MonthsOnDay(day) => format!("{}, el día {day}", month()),
        Pattern::MonthsOnLastDay => format!("{}, el último día", month()),
        Pattern::MonthsOnWeekday(nth, day) => {
            let nth = ["primer", "segundo", "tercer", "cuarto", "último"][place(*nth)];
            format!("{}, el {nth} {}", month(), weekday(Language::Es, *day))
        }
        Pattern::Years(first) => format!("{}, el {}", every("año", "años"), day_and_month(Language::Es, *first)),
    }
}

fn german(n: u16, pattern: &Pattern) -> String {
    let every = |one: &str, many: &str| {
        if n == 1 {
            one.to_owned()
        } else {
            format!("alle {n} {many}")
        }
    };
    let month = || every("jeden Monat", "Monate");
    match pattern {
        Pattern::Days => every("jeden Tag", "Tage"),
        Pattern::Weeks(days) => {
            format!(
                "{} am {}",
                every("jede Woche", "Wochen"),
                weekdays(Language::De, days, "", " und ")
            )
        }
        Pattern::MonthsOnDay(day) => format!("{} am {day}.", month()),
        Pattern::MonthsOnLastDay => format!("{} am letzten Tag", month()),
        Pattern::MonthsOnWeekday(nth, day) => {
            let nth = ["ersten", "zweiten", "dritten", "vierten", "letzten"][place(*nth)];
            format!("{} am {nth} {}", month(), weekday(Language::De, *day))
        }
        Pattern::Years(first) => format!(
            "{} am {}",
            every("jedes Jahr", "Jahre"),
            day_and_month(Language::De, *first)
        ),
    }
}

fn place(nth: Nth) -> usize {
    match nth {
        Nth::First => 0,
        Nth::Second => 1,
        Nth::Third => 2,
        Nth::Fourth => 3,
        Nth::Last => 4,
    }
}

/// `Monday, Tuesday and Friday`, each after `article`.
fn weekdays(language: Language, days: &[Weekday], article: &str, and: &str) -> String {
    let names: Vec<_> = days
        .iter()
        .map(|day| format!("{article}{}", weekday(language, *day)))
        .collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{}{and}{last}", others.join(", ")),
        None => String::new(),
    }
}

fn weekday(language: Language, day: Weekday) -> String {
    // Any week has all of them.
    let date = NaiveDate::MIN
        .iter_days()
        .find(|date| date.weekday() == day)
        .unwrap_or_default();
    date.format_localized("%A", locale(language)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{Fold, Zoned};

    /// A series from Monday, 2 March 2026, nine in Madrid.
    fn said(language: Language, lines: &[&str], zone: Option<Tz>) -> String {
        let at = |text| Zoned::parse_local(text, Tz::Europe__Madrid, Fold::Earlier).unwrap();
        let when = When {
            span: Span::Timed {
                start: at("2026-03-02T09:00"),
                end: at("2026-03-02T10:00"),
            },
            recurrence: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        sentence(language, &when, zone)
    }

    #[test]
    fn common_series_are_plain_sentences() {
        for (line, sentences) in [
            ("FREQ=DAILY", ["every day", "todos los días", "jeden Tag"]),
            (
                "FREQ=DAILY;INTERVAL=3;COUNT=5",
                [
                    "every 3 days, 5 times in total",
                    "cada 3 días, 5 veces en total",
                    "alle 3 Tage, insgesamt 5 Termine",
                ],
            ),
            (
                "FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20260630T220000Z",
                [
                    "every week on Monday and Thursday, until 1 July 2026",
                    "cada semana, el lunes y el jueves, hasta el 1 de julio de 2026",
                    "jede Woche am Montag und Donnerstag, bis zum 1. Juli 2026",
                ],
            ),
            (
                "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE,SA",
                [
                    "every 2 weeks on Monday, Wednesday and Saturday",
                    "cada 2 semanas, el lunes, el miércoles y el sábado",
                    "alle 2 Wochen am Montag, Mittwoch und Samstag",
                ],
            ),
            (
                "FREQ=MONTHLY",
                ["every month on day 2", "cada mes, el día 2", "jeden Monat am 2."],
            ),
            (
                "FREQ=MONTHLY;BYDAY=1MO",
                [
                    "every month on the first Monday",
                    "cada mes, el primer lunes",
                    "jeden Monat am ersten Montag",
                ],
            ),
            (
                "FREQ=YEARLY",
                [
                    "every year on 2 March",
                    "cada año, el 2 de marzo",
                    "jedes Jahr am 2. März",
                ],
            ),
        ] {
            for (language, expected) in Language::ALL.into_iter().zip(sentences) {
                assert_eq!(said(language, &[&format!("RRULE:{line}")], None), expected);
            }
        }
    }

    #[test]
    fn what_cannot_be_said_exactly_is_said_to_repeat() {
        assert_eq!(
            said(Language::En, &["RRULE:FREQ=MONTHLY;BYMONTHDAY=2,31"], None),
            "more than once; the calendar entry has all dates"
        );
        assert_eq!(
            said(Language::De, &["RRULE:FREQ=DAILY", "EXDATE:20260303T080000Z"], None),
            "jeden Tag, mit Ausnahmen (siehe Kalendereintrag)"
        );
    }

    #[test]
    fn a_reader_in_another_zone_is_told_which_clock_the_series_keeps() {
        let elsewhere = Some(Tz::Asia__Tokyo);
        assert_eq!(
            said(Language::En, &["RRULE:FREQ=WEEKLY"], elsewhere),
            "every week on Monday; always at 09:00 in Europe/Madrid"
        );
        assert_eq!(
            said(Language::Es, &["RRULE:FREQ=WEEKLY"], elsewhere),
            "cada semana, el lunes; siempre a las 09:00 en Europe/Madrid"
        );
        assert_eq!(
            said(Language::En, &["RRULE:FREQ=WEEKLY"], Some(Tz::Europe__Madrid)),
            "every week on Monday"
        );
    }

    #[test]
    fn a_single_booking_does_not_repeat() {
        assert_eq!(said(Language::En, &[], Some(Tz::Asia__Tokyo)), "");
    }
}
