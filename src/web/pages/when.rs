//! Dates and times as a person reads them on a page. English, as the pages are; always with the zone, because the reader may be
//! elsewhere.
use crate::domain::time::{Span, When};
use chrono::NaiveDate;

/// `Tue 4 March 2031, 10:00 to 11:00 (Europe/Prague), repeating`.
pub(super) fn words(when: &When) -> String {
    let repeating = if when.recurrence.is_empty() { "" } else { ", repeating" };
    let span = match when.span {
        Span::AllDay { start, end } => {
            // The end of an all-day span is the day after it.
            let last = end.pred_opt().unwrap_or(end);
            if last <= start {
                format!("{}, the whole day", day(start))
            } else {
                format!("{} to {}, whole days", day(start), day(last))
            }
        }
        Span::Timed { start, end } => {
            let mut ends = end.local.format("%H:%M").to_string();
            if end.local.date() != start.local.date() {
                ends = format!("{}, {ends}", day(end.local.date()));
            }
            let zone = if end.zone == start.zone {
                String::new()
            } else {
                format!(" ({})", start.zone)
            };
            let (date, starts) = (day(start.local.date()), start.local.format("%H:%M"));
            format!("{date}, {starts}{zone} to {ends} ({})", end.zone)
        }
    };
    format!("{span}{repeating}")
}

fn day(date: NaiveDate) -> String {
    date.format("%a %-d %B %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{Fold, Zoned};
    use chrono_tz::Tz;

    fn timed(start: (&str, Tz), end: (&str, Tz)) -> When {
        let at = |(local, zone): (&str, Tz)| Zoned::new(local.parse().unwrap(), zone, Fold::Earlier);
        When::once(Span::Timed {
            start: at(start),
            end: at(end),
        })
    }

    #[test]
    fn a_time_is_told_with_day_and_zone() {
        let zone = Tz::Europe__Prague;
        let short = timed(("2031-03-04T10:00:00", zone), ("2031-03-04T11:00:00", zone));
        assert_eq!(words(&short), "Tue 4 March 2031, 10:00 to 11:00 (Europe/Prague)");
        let night = timed(("2031-03-04T22:00:00", zone), ("2031-03-05T01:30:00", zone));
        assert_eq!(
            words(&night),
            "Tue 4 March 2031, 22:00 to Wed 5 March 2031, 01:30 (Europe/Prague)"
        );
        let flight = timed(
            ("2031-03-04T10:00:00", zone),
            ("2031-03-04T14:00:00", Tz::America__New_York),
        );
        assert_eq!(
            words(&flight),
            "Tue 4 March 2031, 10:00 (Europe/Prague) to 14:00 (America/New_York)"
        );
    }

    #[test]
    fn the_last_day_of_whole_days_is_told_not_the_day_after() {
        let days = |start: &str, end: &str| Span::AllDay {
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
        };
        let fair = When {
            span: days("2031-03-04", "2031-03-07"),
            recurrence: vec!["RRULE:FREQ=YEARLY".to_owned()],
        };
        assert_eq!(
            words(&fair),
            "Tue 4 March 2031 to Thu 6 March 2031, whole days, repeating"
        );
        let holiday = When::once(days("2031-03-04", "2031-03-05"));
        assert_eq!(words(&holiday), "Tue 4 March 2031, the whole day");
    }
}
