//! A series as a person would say it: "every week on Monday and Thursday, until 30 June 2026".
//!
//! Only what one sentence says exactly is given; of everything else the caller must say that it repeats, and no more. It
//! knows no language.
use super::lines::Line;
use crate::domain::time::When;
use chrono::{NaiveDate, Weekday};

/// What recurs. Days are those of the wall clock in the zone of the booking's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    /// Every so many days, weeks, months or years; at least 1.
    pub interval: u16,
    /// On which of them.
    pub pattern: Pattern,
    /// How long.
    pub ending: Ending,
    /// Whether single dates are taken out.
    pub has_exceptions: bool,
}

/// Which days of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Each of them.
    Days,
    /// These days of the week, from Monday on; never empty.
    Weeks(Vec<Weekday>),
    /// This day of the month, 1 to 28.
    MonthsOnDay(u32),
    /// Its last day.
    MonthsOnLastDay,
    /// Its first (second, … last) such weekday.
    MonthsOnWeekday(Nth, Weekday),
    /// This day and month; the year is that of the first.
    Years(NaiveDate),
}

/// Which of the equal weekdays of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Nth {
    First,
    Second,
    Third,
    Fourth,
    Last,
}

/// How long a series goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nobody said.
    Never,
    /// None is after this day, in the zone of the booking's start.
    Until(NaiveDate),
    /// So many, the first included.
    After(usize),
}

/// The series as one sentence would say it; `None` when that would leave something out, or when nothing recurs.
pub fn plain(when: &When) -> Option<Plain> {
    let lines = super::lines::read(&when.recurrence).ok()?;
    let mut rule = None;
    let mut has_exceptions = false;
    for line in &lines {
        match line {
            Line::Rule(found) if rule.is_none() => rule = Some(found),
            Line::ExDates(dates) => has_exceptions |= !dates.is_empty(),
            _ => return None,
        }
    }
    let plain = rule?.plain(&when.span)?;
    Some(Plain {
        has_exceptions,
        ..plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{Fold, Span, Zoned};
    use chrono_tz::Tz;

    /// A series that starts on Monday, 2 March 2026, at nine in Madrid.
    fn of(lines: &[&str]) -> Option<Plain> {
        let at = |text| Zoned::parse_local(text, Tz::Europe__Madrid, Fold::Earlier).unwrap();
        plain(&When {
            span: Span::Timed {
                start: at("2026-03-02T09:00:00"),
                end: at("2026-03-02T10:00:00"),
            },
            recurrence: lines.iter().map(|line| (*line).to_owned()).collect(),
        })
    }

    #[track_caller]
    fn says(line: &str, interval: u16, pattern: Pattern, ending: Ending) {
        let expected = Plain {
            interval,
            pattern,
            ending,
            has_exceptions: false,
        };
        assert_eq!(of(&[line]), Some(expected), "{line}");
    }

    #[test]
    fn common_rules_are_said() {
        let date = |text| crate::domain::time::parse_date(text).unwrap();
        let monday = || Pattern::Weeks(vec![Weekday::Mon]);
        says("RRULE:FREQ=DAILY", 1, Pattern::Days, Ending::Never);
        says(
            "RRULE:FREQ=DAILY;INTERVAL=3;COUNT=5",
            3,
            Pattern::Days,
            Ending::After(5),
        );
        says("RRULE:FREQ=WEEKLY", 1, monday(), Ending::Never);
        let two = Pattern::Weeks(vec![Weekday::Mon, Weekday::Thu]);
        says(
            "RRULE:FREQ=WEEKLY;BYDAY=TH,MO;UNTIL=20260630",
            1,
            two.clone(),
            Ending::Until(date("2026-06-30")),
        );
        says("RRULE:FREQ=DAILY;BYDAY=MO,TH", 1, two, Ending::Never);
        says("RRULE:FREQ=MONTHLY", 1, Pattern::MonthsOnDay(2), Ending::Never);
        let first = Pattern::MonthsOnWeekday(Nth::First, Weekday::Mon);
        says("RRULE:FREQ=MONTHLY;BYDAY=1MO", 1, first, Ending::Never);
        says(
            "RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=2",
            1,
            Pattern::Years(date("2026-03-02")),
            Ending::Never,
        );
    }

    #[test]
    fn an_end_is_a_day_where_the_booking_is() {
        // Half past eleven at night in UTC is the next day in Madrid.
        let end = of(&["RRULE:FREQ=DAILY;UNTIL=20260331T233000Z"]).unwrap().ending;
        assert_eq!(
            end,
            Ending::Until(crate::domain::time::parse_date("2026-04-01").unwrap())
        );
    }

    #[test]
    fn dates_that_are_taken_out_are_noticed() {
        assert!(
            of(&["RRULE:FREQ=DAILY", "EXDATE:20260303T080000Z"])
                .unwrap()
                .has_exceptions
        );
    }

    #[test]
    fn what_a_sentence_would_leave_out_is_not_said() {
        for lines in [
            &["RRULE:FREQ=DAILY", "RDATE:20260305T120000Z"][..],
            &["RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY"],
            &["RRULE:FREQ=DAILY", "EXRULE:FREQ=WEEKLY"],
            &["RDATE:20260305T120000Z"],
            &["RRULE:FREQ=HOURLY"],
            &["RRULE:FREQ=DAILY;BYHOUR=9,15"],
            &["RRULE:FREQ=DAILY;BYMONTH=3"],
            &["RRULE:FREQ=DAILY;INTERVAL=2;BYDAY=MO"],
            &["RRULE:FREQ=WEEKLY;BYDAY=TU"],
            &["RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU"],
            &["RRULE:FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=1"],
            &["RRULE:FREQ=MONTHLY;BYMONTHDAY=31"],
            &["RRULE:FREQ=MONTHLY;BYMONTHDAY=2,16"],
            &["RRULE:FREQ=MONTHLY;BYMONTHDAY=-1"],
            &["RRULE:FREQ=MONTHLY;BYDAY=2MO"],
            &["RRULE:FREQ=MONTHLY;BYDAY=-1MO"],
            &["RRULE:FREQ=YEARLY;BYMONTHDAY=2"],
            &["RRULE:FREQ=YEARLY;BYDAY=1MO"],
            &["RRULE:FREQ=YEARLY;BYWEEKNO=10"],
            &["not a rule"],
            &[],
        ] {
            assert_eq!(of(lines), None, "{lines:?}");
        }
    }
}
