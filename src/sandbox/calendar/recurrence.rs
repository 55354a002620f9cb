//! Recurrence lines to occurrences: wall-clock time in the series' own zone, so that 09:00 stays 09:00 over DST.
//!
//! Rules are expanded on a zoneless clock and only then turned into instants. `UNTIL`, `EXDATE` and `RDATE` are accepted
//! as dates, local times and UTC. The start is always an occurrence and the first of COUNT, whether the rule meets it or not
//! (RFC 5545, 3.8.5.3). Endless rules are cut at a horizon.
use super::errors::Refusal;
use super::time::{When, resolve_local, zone};
use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use rrule::{RRule, RRuleSet, Unvalidated};

/// Occurrences of an endless series after now that a response may contain (seen: 730 of a daily one).
pub const HORIZON: usize = 730;
/// No series gives more than this, whatever its rule says.
const CEILING: usize = 20_000;

/// A checked set of recurrence lines with its first start.
#[derive(Debug, Clone)]
pub struct Series {
    start: When,
    zone: Tz,
    rules: Vec<Rule>,
    excluded_rules: Vec<Rule>,
    added: Vec<When>,
    excluded: Vec<When>,
}

#[derive(Debug, Clone)]
struct Rule {
    /// The rule on the zoneless clock; `None` when it ends before it begins.
    set: Option<RRuleSet>,
    count: Option<usize>,
    endless: bool,
}

impl Series {
    /// Reads the lines as strictly as Google: 400 "Invalid recurrence rule." for anything else than well-formed
    /// RRULE, EXRULE, RDATE and EXDATE.
    pub fn read(lines: &[String], start: When, zone: Tz) -> Result<Self, Refusal> {
        let bad = || Refusal::invalid("Invalid recurrence rule.");
        let mut series = Self {
            start,
            zone,
            rules: Vec::new(),
            excluded_rules: Vec::new(),
            added: Vec::new(),
            excluded: Vec::new(),
        };
        for line in lines {
            let (head, value) = line.split_once(':').ok_or_else(bad)?;
            let mut parameters = head.split(';');
            let name = parameters.next().unwrap_or_default().to_ascii_uppercase();
            let parameters: Vec<&str> = parameters.collect();
            match name.as_str() {
                "RRULE" => series.rules.push(series.rule(value).ok_or_else(bad)?),
                "EXRULE" => series.excluded_rules.push(series.rule(value).ok_or_else(bad)?),
                "RDATE" => series.added.extend(series.dates(&parameters, value).ok_or_else(bad)?),
                "EXDATE" => series
                    .excluded
                    .extend(series.dates(&parameters, value).ok_or_else(bad)?),
                _ => return Err(bad()),
            }
        }
        if series.rules.is_empty() && series.added.is_empty() {
            return Err(bad());
        }
        Ok(series)
    }

    fn clock(&self) -> NaiveDateTime {
        self.to_clock(self.start)
    }

    fn to_clock(&self, when: When) -> NaiveDateTime {
        match when {
            When::Day(day) => day.and_time(NaiveTime::MIN),
            When::At(at) => at.with_timezone(&self.zone).naive_local(),
        }
    }

    fn to_when(&self, clock: NaiveDateTime) -> When {
        match self.start {
            When::Day(_) => When::Day(clock.date()),
            When::At(_) => When::At(resolve_local(self.zone, clock)),
        }
    }

