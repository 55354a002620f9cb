//! Recurrence lines as text: which property, which values, and their one canonical form.
//!
//! It knows the grammar of RFC 5545 and not the booking: whether the values fit its times is decided where it is expanded.
use super::rule::Rule;
use super::{MAX_BYTES, MAX_LINES, RecurrenceError};
use crate::domain::time::{Fold, Zoned, parse_zone};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use std::collections::BTreeSet;
use std::fmt;

/// A date or time inside a line. Times with a `TZID` are UTC from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moment {
    /// `20260301`
    Day(NaiveDate),
    /// `20260301T090000`: in the zone of the start.
    Local(NaiveDateTime),
    /// `20260301T080000Z`
    Utc(DateTime<Utc>),
}

impl Moment {
    /// `None` when it is none of the three forms. A zone counts for local times only.
    pub(super) fn read(text: &str, zone: Option<Tz>) -> Option<Self> {
        // chrono would also read signs and spaces.
        if !text.bytes().all(|b| b.is_ascii_digit() || b == b'T' || b == b'Z') {
            return None;
        }
        let time = |text| {
            let time = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").ok()?;
            (chrono::Timelike::nanosecond(&time) == 0).then_some(time)
        };
        match text.len() {
            8 => NaiveDate::parse_from_str(text, "%Y%m%d").ok().map(Self::Day),
            15 => time(text).map(|local| match zone {
                Some(zone) => Self::Utc(Zoned::new(local, zone, Fold::Earlier).instant()),
                None => Self::Local(local),
            }),
            16 => time(text.strip_suffix('Z')?).map(|utc| Self::Utc(utc.and_utc())),
            _ => None,
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{}", day.format("%Y%m%d")),
            Self::Local(local) => write!(f, "{}", local.format("%Y%m%dT%H%M%S")),
            Self::Utc(utc) => write!(f, "{}", utc.format("%Y%m%dT%H%M%SZ")),
        }
    }
}

/// A line that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// `RRULE`
    Rule(Rule),
    /// `EXRULE`, which RFC 5545 dropped and Google still lists.
    ExRule(Rule),
    /// `RDATE`
    Dates(Vec<Moment>),
    /// `EXDATE`
    ExDates(Vec<Moment>),
}

impl Line {
    /// The error is the end of a sentence about the line.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (head, value) = text
            .trim()
            .split_once(':')
            .ok_or("has no colon: write it like RRULE:FREQ=DAILY")?;
        let mut head = head.split(';');
        let name = head.next().unwrap_or_default().to_ascii_uppercase();
        match name.as_str() {
            "RRULE" => value.parse().map(Self::Rule),
            "EXRULE" => value.parse().map(Self::ExRule),
            "RDATE" => dates(head, value).map(Self::Dates),
            "EXDATE" => dates(head, value).map(Self::ExDates),
            "DTSTART" | "DTEND" => Err("is not allowed here: the times of the booking say it".to_owned()),
            _ => Err("is not one of RRULE, EXRULE, RDATE, EXDATE".to_owned()),
        }
    }
}

fn dates<'a>(parameters: impl Iterator<Item = &'a str>, value: &str) -> Result<Vec<Moment>, String> {
    let mut zone = None;
    let mut days_only = None;
    for parameter in parameters {
        let (name, value) = parameter
            .split_once('=')
            .ok_or_else(|| format!("has a broken parameter {parameter:?}"))?;
        let value = value.trim_matches('"');
        match (name.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
            ("TZID", _) => zone = Some(parse_zone(value).map_err(|error| format!("has a TZID that {error}"))?),
            ("VALUE", "DATE") => days_only = Some(true),
            ("VALUE", "DATE-TIME") => days_only = Some(false),
            ("VALUE", _) => return Err(format!("has VALUE={value}; only DATE and DATE-TIME are supported")),
            // RFC 5545 allows others, and says that they can be ignored.
            _ => {}
        }
    }
    let read = |item: &str| {
        let moment = Moment::read(&item.trim().to_ascii_uppercase(), zone);
        let fits = moment.filter(|moment| days_only.is_none_or(|days| days == matches!(moment, Moment::Day(_))));
        fits.ok_or_else(|| format!("has {item:?}, which is not a date or time of the kind it announces"))
    };
    value.split(',').map(read).collect()
}

/// Reads all lines within the limits, each with its place for error messages.
pub(super) fn read(lines: &[String]) -> Result<Vec<Line>, RecurrenceError> {
    if lines.len() > MAX_LINES || lines.iter().map(String::len).sum::<usize>() > MAX_BYTES {
        return Err(RecurrenceError::TooLarge);
    }
    let read = |(index, text): (usize, &String)| {
        Line::read(text).map_err(|problem| RecurrenceError::line(index, text, problem))
    };
    lines.iter().enumerate().map(read).collect()
}

/// See [`super::canonical`].
pub(super) fn canonical(lines: &[String]) -> Vec<String> {
    let mut rules = BTreeSet::new();
    let mut ex_rules = BTreeSet::new();
    let mut dates = BTreeSet::new();
    let mut ex_dates = BTreeSet::new();
    let mut unread = BTreeSet::new();
    for text in lines {
        match Line::read(text) {
            Ok(Line::Rule(rule)) => drop(rules.insert(format!("RRULE:{rule}"))),
            Ok(Line::ExRule(rule)) => drop(ex_rules.insert(format!("EXRULE:{rule}"))),
            Ok(Line::Dates(moments)) => dates.extend(moments),
            Ok(Line::ExDates(moments)) => ex_dates.extend(moments),
            Err(_) => drop(unread.insert(text.trim().to_owned())),
        }
    }
    let mut canonical: Vec<_> = rules.into_iter().chain(ex_rules).collect();
    canonical.extend(date_lines("RDATE", &dates));
    canonical.extend(date_lines("EXDATE", &ex_dates));
    canonical.extend(unread);
    canonical
}

/// Whole days, local and UTC times cannot share a line.
fn date_lines(name: &str, moments: &BTreeSet<Moment>) -> Vec<String> {
    let line = |head: &str, kind: fn(&Moment) -> bool| {
        let values: Vec<_> = moments
            .iter()
            .filter(|moment| kind(moment))
            .map(Moment::to_string)
            .collect();
        (!values.is_empty()).then(|| format!("{name}{head}:{}", values.join(",")))
    };
    let lines = [
        line(";VALUE=DATE", |moment| matches!(moment, Moment::Day(_))),
        line("", |moment| matches!(moment, Moment::Local(_))),
        line("", |moment| matches!(moment, Moment::Utc(_))),
    ];
    lines.into_iter().flatten().collect()
}
