//! Rules that one plain sentence can say without leaving anything out.
use super::super::lines::Moment;
use super::super::plain::{Ending, Nth, Pattern, Plain};
use super::Rule;
use crate::domain::time::{Span, Zoned};
use chrono::{Datelike, NaiveDate, Weekday};
use rrule::Frequency;

impl Rule {
    /// `None` when a sentence would not be exact, or when the first span is not one that the rule makes itself.
    pub(in super::super) fn plain(&self, span: &Span) -> Option<Plain> {
        let (first, zone) = match span {
            Span::AllDay { start, .. } => (*start, None),
            Span::Timed { start, .. } => (start.local.date(), Some(start.zone)),
        };
        let is_odd = !self.by_week_no.is_empty()
            || !self.by_year_day.is_empty()
            || !self.by_hour.is_empty()
            || !self.by_minute.is_empty()
            || !self.by_second.is_empty()
            || !self.by_set_pos.is_empty();
        if is_odd {
            return None;
        }
        let pattern = match self.freq {
            Frequency::Daily => self.daily(first)?,
            Frequency::Weekly => self.weekly(first)?,
            Frequency::Monthly => self.monthly(first)?,
            Frequency::Yearly => self.yearly(first)?,
            _ => return None,
        };
        let ending = match (self.count, self.until) {
            (Some(count), None) => Ending::After(count),
            (None, None) => Ending::Never,
            (None, Some(until)) => Ending::Until(match (until, zone) {
                (Moment::Day(day), _) => day,
                (Moment::Local(local), _) => local.date(),
                (Moment::Utc(utc), Some(zone)) => Zoned::from_instant(utc, zone).local.date(),
                (Moment::Utc(utc), None) => utc.date_naive(),
            }),
            (Some(_), Some(_)) => return None,
        };
        Some(Plain {
            interval: self.interval,
            pattern,
            ending,
            has_exceptions: false,
        })
    }

    /// The weekdays, when none of them is numbered; empty when the rule names none.
    fn plain_days(&self) -> Option<Vec<Weekday>> {
        let plain = self.by_day.iter().all(|day| day.nth == 0);
        plain.then(|| self.by_day.iter().map(|day| day.weekday()).collect())
    }

    fn daily(&self, first: NaiveDate) -> Option<Pattern> {
        if !self.by_month.is_empty() || !self.by_month_day.is_empty() {
            return None;
        }
        match self.by_day.is_empty() {
            true => Some(Pattern::Days),
            false if self.interval == 1 => self.weekly(first),
            false => None,
        }
    }

    fn weekly(&self, first: NaiveDate) -> Option<Pattern> {
        if !self.by_month.is_empty() || !self.by_month_day.is_empty() {
            return None;
        }
        let mut days = self.plain_days()?;
        if days.is_empty() {
            days.push(first.weekday());
        }
        // Which of several days belong to one of "every 2 weeks" depends on the first day of the week.
        let is_clear = self.interval == 1 || days.len() == 1 || self.week_start.from_monday == 0;
        (is_clear && days.contains(&first.weekday())).then_some(Pattern::Weeks(days))
    }

    fn monthly(&self, first: NaiveDate) -> Option<Pattern> {
        if !self.by_month.is_empty() {
            return None;
        }
        match (self.by_month_day.as_slice(), self.by_day.as_slice()) {
            ([], []) => Self::day_of_month(first.day(), first),
            ([-1], []) => (first.succ_opt()?.day() == 1).then_some(Pattern::MonthsOnLastDay),
            ([day], []) => Self::day_of_month(u32::try_from(*day).ok()?, first),
            ([], [day]) => {
                let week = first.day0() / 7;
                let is_last = first.checked_add_signed(chrono::TimeDelta::days(7))?.month() != first.month();
                let nth = [Nth::First, Nth::Second, Nth::Third, Nth::Fourth];
                let nth = match day.nth {
                    -1 if is_last => Nth::Last,
                    n @ 1..=4 if i64::from(week) + 1 == i64::from(n) => *nth.get(usize::try_from(n - 1).ok()?)?,
                    _ => return None,
                };
                (first.weekday() == day.weekday()).then_some(Pattern::MonthsOnWeekday(nth, day.weekday()))
            }
            _ => None,
        }
    }

    /// Months without the day are left out of the series, which a short sentence does not say: only days that all months have.
    fn day_of_month(day: u32, first: NaiveDate) -> Option<Pattern> {
        (day <= 28 && day == first.day()).then_some(Pattern::MonthsOnDay(day))
    }

    fn yearly(&self, first: NaiveDate) -> Option<Pattern> {
        let month = u8::try_from(first.month()).ok()?;
        let day = i8::try_from(first.day()).ok()?;
        let is_leap_day = (month, day) == (2, 29);
        // A day without its month recurs every month.
        let same = match (self.by_month.as_slice(), self.by_month_day.as_slice()) {
            ([], []) => true,
            ([m], []) => *m == month,
            ([m], [d]) => (*m, *d) == (month, day),
            _ => false,
        };
        (same && !is_leap_day && self.by_day.is_empty()).then_some(Pattern::Years(first))
    }
}
