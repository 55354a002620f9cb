//! Properties of wall-clock time over the whole zone database: what holds for Prague must hold for Lord Howe and Samoa.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
use accord::domain::time::*;
use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;

fn zones() -> impl Strategy<Value = Tz> {
    let odd = vec![
        Tz::Europe__Prague,
        Tz::Australia__Lord_Howe,
        Tz::Pacific__Apia,
        Tz::Africa__Casablanca,
    ];
    prop_oneof![3 => prop::sample::select(TZ_VARIANTS.to_vec()), 1 => prop::sample::select(odd)]
}

fn offset(zone: Tz, at: DateTime<Utc>) -> i64 {
    i64::from(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc())
}

/// The first second of the next offset within a year.
fn change_after(zone: Tz, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let day = (1..370).find(|day| offset(zone, from + TimeDelta::days(*day)) != offset(zone, from))?;
    let (mut before, mut after) = (from + TimeDelta::days(day - 1), from + TimeDelta::days(day));
    while after - before > TimeDelta::seconds(1) {
        let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
        if offset(zone, middle) == offset(zone, from) {
            before = middle
        } else {
            after = middle
        }
    }
    Some(after)
}

/// Any second from 1970 to 2100, half of them within hours of a clock change of the zone.
fn moments() -> impl Strategy<Value = (Tz, DateTime<Utc>)> {
    let parts = (zones(), 0i64..4_070_000_000, any::<bool>(), -10_800i64..10_800);
    parts.prop_map(|(zone, second, near_change, shift)| {
        let instant = DateTime::from_timestamp(second, 0).unwrap();
        let change = if near_change { change_after(zone, instant) } else { None };
        (
            zone,
            change.map_or(instant, |change| change + TimeDelta::seconds(shift)),
        )
    })
}

fn spans() -> impl Strategy<Value = Span> {
    let timed = (moments(), zones(), 0i64..400_000, any::<bool>()).prop_map(|((zone, start), other, seconds, same)| {
        let end_zone = if same { zone } else { other };
        Span::Timed {
            start: Zoned::from_instant(start, zone),
            end: Zoned::from_instant(start + TimeDelta::seconds(seconds), end_zone),
        }
    });
    let days = (moments(), 1i64..40).prop_map(|((_, at), days)| {
        let start = at.date_naive();
        Span::AllDay {
            start,
            end: start + TimeDelta::days(days),
        }
    });
    prop_oneof![3 => timed, 1 => days]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_instant_survives_being_shown_on_a_wall_clock((zone, instant) in moments()) {
        let shown = Zoned::from_instant(instant, zone);
        prop_assert_eq!(shown.instant(), instant);
        prop_assert_eq!(Zoned::new(shown.local, zone, shown.fold), shown, "the fold says something only where it must");
    }

    #[test]
    fn a_wall_clock_time_survives_being_an_instant_except_in_gaps((zone, instant) in moments(), later in any::<bool>()) {
        // A clock that learns of a change three hours late shows nonexistent times as well as repeated ones.
        let stale = offset(zone, instant - TimeDelta::hours(3));
        let local: NaiveDateTime = (instant + TimeDelta::seconds(stale)).naive_utc();
        let fold = if later { Fold::Later } else { Fold::Earlier };
        let said = Zoned::new(local, zone, fold);
        let shown = Zoned::from_instant(said.instant(), zone);
        if let MappedLocalTime::None = zone.offset_from_local_datetime(&local) {
            let change = change_after(zone, said.instant() - TimeDelta::hours(26)).unwrap();
            let gap = offset(zone, change) - offset(zone, change - TimeDelta::seconds(1));
            prop_assert!(gap > 0);
            prop_assert_eq!((shown.local - local).num_seconds(), gap);
        } else {
            prop_assert_eq!(shown, said);
        }
    }

    #[test]
    fn rfc_3339_keeps_the_fold((zone, instant) in moments()) {
        let shown = Zoned::from_instant(instant, zone);
        prop_assert_eq!(Zoned::from_rfc3339_with_zone(&shown.rfc3339(), Some(zone)), Ok(shown));
    }

    #[test]
    fn a_wrong_offset_is_refused((zone, instant) in moments(), wrong in prop::sample::select(vec![-7, -3, 5, 11])) {
        let shown = Zoned::from_instant(instant, zone);
        let minutes = offset(zone, instant) / 60 + wrong * 60 + 1;
        prop_assume!(minutes.abs() < 24 * 60);
        let sign = if minutes < 0 { '-' } else { '+' };
        let text = format!("{}{sign}{:02}:{:02}", shown.local_text(), minutes.abs() / 60, minutes.abs() % 60);
        let read = Zoned::from_rfc3339_with_zone(&text, Some(zone));
        let refused = matches!(read, Err(InvalidTime::Contradiction { .. }));
        prop_assert!(refused, "{} in {}", text, zone);
    }

    #[test]
    fn spans_survive_columns_and_json(span in spans()) {
        let columns = SpanColumns::from(span);
        prop_assert_eq!(Span::try_from(&columns), Ok(span));
        let when = When { span, recurrence: vec!["RRULE:FREQ=DAILY".to_owned()] };
        let json = serde_json::to_string(&when).unwrap();
        prop_assert_eq!(serde_json::from_str::<When>(&json).unwrap(), when);
        let start = OriginalStart::of(&span);
        prop_assert_eq!(start.to_string().parse(), Ok(start));
        let json = serde_json::to_string(&start).unwrap();
        prop_assert_eq!(serde_json::from_str::<OriginalStart>(&json).unwrap(), start);
        if let Span::Timed { start, .. } = span {
            let json = serde_json::to_string(&start).unwrap();
            prop_assert_eq!(serde_json::from_str::<Zoned>(&json).unwrap(), start);
        }
    }

    #[test]
    fn a_shifted_span_keeps_its_length(span in spans(), (_, at) in moments()) {
        let start = if span.is_all_day() { OriginalStart::Date(at.date_naive()) } else { OriginalStart::At(at) };
        let shifted = span.shift_to(start).unwrap();
        prop_assert_eq!(shifted.duration(), span.duration());
        prop_assert_eq!(OriginalStart::of(&shifted), start);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC{0,30}", number in "[-+0-9TZ:. ]{0,26}") {
        for text in [text, number] {
            let _ = Zoned::parse_local(&text, Tz::Europe__Prague, Fold::Earlier);
            let _ = Zoned::from_rfc3339_with_zone(&text, Some(Tz::Europe__Prague));
            let _ = parse_zone(&text);
            if let Ok(start) = text.parse::<OriginalStart>() {
                prop_assert_eq!(start.to_string(), text);
            }
        }
    }
}

