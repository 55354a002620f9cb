//! Properties of recurrence: no text panics or hangs, windows agree with each other, wall-clock time is kept.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
use accord::domain::recurrence::{canonical, check, contains, expand, last_end};
use accord::domain::time::{Fold, OriginalStart, Span, When, Zoned};
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;

fn number(most: i32) -> impl Strategy<Value = String> {
    (1..=most, any::<bool>()).prop_map(|(n, negative)| if negative { format!("-{n}") } else { n.to_string() })
}

fn named(name: &'static str, item: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::vec(item, 1..4).prop_map(move |items| format!("{name}={}", items.join(",")))
}

fn weekday() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["MO", "TU", "WE", "TH", "FR", "SA", "SU"]).prop_map(str::to_owned)
}

fn part() -> impl Strategy<Value = String> {
    let until = vec!["UNTIL=20280101", "UNTIL=20271031T010000Z", "UNTIL=20280229T023000"];
    let up_to = |from: u8, most: u8| (from..=most).prop_map(|n| n.to_string());
    prop_oneof![
        (1..20).prop_map(|n| format!("INTERVAL={n}")),
        (1..40).prop_map(|n| format!("COUNT={n}")),
        prop::sample::select(until).prop_map(str::to_owned),
        named("BYMONTH", up_to(1, 12)),
        named("BYWEEKNO", number(53)),
        named("BYYEARDAY", number(366)),
        named("BYMONTHDAY", number(31)),
        named("BYDAY", weekday()),
        named("BYDAY", (number(5), weekday()).prop_map(|(n, day)| n + &day)),
        named("BYHOUR", up_to(0, 23)),
        named("BYMINUTE", up_to(0, 59)),
        named("BYSETPOS", number(4)),
        weekday().prop_map(|day| format!("WKST={day}")),
    ]
}

/// A rule that follows the grammar, though not always its table of combinations.
fn rule() -> impl Strategy<Value = String> {
    let freq = prop::sample::select(vec!["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"]);
    (freq, prop::collection::vec(part(), 0..5)).prop_map(|(freq, mut parts)| {
        parts.sort();
        parts.dedup_by_key(|part| part.split('=').next().unwrap().to_owned());
        parts.insert(0, format!("RRULE:FREQ={freq}"));
        parts.join(";")
    })
}

fn wild_line() -> impl Strategy<Value = String> {
    prop_oneof![
        rule(),
        "R?RULE:(FREQ=[A-Z]{3,8};)?([A-Z]{2,10}=[-+0-9A-Zž,]{0,12};){0,4}",
        "(RDATE|EXDATE|EXRULE|RRULE)(;(TZID|VALUE)=[A-Za-z/-]{0,12})?:[-0-9TZFREQ=,;ž]{0,40}",
        "\\PC{0,40}",
    ]
}

fn span() -> impl Strategy<Value = Span> {
    let start = (
        prop::sample::select(TZ_VARIANTS.to_vec()),
        0i64..2000,
        0i64..96,
        1i64..200,
    );
    (start, any::<bool>()).prop_map(|((zone, day, quarter, quarters), all_day)| {
        let date = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + TimeDelta::days(day);
        if all_day {
            return Span::AllDay {
                start: date,
                end: date + TimeDelta::days(quarters.min(5)),
            };
        }
        let start = Zoned::new(
            date.and_time(NaiveTime::MIN) + TimeDelta::minutes(15 * quarter),
            zone,
            Fold::Earlier,
        );
        let end = Zoned::from_instant(start.instant() + TimeDelta::minutes(15 * quarters), zone);
        Span::Timed { start, end }
    })
}

fn series() -> impl Strategy<Value = When> {
    (span(), rule()).prop_filter_map("a valid rule", |(span, rule)| {
        let recurrence = vec![rule];
        check(&recurrence, &span).is_ok().then_some(When { span, recurrence })
    })
}

