//! `VTIMEZONE`: what a zone's clocks do during the time that matters (RFC 5545, 3.6.5).
//!
//! Made from the same zone database that the booking was made with, so that both agree whatever the recipient's computer
//! believes. Clock changes that repeat by a rule are written as that rule, others one by one.
use super::CalendarFacts;
use crate::domain::recurrence::last_end;
use crate::domain::time::{Span, When};
use chrono::{DateTime, Datelike, Days, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{OffsetComponents, OffsetName, Tz};
use std::ops::Range;

/// How far a series without end is explained, where its zone follows no rule.
const YEARS_AHEAD: u64 = 20;
/// Most clock changes that are looked for. Casablanca has four a year.
const MOST_CHANGES: usize = 400;

/// A clock change, or the state at the beginning.
#[derive(Debug, Clone, PartialEq)]
struct Onset {
    /// On the clock before it.
    local: NaiveDateTime,
    from: i32,
    to: i32,
    name: String,
    daylight: bool,
}

/// The time that matters for this event: a year around it; of a series, up to a year after its last occurrence.
pub(super) fn period(facts: &CalendarFacts, zone: Tz) -> Range<DateTime<Utc>> {
    let (mut first, mut last) = facts.span.instants(zone);
    if let Some(original) = facts.recurrence_id {
        (first, last) = (first.min(original.instant(zone)), last.max(original.instant(zone)));
    } else if !facts.recurrence.is_empty() {
        let when = When {
            span: facts.span,
            recurrence: facts.recurrence.clone(),
        };
        let far = first.checked_add_days(Days::new(366 * YEARS_AHEAD)).unwrap_or(last);
        last = last.max(last_end(&when, zone).unwrap_or(far)).min(far.max(last));
        // RDATEs may lie before the start.
        if let Span::Timed { .. } = facts.span {
            first = first.min(earliest_date(&facts.recurrence).unwrap_or(first));
        }
    }
    let year = TimeDelta::days(366);
    first - year..last + year
}

fn earliest_date(lines: &[String]) -> Option<DateTime<Utc>> {
    let dates = lines.iter().filter(|line| line.starts_with("RDATE"));
    let values = dates
        .filter_map(|line| line.split_once(':'))
        .flat_map(|(_, values)| values.split(','));
    let read =
        values.filter_map(|value| NaiveDateTime::parse_from_str(value.trim_end_matches('Z'), "%Y%m%dT%H%M%S").ok());
    // A day of margin for the zone.
    read.min().map(|local| local.and_utc() - TimeDelta::days(1))
}

/// The component of a zone, right for every instant of the period, lines ended by CRLF. The `icalendar` crate has no such
/// component, and would add a UID and the time of its own clock to one; nothing in it needs escaping or folding.
pub(super) fn component(zone: Tz, period: Range<DateTime<Utc>>) -> String {
    let mut text = format!("BEGIN:VTIMEZONE\r\nTZID:{}\r\n", zone.name());
    for group in groups(onsets(zone, &period)) {
        text += &observance(&group, period.end);
    }
    text + "END:VTIMEZONE\r\n"
}

fn offset(zone: Tz, at: DateTime<Utc>) -> i32 {
    zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
}

fn onset(zone: Tz, at: DateTime<Utc>, from: i32) -> Onset {
    let there = zone.offset_from_utc_datetime(&at.naive_utc());
    let to = there.fix().local_minus_utc();
    Onset {
        local: at.naive_utc() + TimeDelta::seconds(i64::from(from)),
        from,
        to,
        name: there.abbreviation().unwrap_or("").to_owned(),
        daylight: there.dst_offset() > TimeDelta::zero(),
    }
}

/// The state at the beginning of the period, as if it began there, and every change of offset in it.
fn onsets(zone: Tz, period: &Range<DateTime<Utc>>) -> Vec<Onset> {
    let mut at = period.start;
    let mut found = vec![onset(zone, at, offset(zone, at))];
    // The shortest state of any zone lasts some weeks (Casablanca in Ramadan); a week cannot hide two changes of it.
    let step = TimeDelta::days(7);
    while at < period.end && found.len() < MOST_CHANGES {
        let next = at + step;
        let before = offset(zone, at);
        if offset(zone, next) != before {
            let (mut low, mut high) = (at, next);
            while high - low > TimeDelta::seconds(1) {
                let middle = low + (high - low) / 2;
                let middle = middle - TimeDelta::nanoseconds(i64::from(middle.timestamp_subsec_nanos()));
                if offset(zone, middle) == before {
                    low = middle
                } else {
                    high = middle
                }
            }
            found.push(onset(zone, high, before));
        }
        at = next;
    }
    found
}

/// Onsets of one kind together: they share one component. The first one stands alone, as its onset is not a true one.
fn groups(onsets: Vec<Onset>) -> Vec<Vec<Onset>> {
    let mut groups: Vec<Vec<Onset>> = Vec::new();
    for (index, onset) in onsets.into_iter().enumerate() {
        let same = |group: &&mut Vec<Onset>| {
            let first = &group[0];
            (first.from, first.to, &first.name, first.daylight) == (onset.from, onset.to, &onset.name, onset.daylight)
        };
        match groups.iter_mut().skip(1).find(same) {
            Some(group) if index > 0 => group.push(onset),
            _ => groups.push(vec![onset]),
        }
    }
    groups
}

fn observance(group: &[Onset], end: DateTime<Utc>) -> String {
    let first = &group[0];
    let kind = if first.daylight { "DAYLIGHT" } else { "STANDARD" };
    let mut lines = vec![
        format!("BEGIN:{kind}"),
        format!("DTSTART:{}", text(first.local)),
        format!("TZOFFSETFROM:{}", offset_text(first.from)),
        format!("TZOFFSETTO:{}", offset_text(first.to)),
    ];
    if !first.name.is_empty() {
        lines.push(format!("TZNAME:{}", first.name));
    }
    match rule(group, end) {
        Some(rule) => lines.push(format!("RRULE:{rule}")),
        // One line each: a list would have to be folded.
        None => lines.extend(group[1..].iter().map(|onset| format!("RDATE:{}", text(onset.local)))),
    }
    lines.push(format!("END:{kind}"));
    lines
        .into_iter()
        .fold(String::new(), |text, line| text + &line + "\r\n")
}

fn text(local: NaiveDateTime) -> String {
    local.format("%Y%m%dT%H%M%S").to_string()
}

/// `+0530`, with seconds for the local mean times of the nineteenth century.
fn offset_text(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let (all, rest) = (seconds.abs() / 60, seconds.abs() % 60);
    let text = format!("{sign}{:02}{:02}", all / 60, all % 60);
    if rest == 0 { text } else { format!("{text}{rest:02}") }
}

/// The rule that gives exactly these onsets up to the end of the period, when there is one: the same weekday of the same
/// month at the same time, year after year. Two onsets are an accident, three a rule.
fn rule(group: &[Onset], end: DateTime<Utc>) -> Option<String> {
    let (first, last) = (group.first()?.local, group.last()?.local);
    let goes_on = last + TimeDelta::days(380) > end.naive_utc();
    let yearly = group.windows(2).all(|pair| {
        let (one, next) = (pair[0].local, pair[1].local);
        next.year() == one.year() + 1
            && (next.month(), next.weekday(), next.time()) == (one.month(), one.weekday(), one.time())
    });
    if group.len() < 3 || !goes_on || !yearly {
        return None;
    }
    let all = |same: fn(NaiveDateTime) -> bool| group.iter().all(|onset| same(onset.local));
    let ordinal = if all(|local| (local + TimeDelta::days(7)).month() != local.month()) {
        -1
    } else {
        let week = |local: NaiveDateTime| (local.day() - 1) / 7 + 1;
        if group.iter().any(|onset| week(onset.local) != week(first)) {
            return None;
        }
        i64::from(week(first))
    };
    let day = first.weekday().to_string().to_uppercase();
    Some(format!(
        "FREQ=YEARLY;BYMONTH={};BYDAY={ordinal}{}",
        first.month(),
        day.get(..2)?
    ))
}
