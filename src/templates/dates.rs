//! Dates, times and zones as the reader of a mail writes them.
//!
//! Everything is absolute: a mail is read days after it was written, so nothing here says "tomorrow". A time always stands
//! beside its zone and that zone's offset at that very instant. Names of days and months come from the locales of `chrono`.
use super::repeats;
use crate::domain::language::Language;
use crate::domain::time::{Span, When, Zoned};
use chrono::{Datelike, Locale, NaiveDate, Offset, TimeZone, Timelike};
use chrono_tz::Tz;

/// When something takes place, in words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WhenWords {
    /// `Monday, 2 March 2026, 15:30–16:30 (Europe/Madrid, UTC+1)`; of a series, its first.
    pub when: String,
    /// The day on which it begins: `Monday, 2 March 2026`.
    pub day: String,
    /// How it goes on: `every week on Monday, until 30 June 2026`; empty for a single one.
    pub repeats: String,
}

impl WhenWords {
    /// In the reader's own `zone` when it is known, otherwise in the zones of the booking. Whole days are the same days
    /// everywhere; `day_zone` is the zone of the calendar that they stand in.
    pub fn of(language: Language, when: &When, zone: Option<Tz>, day_zone: Tz) -> Self {
        let (words, first) = match &when.span {
            Span::AllDay { start, end } => (whole_days(language, *start, *end, day_zone), *start),
            Span::Timed { start, end } => {
                let shown = |time: &Zoned| match zone {
                    Some(zone) => Zoned::from_instant(time.instant(), zone),
                    None => real(time),
                };
                let (start, end) = (shown(start), shown(end));
                (timed(language, &start, &end), start.local.date())
            }
        };
        Self {
            when: words,
            day: long_date(language, first),
            repeats: repeats::sentence(language, when, zone),
        }
    }

    /// One moment: `Monday, 2 March 2026, 15:30 (Europe/Madrid, UTC+1)`.
    pub fn moment(language: Language, time: &Zoned) -> String {
        let time = real(time);
        let day = long_date(language, time.local.date());
        format!("{day}, {}{} {}", clock(&time), clock_word(language), place(&time))
    }
}

/// A time that clocks jump over is shown as the one it really is.
fn real(time: &Zoned) -> Zoned {
    Zoned::from_instant(time.instant(), time.zone)
}

fn clock_word(language: Language) -> &'static str {
    match language {
        Language::De => " Uhr",
        Language::En | Language::Es => "",
    }
}

/// `(Europe/Madrid, UTC+1)`.
fn place(time: &Zoned) -> String {
    let (zone, offset) = (time.zone.name(), offset(time));
    match zone == offset {
        true => format!("({zone})"),
        false => format!("({zone}, {offset})"),
    }
}

/// The locale whose names of days and months are used.
pub(super) fn locale(language: Language) -> Locale {
    match language {
        Language::En => Locale::en_GB,
        Language::Es => Locale::es_ES,
        Language::De => Locale::de_DE,
    }
}

/// `Monday, 2 March 2026`.
pub(super) fn long_date(language: Language, date: NaiveDate) -> String {
    let weekday = date.format_localized("%A", locale(language));
    format!("{weekday}, {}", short_date(language, date))
}

/// `2 March 2026`.
pub(super) fn short_date(language: Language, date: NaiveDate) -> String {
    let of_year = match language {
        Language::En | Language::De => " ",
        Language::Es => " de ",
    };
    format!("{}{of_year}{}", day_and_month(language, date), date.year())
}

/// `2 March`.
pub(super) fn day_and_month(language: Language, date: NaiveDate) -> String {
    let pattern = match language {
        Language::En => "%-d %B",
        Language::Es => "%-d de %B",
        Language::De => "%-d. %B",
    };
    date.format_localized(pattern, locale(language)).to_string()
}

/// `15:30`; seconds only when there are some.
pub(super) fn clock(time: &Zoned) -> String {
    let pattern = if time.local.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    time.local.format(pattern).to_string()
}

