//! Calendar objects are read by parsers that we did not write, and their zones compared with the zone database.
use super::*;
use crate::domain::time::{Fold, parse_zone};
use calcard::icalendar::{ICalendar, ICalendarProperty, ICalendarValue};
use calcard::{Entry, Parser};
use chrono::{Offset, TimeDelta, TimeZone};

fn at(text: &str, zone: &str) -> Zoned {
    Zoned::parse_local(text, parse_zone(zone).unwrap(), Fold::Earlier).unwrap()
}

fn timed(start: &str, end: &str, zone: &str) -> Span {
    Span::Timed {
        start: at(start, zone),
        end: at(end, zone),
    }
}

fn facts(span: Span) -> CalendarFacts {
    let mailbox = |name: &str, address: &str| Mailbox {
        name: name.to_owned(),
        address: address.to_owned(),
    };
    CalendarFacts {
        uid: "0199@acme.example".to_owned(),
        sequence: 3,
        dtstamp: Utc.with_ymd_and_hms(2026, 2, 1, 9, 0, 0).unwrap(),
        method: Method::Request,
        span,
        recurrence: Vec::new(),
        recurrence_id: None,
        series_span: None,
        summary: "Haircut".to_owned(),
        location: Some("Room 1".to_owned()),
        organizer: mailbox("Acme", "acme@acme.example"),
        attendee: mailbox("Eva", "eva@example.com"),
    }
}

fn madrid() -> CalendarFacts {
    facts(timed("2026-03-27T09:00:00", "2026-03-27T10:00:00", "Europe/Madrid"))
}

/// The lines, unfolded, after looking at the folded ones.
fn lines(text: &str) -> Vec<String> {
    assert!(text.ends_with("END:VCALENDAR\r\n"));
    for line in text.split_terminator("\r\n") {
        assert!(line.len() <= 75, "{} octets: {line}", line.len());
        assert!(!line.contains(['\r', '\n']));
    }
    text.replace("\r\n ", "")
        .split_terminator("\r\n")
        .map(str::to_owned)
        .collect()
}

fn event_lines(facts: &CalendarFacts) -> Vec<String> {
    let part = calendar_part(facts);
    parse(&part.text);
    lines(&part.text)
        .into_iter()
        .skip_while(|line| line != "BEGIN:VEVENT")
        .collect()
}

#[track_caller]
fn assert_line(lines: &[String], line: &str) {
    assert!(
        lines.iter().any(|found| found == line),
        "{line} is not in\n{}",
        lines.join("\n")
    );
}

fn parse(text: &str) -> ICalendar {
    match Parser::new(text).entry() {
        Entry::ICalendar(calendar) => calendar,
        other => panic!("{other:?}\n{text}"),
    }
}

#[test]
fn a_request_is_what_rfc_5546_asks_for_and_nothing_more() {
    let part = calendar_part(&madrid());
    let found = lines(&part.text);
    let calendar = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Accord//Accord//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:REQUEST",
    ];
    assert_eq!(found[..5], calendar);
    let event: Vec<&str> = found
        .iter()
        .map(String::as_str)
        .skip_while(|line| *line != "BEGIN:VEVENT")
        .collect();
    let mut sorted = event.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [
            "ATTENDEE;CN=Eva;CUTYPE=INDIVIDUAL;PARTSTAT=NEEDS-ACTION;ROLE=REQ-PARTICIPANT;RSVP=FALSE:mailto:eva@example.com",
            "BEGIN:VEVENT",
            "DTEND;TZID=Europe/Madrid:20260327T100000",
            "DTSTAMP:20260201T090000Z",
            "DTSTART;TZID=Europe/Madrid:20260327T090000",
            "END:VCALENDAR",
            "END:VEVENT",
            "LOCATION:Room 1",
            "ORGANIZER;CN=Acme:mailto:acme@acme.example",
            "SEQUENCE:3",
            "STATUS:CONFIRMED",
            "SUMMARY:Haircut",
            "TRANSP:OPAQUE",
            "UID:0199@acme.example",
        ]
    );
    assert_eq!(calendar_part(&madrid()), part, "no clock and no chance");
}

