//! The occurrences of a series within a range of time.
//!
//! Expansion happens on wall-clock times; each result is placed into the zone on its own, so nine o'clock stays nine o'clock.
//! A time that does not exist on its day shifts forward, of two equal times the earlier is meant, and two times that fall on
//! one instant are one occurrence. The first span always belongs to the series and is the first of COUNT (RFC 5545, 3.8.2.4
//! and 3.3.10), even if it does not match the rule.
use super::lines::{Line, Moment};
use super::rule::Rule;
use super::{MAX_STEPS, RecurrenceError};
use crate::domain::time::{Fold, OriginalStart, Span, When, YEARS, Zoned};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use std::collections::BTreeSet;
use std::ops::Range;

/// One occurrence as the series has it, before any change to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// Which one.
    pub original_start: OriginalStart,
    /// From when to when.
    pub span: Span,
}

/// Lines that were read and fit their span.
pub(super) struct Series {
    span: Span,
    /// Where the wall clock hangs; UTC for whole days, which hang nowhere.
    zone: Tz,
    /// The start on that clock.
    start: NaiveDateTime,
    pub(super) rules: Vec<Rule>,
    pub(super) ex_rules: Vec<Rule>,
    pub(super) dates: BTreeSet<OriginalStart>,
    pub(super) ex_dates: BTreeSet<OriginalStart>,
}

impl Series {
    pub(super) fn read(lines: &[String], span: &Span) -> Result<Self, RecurrenceError> {
        let (zone, start) = match span {
            Span::AllDay { start, .. } => (Tz::UTC, start.and_time(NaiveTime::MIN)),
            Span::Timed { start, .. } => (start.zone, start.local),
        };
        let mut series = Self {
            span: *span,
            zone,
            start,
            rules: Vec::new(),
            ex_rules: Vec::new(),
            dates: BTreeSet::new(),
            ex_dates: BTreeSet::new(),
        };
        for (index, line) in super::lines::read(lines)?.into_iter().enumerate() {
            series
                .add(line)
                .map_err(|problem| RecurrenceError::line(index, &lines[index], problem))?;
        }
        if !lines.is_empty() && series.rules.is_empty() && series.dates.is_empty() {
            return Err(RecurrenceError::NothingRecurs);
        }
        Ok(series)
    }

    fn add(&mut self, line: Line) -> Result<(), String> {
        match line {
            Line::Rule(rule) | Line::ExRule(rule) if rule.is_hourly() && self.span.is_all_day() => {
                Err("is HOURLY, but the booking lasts whole days".to_owned())
            }
            Line::Rule(rule) => {
                self.rules.push(rule);
                Ok(())
            }
            Line::ExRule(rule) => {
                self.ex_rules.push(rule);
                Ok(())
            }
            Line::Dates(moments) => {
                let keys: Vec<_> = moments
                    .into_iter()
                    .map(|moment| self.key_of(moment))
                    .collect::<Result<_, _>>()?;
                self.dates.extend(keys);
                Ok(())
            }
            Line::ExDates(moments) => {
                let keys: Vec<_> = moments
                    .into_iter()
                    .map(|moment| self.key_of(moment))
                    .collect::<Result<_, _>>()?;
                self.ex_dates.extend(keys);
                Ok(())
            }
        }
    }

    /// Of an all-day series only the date counts, however it was written; a timed one needs times.
    fn key_of(&self, moment: Moment) -> Result<OriginalStart, String> {
        let key = match (self.span.is_all_day(), moment) {
            (true, Moment::Day(date)) => OriginalStart::Date(date),
            (true, Moment::Local(local)) => OriginalStart::Date(local.date()),
            (true, Moment::Utc(utc)) => OriginalStart::Date(utc.date_naive()),
            (false, Moment::Local(local)) => self.key(local),
            (false, Moment::Utc(utc)) => OriginalStart::At(utc),
            (false, Moment::Day(date)) => {
                return Err(format!("has the date {date}, but the booking has a time of day"));
            }
        };
        let year = match key {
            OriginalStart::Date(date) => date.year(),
            OriginalStart::At(instant) => instant.year(),
        };
        if YEARS.contains(&year) {
            Ok(key)
        } else {
            Err(format!("has the year {year}"))
        }
    }