fn whole_days(language: Language, start: NaiveDate, end: NaiveDate, day_zone: Tz) -> String {
    let last = end.pred_opt().filter(|last| *last > start);
    let days = match last {
        Some(last) => format!("{} – {}", long_date(language, start), long_date(language, last)),
        None => long_date(language, start),
    };
    let all_day = match (language, last) {
        (Language::En, _) => "all day",
        (Language::Es, _) => "todo el día",
        (Language::De, None) => "ganztägig",
        (Language::De, Some(_)) => "jeweils ganztägig",
    };
    format!("{days}, {all_day} ({})", day_zone.name())
}

fn timed(language: Language, start: &Zoned, end: &Zoned) -> String {
    let (first, last) = (start.local.date(), end.local.date());
    let (begin, until) = (clock(start), clock(end));
    let (day, word, there) = (long_date(language, first), clock_word(language), place(end));
    // One zone with one offset is said once, at the end.
    let is_one_place = place(start) == there;
    if first == last && is_one_place {
        return format!("{day}, {begin}–{until}{word} {there}");
    }
    let begin = match is_one_place {
        true => format!("{day}, {begin}{word}"),
        false => format!("{day}, {begin}{word} {}", place(start)),
    };
    let last_day = match first == last {
        true => String::new(),
        false => format!("{}, ", long_date(language, last)),
    };
    format!("{begin} – {last_day}{until}{word} {there}")
}

