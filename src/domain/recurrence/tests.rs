//! Examples of series, most of them from the wild.
use super::*;
use crate::domain::time::{Fold, OriginalStart, When, Zoned};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn timed(start: &str, end: &str, zone: Tz) -> Span {
    let zoned = |text| Zoned::parse_local(text, zone, Fold::Earlier).unwrap();
    Span::Timed {
        start: zoned(start),
        end: zoned(end),
    }
}

fn days(start: &str, end: &str) -> Span {
    Span::AllDay {
        start: start.parse().unwrap(),
        end: end.parse().unwrap(),
    }
}

fn series(span: Span, lines: &[&str]) -> When {
    When {
        span,
        recurrence: lines.iter().map(|line| (*line).to_owned()).collect(),
    }
}

/// Nine to ten in Prague.
fn morning(date: &str, lines: &[&str]) -> When {
    series(
        timed(
            &format!("{date}T09:00:00"),
            &format!("{date}T10:00:00"),
            Tz::Europe__Prague,
        ),
        lines,
    )
}

fn all(when: &When) -> Vec<String> {
    let far = utc("1900-01-01T00:00:00Z")..utc("2100-01-01T00:00:00Z");
    expand(when, far, Tz::UTC, 500)
        .unwrap()
        .iter()
        .map(|o| o.original_start.to_string())
        .collect()
}

/// Wall-clock starts.
fn locals(when: &When) -> Vec<String> {
    let far = utc("1900-01-01T00:00:00Z")..utc("2100-01-01T00:00:00Z");
    let local = |occurrence: &Occurrence| match occurrence.span {
        Span::Timed { start, .. } => start.rfc3339(),
        Span::AllDay { start, .. } => start.to_string(),
    };
    expand(when, far, Tz::UTC, 500).unwrap().iter().map(local).collect()
}

fn problem(when: &When) -> String {
    check(&when.recurrence, &when.span).unwrap_err().to_string()
}

#[test]
fn nine_o_clock_stays_nine_o_clock_over_both_switches() {
    let spring = morning("2026-03-22", &["RRULE:FREQ=WEEKLY;COUNT=2"]);
    assert_eq!(
        locals(&spring),
        ["2026-03-22T09:00:00+01:00", "2026-03-29T09:00:00+02:00"]
    );
    let autumn = morning("2026-10-18", &["RRULE:FREQ=WEEKLY;COUNT=2"]);
    assert_eq!(
        locals(&autumn),
        ["2026-10-18T09:00:00+02:00", "2026-10-25T09:00:00+01:00"]
    );
}

