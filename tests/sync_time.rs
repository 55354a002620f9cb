//! Times, zones and rules that are easily taken for others: whatever the calendar says, both sides say the same, and nothing
//! is written twice.
mod support;

use accord::args;
use accord::domain::ids::BookingId;
use accord::domain::time::{Fold, Span, When, Zoned};
use chrono_tz::Tz;
use serde_json::{Value, json};
use support::google::ANA;
use support::postgres::both_databases;
use support::series::{Shown, agree, hours, series_event, starts};
use support::world::{World, event, hour, run};

fn zoned(local: &str, zone: Tz, fold: Fold) -> Zoned {
    Zoned::parse_local(local, zone, fold).expect("a local time")
}

fn timed(zone: Tz, start: &str, end: &str, lines: &[&str]) -> When {
    When {
        span: Span::Timed {
            start: zoned(start, zone, Fold::Earlier),
            end: zoned(end, zone, Fold::Earlier),
        },
        recurrence: lines.iter().map(|line| (*line).to_owned()).collect(),
    }
}

fn days(start: &str, end: &str, lines: &[&str]) -> When {
    When {
        span: Span::AllDay {
            start: start.parse().expect("a date"),
            end: end.parse().expect("a date"),
        },
        recurrence: lines.iter().map(|line| (*line).to_owned()).collect(),
    }
}

fn bounds(title: &str, start: Value, end: Value) -> Value {
    json!({"summary": title, "start": start, "end": end})
}

fn at(local: &str, zone: &str) -> Value {
    json!({"dateTime": local, "timeZone": zone})
}

/// The same times made on either side show the same occurrences, in two worlds. Gives them.
async fn both_ways(url: &str, when: When) -> Vec<Shown> {
    let app = World::new(url).await;
    app.app_creates("Same", when.clone()).await;
    let from_app = agree(&app).await;
    let google = World::new(url).await;
    let bound = |zoned: &Zoned| json!({"dateTime": zoned.rfc3339(), "timeZone": zoned.zone.name()});
    let (start, end) = match &when.span {
        Span::Timed { start, end } => (bound(start), bound(end)),
        Span::AllDay { start, end } => (json!({"date": start.to_string()}), json!({"date": end.to_string()})),
    };
    let mut event = bounds("Same", start, end);
    if !when.recurrence.is_empty() {
        event["recurrence"] = json!(when.recurrence);
    }
    google.person_creates(event).await;
    let from_google = agree(&google).await;
    assert_eq!(from_app, from_google);
    assert!(
        google.patches().await.is_empty(),
        "what came from Google was not written back"
    );
    assert!(app.patches().await.is_empty(), "what was created was not written again");
    from_app
}

async fn quarantined(world: &World) -> Vec<String> {
    let aside = accord::store::quarantine::list(&mut world.read().await, world.tenant, None)
        .await
        .expect("a list");
    aside.into_iter().map(|item| item.item_id).collect()
}

async fn set_times(world: &World, id: BookingId, all_day: i64, starts: &str, ends: &str, zone: Option<&str>) {
    run(
        &world.engine.db,
        "UPDATE bookings SET all_day = $3, starts_local = $4, ends_local = $5, time_zone = $6 WHERE tenant_id = $1 AND id = $2",
        args![world.tenant, id, all_day, starts, ends, zone.map(str::to_owned)],
    )
    .await;
}

