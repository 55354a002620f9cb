//! One recurrence rule (RFC 5545, 3.3.10), as text.
//!
//! The text is read here and not by the `rrule` crate, whose reader knows the zone of this machine, loses the `1` of `1MO`
//! and cuts strings inside characters. The crate does what it does well: finding the matching times.
use super::MAX_TIMES_A_DAY;
use super::lines::Moment;
use chrono::{NaiveDate, NaiveTime, Weekday};
use rrule::Frequency;
use std::fmt;
use std::str::FromStr;

mod pattern;
mod plain;

/// A rule as it was said; nothing is filled in from the start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule {
    freq: Frequency,
    interval: u16,
    pub(super) until: Option<Moment>,
    pub(super) count: Option<usize>,
    by_month: Vec<u8>,
    by_week_no: Vec<i8>,
    by_year_day: Vec<i16>,
    by_month_day: Vec<i8>,
    by_day: Vec<Day>,
    by_hour: Vec<u8>,
    by_minute: Vec<u8>,
    by_second: Vec<u8>,
    by_set_pos: Vec<i16>,
    /// First day of the week, counted from Monday.
    week_start: Day,
}

/// `MO`, or `-1MO` for the last Monday; 0 means every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Day {
    nth: i16,
    from_monday: u8,
}

const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
const MONDAY: Day = Day { nth: 0, from_monday: 0 };

impl Day {
    fn weekday(self) -> Weekday {
        Weekday::try_from(self.from_monday).unwrap_or(Weekday::Mon)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nth != 0 {
            write!(f, "{}", self.nth)?;
        }
        f.write_str(DAYS[usize::from(self.from_monday)])
    }
}

impl FromStr for Day {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (nth, name) = text.split_at_checked(text.len().wrapping_sub(2)).ok_or(())?;
        let from_monday = (0..7u8).find(|day| DAYS[usize::from(*day)] == name).ok_or(())?;
        let nth = match nth {
            "" => 0,
            number => Some(number.parse().map_err(|_| ())?).filter(|n| *n != 0).ok_or(())?,
        };
        Ok(Self { nth, from_monday })
    }
}

/// A list of a rule part, sorted and without repetition.
fn list<T: FromStr + Ord + Copy>(name: &str, text: &str, fits: impl Fn(T) -> bool) -> Result<Vec<T>, String> {
    let mut values = Vec::new();
    for item in text.split(',') {
        match item.parse() {
            Ok(value) if fits(value) => values.push(value),
            _ => return Err(format!("has {item:?} in {name}, which is not allowed there")),
        }
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

/// The same, with values that count from the end when negative.
fn signed<T>(name: &str, text: &str, most: T) -> Result<Vec<T>, String>
where
    T: FromStr + Ord + Copy + Default + std::ops::Neg<Output = T>,
{
    list(name, text, |value: T| {
        value != T::default() && value <= most && value >= -most
    })
}

impl FromStr for Rule {
    /// What is wrong, as the end of a sentence about the line.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.to_ascii_uppercase();
        let mut rule = Self {
            freq: Frequency::Yearly,
            interval: 1,
            until: None,
            count: None,
            by_month: Vec::new(),
            by_week_no: Vec::new(),
            by_year_day: Vec::new(),
            by_month_day: Vec::new(),
            by_day: Vec::new(),
            by_hour: Vec::new(),
            by_minute: Vec::new(),
            by_second: Vec::new(),
            by_set_pos: Vec::new(),
            week_start: MONDAY,
        };
        let mut seen = Vec::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| format!("has the part {part:?} without ="))?;
            if seen.contains(&name) {
                return Err(format!("says {name} twice"));
            }
            seen.push(name);
            match name {
                "FREQ" => rule.freq = frequency(value)?,
                "INTERVAL" => rule.interval = number(name, value)?,
                "COUNT" => rule.count = Some(usize::from(number::<u16>(name, value)?)),
                "UNTIL" => {
                    let until = Moment::read(value, None);
                    rule.until = Some(until.ok_or("has an UNTIL that is neither 20260301 nor 20260301T080000Z")?);
                }
                "BYMONTH" => rule.by_month = list(name, value, |month| (1..=12).contains(&month))?,
                "BYWEEKNO" => rule.by_week_no = signed(name, value, 53)?,
                "BYYEARDAY" => rule.by_year_day = signed(name, value, 366)?,
                "BYMONTHDAY" => rule.by_month_day = signed(name, value, 31)?,
                "BYDAY" => rule.by_day = list(name, value, |_| true)?,
                "BYHOUR" => rule.by_hour = list(name, value, |hour| hour < 24)?,
                "BYMINUTE" => rule.by_minute = list(name, value, |minute| minute < 60)?,
                "BYSECOND" => rule.by_second = list(name, value, |second| second < 60)?,
                "BYSETPOS" => rule.by_set_pos = signed(name, value, 366)?,
                "WKST" => {
                    let day: Option<Day> = value.parse().ok();
                    rule.week_start = day
                        .filter(|day| day.nth == 0)
                        .ok_or("has a WKST that is no weekday such as MO")?;
                }
                _ => return Err(format!("has the unknown part {name:?}")),
            }
        }
        if !seen.contains(&"FREQ") {
            return Err("has no FREQ".to_owned());
        }
        rule.check_combinations()?;
        Ok(rule)
    }
}