#[test]
fn a_cancellation_says_so_in_method_and_status() {
    let mut facts = madrid();
    facts.method = Method::Cancel;
    facts.sequence = 4;
    let part = calendar_part(&facts);
    assert_eq!(part.method, Method::Cancel);
    let found = lines(&part.text);
    for line in [
        "METHOD:CANCEL",
        "STATUS:CANCELLED",
        "SEQUENCE:4",
        "UID:0199@acme.example",
    ] {
        assert_line(&found, line);
    }
    facts.sequence = -1;
    assert_line(&event_lines(&facts), "SEQUENCE:0");
    facts.sequence = i64::MAX;
    assert_line(&event_lines(&facts), "SEQUENCE:2147483647");
}

#[test]
fn whole_days_are_dates_and_two_zones_are_both_explained() {
    let day = |day| NaiveDate::from_ymd_opt(2026, 3, day).unwrap();
    let span = Span::AllDay {
        start: day(1),
        end: day(3),
    };
    let found = event_lines(&facts(span));
    assert_line(&found, "DTSTART;VALUE=DATE:20260301");
    assert_line(&found, "DTEND;VALUE=DATE:20260303");

    let flight = Span::Timed {
        start: at("2026-03-27T23:00:00", "Europe/Madrid"),
        end: at("2026-03-28T02:00:00", "America/New_York"),
    };
    let text = calendar_part(&facts(flight)).text;
    for line in [
        "TZID:Europe/Madrid",
        "TZID:America/New_York",
        "DTEND;TZID=America/New_York:20260328T020000",
    ] {
        assert_line(&lines(&text), line);
    }
    let utc = calendar_part(&facts(timed("2026-03-27T09:00:00", "2026-03-27T10:00:00", "UTC"))).text;
    assert_line(&lines(&utc), "DTSTART:20260327T090000Z");
    assert!(!utc.contains("VTIMEZONE") && !utc.contains("TZID"));
}

#[test]
fn times_that_exist_twice_or_never_are_written_so_that_there_is_no_doubt() {
    let mut twice = timed("2026-10-25T02:30:00", "2026-10-25T04:00:00", "Europe/Madrid");
    if let Span::Timed { start, .. } = &mut twice {
        start.fold = Fold::Later;
    }
    let found = event_lines(&facts(twice));
    assert_line(&found, "DTSTART:20261025T013000Z");
    assert_line(&found, "DTEND:20261025T030000Z");
    let found = event_lines(&facts(timed(
        "2026-10-25T02:30:00",
        "2026-10-25T04:00:00",
        "Europe/Madrid",
    )));
    assert_line(&found, "DTSTART;TZID=Europe/Madrid:20261025T023000");
    let found = event_lines(&facts(timed(
        "2026-03-29T02:30:00",
        "2026-03-29T04:00:00",
        "Europe/Madrid",
    )));
    assert_line(&found, "DTSTART;TZID=Europe/Madrid:20260329T033000");
}

#[test]
fn a_series_is_told_on_the_clock_of_its_start() {
    let mut series = madrid();
    series.recurrence = [
        "RRULE:FREQ=WEEKLY;UNTIL=20260630;BYDAY=FR",
        "EXDATE;TZID=Europe/Madrid:20260403T090000",
        "EXDATE:20260410T070000Z",
        "RDATE:20260411T120000",
        "X-EVIL:1\r\nATTENDEE:mailto:eve@example.com",
    ]
    .map(str::to_owned)
    .to_vec();
    let found = event_lines(&series);
    assert_line(&found, "RRULE:FREQ=WEEKLY;UNTIL=20260630T215959Z;BYDAY=FR");
    assert_line(&found, "EXDATE;TZID=Europe/Madrid:20260403T090000,20260410T090000");
    assert_line(&found, "RDATE;TZID=Europe/Madrid:20260411T120000");
    assert!(!found.iter().any(|line| line.contains("EVIL") || line.contains("eve@")));

    let day = |day| NaiveDate::from_ymd_opt(2026, 3, day).unwrap();
    let mut days = facts(Span::AllDay {
        start: day(2),
        end: day(3),
    });
    days.recurrence = [
        "RRULE:FREQ=DAILY;UNTIL=20260310T000000Z",
        "EXDATE;VALUE=DATE:20260304",
        "EXDATE:20260305T000000",
    ]
    .map(str::to_owned)
    .to_vec();
    let found = event_lines(&days);
    assert_line(&found, "RRULE:FREQ=DAILY;UNTIL=20260310");
    assert_line(&found, "EXDATE;VALUE=DATE:20260304,20260305");
}