    fn rule(&self, text: &str) -> Option<Rule> {
        let start = self.clock();
        let (mut parts, mut until, mut count) = (Vec::new(), None, None);
        for part in text.trim_end_matches(';').split(';') {
            let (key, value) = part.split_once('=')?;
            match key.to_ascii_uppercase().as_str() {
                "UNTIL" => until = Some(self.until(value)?),
                "COUNT" => {
                    count = Some(value.parse::<usize>().ok()?).filter(|count| *count > 0);
                    parts.push(part.to_owned());
                }
                _ => parts.push(part.to_owned()),
            }
        }
        if until.is_some() && count.is_some() {
            return None;
        }
        if let Some(until) = until {
            parts.push(format!("UNTIL={}", until.format("%Y%m%dT%H%M%SZ")));
        }
        let rule: RRule<Unvalidated> = parts.join(";").parse().ok()?;
        let carrier = start.and_utc().with_timezone(&rrule::Tz::UTC);
        let set = match until {
            Some(until) if until < start => None,
            _ => Some(RRuleSet::new(carrier).rrule(rule.validate(carrier).ok()?).limit()),
        };
        Some(Rule {
            set,
            count,
            endless: until.is_none() && count.is_none(),
        })
    }

    /// Inclusive end on the zoneless clock.
    fn until(&self, text: &str) -> Option<NaiveDateTime> {
        if text.len() == 8 {
            let day = NaiveDate::parse_from_str(text, "%Y%m%d").ok()?;
            return match self.start {
                When::Day(_) => Some(day.and_time(NaiveTime::MIN)),
                When::At(_) => day.and_hms_opt(23, 59, 59),
            };
        }
        let clock = match text.strip_suffix('Z') {
            Some(utc) => {
                let utc = NaiveDateTime::parse_from_str(utc, "%Y%m%dT%H%M%S").ok()?;
                match self.start {
                    When::Day(_) => utc,
                    When::At(_) => self.to_clock(When::At(utc.and_utc())),
                }
            }
            None => NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").ok()?,
        };
        match self.start {
            When::Day(_) => Some(clock.date().and_time(NaiveTime::MIN)),
            When::At(_) => Some(clock),
        }
    }

    fn dates(&self, parameters: &[&str], text: &str) -> Option<Vec<When>> {
        let mut named = self.zone;
        for parameter in parameters {
            let (key, value) = parameter.split_once('=')?;
            match key.to_ascii_uppercase().as_str() {
                "TZID" => named = zone(value.trim_matches('"'))?,
                "VALUE" if value.eq_ignore_ascii_case("DATE") => {}
                "VALUE" if value.eq_ignore_ascii_case("DATE-TIME") => {}
                _ => return None,
            }
        }
        text.split(',')
            .map(|item| {
                let item = item.trim();
                let when = match (item.len(), item.ends_with('Z')) {
                    (8, _) => return When::from_compact(item),
                    (_, true) => When::from_compact(item)?,
                    _ => {
                        let clock = NaiveDateTime::parse_from_str(item, "%Y%m%dT%H%M%S").ok()?;
                        When::At(resolve_local(named, clock))
                    }
                };
                Some(match self.start {
                    When::Day(_) => When::Day(self.to_clock(when).date()),
                    When::At(_) => when,
                })
            })
            .collect()
    }

    /// Whether some rule never ends.
    pub fn endless(&self) -> bool {
        self.rules.iter().any(|rule| rule.endless)
    }