both_databases! {
    /// Scenario 39.
    async fn until_as_a_date_as_local_time_and_in_utc_ends_at_the_same_occurrence(url: String) {
        for until in ["20260330", "20260330T090000", "20260330T070000Z"] {
            let rule = format!("RRULE:FREQ=WEEKLY;UNTIL={until}");
            let shown = both_ways(&url, hours("2026-03-16T09:00:00", &[&rule])).await;
            assert_eq!(starts(&shown), ["2026-03-16T08:00:00Z", "2026-03-23T08:00:00Z", "2026-03-30T07:00:00Z"], "{until}");
        }
        let shown = both_ways(&url, days("2026-03-16", "2026-03-17", &["RRULE:FREQ=DAILY;UNTIL=20260318"])).await;
        assert_eq!(starts(&shown), ["2026-03-16", "2026-03-17", "2026-03-18"]);
    }

    /// Scenario 39.
    async fn added_and_left_out_dates_with_a_zone_are_the_same_on_both_sides(url: String) {
        let lines = [
            "RRULE:FREQ=WEEKLY;COUNT=4",
            "RDATE;TZID=Europe/London:20260319T100000,20260320T110000",
            "EXDATE;TZID=Europe/Madrid:20260323T090000",
            "EXDATE:20260330T070000Z",
        ];
        let shown = both_ways(&url, hours("2026-03-16T09:00:00", &lines)).await;
        assert_eq!(
            starts(&shown),
            ["2026-03-16T08:00:00Z", "2026-03-19T10:00:00Z", "2026-03-20T11:00:00Z", "2026-04-06T07:00:00Z"]
        );
    }

    /// Scenario 39.
    async fn the_last_working_day_of_a_month_is_found_by_position(url: String) {
        let rule = "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=4";
        let shown = both_ways(&url, hours("2026-03-31T09:00:00", &[rule])).await;
        assert_eq!(
            starts(&shown),
            ["2026-03-31T07:00:00Z", "2026-04-30T07:00:00Z", "2026-05-29T07:00:00Z", "2026-06-30T07:00:00Z"]
        );
    }

    /// Scenario 39.
    async fn a_birthday_on_the_29th_of_february_comes_in_leap_years_only(url: String) {
        let shown = both_ways(&url, days("2024-02-29", "2024-03-01", &["RRULE:FREQ=YEARLY"])).await;
        assert!(shown.is_empty(), "neither 2026 nor 2027 has that day: {shown:?}");
        let shown = both_ways(&url, days("2026-02-28", "2026-03-01", &["RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1"])).await;
        assert_eq!(starts(&shown), ["2026-02-28", "2027-02-28"]);
    }

    /// Scenario 39.
    async fn an_hourly_series_passes_both_clock_changes_the_same_way(url: String) {
        for first in ["2026-03-28T22:30:00", "2026-10-24T22:30:00"] {
            let end = first.replace(":30:", ":45:");
            let when = timed(Tz::Europe__Prague, first, &end, &["RRULE:FREQ=HOURLY;COUNT=8"]);
            let shown = both_ways(&url, when).await;
            let mut unique = shown.clone();
            unique.dedup();
            assert_eq!(unique, shown, "no twins");
        }
    }

    async fn a_start_that_the_rule_does_not_meet_is_the_first_occurrence(url: String) {
        // A Wednesday, while the rule says Mondays.
        let shown = both_ways(&url, hours("2026-03-18T09:00:00", &["RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=3"])).await;
        assert_eq!(starts(&shown), ["2026-03-18T08:00:00Z", "2026-03-23T08:00:00Z", "2026-03-30T07:00:00Z"]);
    }

    /// Scenario 40.
    async fn nine_in_prague_stays_nine_over_both_clock_changes(url: String) {
        let when = timed(Tz::Europe__Prague, "2026-03-02T09:00:00", "2026-03-02T10:00:00", &["RRULE:FREQ=WEEKLY;COUNT=40"]);
        let shown = both_ways(&url, when).await;
        assert_eq!(shown.len(), 40);
        for (start, ..) in &shown {
            let there = start.parse::<chrono::DateTime<chrono::Utc>>().expect("an instant").with_timezone(&Tz::Europe__Prague);
            assert_eq!(there.format("%H:%M").to_string(), "09:00", "{start}");
        }
        assert!(shown.iter().any(|(start, ..)| start.ends_with("T08:00:00Z")), "winter");
        assert!(shown.iter().any(|(start, ..)| start.ends_with("T07:00:00Z")), "summer");
    }

    /// Scenario 40.
    async fn a_time_that_does_not_exist_is_moved_forward_by_the_gap(url: String) {
        let zone = Tz::Europe__Prague;
        let shown = both_ways(&url, timed(zone, "2026-03-29T02:30:00", "2026-03-29T04:00:00", &[])).await;
        assert_eq!(starts(&shown), ["2026-03-29T01:30:00Z"]);
        let daily = timed(zone, "2026-03-28T02:30:00", "2026-03-28T02:45:00", &["RRULE:FREQ=DAILY;COUNT=3"]);
        let shown = both_ways(&url, daily).await;
        assert_eq!(starts(&shown), ["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]);
    }

    /// Scenario 40.
    async fn of_a_repeated_time_the_one_that_was_meant_is_kept(url: String) {
        let zone = Tz::Europe__Prague;
        for (fold, start) in [(Fold::Earlier, "2026-10-25T00:30:00Z"), (Fold::Later, "2026-10-25T01:30:00Z")] {
            let once = When::once(Span::Timed {
                start: zoned("2026-10-25T02:30:00", zone, fold),
                end: zoned("2026-10-25T03:30:00", zone, Fold::Earlier),
            });
            assert_eq!(starts(&both_ways(&url, once.clone()).await), [start]);
            let daily = When { recurrence: vec!["RRULE:FREQ=DAILY;COUNT=3".into()], ..once };
            let shown = both_ways(&url, daily).await;
            assert_eq!(starts(&shown), [start, "2026-10-26T01:30:00Z", "2026-10-27T01:30:00Z"]);
        }
    }

    /// Scenario 40.
    async fn the_fold_of_a_time_can_be_changed_from_both_sides(url: String) {
        let world = World::new(&url).await;
        let id = world.app_creates("Night", timed(Tz::Europe__Prague, "2026-10-25T02:30:00", "2026-10-25T03:30:00", &[])).await;
        assert_eq!(starts(&agree(&world).await), ["2026-10-25T00:30:00Z"]);
        world.app_sql("UPDATE bookings SET fold = 1 WHERE tenant_id = $1 AND id = $2", id).await;
        assert_eq!(starts(&agree(&world).await), ["2026-10-25T01:30:00Z"]);
        let event = world.event_of(id).await;
        world.person_edits(&event, json!({"start": at("2026-10-25T02:30:00+02:00", "Europe/Prague")})).await;
        assert_eq!(starts(&agree(&world).await), ["2026-10-25T00:30:00Z"]);
        assert_eq!(world.text(id).await.fold, 0);
    }

    /// Scenario 41.
    async fn whole_days_keep_their_dates_on_both_sides(url: String) {
        let one = both_ways(&url, days("2026-03-29", "2026-03-30", &[])).await;
        assert_eq!(one, [("2026-03-29".into(), "2026-03-30".into(), "Same".into())]);
        let three = both_ways(&url, days("2026-10-24", "2026-10-27", &[])).await;
        assert_eq!(three, [("2026-10-24".into(), "2026-10-27".into(), "Same".into())]);
    }

    /// Scenario 41.
    async fn whole_days_become_times_and_whole_days_again_from_google(url: String) {
        let world = World::new(&url).await;
        let event = world.person_creates(bounds("Trip", json!({"date": "2026-03-29"}), json!({"date": "2026-04-01"}))).await;
        assert_eq!(starts(&agree(&world).await), ["2026-03-29"]);
        let nulls = |local: &str| json!({"date": null, "dateTime": local, "timeZone": "Europe/Madrid"});
        world.person_edits(&event, json!({"start": nulls("2026-03-29T10:00:00"), "end": nulls("2026-03-29T12:00:00")})).await;
        assert_eq!(starts(&agree(&world).await), ["2026-03-29T08:00:00Z"]);
        let day = |date: &str| json!({"date": date, "dateTime": null, "timeZone": null});
        world.person_edits(&event, json!({"start": day("2026-03-29"), "end": day("2026-03-30")})).await;
        assert_eq!(agree(&world).await, [("2026-03-29".into(), "2026-03-30".into(), "Trip".into())]);
        let row = world.booking_of(&event).await;
        assert_eq!((row.text.all_day, row.text.time_zone), (1, None));
        assert!(world.patches().await.is_empty());
    }

    /// Scenario 41.
    async fn whole_days_become_times_and_whole_days_again_from_the_app(url: String) {
        let world = World::new(&url).await;
        let id = world.app_creates("Trip", days("2026-03-29", "2026-04-01", &[])).await;
        agree(&world).await;
        set_times(&world, id, 0, "2026-03-29T10:00:00", "2026-03-29T12:00:00", Some("Europe/Madrid")).await;
        assert_eq!(starts(&agree(&world).await), ["2026-03-29T08:00:00Z"]);
        set_times(&world, id, 1, "2026-03-29", "2026-03-30", None).await;
        assert_eq!(agree(&world).await, [("2026-03-29".into(), "2026-03-30".into(), "Trip".into())]);
        assert_eq!(world.patches().await.len(), 2);
    }

    /// Scenario 41.
    async fn a_series_of_whole_days_becomes_one_of_times_and_loses_its_changed_occurrences(url: String) {
        let world = World::new(&url).await;
        let id = world.app_creates("Market", days("2026-03-28", "2026-03-29", &["RRULE:FREQ=WEEKLY;COUNT=3"])).await;
        agree(&world).await;
        let event = world.event_of(id).await;
        let instance = world.instance_id(&event, "2026-04-04").await;
        world.person_edits(&instance, json!({"summary": "Easter market"})).await;
        assert_eq!(agree(&world).await.len(), 3);
        set_times(&world, id, 0, "2026-03-28T10:00:00", "2026-03-28T12:00:00", Some("Europe/Madrid")).await;
        let shown = agree(&world).await;
        assert_eq!(starts(&shown), ["2026-03-28T09:00:00Z", "2026-04-04T08:00:00Z", "2026-04-11T08:00:00Z"]);
        assert_eq!(world.conflicts().await.len(), 1);
    }

    /// Scenario 41.
    async fn zones_at_both_ends_of_the_day_are_never_a_day_off(url: String) {
        for (zone, start) in [(Tz::Pacific__Kiritimati, "2026-03-09T19:30:00Z"), (Tz::Pacific__Pago_Pago, "2026-03-10T20:30:00Z")] {
            let when = timed(zone, "2026-03-10T09:30:00", "2026-03-10T23:30:00", &["RRULE:FREQ=DAILY;COUNT=3"]);
            let shown = both_ways(&url, when).await;
            assert_eq!(shown.len(), 3);
            assert_eq!(shown[0].0, start);
        }
    }

    async fn an_event_that_ends_in_another_zone_keeps_both_zones(url: String) {
        let world = World::new(&url).await;
        let flight = bounds("Flight", at("2026-03-10T10:00:00", "Europe/Madrid"), at("2026-03-10T13:00:00", "America/New_York"));
        let event = world.person_creates(flight).await;
        agree(&world).await;
        let row = world.booking_of(&event).await;
        assert_eq!(row.text.time_zone.as_deref(), Some("Europe/Madrid"));
        assert_eq!(row.text.end_time_zone.as_deref(), Some("America/New_York"));
        assert_eq!(row.text.ends_local, "2026-03-10T13:00:00");
        world.app_sql(
            "UPDATE bookings SET end_time_zone = 'Asia/Tokyo', ends_local = '2026-03-11T06:00:00' WHERE tenant_id = $1 AND id = $2",
            row.id,
        ).await;
        agree(&world).await;
        let event = world.event(&event).await;
        assert_eq!((event["start"]["timeZone"].as_str(), event["end"]["timeZone"].as_str()), (Some("Europe/Madrid"), Some("Asia/Tokyo")));
    }

    /// Scenario 42.
    async fn a_calendar_whose_zone_the_user_changes_moves_nothing(url: String) {
        let world = World::new(&url).await;
        world.person_creates(event("Lunch", "2026-03-04T13:00:00")).await;
        world.person_creates(bounds("Holiday", json!({"date": "2026-03-05"}), json!({"date": "2026-03-06"}))).await;
        world.app_creates("Call", hour("2026-03-06T09:00:00")).await;
        let series = world.person_creates(series_event("Yoga", "2026-03-16T09:00:00", &["RRULE:FREQ=WEEKLY;COUNT=4"])).await;
        let before = agree(&world).await;
        let writes = world.google_writes().await;
        person_edits_calendar(&world, json!({"timeZone": "America/New_York"})).await;
        assert_eq!(agree(&world).await, before);
        assert_eq!(world.google_writes().await, writes);
        assert_eq!(world.booking_of(&series).await.text.time_zone.as_deref(), Some("Europe/Madrid"));
    }

    /// Scenario 42.
    async fn a_zone_that_nobody_knows_is_set_aside_alone(url: String) {
        let world = World::new(&url).await;
        let mars = bounds("Mars", at("2026-03-04T10:00:00Z", "Mars/Olympus_Mons"), at("2026-03-04T11:00:00Z", "Mars/Olympus_Mons"));
        let body = json!({"calendar": ANA, "event": mars});
        let id = world.calendar_switch("raw_event", body).await["id"].as_str().expect("an id").to_owned();
        let neighbour = world.person_creates(event("Neighbour", "2026-03-04T13:00:00")).await;
        world.settle().await;
        assert_eq!(quarantined(&world).await, [id.clone()]);
        assert_eq!(world.booking_of(&neighbour).await.text.title, "Neighbour");
        world
            .person_edits(&id, json!({"start": at("2026-03-04T10:00:00", "Europe/Madrid"), "end": at("2026-03-04T11:00:00", "Europe/Madrid")}))
            .await;
        assert_eq!(agree(&world).await.len(), 2);
        assert!(quarantined(&world).await.is_empty(), "mended and let go");
    }

    /// Scenario 42.
    async fn a_zone_by_its_old_name_keeps_that_name(url: String) {
        let world = World::new(&url).await;
        let kyiv = bounds("Kyiv", at("2026-03-04T10:00:00", "Europe/Kiev"), at("2026-03-04T11:00:00", "Europe/Kiev"));
        let id = world.person_creates(kyiv).await;
        agree(&world).await;
        assert_eq!(world.booking_of(&id).await.text.time_zone.as_deref(), Some("Europe/Kiev"));
        let renamed = "Europe/Kyiv";
        world.person_edits(&id, json!({"start": at("2026-03-04T10:00:00", renamed), "end": at("2026-03-04T11:00:00", renamed)})).await;
        agree(&world).await;
        assert_eq!(world.booking_of(&id).await.text.time_zone.as_deref(), Some(renamed));
        assert!(world.patches().await.is_empty());
    }

    /// Scenario 43.
    async fn an_event_that_ends_before_it_starts_is_set_aside_and_a_moment_is_imported(url: String) {
        let world = World::new(&url).await;
        let backwards = bounds("Backwards", at("2026-03-04T10:00:00Z", "UTC"), at("2026-03-04T09:00:00Z", "UTC"));
        let moment = bounds("Moment", at("2026-03-05T10:00:00Z", "Europe/Madrid"), at("2026-03-05T10:00:00Z", "Europe/Madrid"));
        let mut ids = Vec::new();
        for mut event in [backwards, moment] {
            event["organizer"] = json!({"email": ANA, "self": true});
            event["status"] = json!("confirmed");
            let made = world.calendar_switch("raw_event", json!({"calendar": ANA, "event": event})).await;
            ids.push(made["id"].as_str().expect("an id").to_owned());
        }
        world.settle().await;
        assert_eq!(quarantined(&world).await, [ids[0].clone()]);
        let row = world.booking_of(&ids[1]).await;
        assert_eq!(row.text.starts_local, row.text.ends_local);
        // Other fields of it can be edited, its length only to something.
        let writes = world.google_writes().await;
        world.app_renames(row.id, "Just a moment").await;
        world.sync().await;
        assert_eq!(world.google_writes().await, writes + 1, "Accord itself does not refuse the new title");
    }

    /// Scenario 43.
    async fn a_booking_that_ends_when_or_before_it_starts_is_not_pushed(url: String) {
        let world = World::new(&url).await;
        let id = world.app_creates("Call", hour("2026-03-05T09:00:00")).await;
        agree(&world).await;
        for end in ["2026-03-05T09:00:00", "2026-03-05T08:00:00"] {
            let writes = world.google_writes().await;
            world.app_moves(id, "2026-03-05T09:00:00", end).await;
            world.sync().await;
            assert_eq!(quarantined(&world).await, [id.to_string()], "{end}");
            assert_eq!(world.google_writes().await, writes);
        }
        world.app_moves(id, "2026-03-05T09:00:00", "2026-03-05T09:30:00").await;
        agree(&world).await;
        assert!(quarantined(&world).await.is_empty());
    }

    /// Scenario 43.
    async fn the_years_1900_and_2999_are_years_like_others(url: String) {
        let world = World::new(&url).await;
        let zone = Tz::Europe__Prague;
        let old = world.app_creates("Long ago", timed(Tz::UTC, "1900-06-01T09:00:00", "1900-06-01T10:00:00", &[])).await;
        let far = world.app_creates("Far off", timed(zone, "2999-06-01T09:00:00", "2999-06-01T10:00:00", &[])).await;
        // Before 1901 zones have offsets with seconds, which Google's times cannot write; UTC has none.
        let centuries = world.person_creates(bounds("Since ever", json!({"date": "1900-03-05"}), json!({"date": "1900-03-06"}))).await;
        world.person_edits(&centuries, json!({"recurrence": ["RRULE:FREQ=YEARLY"]})).await;
        let far_google = world.person_creates(bounds("Far off there", json!({"date": "2999-12-30"}), json!({"date": "2999-12-31"}))).await;
        assert_eq!(starts(&agree(&world).await), ["2026-03-05", "2027-03-05"]);
        for (id, start) in [(old, "1900-06-01T09:00:00+00:00"), (far, "2999-06-01T07:00:00+00:00")] {
            let event = world.event(&world.event_of(id).await).await;
            let shown = event["start"]["dateTime"].as_str().expect("a time").parse::<chrono::DateTime<chrono::Utc>>();
            assert_eq!(shown.expect("an instant").to_rfc3339(), start);
        }
        assert_eq!(world.booking_of(&far_google).await.text.starts_local, "2999-12-30");
        world.calendar_switch("expire_sync_tokens", json!({})).await;
        world.settle().await;
        assert_eq!(world.text(old).await.status, "confirmed", "outside the window is not gone");
    }
}

/// Ana changes her primary calendar's own fields.
async fn person_edits_calendar(world: &World, change: Value) {
    let bearer = format!("Bearer person:{ANA}");
    let url = world.google.url("/calendar/v3/calendars/primary");
    let answer = world
        .google
        .http
        .patch(&url, &[("authorization", &bearer)], &change)
        .await;
    answer.expect(200);
}