    fn key(&self, local: NaiveDateTime) -> OriginalStart {
        if self.span.is_all_day() {
            OriginalStart::Date(local.date())
        } else if local == self.start {
            OriginalStart::of(&self.span)
        } else {
            OriginalStart::At(Zoned::new(local, self.zone, Fold::Earlier).instant())
        }
    }

    /// Whether an occurrence is later than UNTIL (inclusive; a date means the whole day in the zone of the start).
    fn is_past(&self, until: Moment, local: NaiveDateTime) -> bool {
        match (until, self.key(local)) {
            (Moment::Day(day), _) => local.date() > day,
            (Moment::Local(last), OriginalStart::Date(date)) => date > last.date(),
            (Moment::Local(last), OriginalStart::At(_)) => local > last,
            (Moment::Utc(last), OriginalStart::Date(date)) => date > last.date_naive(),
            (Moment::Utc(last), OriginalStart::At(instant)) => instant > last,
        }
    }

    /// The wall-clock times of a rule in `[from, to]`; those of an RRULE begin with the start itself.
    fn walk(
        &self,
        rule: &Rule,
        excluding: bool,
        from: NaiveDateTime,
        to: NaiveDateTime,
        steps: &mut usize,
    ) -> Result<Vec<NaiveDateTime>, RecurrenceError> {
        // COUNT can only be counted from the start.
        let near = if rule.count.is_some() { self.start } else { from };
        let all_day = self.span.is_all_day();
        let times = rule
            .times(self.start, all_day, near)
            .map_err(|problem| RecurrenceError::line(0, &format!("RRULE:{rule}"), problem))?;
        let start = self.start;
        let first = (!excluding).then_some(start);
        let times = first
            .into_iter()
            .chain(times.filter(move |time| excluding || *time > start));
        let mut found = Vec::new();
        for local in times.take(rule.count.unwrap_or(usize::MAX)) {
            if local > to {
                break;
            }
            *steps += 1;
            if *steps > MAX_STEPS {
                return Err(RecurrenceError::TooLong);
            }
            if rule.until.is_some_and(|until| self.is_past(until, local)) {
                // Around a clock change a later wall-clock time may be the earlier instant; a day later it cannot.
                if rule
                    .until
                    .is_some_and(|until| self.is_past(until, local - TimeDelta::days(2)))
                {
                    break;
                }
                continue;
            }
            if local >= from {
                found.push(local);
            }
        }
        Ok(found)
    }

    fn starts(&self, from: NaiveDateTime, to: NaiveDateTime) -> Result<BTreeSet<OriginalStart>, RecurrenceError> {
        let mut steps = 0;
        let mut starts = self.dates.clone();
        starts.insert(OriginalStart::of(&self.span));
        if !self.rules.is_empty()
            && self
                .rules
                .iter()
                .all(|rule| rule.until.is_some_and(|until| self.is_past(until, self.start)))
        {
            // A series cut before its start has nothing left, as Google shows it.
            starts.remove(&OriginalStart::of(&self.span));
        }
        for rule in &self.rules {
            let walked = self.walk(rule, false, from, to, &mut steps)?;
            starts.extend(walked.into_iter().map(|local| self.key(local)));
        }
        for rule in &self.ex_rules {
            for local in self.walk(rule, true, from, to, &mut steps)? {
                starts.remove(&self.key(local));
            }
        }
        starts.retain(|start| !self.ex_dates.contains(start));
        Ok(starts)
    }