#[test]
fn an_occurrence_is_named_by_its_original_start_on_the_clock_of_the_series() {
    let mut occurrence = facts(timed("2026-04-03T15:00:00", "2026-04-03T16:00:00", "America/New_York"));
    occurrence.recurrence_id = Some("2026-04-03T07:00:00Z".parse().unwrap());
    occurrence.series_span = Some(madrid().span);
    occurrence.recurrence = vec!["RRULE:FREQ=DAILY".to_owned()];
    let text = calendar_part(&occurrence).text;
    let found = lines(&text);
    assert_line(&found, "RECURRENCE-ID;TZID=Europe/Madrid:20260403T090000");
    assert_line(&found, "TZID:Europe/Madrid");
    assert!(!text.contains("RRULE:FREQ=DAILY"), "an occurrence does not recur");
    occurrence.series_span = None;
    assert_line(&event_lines(&occurrence), "RECURRENCE-ID:20260403T070000Z");
    occurrence.recurrence_id = Some("2026-04-03".parse().unwrap());
    assert_line(&event_lines(&occurrence), "RECURRENCE-ID;VALUE=DATE:20260403");
}

#[test]
fn no_text_leaves_its_place() {
    let evil = "a\r\nATTENDEE:mailto:eve@example.com\r\nBEGIN:VEVENT\r\n \u{0}\u{202e}\";x=,:\\n\\";
    let mut facts = madrid();
    facts.summary = evil.to_owned();
    facts.location = Some(evil.to_owned());
    facts.uid = evil.to_owned();
    facts.organizer.name = evil.to_owned();
    facts.attendee.name = format!("\"{evil}\"");
    facts.attendee.address = "eva%?x@example.com\r\nX:y".to_owned();
    let text = calendar_part(&facts).text;
    let found = lines(&text);
    let count = |start: &str| found.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(
        (count("ATTENDEE"), count("BEGIN:VEVENT"), count("ORGANIZER"), count("X")),
        (1, 1, 1, 0)
    );
    let one = one_line(evil);
    let calendar = parse(&text);
    let event = calendar
        .components
        .iter()
        .find(|component| component.component_type.is_event_or_todo())
        .unwrap();
    let text_of = |property: &ICalendarProperty| {
        let entry = event.property(property).unwrap();
        match &entry.values[0] {
            ICalendarValue::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(text_of(&ICalendarProperty::Summary), one);
    assert_eq!(text_of(&ICalendarProperty::Location), one);
    let attendee = found.iter().find(|line| line.starts_with("ATTENDEE")).unwrap();
    assert!(attendee.ends_with(":mailto:eva%25%3Fx@example.com%20X:y"), "{attendee}");
    assert_eq!(attendee.matches('"').count(), 2, "{attendee}");
}

#[test]
fn long_lines_are_folded_between_characters() {
    let mut facts = madrid();
    for shift in 0..6 {
        facts.summary = format!("{}{}", "x".repeat(shift), "老虎é👩‍👩‍👧 ".repeat(60))
            .trim()
            .to_owned();
        facts.attendee.name = "Ž, ".repeat(60).trim().to_owned();
        let text = calendar_part(&facts).text;
        assert_line(&lines(&text), &format!("SUMMARY:{}", facts.summary));
    }
}

/// What a client reads that knows only the component: from which local time on which offset counts. Rules are expanded by
/// the `rrule` crate, which had no part in writing them.
fn onsets_of(component: &[String], end: DateTime<Utc>) -> Vec<(NaiveDateTime, i32)> {
    let seconds = |text: &str| {
        let (sign, digits) = text.split_at(1);
        let number =
            |range: std::ops::Range<usize>| digits.get(range).map_or(0, |digits| digits.parse::<i32>().unwrap());
        let seconds = number(0..2) * 3600 + number(2..4) * 60 + number(4..6);
        if sign == "-" { -seconds } else { seconds }
    };
    let time = |text: &str| NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").unwrap();
    let (mut onsets, mut starts, mut to) = (Vec::new(), Vec::new(), 0);
    for line in component {
        let (name, value) = line.split_once(':').unwrap();
        match name {
            "BEGIN" => starts.clear(),
            "DTSTART" | "RDATE" => starts.push(time(value)),
            "TZOFFSETTO" => to = seconds(value),
            "RRULE" => {
                let text = format!("DTSTART:{}Z\nRRULE:{value}", starts[0].format("%Y%m%dT%H%M%S"));
                let set: rrule::RRuleSet = text.parse().unwrap();
                let all = set.before(end.with_timezone(&rrule::Tz::UTC)).all(1000).dates;
                starts.extend(all.into_iter().map(|date| date.naive_utc()));
            }
            "END" => onsets.extend(starts.iter().map(|start| (*start, to))),
            _ => {}
        }
    }
    onsets.sort_unstable();
    onsets
}

const ZONES: [&str; 8] = [
    "Europe/Madrid",
    "America/New_York",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "America/Sao_Paulo",
    "Pacific/Apia",
];

#[test]
fn the_zone_part_says_what_the_zone_database_says_at_every_hour_that_matters() {
    for (name, from, recurrence) in [
        ("once", "2026-03-20T09:00:00", None),
        ("in the past", "2011-12-20T09:00:00", None),
        ("for ever", "2026-03-20T09:00:00", Some("RRULE:FREQ=WEEKLY")),
        (
            "for years",
            "2017-03-20T09:00:00",
            Some("RRULE:FREQ=WEEKLY;UNTIL=20290101T000000Z"),
        ),
    ] {
        for zone in ZONES {
            let tz = parse_zone(zone).unwrap();
            let mut facts = facts(timed(from, &from.replace("T09", "T10"), zone));
            facts.recurrence = recurrence.map(str::to_owned).into_iter().collect();
            let text = calendar_part(&facts).text;
            let found = lines(&text);
            let component: Vec<String> = found
                .iter()
                .skip_while(|line| !line.starts_with("TZID:"))
                .skip(1)
                .take_while(|line| *line != "END:VTIMEZONE")
                .cloned()
                .collect();
            let period = zone::period(&facts, tz);
            if recurrence.is_none() {
                assert!(component.len() < 60, "{}", component.join("\n"));
            }
            let onsets = onsets_of(&component, period.end);
            let told = |local: NaiveDateTime| onsets[onsets.partition_point(|onset| onset.0 <= local) - 1].1;
            // All hours around the event; for long series, days at changing hours.
            let step = if recurrence.is_some() {
                TimeDelta::minutes(60 * 24 * 3 + 35)
            } else {
                TimeDelta::minutes(95)
            };
            let (mut at, mut seen) = (period.start + TimeDelta::days(1), 0);
            while at < period.end - TimeDelta::days(1) {
                let there = at.with_timezone(&tz);
                let local = there.naive_local();
                // Of two equal times a VTIMEZONE cannot say which.
                if tz.from_local_datetime(&local).single().is_some() {
                    let actual = there.offset().fix().local_minus_utc();
                    assert_eq!(told(local), actual, "{zone} {name} {local}\n{}", component.join("\n"));
                    seen += 1;
                }
                at += step;
            }
            assert!(seen > 300, "{zone} {name}: {seen}");
        }
    }
}

#[test]
fn a_regular_zone_is_written_as_its_rule_and_an_irregular_one_change_by_change() {
    let mut series = madrid();
    series.recurrence = vec!["RRULE:FREQ=WEEKLY".to_owned()];
    let text = calendar_part(&series).text;
    assert!(text.contains("RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\n"), "{text}");
    assert!(text.contains("RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\n"), "{text}");
    assert!(text.len() < 2500, "{text}");
    series.span = timed("2026-03-20T09:00:00", "2026-03-20T10:00:00", "Africa/Casablanca");
    let text = calendar_part(&series).text;
    assert!(!text.contains("FREQ=YEARLY") && text.contains("\r\nRDATE:"), "{text}");
}