fn frequency(value: &str) -> Result<Frequency, String> {
    match value {
        "YEARLY" => Ok(Frequency::Yearly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "WEEKLY" => Ok(Frequency::Weekly),
        "DAILY" => Ok(Frequency::Daily),
        "HOURLY" => Ok(Frequency::Hourly),
        // A booking every second is a mistake or an attack, and its search could not be bounded.
        "MINUTELY" | "SECONDLY" => Err(format!("recurs {value}; HOURLY is the most frequent that is supported")),
        _ => Err(format!("has the unknown FREQ {value:?}")),
    }
}

fn number<T: FromStr + Default + PartialEq>(name: &str, value: &str) -> Result<T, String> {
    let number: Option<T> = value.parse().ok();
    number
        .filter(|n| *n != T::default())
        .ok_or_else(|| format!("has {name}={value}; it must be 1 to 65535"))
}

impl Rule {
    fn check_combinations(&self) -> Result<(), String> {
        let most = match self.freq {
            Frequency::Yearly if self.by_week_no.is_empty() => 53,
            Frequency::Monthly => 5,
            _ => 0,
        };
        if self.by_day.iter().any(|day| day.nth.abs() > most) {
            return Err("has a numbered BYDAY that its FREQ does not allow".to_owned());
        }
        if self.times_a_day() > MAX_TIMES_A_DAY {
            return Err(format!("has more than {MAX_TIMES_A_DAY} times a day"));
        }
        // The rest of RFC 5545's table is the crate's; any start shows it.
        let start = NaiveDate::from_ymd_opt(2000, 1, 1)
            .unwrap_or_default()
            .and_time(NaiveTime::MIN);
        self.explicit(start, false).map(|_| ())
    }

    fn times_a_day(&self) -> usize {
        [&self.by_hour, &self.by_minute, &self.by_second]
            .iter()
            .map(|list| list.len().max(1))
            .product()
    }

    pub(super) fn is_hourly(&self) -> bool {
        self.freq == Frequency::Hourly
    }

    /// The rule without its end.
    pub(super) fn endless(&self) -> Self {
        Self {
            until: None,
            count: None,
            ..self.clone()
        }
    }
}

impl fmt::Display for Rule {
    /// The canonical text, without `RRULE:`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FREQ={}", self.freq)?;
        if self.interval != 1 {
            write!(f, ";INTERVAL={}", self.interval)?;
        }
        if let Some(until) = self.until {
            write!(f, ";UNTIL={until}")?;
        }
        if let Some(count) = self.count {
            write!(f, ";COUNT={count}")?;
        }
        part(f, "BYMONTH", &self.by_month)?;
        part(f, "BYWEEKNO", &self.by_week_no)?;
        part(f, "BYYEARDAY", &self.by_year_day)?;
        part(f, "BYMONTHDAY", &self.by_month_day)?;
        part(f, "BYDAY", &self.by_day)?;
        part(f, "BYHOUR", &self.by_hour)?;
        part(f, "BYMINUTE", &self.by_minute)?;
        part(f, "BYSECOND", &self.by_second)?;
        part(f, "BYSETPOS", &self.by_set_pos)?;
        if self.week_start != MONDAY {
            write!(f, ";WKST={}", self.week_start)?;
        }
        Ok(())
    }
}

fn part<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, values: &[T]) -> fmt::Result {
    for (index, value) in values.iter().enumerate() {
        if index == 0 {
            write!(f, ";{name}={value}")?;
        } else {
            write!(f, ",{value}")?;
        }
    }
    Ok(())
}