fn day(days: i64) -> DateTime<Utc> {
    "2024-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(days)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, max_local_rejects: 1_000_000, ..ProptestConfig::default() })]

    #[test]
    fn a_window_shows_what_a_larger_window_shows_there(when in series(), from in 0i64..1300, length in 1i64..200) {
        let range = day(from)..day(from + length);
        let everything = expand(&when, day(-400)..day(1500), Tz::UTC, usize::MAX).unwrap();
        let expected: Vec<_> = everything.into_iter().filter(|occurrence| {
            let (starts, ends) = occurrence.span.instants(Tz::UTC);
            starts < range.end && ends > range.start
        }).collect();
        let found = expand(&when, range, Tz::UTC, usize::MAX).unwrap();
        prop_assert_eq!(&found, &expected, "{:?}", when.recurrence);
        for occurrence in found.iter().take(3) {
            prop_assert!(contains(&when, occurrence.original_start));
        }
    }

    #[test]
    fn the_canonical_form_is_final_and_means_the_same(when in series()) {
        let once = canonical(&when.recurrence);
        prop_assert_eq!(&canonical(&once), &once);
        let rewritten = When { span: when.span, recurrence: once };
        let range = day(0)..day(1200);
        prop_assert_eq!(expand(&rewritten, range.clone(), Tz::UTC, 300), expand(&when, range, Tz::UTC, 300));
    }

    #[test]
    fn daily_and_weekly_series_keep_wall_clock_time(span in span(), interval in 1u16..5, weekly in any::<bool>()) {
        let freq = if weekly { "WEEKLY" } else { "DAILY" };
        let when = When { span, recurrence: vec![format!("RRULE:FREQ={freq};INTERVAL={interval}")] };
        let step = i64::from(interval) * if weekly { 7 } else { 1 };
        let found = expand(&when, day(-400)..day(8000), Tz::UTC, 150).unwrap();
        prop_assert_eq!(found.len(), 150);
        // Two days that both skip a date can share an instant, so that counting alone would drift: look each one up.
        let expected = (0..200i64).map(|n| TimeDelta::days(n * step)).map(|later| match span {
            Span::AllDay { start, .. } => OriginalStart::Date(start + later),
            Span::Timed { start, .. } => OriginalStart::At(Zoned::new(start.local + later, start.zone, Fold::Earlier).instant()),
        });
        let expected: std::collections::BTreeSet<_> = expected.collect();
        let starts: Vec<_> = found.iter().map(|occurrence| occurrence.original_start).collect();
        prop_assert_eq!(starts, expected.into_iter().take(150).collect::<Vec<_>>());
    }

    #[test]
    fn a_bounded_series_ends_with_its_last_occurrence(when in series()) {
        let line = &when.recurrence[0];
        let end = last_end(&when, Tz::UTC);
        prop_assert_eq!(end.is_some(), line.contains("COUNT=") || line.contains("UNTIL="), "{}", line);
        if let Some(end) = end {
            let all = expand(&when, day(-10)..end + TimeDelta::days(4000), Tz::UTC, usize::MAX).unwrap();
            let last = all.iter().map(|occurrence| occurrence.span.ends(Tz::UTC)).max();
            prop_assert_eq!(end, last.unwrap_or_else(|| when.span.ends(Tz::UTC)), "{}", line);
        }
    }

    #[test]
    fn no_lines_panic_or_search_without_end(span in span(), lines in prop::collection::vec(wild_line(), 1..4)) {
        let when = When { span, recurrence: lines };
        let checked = check(&when.recurrence, &when.span);
        let found = expand(&when, day(700)..day(760), Tz::UTC, 100);
        if checked.is_ok() {
            prop_assert!(found.is_ok(), "{:?}", found);
        }
        let _ = last_end(&when, Tz::UTC);
        let once = canonical(&when.recurrence);
        prop_assert_eq!(canonical(&once), once);
    }
}

/// A second, naive reading of the commonest rules, day by day.
#[test]
fn weekly_monthly_and_yearly_rules_agree_with_a_calendar() {
    let first = NaiveDate::from_ymd_opt(2024, 1, 3).unwrap();
    let span = Span::AllDay {
        start: first,
        end: first.succ_opt().unwrap(),
    };
    let dates = |rule: &str| -> Vec<NaiveDate> {
        let when = When {
            span,
            recurrence: vec![rule.to_owned()],
        };
        let found = expand(&when, day(0)..day(2000), Tz::UTC, usize::MAX).unwrap();
        let date = |start| {
            if let OriginalStart::Date(date) = start {
                Some(date)
            } else {
                None
            }
        };
        found
            .iter()
            .filter_map(|occurrence| date(occurrence.original_start))
            .collect()
    };
    let calendar = |keep: fn(NaiveDate) -> bool| -> Vec<NaiveDate> {
        first.iter_days().take(1998).filter(|date| keep(*date)).collect()
    };
    assert_eq!(
        dates("RRULE:FREQ=WEEKLY;BYDAY=WE,FR"),
        calendar(|d| matches!(d.weekday(), Weekday::Wed | Weekday::Fri))
    );
    assert_eq!(
        dates("RRULE:FREQ=MONTHLY;BYDAY=1WE"),
        calendar(|d| d.weekday() == Weekday::Wed && d.day() <= 7)
    );
    assert_eq!(
        dates("RRULE:FREQ=MONTHLY;BYMONTHDAY=3,-1"),
        calendar(|d| d.day() == 3 || d.succ_opt().unwrap().day() == 1)
    );
    assert_eq!(
        dates("RRULE:FREQ=YEARLY;BYWEEKNO=1;BYDAY=WE"),
        calendar(|d| d.iso_week().week() == 1 && d.weekday() == Weekday::Wed)
    );
    assert_eq!(
        dates("RRULE:FREQ=YEARLY;BYYEARDAY=3,-1"),
        calendar(|d| d.ordinal() == 3 || d.succ_opt().unwrap().ordinal() == 1)
    );
    assert_eq!(
        dates("RRULE:FREQ=MONTHLY;INTERVAL=3"),
        calendar(|d| d.day() == 3 && d.month() % 3 == 1)
    );
}