    /// Sorted occurrences that start before `before`. Endless rules stop [`HORIZON`] occurrences after `now`.
    pub fn occurrences(&self, now: DateTime<Utc>, before: Option<DateTime<Utc>>) -> Vec<When> {
        let mut all = if self.rules.is_empty() {
            vec![self.start]
        } else {
            Vec::new()
        };
        for rule in &self.rules {
            all.extend(self.expand(rule, true, now, before));
        }
        all.extend(self.added.iter().copied());
        let mut gone = self.excluded.clone();
        for rule in &self.excluded_rules {
            gone.extend(self.expand(rule, false, now, before));
        }
        gone.sort_unstable();
        all.retain(|when| gone.binary_search(when).is_err());
        if let Some(before) = before {
            all.retain(|when| when.micros(self.zone) < before.timestamp_micros());
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    fn expand(&self, rule: &Rule, with_start: bool, now: DateTime<Utc>, before: Option<DateTime<Utc>>) -> Vec<When> {
        let Some(set) = &rule.set else {
            return Vec::new();
        };
        let clock = self.clock();
        let start = with_start.then_some(self.start);
        let later = set
            .into_iter()
            .map(|carrier| carrier.naive_utc())
            .filter(move |time| !with_start || *time > clock)
            .map(|time| self.to_when(time));
        let (mut found, mut ahead) = (Vec::new(), 0);
        for when in start.into_iter().chain(later).take(rule.count.unwrap_or(CEILING)) {
            let micros = when.micros(self.zone);
            if before.is_some_and(|before| micros >= before.timestamp_micros()) {
                break;
            }
            if rule.endless && micros >= now.timestamp_micros() {
                if ahead == HORIZON {
                    break;
                }
                ahead += 1;
            }
            found.push(when);
        }
        found
    }

    /// Whether the series has an occurrence at exactly that original start.
    pub fn contains(&self, when: When) -> bool {
        let instant = DateTime::from_timestamp_micros(when.micros(self.zone)).unwrap_or_default();
        self.occurrences(instant, Some(instant + Duration::days(2)))
            .binary_search(&when)
            .is_ok()
    }

    /// The last occurrence; `None` when there is no last one, or none at all.
    pub fn last(&self) -> Option<When> {
        if self.endless() {
            return None;
        }
        self.occurrences(DateTime::<Utc>::MIN_UTC, None).pop()
    }
}

/// The lines of both parts of a split series.
pub struct Parts {
    /// UNTIL one second (all-day: one day) before the split, COUNT gone.
    pub before: Vec<String>,
    /// COUNT lowered by the occurrences that stay before the split.
    pub after: Vec<String>,
}

/// Cuts the lines of a series at one of its occurrences. Listed dates go to their side of the cut.
pub fn split(lines: &[String], series: &Series, at: When) -> Parts {
    let until = match at {
        When::Day(day) => When::Day(day - Duration::days(1)).compact(),
        When::At(instant) => When::At(instant - Duration::seconds(1)).compact(),
    };
    let instant = DateTime::from_timestamp_micros(at.micros(series.zone)).unwrap_or_default();
    let passed = |rule: &Rule| series.expand(rule, true, instant, Some(instant)).len();
    let mut rules = series.rules.iter();
    let mut parts = Parts {
        before: Vec::new(),
        after: Vec::new(),
    };
    for line in lines {
        let Some((head, value)) = line.split_once(':') else {
            continue;
        };
        if head.eq_ignore_ascii_case("RRULE") {
            let gone = rules.next().map_or(0, passed);
            let kept = value
                .split(';')
                .filter(|part| !part.starts_with("UNTIL=") && !part.starts_with("COUNT="));
            let kept: Vec<&str> = kept.collect();
            parts.before.push(format!("RRULE:{};UNTIL={until}", kept.join(";")));
            let lowered: Vec<String> = value.split(';').map(|part| lower_count(part, gone)).collect();
            parts.after.push(format!("RRULE:{}", lowered.join(";")));
            continue;
        }
        let parameters: Vec<&str> = head.split(';').skip(1).collect();
        let is_earlier = |item: &&str| {
            let dates = series.dates(&parameters, item).unwrap_or_default();
            dates.first().is_none_or(|date| *date < at)
        };
        let (earlier, later): (Vec<&str>, Vec<&str>) = value.split(',').partition(is_earlier);
        for (side, dates) in [(&mut parts.before, earlier), (&mut parts.after, later)] {
            if !dates.is_empty() {
                side.push(format!("{head}:{}", dates.join(",")));
            }
        }
    }
    parts
}

fn lower_count(part: &str, passed: usize) -> String {
    match part
        .strip_prefix("COUNT=")
        .and_then(|count| count.parse::<usize>().ok())
    {
        Some(count) => format!("COUNT={}", count.saturating_sub(passed).max(1)),
        None => part.to_owned(),
    }
}