#[test]
fn a_nonexistent_time_shifts_forward_and_of_a_repeated_one_the_earlier_is_meant() {
    let night = |date: &str| {
        let span = timed(
            &format!("{date}T02:30:00"),
            &format!("{date}T02:45:00"),
            Tz::Europe__Prague,
        );
        series(span, &["RRULE:FREQ=DAILY;COUNT=3"])
    };
    let spring = [
        "2026-03-28T02:30:00+01:00",
        "2026-03-29T03:30:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ];
    assert_eq!(locals(&night("2026-03-28")), spring);
    let autumn = [
        "2026-10-24T02:30:00+02:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ];
    assert_eq!(locals(&night("2026-10-24")), autumn);
}

#[test]
fn a_series_that_starts_at_the_later_of_two_times_keeps_its_first_start() {
    let zoned = |text| Zoned::parse_local(text, Tz::Europe__Prague, Fold::Later).unwrap();
    let span = Span::Timed {
        start: zoned("2026-10-25T02:30:00"),
        end: zoned("2026-10-25T02:45:00"),
    };
    let when = series(span, &["RRULE:FREQ=DAILY;COUNT=2"]);
    assert_eq!(all(&when), ["2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"]);
    assert!(contains(&when, OriginalStart::of(&span)));
}

#[test]
fn hours_that_fall_together_in_spring_are_one_occurrence() {
    let span = timed("2026-03-29T00:30:00", "2026-03-29T00:40:00", Tz::Europe__Prague);
    let when = series(span, &["RRULE:FREQ=HOURLY;UNTIL=20260329T020000Z"]);
    // 00:30, 01:30, 02:30 (is 03:30), 03:30.
    assert_eq!(
        all(&when),
        ["2026-03-28T23:30:00Z", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]
    );
}

#[test]
fn until_is_inclusive_in_all_its_forms() {
    let starts = ["2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z"];
    for until in ["20260303", "20260303T080000Z", "20260303T090000", "20260304T075959Z"] {
        assert_eq!(
            all(&morning("2026-03-02", &[&format!("RRULE:FREQ=DAILY;UNTIL={until}")])),
            starts,
            "{until}"
        );
    }
    let before = morning("2026-03-02", &["RRULE:FREQ=DAILY;UNTIL=20260303T075959Z"]);
    assert_eq!(all(&before), starts[..1]);
    for until in ["20260303", "20260303T000000Z", "20260303T235959"] {
        let when = series(
            days("2026-03-02", "2026-03-03"),
            &[&format!("RRULE:FREQ=DAILY;UNTIL={until}")],
        );
        assert_eq!(all(&when), ["2026-03-02", "2026-03-03"], "{until}");
    }
}

#[test]
fn until_as_a_date_means_the_day_in_the_zone_of_the_start() {
    let span = timed("2026-03-02T20:00:00", "2026-03-02T21:00:00", Tz::America__Los_Angeles);
    let when = series(span, &["RRULE:FREQ=DAILY;UNTIL=20260303"]);
    assert_eq!(all(&when), ["2026-03-03T04:00:00Z", "2026-03-04T04:00:00Z"]);
}

#[test]
fn a_series_cut_before_its_start_is_empty() {
    let when = morning("2026-03-02", &["RRULE:FREQ=DAILY;UNTIL=20260301T000000Z"]);
    assert_eq!(check(&when.recurrence, &when.span), Ok(()));
    assert_eq!(all(&when), [""; 0]);
    assert_eq!(last_end(&when, Tz::UTC), Some(utc("2026-03-02T09:00:00Z")));
}

#[test]
fn dates_are_added_and_taken_away_in_every_form() {
    let when = morning(
        "2026-03-02",
        &[
            "RRULE:FREQ=DAILY;COUNT=5",
            "EXDATE;TZID=America/New_York:20260303T030000,20260304T030000",
            "EXDATE:20260305T080000Z",
            "EXDATE:20260306T090000",
            "RDATE;TZID=Europe/Prague:20260310T110000",
            "RDATE;VALUE=DATE-TIME:20260311T090000,20260302T080000Z",
        ],
    );
    assert_eq!(check(&when.recurrence, &when.span), Ok(()));
    assert_eq!(
        all(&when),
        ["2026-03-02T08:00:00Z", "2026-03-10T10:00:00Z", "2026-03-11T08:00:00Z"]
    );
    let when = series(
        days("2026-03-02", "2026-03-04"),
        &["RDATE;VALUE=DATE:20260305,20260308", "EXDATE;VALUE=DATE:20260302"],
    );
    assert_eq!(all(&when), ["2026-03-05", "2026-03-08"]);
}

#[test]
fn an_exrule_takes_occurrences_away() {
    let when = morning(
        "2026-03-02",
        &["RRULE:FREQ=DAILY;COUNT=7", "EXRULE:FREQ=WEEKLY;BYDAY=SA,SU"],
    );
    assert_eq!(all(&when).len(), 5);
    let when = morning("2026-03-02", &["RRULE:FREQ=DAILY;COUNT=3", "EXRULE:FREQ=DAILY;COUNT=1"]);
    assert_eq!(all(&when), ["2026-03-03T08:00:00Z", "2026-03-04T08:00:00Z"]);
}

#[test]
fn several_rules_are_a_union() {
    let when = morning("2026-03-02", &["RRULE:FREQ=WEEKLY;COUNT=2", "RRULE:FREQ=DAILY;COUNT=2"]);
    assert_eq!(
        all(&when),
        ["2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z", "2026-03-09T08:00:00Z"]
    );
}

#[test]
fn a_start_that_does_not_match_is_the_first_occurrence_and_is_counted() {
    let when = morning("2026-03-04", &["RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=3"]);
    assert_eq!(
        all(&when),
        ["2026-03-04T08:00:00Z", "2026-03-09T08:00:00Z", "2026-03-16T08:00:00Z"]
    );
}

#[test]
fn positions_numbered_days_and_leap_days_are_found() {
    let last_workday = series(
        days("2026-01-30", "2026-01-31"),
        &["RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3"],
    );
    assert_eq!(all(&last_workday), ["2026-01-30", "2026-02-27", "2026-03-31"]);
    let leap = series(days("2024-02-29", "2024-03-01"), &["RRULE:FREQ=YEARLY;COUNT=3"]);
    assert_eq!(all(&leap), ["2024-02-29", "2028-02-29", "2032-02-29"]);
    let end_of_month = series(days("2026-01-31", "2026-02-01"), &["RRULE:FREQ=MONTHLY;COUNT=3"]);
    assert_eq!(all(&end_of_month), ["2026-01-31", "2026-03-31", "2026-05-31"]);
    let mixed = series(
        days("2026-06-01", "2026-06-02"),
        &["RRULE:FREQ=MONTHLY;BYDAY=MO,1TU;COUNT=6"],
    );
    assert_eq!(
        all(&mixed),
        [
            "2026-06-01",
            "2026-06-02",
            "2026-06-08",
            "2026-06-15",
            "2026-06-22",
            "2026-06-29"
        ]
    );
    let thanksgiving = series(
        days("2026-11-26", "2026-11-27"),
        &["RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=2"],
    );
    assert_eq!(all(&thanksgiving), ["2026-11-26", "2027-11-25"]);
}

#[test]
fn every_other_week_depends_on_the_first_day_of_the_week() {
    // The example of RFC 5545, 3.8.5.3.
    let tuesday_and_sunday = |wkst| {
        let rule = format!("RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST={wkst}");
        all(&series(days("1997-08-05", "1997-08-06"), &[&rule]))
    };
    assert_eq!(
        tuesday_and_sunday("MO"),
        ["1997-08-05", "1997-08-10", "1997-08-19", "1997-08-24"]
    );
    assert_eq!(
        tuesday_and_sunday("SU"),
        ["1997-08-05", "1997-08-17", "1997-08-19", "1997-08-31"]
    );
}

#[test]
fn all_day_series_are_never_a_day_off_in_far_zones() {
    let when = series(days("2026-03-01", "2026-03-04"), &["RRULE:FREQ=WEEKLY"]);
    for zone in [Tz::Pacific__Kiritimati, Tz::Pacific__Pago_Pago, Tz::Europe__Prague] {
        let (start, end) = days("2026-03-08", "2026-03-11").instants(zone);
        let found = expand(&when, start..end, zone, 10).unwrap();
        assert_eq!(found.len(), 1, "{zone}");
        assert_eq!(found[0].span, days("2026-03-08", "2026-03-11"));
        let after = expand(&when, end..end + chrono::TimeDelta::days(4), zone, 10).unwrap();
        assert_eq!(after, [], "{zone}");
    }
}

#[test]
fn an_occurrence_in_progress_belongs_to_the_range_and_one_that_just_ended_does_not() {
    let when = morning("2026-03-02", &["RRULE:FREQ=DAILY"]);
    let at = |from: &str, to: &str| expand(&when, utc(from)..utc(to), Tz::UTC, 10).unwrap().len();
    assert_eq!(at("2026-03-05T08:30:00Z", "2026-03-05T08:31:00Z"), 1);
    assert_eq!(at("2026-03-05T09:00:00Z", "2026-03-06T08:00:00Z"), 0);
    assert_eq!(at("2026-03-05T09:00:00Z", "2026-03-06T08:00:01Z"), 1);
    assert_eq!(
        expand(
            &when,
            utc("2026-03-05T00:00:00Z")..utc("2027-03-05T00:00:00Z"),
            Tz::UTC,
            7
        )
        .unwrap()
        .len(),
        7
    );
}

#[test]
fn a_single_booking_is_its_own_occurrence() {
    let when = morning("2026-03-02", &[]);
    assert_eq!(all(&when), ["2026-03-02T08:00:00Z"]);
    assert_eq!(last_end(&when, Tz::UTC), Some(utc("2026-03-02T09:00:00Z")));
    assert_eq!(check(&[], &when.span), Ok(()));
}

#[test]
fn membership_is_by_original_start() {
    let when = morning("2026-03-02", &["RRULE:FREQ=WEEKLY", "EXDATE:20260309T080000Z"]);
    let at = |text: &str| contains(&when, text.parse().unwrap());
    assert!(at("2026-03-02T08:00:00Z"));
    assert!(at("2040-03-05T08:00:00Z"));
    assert!(!at("2026-03-09T08:00:00Z"));
    assert!(!at("2026-03-16T08:00:01Z"));
    assert!(!at("2026-03-16"));
    assert!(!at("2026-02-23T08:00:00Z"));
}

#[test]
fn the_end_of_a_series_is_known_when_it_has_one() {
    let end = |lines: &[&str]| last_end(&morning("2026-03-02", lines), Tz::UTC);
    assert_eq!(end(&["RRULE:FREQ=WEEKLY;COUNT=3"]), Some(utc("2026-03-16T09:00:00Z")));
    assert_eq!(
        end(&["RRULE:FREQ=YEARLY;UNTIL=20700101"]),
        Some(utc("2069-03-02T09:00:00Z"))
    );
    assert_eq!(
        end(&["RRULE:FREQ=WEEKLY;COUNT=3", "EXDATE:20260316T080000Z"]),
        Some(utc("2026-03-09T09:00:00Z"))
    );
    assert_eq!(
        end(&["RRULE:FREQ=WEEKLY;COUNT=2", "RDATE:20270101T080000Z"]),
        Some(utc("2027-01-01T09:00:00Z"))
    );
    assert_eq!(end(&["RDATE:20270101T080000Z"]), Some(utc("2027-01-01T09:00:00Z")));
    assert_eq!(end(&["RRULE:FREQ=WEEKLY"]), None);
    assert_eq!(end(&["RRULE:FREQ=WEEKLY;COUNT=2", "RRULE:FREQ=DAILY"]), None);
    let days = series(days("2026-03-01", "2026-03-03"), &["RRULE:FREQ=DAILY;UNTIL=99981231"]);
    assert_eq!(last_end(&days, Tz::Europe__Prague), Some(utc("9999-01-01T23:00:00Z")));
}

#[test]
fn equal_rules_written_differently_become_equal() {
    let canonical = |lines: &[&str]| {
        let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        super::canonical(&lines)
    };
    assert_eq!(
        canonical(&[
            "exdate;tzid=Europe/Prague:20260309T090000",
            "EXDATE;VALUE=DATE-TIME:20260302T080000z",
            "rrule:wkst=mo;byday=fr,Mo,+1MO;interval=1;freq=monthly;count=4;",
        ]),
        [
            "RRULE:FREQ=MONTHLY;COUNT=4;BYDAY=MO,FR,1MO",
            "EXDATE:20260302T080000Z,20260309T080000Z"
        ]
    );
    assert_eq!(canonical(&["RRULE:FREQ=WEEKLY;WKST=SU"]), ["RRULE:FREQ=WEEKLY;WKST=SU"]);
    assert_eq!(
        canonical(&["EXDATE;VALUE=DATE:20260302", "EXDATE;VALUE=DATE:20260301"]),
        ["EXDATE;VALUE=DATE:20260301,20260302"]
    );
    assert_eq!(canonical(&[" what ", "RRULE:FREQ=DAILY"]), ["RRULE:FREQ=DAILY", "what"]);
}

#[test]
fn an_error_names_the_line_and_what_is_wrong() {
    let say = |line: &str| problem(&morning("2026-03-02", &["RRULE:FREQ=DAILY", line]));
    assert_eq!(
        say("DTSTART:20260302T080000Z"),
        "line 2 (\"DTSTART:20260302T080000Z\") is not allowed here: the times of the booking say it"
    );
    for (line, problem) in [
        ("RRULE FREQ=DAILY", "no colon"),
        ("RRULE:COUNT=2", "has no FREQ"),
        ("RRULE:FREQ=SOMETIMES", "unknown FREQ"),
        ("RRULE:FREQ=SECONDLY", "HOURLY is the most frequent"),
        ("RRULE:FREQ=DAILY;FREQ=DAILY", "FREQ twice"),
        ("RRULE:FREQ=DAILY;INTERVAL=0", "INTERVAL=0"),
        ("RRULE:FREQ=DAILY;COUNT=-1", "COUNT=-1"),
        ("RRULE:FREQ=DAILY;UNTIL=tomorrow", "UNTIL that is neither"),
        ("RRULE:FREQ=DAILY;BYDAY=1MO", "numbered BYDAY"),
        ("RRULE:FREQ=WEEKLY;BYDAY=žu", "in BYDAY"),
        ("RRULE:FREQ=WEEKLY;BYMONTHDAY=3", "no valid rule"),
        ("RRULE:FREQ=DAILY;X-NAME=1", "unknown part"),
        ("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "matches no date"),
        ("EXDATE;TZID=Central Europe:20260302T090000", "is not a time zone"),
        ("EXDATE;VALUE=DATE:20260302", "has a time of day"),
        ("RDATE;VALUE=PERIOD:20260302T090000Z/PT1H", "only DATE and DATE-TIME"),
        ("RDATE:20260230T090000Z", "not a date or time"),
        ("ATTENDEE:x", "is not one of"),
    ] {
        let said = say(line);
        assert!(said.starts_with("line 2 (") && said.contains(problem), "{line}: {said}");
    }
    assert!(problem(&morning("2026-03-02", &["EXDATE:20260302T080000Z"])).contains("no RRULE or RDATE"));
    assert!(problem(&series(days("2026-03-02", "2026-03-03"), &["RRULE:FREQ=HOURLY"])).contains("whole days"));
    let many = vec!["RDATE:20260302T080000Z"; MAX_LINES + 1];
    assert!(problem(&morning("2026-03-02", &many)).contains("longer than"));
}

#[test]
fn hostile_rules_come_to_an_end() {
    let range = utc("2026-11-01T00:00:00Z")..utc("2026-12-01T00:00:00Z");
    let old = |line: &str| {
        let when = series(
            timed("1900-01-01T00:00:00", "1900-01-01T00:30:00", Tz::Europe__Prague),
            &[line],
        );
        expand(&when, range.clone(), Tz::UTC, 10_000).map(|found| found.len())
    };
    assert_eq!(old("RRULE:FREQ=HOURLY"), Ok(720));
    assert_eq!(old("RRULE:FREQ=DAILY"), Ok(30));
    assert_eq!(old("RRULE:FREQ=HOURLY;COUNT=65535"), Ok(0));
    assert_eq!(old("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), Ok(0));
    assert_eq!(old("RRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30"), Ok(0));
    assert!(old("RRULE:FREQ=SECONDLY").is_err());
    let hours = (0..24).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    assert!(old(&format!("RRULE:FREQ=YEARLY;BYHOUR={hours};BYMINUTE=0,1,2,3,4")).is_err());
    let ever = utc("1000-01-01T00:00:00Z")..DateTime::<Utc>::MAX_UTC;
    let when = morning("2026-03-02", &["RRULE:FREQ=HOURLY"]);
    assert_eq!(expand(&when, ever, Tz::UTC, 10), Err(RecurrenceError::TooLong));
}

#[test]
fn a_cut_series_is_recognised() {
    let old = morning("2026-03-02", &["RRULE:FREQ=WEEKLY;COUNT=10", "EXDATE:20260413T070000Z"]);
    let split: OriginalStart = "2026-03-23T08:00:00Z".parse().unwrap();
    let cut = |lines: &[&str]| is_cut_of(&old, &morning("2026-03-02", lines), split);
    assert!(
        cut(&["RRULE:FREQ=WEEKLY;UNTIL=20260323T075959Z"]),
        "as Google writes it"
    );
    assert!(
        cut(&["RRULE:FREQ=WEEKLY;UNTIL=20260316T080000Z", "EXDATE:20260413T070000Z"]),
        "at the last one left"
    );
    assert!(!cut(&["RRULE:FREQ=WEEKLY;UNTIL=20260316T075959Z"]), "one more is lost");
    assert!(
        !cut(&["RRULE:FREQ=WEEKLY;UNTIL=20260323T080000Z"]),
        "the successor's is kept"
    );
    assert!(
        !cut(&["RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20260323T075959Z"]),
        "another rule"
    );
    assert!(
        !cut(&["RRULE:FREQ=WEEKLY;UNTIL=20260323T075959Z", "EXDATE:20260309T080000Z"]),
        "another exception"
    );
    assert!(!cut(&["RRULE:FREQ=WEEKLY;COUNT=3"]), "no UNTIL");
    let new = morning("2026-03-02", &["RRULE:FREQ=WEEKLY;UNTIL=20260323T075959Z"]);
    assert_eq!(cut_at(&new), Some("2026-03-23T07:59:59Z".parse().unwrap()));
    assert!(!is_cut_of(&new, &new, split), "nothing was cut");
    let days = |line| series(days("2026-03-02", "2026-03-03"), &[line]);
    let until = days("RRULE:FREQ=DAILY;UNTIL=20260309");
    let tenth = OriginalStart::Date(NaiveDate::from_ymd_opt(2026, 3, 10).unwrap());
    assert!(is_cut_of(&days("RRULE:FREQ=DAILY"), &until, tenth));
    assert!(!is_cut_of(&days("RRULE:FREQ=DAILY"), &until, split));
}