    pub(super) fn occurrences(
        &self,
        range: Range<DateTime<Utc>>,
        day_zone: Tz,
        limit: usize,
    ) -> Result<Vec<Occurrence>, RecurrenceError> {
        let margin = TimeDelta::days(3);
        let from = earliest(range.start).naive_utc() - self.span.duration().max(TimeDelta::zero()) - margin;
        let to = latest(range.end).naive_utc() + margin;
        let mut found = Vec::new();
        for original_start in self.starts(from, to)? {
            let span = if original_start == OriginalStart::of(&self.span) {
                Some(self.span)
            } else {
                self.span.shift_to(original_start)
            };
            let Some(span) = span else { continue };
            let (starts, ends) = span.instants(day_zone);
            if starts < range.end && (ends > range.start || starts >= range.start) {
                found.push(Occurrence { original_start, span });
                if found.len() == limit {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// A rule that never matches is refused: Google would show its first event for ever, and nobody can have meant it.
    pub(super) fn check_matches_something(&self, lines: &[String]) -> Result<(), RecurrenceError> {
        for rule in &self.rules {
            let mut times = rule
                .times(self.start, self.span.is_all_day(), self.start)
                .map_err(|problem| RecurrenceError::line(0, &lines[0], problem))?;
            if times.next().is_none() {
                let index = lines
                    .iter()
                    .position(|line| Line::read(line) == Ok(Line::Rule(rule.clone())))
                    .unwrap_or(0);
                return Err(RecurrenceError::line(index, &lines[index], "matches no date"));
            }
        }
        Ok(())
    }

    /// A wall-clock time after which nothing starts; `None` when a rule has no end.
    fn bound(&self) -> Option<NaiveDateTime> {
        let local = |key: &OriginalStart| key.instant(Tz::UTC).naive_utc();
        let mut bound = self.dates.iter().map(local).max().unwrap_or(self.start).max(self.start);
        for rule in &self.rules {
            let last = match rule.until {
                Some(Moment::Day(day)) => day.and_time(NaiveTime::MIN),
                Some(Moment::Local(local)) => local,
                Some(Moment::Utc(utc)) => utc.naive_utc(),
                None => {
                    rule.count?;
                    let last = self.walk(rule, false, self.start, end_of_time(), &mut 0).ok()?;
                    last.last().copied()?
                }
            };
            bound = bound.max(last);
        }
        Some(bound.min(end_of_time()))
    }
}

fn end_of_time() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(*YEARS.end(), 12, 31)
        .unwrap_or(NaiveDate::MAX)
        .and_time(NaiveTime::MIN)
}

/// Callers may ask for all of time; chrono's own limits would overflow when a margin is added.
fn latest(instant: DateTime<Utc>) -> DateTime<Utc> {
    instant.min(end_of_time().and_utc())
}

fn earliest(instant: DateTime<Utc>) -> DateTime<Utc> {
    instant.max(DateTime::UNIX_EPOCH - TimeDelta::days(366 * 1000))
}

/// The occurrences that overlap `range` (from its start, up to and without its end), in order, at most `limit`. Whole days lie
/// in `day_zone`. A single booking is its own only occurrence.
///
/// Errors: a line cannot be read, or more than [`MAX_STEPS`] starts lie before the end of the range.
pub fn expand(
    when: &When,
    range: Range<DateTime<Utc>>,
    day_zone: Tz,
    limit: usize,
) -> Result<Vec<Occurrence>, RecurrenceError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    Series::read(&when.recurrence, &when.span)?.occurrences(range, day_zone, limit)
}

/// Whether the series has an occurrence with this original start. False, too, when its lines cannot be read.
pub fn contains(when: &When, original_start: OriginalStart) -> bool {
    let at = original_start.instant(Tz::UTC);
    let found = expand(when, at..at + TimeDelta::seconds(1), Tz::UTC, usize::MAX);
    found.is_ok_and(|found| {
        found
            .iter()
            .any(|occurrence| occurrence.original_start == original_start)
    })
}

/// When the last occurrence ends; of a series without any, when its first span would. `None` for a series without end, and
/// for one that is too long to say ([`MAX_STEPS`]) or cannot be read. Whole days lie in `day_zone`.
pub fn last_end(when: &When, day_zone: Tz) -> Option<DateTime<Utc>> {
    let series = Series::read(&when.recurrence, &when.span).ok()?;
    let bound = series.bound()?;
    // Look at the end first, then at ever longer pieces before it.
    let mut days = 64;
    loop {
        let from = bound - TimeDelta::days(days);
        let range = from.and_utc()..(bound + TimeDelta::days(3)).and_utc();
        let found = series.occurrences(range, day_zone, usize::MAX).ok()?;
        if let Some(last) = found.iter().map(|occurrence| occurrence.span.ends(day_zone)).max() {
            return Some(last);
        }
        if from < series.start - TimeDelta::days(3) {
            return Some(when.span.ends(day_zone));
        }
        days *= 16;
    }
}