fn prague(text: &str) -> Result<Zoned, InvalidTime> {
    Zoned::from_rfc3339_with_zone(text, Some(Tz::Europe__Prague))
}

#[test]
fn a_contradiction_names_both_offsets() {
    let said = |text| prague(text).unwrap_err().to_string();
    assert!(said("2026-03-01T09:00:00+02:00").starts_with("says +02:00 but Europe/Prague is +01:00 then"));
    assert!(said("2026-10-25T02:30:00+03:00").contains("is +02:00 or +01:00 then"));
    let lonely = Zoned::from_rfc3339_with_zone("2026-03-01T09:00:00+01:00", None);
    assert!(lonely.unwrap_err().to_string().contains("send time_zone"));
}

#[test]
fn the_offset_chooses_between_two_equal_times() {
    let earlier = prague("2026-10-25T02:30:00+02:00").unwrap();
    let later = prague("2026-10-25T02:30:00+01:00").unwrap();
    assert_eq!((earlier.fold, later.fold), (Fold::Earlier, Fold::Later));
    assert_eq!(earlier.local, later.local);
    assert_eq!(later.instant() - earlier.instant(), TimeDelta::hours(1));
}

#[test]
fn utc_contradicts_no_zone() {
    assert_eq!(
        prague("2026-03-01T08:00:00Z").unwrap().rfc3339(),
        "2026-03-01T09:00:00+01:00"
    );
    let alone = Zoned::from_rfc3339_with_zone("2026-03-01T08:00:00Z", None).unwrap();
    assert_eq!(alone.rfc3339(), "2026-03-01T08:00:00Z");
}

#[test]
fn a_nonexistent_time_is_kept_as_said_and_happens_after_the_gap() {
    let said = prague("2026-03-29T02:30:00+01:00").unwrap();
    assert_eq!(said.local_text(), "2026-03-29T02:30:00");
    assert_eq!(said.rfc3339(), "2026-03-29T03:30:00+02:00");
    // Samoa had no 30 December 2011.
    let skipped = Zoned::parse_local("2011-12-30T09:00", Tz::Pacific__Apia, Fold::Earlier).unwrap();
    assert_eq!(skipped.rfc3339(), "2011-12-31T09:00:00+14:00");
}