/// `UTC+1`, `UTC+5:30`, `UTC` for none at all.
fn offset(time: &Zoned) -> String {
    let seconds = time
        .zone
        .offset_from_utc_datetime(&time.instant().naive_utc())
        .fix()
        .local_minus_utc();
    let minutes = seconds.abs() / 60;
    let sign = if seconds < 0 { '−' } else { '+' };
    match (minutes / 60, minutes % 60) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{Fold, parse_date};

    const MADRID: Tz = Tz::Europe__Madrid;

    fn at(text: &str, zone: Tz) -> Zoned {
        Zoned::parse_local(text, zone, Fold::Earlier).unwrap()
    }

    fn said(language: Language, start: Zoned, end: Zoned, zone: Option<Tz>) -> String {
        let when = When::once(Span::Timed { start, end });
        WhenWords::of(language, &when, zone, MADRID).when
    }

    #[track_caller]
    fn says(start: Zoned, end: Zoned, zone: Option<Tz>, [en, es, de]: [&str; 3]) {
        for (language, expected) in Language::ALL.into_iter().zip([en, es, de]) {
            assert_eq!(said(language, start, end, zone), expected);
        }
    }

    #[test]
    fn a_time_is_written_the_way_of_each_language_and_names_its_zone() {
        says(
            at("2026-03-02T15:30", MADRID),
            at("2026-03-02T16:30", MADRID),
            None,
            [
                "Monday, 2 March 2026, 15:30–16:30 (Europe/Madrid, UTC+1)",
                "lunes, 2 de marzo de 2026, 15:30–16:30 (Europe/Madrid, UTC+1)",
                "Montag, 2. März 2026, 15:30–16:30 Uhr (Europe/Madrid, UTC+1)",
            ],
        );
    }

    #[test]
    fn past_midnight_both_days_are_named() {
        says(
            at("2026-12-31T23:30", MADRID),
            at("2027-01-01T00:30", MADRID),
            None,
            [
                "Thursday, 31 December 2026, 23:30 – Friday, 1 January 2027, 00:30 (Europe/Madrid, UTC+1)",
                "jueves, 31 de diciembre de 2026, 23:30 – viernes, 1 de enero de 2027, 00:30 (Europe/Madrid, UTC+1)",
                "Donnerstag, 31. Dezember 2026, 23:30 Uhr – Freitag, 1. Januar 2027, 00:30 Uhr (Europe/Madrid, UTC+1)",
            ],
        );
    }

    #[test]
    fn a_change_of_clocks_inside_shows_both_offsets() {
        says(
            at("2026-03-29T01:30", MADRID),
            at("2026-03-29T03:30", MADRID),
            None,
            [
                "Sunday, 29 March 2026, 01:30 (Europe/Madrid, UTC+1) – 03:30 (Europe/Madrid, UTC+2)",
                "domingo, 29 de marzo de 2026, 01:30 (Europe/Madrid, UTC+1) – 03:30 (Europe/Madrid, UTC+2)",
                "Sonntag, 29. März 2026, 01:30 Uhr (Europe/Madrid, UTC+1) – 03:30 Uhr (Europe/Madrid, UTC+2)",
            ],
        );
    }

    #[test]
    fn of_two_equal_times_the_offset_tells_which() {
        let later = Zoned::parse_local("2026-10-25T02:30", MADRID, Fold::Later).unwrap();
        let words = said(Language::En, at("2026-10-25T02:30", MADRID), later, None);
        assert_eq!(
            words,
            "Sunday, 25 October 2026, 02:30 (Europe/Madrid, UTC+2) – 02:30 (Europe/Madrid, UTC+1)"
        );
    }

    #[test]
    fn a_time_that_clocks_jump_over_is_shown_as_the_one_it_is() {
        let words = said(
            Language::En,
            at("2026-03-29T02:30", MADRID),
            at("2026-03-29T04:00", MADRID),
            None,
        );
        assert_eq!(words, "Sunday, 29 March 2026, 03:30–04:00 (Europe/Madrid, UTC+2)");
    }

    #[test]
    fn start_and_end_in_two_zones_are_each_said_where_they_are() {
        let (start, end) = (
            at("2026-07-01T10:00", MADRID),
            at("2026-07-01T10:30", Tz::Europe__London),
        );
        assert_eq!(
            said(Language::En, start, end, None),
            "Wednesday, 1 July 2026, 10:00 (Europe/Madrid, UTC+2) – 10:30 (Europe/London, UTC+1)"
        );
        assert_eq!(
            said(Language::De, start, end, Some(Tz::Europe__Vienna)),
            "Mittwoch, 1. Juli 2026, 10:00–11:30 Uhr (Europe/Vienna, UTC+2)",
            "the reader's own zone counts for both"
        );
    }

    #[test]
    fn the_readers_zone_may_be_on_another_day() {
        let words = said(
            Language::En,
            at("2026-03-02T21:00", Tz::America__New_York),
            at("2026-03-02T22:00", Tz::America__New_York),
            Some(Tz::Asia__Kolkata),
        );
        assert_eq!(words, "Tuesday, 3 March 2026, 07:30–08:30 (Asia/Kolkata, UTC+5:30)");
    }

    #[test]
    fn offsets_west_of_greenwich_and_utc_itself_are_named() {
        let of = |zone| {
            said(
                Language::En,
                at("2026-01-05T09:00", zone),
                at("2026-01-05T09:30:15", zone),
                None,
            )
        };
        assert_eq!(
            of(Tz::America__St_Johns),
            "Monday, 5 January 2026, 09:00–09:30:15 (America/St_Johns, UTC−3:30)"
        );
        assert_eq!(of(Tz::UTC), "Monday, 5 January 2026, 09:00–09:30:15 (UTC)");
        assert_eq!(
            of(Tz::Europe__London),
            "Monday, 5 January 2026, 09:00–09:30:15 (Europe/London, UTC)"
        );
    }

    #[test]
    fn whole_days_stay_the_same_days_everywhere() {
        let of = |language, end| {
            let span = Span::AllDay {
                start: parse_date("2026-03-02").unwrap(),
                end: parse_date(end).unwrap(),
            };
            WhenWords::of(language, &When::once(span), Some(Tz::Pacific__Auckland), MADRID).when
        };
        assert_eq!(
            of(Language::En, "2026-03-03"),
            "Monday, 2 March 2026, all day (Europe/Madrid)"
        );
        assert_eq!(
            of(Language::Es, "2026-03-03"),
            "lunes, 2 de marzo de 2026, todo el día (Europe/Madrid)"
        );
        assert_eq!(
            of(Language::De, "2026-03-03"),
            "Montag, 2. März 2026, ganztägig (Europe/Madrid)"
        );
        assert_eq!(
            of(Language::En, "2026-03-05"),
            "Monday, 2 March 2026 – Wednesday, 4 March 2026, all day (Europe/Madrid)"
        );
        assert_eq!(
            of(Language::De, "2026-03-05"),
            "Montag, 2. März 2026 – Mittwoch, 4. März 2026, jeweils ganztägig (Europe/Madrid)"
        );
    }
}
