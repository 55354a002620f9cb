//! Recurrence lines as a calendar of somebody else needs them: every time on the clock of the start, every `UNTIL` of the
//! kind that RFC 5545 asks for.
//!
//! Stored lines say local times without their zone (it is that of the start) and others in UTC; clients match an EXDATE
//! with an occurrence more surely when both are written alike. Lines that cannot be read are left out: they would reach the
//! calendar unchecked.
use super::{Moment, is_utc};
use crate::domain::recurrence::canonical;
use crate::domain::time::{Fold, Span, Zoned};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use icalendar::Property;
use std::collections::BTreeMap;

/// The properties of a series.
pub(super) fn properties(lines: &[String], span: &Span) -> Vec<Property> {
    let mut rules = Vec::new();
    // Values by name and kind of moment, so that one line has one kind.
    let mut dates: BTreeMap<(String, String), (Property, Vec<String>)> = BTreeMap::new();
    for line in canonical(lines) {
        let Some((head, value)) = line.split_once(':') else {
            continue;
        };
        let name = head.split(';').next().unwrap_or_default();
        match name {
            "RRULE" | "EXRULE" => rules.push(Property::new(name, rule(value, span))),
            "RDATE" | "EXDATE" => {
                for moment in value.split(',').filter_map(|value| moment(value, span)) {
                    let property = moment.property(name);
                    let kind: String = property.params().values().map(|parameter| parameter.value()).collect();
                    let kind = format!("{kind}{}", moment.text().ends_with('Z'));
                    let (_, values) = dates
                        .entry((name.to_owned(), kind))
                        .or_insert_with(|| (property, Vec::new()));
                    if !values.contains(&moment.text()) {
                        values.push(moment.text());
                    }
                }
            }
            _ => {}
        }
    }
    let dates = dates.into_values().map(|(pattern, values)| {
        let mut property = Property::new(pattern.key(), values.join(","));
        for parameter in pattern.params().values() {
            property.append_parameter(parameter.clone());
        }
        property
    });
    rules.into_iter().chain(dates).collect()
}

/// A value of RDATE or EXDATE in the form of the start.
fn moment(value: &str, span: &Span) -> Option<Moment> {
    let date = |text: &str| NaiveDate::parse_from_str(text.get(..8)?, "%Y%m%d").ok();
    let Span::Timed { start, .. } = span else {
        return date(value).map(Moment::Day);
    };
    let local = NaiveDateTime::parse_from_str(value.trim_end_matches('Z'), "%Y%m%dT%H%M%S").ok()?;
    let time = if value.ends_with('Z') {
        Zoned::from_instant(local.and_utc(), start.zone)
    } else {
        Zoned::new(local, start.zone, Fold::Earlier)
    };
    Some(Moment::of(&time))
}

/// The rule with an `UNTIL` that is a date for whole days and UTC for times (RFC 5545, 3.3.10).
fn rule(value: &str, span: &Span) -> String {
    let parts = value.split(';').map(|part| match part.strip_prefix("UNTIL=") {
        Some(until) => format!("UNTIL={}", bound(until, span).unwrap_or_else(|| until.to_owned())),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(";")
}

fn bound(until: &str, span: &Span) -> Option<String> {
    let Span::Timed { start, .. } = span else {
        return Some(until.get(..8)?.to_owned());
    };
    if until.ends_with('Z') {
        return Some(until.to_owned());
    }
    let local = if until.len() == 8 {
        // The whole day in the zone of the start.
        let day = NaiveDate::parse_from_str(until, "%Y%m%d").ok()?;
        day.succ_opt()?.and_time(NaiveTime::MIN) - TimeDelta::seconds(1)
    } else {
        NaiveDateTime::parse_from_str(until, "%Y%m%dT%H%M%S").ok()?
    };
    let zone = if is_utc(start.zone) { Tz::UTC } else { start.zone };
    Some(Moment::Utc(Zoned::new(local, zone, Fold::Later).instant()).text())
}