#[test]
fn a_later_fold_where_there_is_one_time_means_that_one() {
    let zoned = |fold| Zoned {
        local: "2026-03-01T09:00:00".parse().unwrap(),
        zone: Tz::Europe__Prague,
        fold,
    };
    assert_eq!(zoned(Fold::Later).instant(), zoned(Fold::Earlier).instant());
}

#[test]
fn zones_are_found_by_exact_name_and_aliases_stay() {
    assert_eq!(parse_zone("Europe/Kiev").unwrap().name(), "Europe/Kiev");
    for wrong in ["europe/prague", "Central European Time", "CEST", "", "Europe/Prague "] {
        assert!(
            parse_zone(wrong)
                .unwrap_err()
                .to_string()
                .contains("such as Europe/Prague"),
            "{wrong}"
        );
    }
}

#[test]
fn the_json_of_a_base_copy_is_short_and_stays_as_it_is() {
    let zoned = |text, fold| Zoned::parse_local(text, Tz::Europe__Prague, fold).unwrap();
    let span = Span::Timed {
        start: zoned("2026-10-25T02:30:00", Fold::Later),
        end: zoned("2026-10-25T03:30:00", Fold::Earlier),
    };
    let times = r#"{"starts_local":"2026-10-25T02:30:00","ends_local":"2026-10-25T03:30:00""#;
    let json = format!(r#"{{"span":{times},"time_zone":"Europe/Prague","fold":1}}}}"#);
    assert_eq!(serde_json::to_string(&When::once(span)).unwrap(), json);
    let day = Span::AllDay {
        start: "2026-03-01".parse().unwrap(),
        end: "2026-03-02".parse().unwrap(),
    };
    let json = r#"{"all_day":true,"starts_local":"2026-03-01","ends_local":"2026-03-02"}"#;
    assert_eq!(serde_json::to_string(&day).unwrap(), json);
}

#[test]
fn a_broken_column_is_named_with_its_remedy() {
    let good = SpanColumns {
        all_day: false,
        starts_local: "2026-03-01T09:00:00".into(),
        ends_local: "2026-03-01T10:00:00".into(),
        time_zone: Some("Europe/Prague".into()),
        end_time_zone: None,
        fold: 0,
        end_fold: 0,
    };
    assert!(Span::try_from(&good).is_ok());
    let said = |change: fn(&mut SpanColumns)| {
        let mut columns = good.clone();
        change(&mut columns);
        Span::try_from(&columns).unwrap_err().to_string()
    };
    let local = "starts_local is not a local time: write it like 2026-03-01T09:00:00";
    assert_eq!(said(|c| c.starts_local = "2026-03-01".into()), local);
    assert_eq!(
        said(|c| c.all_day = true),
        "starts_local is not a date: write it like 2026-03-01"
    );
    assert!(said(|c| c.time_zone = None).starts_with("time_zone is null: set it"));
    assert!(said(|c| c.end_time_zone = Some("Mars".into())).starts_with("end_time_zone: \"Mars\" is not a time zone"));
    assert!(said(|c| c.end_fold = 2).starts_with("end_fold is 2: write 0"));
}

#[test]
fn a_span_must_end_after_it_starts_in_a_year_with_four_digits() {
    let day = |start: &str, end: &str| Span::AllDay {
        start: start.parse().unwrap(),
        end: end.parse().unwrap(),
    };
    let problem = |span: Span| {
        span.validate()
            .map_err(|problem| (problem.field(), problem.to_string()))
    };
    assert_eq!(problem(day("1900-01-01", "1900-01-02")), Ok(()));
    assert_eq!(problem(day("2999-12-31", "3000-01-01")), Ok(()));
    assert_eq!(
        problem(day("2026-03-01", "2026-03-01")),
        Err(("ends_at", "must be after starts_at".to_owned()))
    );
    assert_eq!(problem(day("0201-03-01", "2026-03-01")).unwrap_err().0, "starts_at");
    assert_eq!(problem(day("2026-03-01", "9999-03-01")).unwrap_err().0, "ends_at");
    // Equal wall-clock times, an hour apart: the end is after the start.
    let night = |fold| Zoned::parse_local("2026-10-25T02:30:00", Tz::Europe__Prague, fold).unwrap();
    assert_eq!(
        problem(Span::Timed {
            start: night(Fold::Earlier),
            end: night(Fold::Later)
        }),
        Ok(())
    );
    assert!(
        Span::Timed {
            start: night(Fold::Later),
            end: night(Fold::Earlier)
        }
        .validate()
        .is_err()
    );
}
