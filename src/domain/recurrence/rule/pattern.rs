//! The wall-clock times that a rule matches, found by the `rrule` crate.
//!
//! The crate is given UTC throughout, so that its idea of time zones never matters, and no end, because COUNT and UNTIL are
//! about the series. It walks from where it starts; starting it near the times asked for keeps old series cheap.
use super::Rule;
use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};
use rrule::{Frequency, NWeekday, RRule, RRuleSet, Tz};

impl Rule {
    /// The crate's rule with everything that the start implies said aloud (RFC 5545, 3.3.10: "Information, not contained in
    /// the rule, necessary to determine the various recurrence instance start time and dates are derived from DTSTART").
    pub(super) fn explicit(&self, start: NaiveDateTime, all_day: bool) -> Result<RRule, String> {
        let or = |list: &[u8], implied: u32| match list {
            // "BYSECOND, BYMINUTE and BYHOUR MUST be ignored" when DTSTART is a date.
            [] => vec![u8::try_from(implied).unwrap_or(0)],
            _ if all_day => vec![0],
            said => said.to_vec(),
        };
        let mut by_month = self.by_month.clone();
        let mut by_month_day = self.by_month_day.clone();
        let mut by_day = self.weekdays();
        if by_month_day.is_empty() && by_day.is_empty() && self.by_week_no.is_empty() && self.by_year_day.is_empty() {
            let day = i8::try_from(start.day()).unwrap_or(1);
            match self.freq {
                Frequency::Yearly => {
                    if by_month.is_empty() {
                        by_month.push(u8::try_from(start.month()).unwrap_or(1));
                    }
                    by_month_day.push(day);
                }
                Frequency::Monthly => by_month_day.push(day),
                Frequency::Weekly => by_day.push(NWeekday::Every(start.weekday())),
                _ => {}
            }
        }
        let months: Vec<_> = by_month
            .iter()
            .filter_map(|month| chrono::Month::try_from(*month).ok())
            .collect();
        let by_hour = if self.is_hourly() {
            self.by_hour.clone()
        } else {
            or(&self.by_hour, start.hour())
        };
        RRule::new(self.freq)
            .interval(self.interval)
            .week_start(self.week_start.weekday())
            .by_month(&months)
            .by_week_no(self.by_week_no.clone())
            .by_year_day(self.by_year_day.clone())
            .by_month_day(by_month_day)
            .by_weekday(by_day)
            .by_hour(by_hour)
            .by_minute(or(&self.by_minute, start.minute()))
            .by_second(or(&self.by_second, start.second()))
            .by_set_pos(self.by_set_pos.iter().map(|pos| i32::from(*pos)).collect())
            .validate(start.and_utc().with_timezone(&Tz::UTC))
            .map_err(|error| format!("is no valid rule: {error}"))
    }

    /// The crate takes `MO,1TU` as "Mondays that are also the first Tuesday"; said with numbers only it is understood.
    fn weekdays(&self) -> Vec<NWeekday> {
        let numbered = self.by_day.iter().any(|day| day.nth != 0);
        let most = if self.freq == Frequency::Yearly && self.by_month.is_empty() {
            53
        } else {
            5
        };
        let mut days = Vec::new();
        for day in &self.by_day {
            match day.nth {
                0 if numbered => days.extend((1..=most).map(|nth| NWeekday::Nth(nth, day.weekday()))),
                0 => days.push(NWeekday::Every(day.weekday())),
                nth => days.push(NWeekday::Nth(nth, day.weekday())),
            }
        }
        days
    }

    /// The matching wall-clock times from `start` on, in order; those long before `near` are skipped without walking.
    /// Ends where the crate finds nothing more (it gives up after 100 000 empty periods, or in the year 10000).
    pub(in crate::domain::recurrence) fn times(
        &self,
        start: NaiveDateTime,
        all_day: bool,
        near: NaiveDateTime,
    ) -> Result<impl Iterator<Item = NaiveDateTime> + use<>, String> {
        let anchor = self
            .period_before(start, near)
            .unwrap_or(start)
            .and_utc()
            .with_timezone(&Tz::UTC);
        let set = RRuleSet::new(anchor).rrule(self.explicit(start, all_day)?).limit();
        Ok(set
            .into_iter()
            .map(|time| time.naive_utc())
            .filter(move |time| *time >= start))
    }

    /// The beginning of a period that the rule visits (it visits every INTERVAL-th, counted from the period of the start):
    /// the last but one before `near`, or the start's own.
    fn period_before(&self, start: NaiveDateTime, near: NaiveDateTime) -> Option<NaiveDateTime> {
        let interval = i64::from(self.interval);
        let first = self.period_of(start);
        let steps = ((self.period_of(near) - first) / interval - 1).max(0);
        let period = first + steps * interval;
        let day = match self.freq {
            Frequency::Yearly => NaiveDate::from_ymd_opt(i32::try_from(period).ok()?, 1, 1),
            Frequency::Monthly => {
                let (year, month) = (period.div_euclid(12), period.rem_euclid(12));
                NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()? + 1, 1)
            }
            Frequency::Weekly => day_number(period * 7 - self.weeks_shift()),
            Frequency::Daily => day_number(period),
            _ => return NaiveDateTime::default().checked_add_signed(TimeDelta::try_hours(period)?),
        };
        Some(day?.and_time(NaiveTime::MIN))
    }

    /// Number of the period (year, month, week, day, hour) a time lies in.
    fn period_of(&self, time: NaiveDateTime) -> i64 {
        let day = (time.date() - NaiveDate::default()).num_days();
        match self.freq {
            Frequency::Yearly => i64::from(time.year()),
            Frequency::Monthly => i64::from(time.year()) * 12 + i64::from(time.month0()),
            Frequency::Weekly => (day + self.weeks_shift()).div_euclid(7),
            Frequency::Daily => day,
            _ => day * 24 + i64::from(time.hour()),
        }
    }

    /// 1 January 1970 was a Thursday; shifted by this, weeks begin on the rule's first day.
    fn weeks_shift(&self) -> i64 {
        3 - i64::from(self.week_start.from_monday)
    }
}

fn day_number(days: i64) -> Option<NaiveDate> {
    let epoch = NaiveDate::default();
    match u64::try_from(days) {
        Ok(days) => epoch.checked_add_days(Days::new(days)),
        Err(_) => epoch.checked_sub_days(Days::new(days.unsigned_abs())),
    }
}
