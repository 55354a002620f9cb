//! The pretend Google's series: expansion over DST, exceptions, splits, ids.
mod sandbox_calendar_support;

use sandbox_calendar_support::*;
use serde_json::{Value, json};

const SERIES: &str = "calendars/primary/events/series00";

fn instances(world: &mut World) -> Vec<Value> {
    items(&world.get(ANNA, &format!("{SERIES}/instances")).ok())
}

fn starts(events: &[Value]) -> Vec<String> {
    let start = |event: &Value| {
        let start = &event["start"];
        start["dateTime"]
            .as_str()
            .or(start["date"].as_str())
            .expect("a start")
            .to_owned()
    };
    events.iter().map(start).collect()
}

/// The starts of a series of these lines, from Monday 9 March 2026 09:00 in Prague.
fn expanded(lines: &[&str]) -> Vec<String> {
    let mut world = World::new();
    let mut series = weekly("");
    series["recurrence"] = json!(lines);
    world.insert(series);
    starts(&instances(&mut world))
}

fn path(id: &str) -> String {
    format!("{EVENTS}/{id}")
}

/// Checklist line 63
#[test]
fn a_recurring_timed_event_needs_a_zone_even_with_offsets() {
    let mut world = World::new();
    let mut series = meeting("No zone");
    series["recurrence"] = json!(["RRULE:FREQ=DAILY"]);
    let error = world.post(ANNA, EVENTS, series).refused(400, "required");
    assert_eq!(error["message"], "Missing time zone definition for start time.");
}

/// Checklist line 64
#[test]
fn nine_in_prague_stays_nine_over_dst_and_instance_ids_carry_utc() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=4"));
    let found = instances(&mut world);
    assert_eq!(
        starts(&found),
        [
            "2026-03-09T09:00:00+01:00",
            "2026-03-16T09:00:00+01:00",
            "2026-03-23T09:00:00+01:00",
            "2026-03-30T09:00:00+02:00",
        ]
    );
    assert_eq!(
        ids(&found)[2..],
        ["series00_20260323T080000Z", "series00_20260330T070000Z"]
    );
    assert!(found.iter().all(|one| one["recurringEventId"] == "series00"));
    assert!(found.iter().all(|one| one.get("recurrence").is_none()));
    assert!(found.iter().all(|one| one["iCalUID"] == "series00@google.com"));
}

#[test]
fn a_time_inside_the_gap_moves_forward_and_a_repeated_one_is_the_earlier() {
    let mut world = World::new();
    world.insert(json!({
        "id": "series00", "recurrence": ["RRULE:FREQ=DAILY;COUNT=2"],
        "start": {"dateTime": "2026-03-28T02:30:00", "timeZone": "Europe/Prague"},
        "end": {"dateTime": "2026-03-28T02:45:00", "timeZone": "Europe/Prague"},
    }));
    let found = starts(&instances(&mut world));
    assert_eq!(found, ["2026-03-28T02:30:00+01:00", "2026-03-29T03:30:00+02:00"]);
    let mut world = World::new();
    world.insert(json!({
        "id": "series00", "recurrence": ["RRULE:FREQ=DAILY;COUNT=2"],
        "start": {"dateTime": "2026-10-24T02:30:00", "timeZone": "Europe/Prague"},
        "end": {"dateTime": "2026-10-24T02:45:00", "timeZone": "Europe/Prague"},
    }));
    let found = starts(&instances(&mut world));
    assert_eq!(found, ["2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00"]);
}

/// Checklist line 65
#[test]
fn instance_ids_are_dates_for_all_day_series_and_opaque_by_switch() {
    let mut world = World::new();
    world.insert(json!({
        "id": "alldaa", "recurrence": ["RRULE:FREQ=DAILY;COUNT=2"],
        "start": {"date": "2026-03-10"}, "end": {"date": "2026-03-11"},
    }));
    let found = items(&world.get(ANNA, &format!("{}/instances", path("alldaa"))).ok());
    assert_eq!(ids(&found), ["alldaa_20260310", "alldaa_20260311"]);
    world.control("opaque_instance_ids", json!({"on": true}));
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=2"));
    let opaque = id(&instances(&mut world)[1]);
    assert!(!opaque.contains("series00") && opaque.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'v').contains(&b)));
    let moved = world.patch(ANNA, &path(&opaque), json!({"summary": "Changed"})).ok();
    assert_eq!(moved["id"], opaque.as_str());
    assert_eq!(world.event(ANNA, &opaque)["summary"], "Changed");
    assert_eq!(ids(&instances(&mut world)).len(), 2);
    // Series made before keep their form.
    world.event(ANNA, "alldaa_20260311");
}

/// Checklist line 66
#[test]
fn a_moved_instance_keeps_its_original_start_and_its_series() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=3"));
    let (_, since) = world.full(ANNA);
    let times = json!({
        "start": {"dateTime": "2026-03-20T14:00:00+01:00"}, "end": {"dateTime": "2026-03-20T15:00:00+01:00"},
    });
    let moved = world.patch(ANNA, &path("series00_20260316T080000Z"), times).ok();
    let original = json!({"dateTime": "2026-03-16T09:00:00+01:00", "timeZone": "Europe/Prague"});
    assert_eq!(moved["originalStartTime"], original);
    assert_eq!(
        (&moved["recurringEventId"], &moved["sequence"]),
        (&json!("series00"), &json!(1))
    );
    assert_eq!(world.delta(ANNA, &since).0, std::slice::from_ref(&moved));
    let found = instances(&mut world);
    assert_eq!(starts(&found)[1], "2026-03-20T14:00:00+01:00");
    assert_eq!(found.len(), 3);
    let by_start = world
        .get(ANNA, &format!("{SERIES}/instances"))
        .q("originalStart", "2026-03-16T09:00:00+01:00");
    assert_eq!(ids(&items(&by_start.ok())), ["series00_20260316T080000Z"]);
}

/// Checklist line 67
#[test]
fn a_deleted_instance_is_a_cancelled_exception_in_deltas_and_full_lists() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=3"));
    let (_, since) = world.full(ANNA);
    let instance = "series00_20260316T080000Z";
    world.delete(ANNA, &path(instance)).empty(204);
    world.delete(ANNA, &path(instance)).refused(410, "deleted");
    for listed in [world.delta(ANNA, &since).0, world.full(ANNA).0] {
        let stub = listed.iter().find(|event| event["id"] == instance).expect("listed");
        assert_eq!(
            (&stub["status"], &stub["recurringEventId"]),
            (&json!("cancelled"), &json!("series00"))
        );
        assert_eq!(stub["originalStartTime"]["dateTime"], "2026-03-16T09:00:00+01:00");
    }
    assert_eq!(instances(&mut world).len(), 2);
    let shown = world
        .get(ANNA, &format!("{SERIES}/instances"))
        .q("showDeleted", "true")
        .ok();
    assert_eq!(items(&shown).len(), 3);
    world.patch(ANNA, &path(instance), json!({"status": "confirmed"})).ok();
    assert_eq!(instances(&mut world).len(), 3);
}

#[test]
fn patching_an_instance_to_cancelled_deletes_it_too() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=3"));
    let call = world.patch(ANNA, &path("series00_20260309T080000Z"), json!({"status": "cancelled"}));
    assert_eq!(call.ok()["status"], "cancelled");
    assert_eq!(instances(&mut world).len(), 2);
}

/// Checklist line 68
#[test]
fn a_sparse_cancelled_exception_carries_only_id_and_status() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=3"));
    let (_, since) = world.full(ANNA);
    world.delete(ANNA, &path("series00_20260316T080000Z")).empty(204);
    world.control("sparse_cancelled", json!({"on": true}));
    let sparse = json!({"id": "series00_20260316T080000Z", "status": "cancelled"});
    assert_eq!(world.delta(ANNA, &since).0, [sparse]);
    let found = world.event(ANNA, "series00_20260316T080000Z");
    assert_eq!(found["originalStartTime"]["dateTime"], "2026-03-16T09:00:00+01:00");
}

/// Checklist line 69
#[test]
fn exceptions_may_come_before_their_series_and_on_another_page() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=3"));
    world
        .patch(ANNA, &path("series00_20260316T080000Z"), json!({"summary": "Own"}))
        .ok();
    world.control("paging", json!({"exceptions_first": true, "page_size": 1}));
    let first = world.get(ANNA, EVENTS).ok();
    assert_eq!(ids(&items(&first)), ["series00_20260316T080000Z"]);
    let page = first["nextPageToken"].as_str().expect("more");
    let second = world.get(ANNA, EVENTS).q("pageToken", page).ok();
    assert_eq!(ids(&items(&second)), ["series00"]);
}

/// Checklist line 70
#[test]
fn a_deleted_series_is_one_cancelled_row_without_recurrence() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=3"));
    world
        .patch(ANNA, &path("series00_20260316T080000Z"), json!({"summary": "Own"}))
        .ok();
    let (_, since) = world.full(ANNA);
    world.delete(ANNA, SERIES).empty(204);
    let (delta, _) = world.delta(ANNA, &since);
    assert_eq!(ids(&delta), ["series00"]);
    assert_eq!(delta[0]["status"], "cancelled");
    assert!(delta[0].get("recurrence").is_none());
    assert_eq!(world.event(ANNA, "series00_20260316T080000Z")["status"], "cancelled");
    world
        .delete(ANNA, &path("series00_20260316T080000Z"))
        .refused(410, "deleted");
    world.patch(ANNA, SERIES, json!({"status": "confirmed"})).ok();
    assert_eq!(instances(&mut world).len(), 3);
}

/// Checklist line 71
#[test]
fn this_and_following_makes_a_new_series_whose_instances_keep_the_old_prefix() {
    let mut world = World::new();
    let mut series = weekly("RRULE:FREQ=WEEKLY;COUNT=5");
    series["extendedProperties"] = json!({"private": {"accord.booking": "b1"}});
    world.insert(series);
    let late = "series00_20260330T070000Z";
    world.patch(ANNA, &path(late), json!({"location": "Elsewhere"})).ok();
    world
        .patch(ANNA, &path("series00_20260309T080000Z"), json!({"location": "First"}))
        .ok();
    let (_, since) = world.full(ANNA);
    let split = json!({"calendar": ANNA, "event": "series00", "at": "2026-03-23T08:00:00Z", "title": "Renamed"});
    let new = id(&world.control("split_series", split));
    assert_eq!(new, "series00_R20260323T080000");
    let (delta, _) = world.delta(ANNA, &since);
    assert_eq!(ids(&delta), ["series00", late, new.as_str()]);
    assert_eq!(
        delta[0]["recurrence"],
        json!(["RRULE:FREQ=WEEKLY;UNTIL=20260323T075959Z"])
    );
    assert_eq!(delta[2]["recurrence"], json!(["RRULE:FREQ=WEEKLY;COUNT=3"]));
    assert_eq!(delta[2]["iCalUID"], "series00_R20260323T080000@google.com");
    assert_eq!(delta[2]["extendedProperties"]["private"]["accord.booking"], "b1");
    let moved = (
        &delta[1]["recurringEventId"],
        &delta[1]["location"],
        &delta[1]["summary"],
    );
    assert_eq!(moved, (&json!(new), &json!("Elsewhere"), &json!("Renamed")));
    assert_eq!(
        ids(&instances(&mut world)),
        ["series00_20260309T080000Z", "series00_20260316T080000Z"]
    );
    let later = items(&world.get(ANNA, &format!("{}/instances", path(&new))).ok());
    assert_eq!(
        ids(&later),
        ["series00_20260323T080000Z", late, "series00_20260406T070000Z"]
    );
    // A virtual instance of the new series answers to its old-prefix id.
    assert_eq!(
        world.event(ANNA, "series00_20260406T070000Z")["recurringEventId"],
        new.as_str()
    );
    // The second split is named after the first original.
    let split = json!({"calendar": ANNA, "event": new, "at": "2026-04-06T07:00:00Z"});
    assert_eq!(world.control("split_series", split)["id"], "series00_R20260406T070000");
}

#[test]
fn splitting_an_all_day_series_cuts_it_by_days_and_listed_dates_go_to_their_side() {
    let mut world = World::new();
    world.insert(json!({
        "id": "series00", "start": {"date": "2026-03-10"}, "end": {"date": "2026-03-11"},
        "recurrence": ["RRULE:FREQ=DAILY;COUNT=6", "EXDATE;VALUE=DATE:20260311,20260314"],
    }));
    let split = json!({"calendar": ANNA, "event": "series00", "at": "2026-03-13"});
    let new = id(&world.control("split_series", split));
    assert_eq!(new, "series00_R20260313");
    let old = world.event(ANNA, "series00");
    assert_eq!(
        old["recurrence"],
        json!(["RRULE:FREQ=DAILY;UNTIL=20260312", "EXDATE;VALUE=DATE:20260311"])
    );
    assert_eq!(starts(&instances(&mut world)), ["2026-03-10", "2026-03-12"]);
    let later = items(&world.get(ANNA, &format!("{}/instances", path(&new))).ok());
    assert_eq!(starts(&later), ["2026-03-13", "2026-03-15"]);
}

/// Checklist line 72
#[test]
fn a_guest_of_one_occurrence_sees_it_without_its_series() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=3"));
    let instance = "series00_20260316T080000Z";
    world
        .patch(ANNA, &path(instance), json!({"attendees": [{"email": BEN}]}))
        .ok();
    let found = world.event(BEN, instance);
    assert_eq!(found["recurringEventId"], "series00");
    world.get(BEN, SERIES).refused(404, "notFound");
    assert_eq!(ids(&world.full(BEN).0), [instance]);
}

/// Checklist line 73
#[test]
fn instances_of_an_instance_is_that_one_or_nothing_when_cancelled() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=3"));
    let one = format!("{}/instances", path("series00_20260316T080000Z"));
    assert_eq!(ids(&items(&world.get(ANNA, &one).ok())), ["series00_20260316T080000Z"]);
    world.delete(ANNA, &path("series00_20260316T080000Z")).empty(204);
    assert_eq!(items(&world.get(ANNA, &one).ok()), Vec::<Value>::new());
    world
        .get(ANNA, &format!("{}/instances", path("unknown")))
        .refused(404, "notFound");
}

/// Checklist line 74
#[test]
fn stricter_visibility_of_an_instance_spreads_and_looser_is_ignored() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=3"));
    let instance = path("series00_20260316T080000Z");
    let loose = world
        .patch(ANNA, &instance, json!({"visibility": "public", "summary": "x"}))
        .ok();
    assert!(loose.get("visibility").is_none());
    world.patch(ANNA, &instance, json!({"visibility": "private"})).ok();
    assert_eq!(world.event(ANNA, "series00")["visibility"], "private");
    assert!(instances(&mut world).iter().all(|one| one["visibility"] == "private"));
    let loose = world.patch(ANNA, &instance, json!({"visibility": "public"})).ok();
    assert_eq!(loose["visibility"], "private");
}

/// Checklist line 75
#[test]
fn an_all_day_series_ends_by_date_and_each_day_excludes_its_end() {
    let mut world = World::new();
    world.insert(json!({
        "id": "series00", "start": {"date": "2026-03-10"}, "end": {"date": "2026-03-11"},
        "recurrence": ["RRULE:FREQ=DAILY;UNTIL=20260313", "EXDATE;VALUE=DATE:20260312"],
    }));
    let found = instances(&mut world);
    assert_eq!(starts(&found), ["2026-03-10", "2026-03-11", "2026-03-13"]);
    assert_eq!(found[2]["end"], json!({"date": "2026-03-14"}));
    assert_eq!(found[2]["originalStartTime"], json!({"date": "2026-03-13"}));
}

#[test]
fn until_is_inclusive_as_date_local_time_and_utc() {
    let third = [
        "2026-03-09T09:00:00+01:00",
        "2026-03-16T09:00:00+01:00",
        "2026-03-23T09:00:00+01:00",
    ];
    for until in ["20260323", "20260323T090000", "20260323T080000Z"] {
        assert_eq!(
            expanded(&[&format!("RRULE:FREQ=WEEKLY;UNTIL={until}")]),
            third,
            "{until}"
        );
    }
    assert_eq!(expanded(&["RRULE:FREQ=WEEKLY;UNTIL=20260323T075959Z"]), third[..2]);
    assert_eq!(
        expanded(&["RRULE:FREQ=WEEKLY;UNTIL=20260101T000000Z"]),
        Vec::<String>::new()
    );
}

#[test]
fn dates_are_added_and_excluded_in_every_form() {
    let left = ["2026-03-09T09:00:00+01:00", "2026-03-23T09:00:00+01:00"];
    for line in [
        "EXDATE:20260316T080000Z",
        "EXDATE:20260316T090000",
        "EXDATE;TZID=Europe/Prague:20260316T090000",
        "EXDATE;TZID=Europe/London:20260316T080000",
        "EXRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=1",
    ] {
        let expected: Vec<&str> = match line.starts_with("EXRULE") {
            true => vec!["2026-03-16T09:00:00+01:00", left[1]],
            false => left.to_vec(),
        };
        assert_eq!(expanded(&["RRULE:FREQ=WEEKLY;COUNT=3", line]), expected, "{line}");
    }
    let added = expanded(&[
        "RRULE:FREQ=WEEKLY;COUNT=1",
        "RDATE;TZID=Europe/Prague:20260401T120000,20260309T090000",
    ]);
    assert_eq!(added, ["2026-03-09T09:00:00+01:00", "2026-04-01T12:00:00+02:00"]);
    assert_eq!(
        expanded(&["RDATE:20260310T080000Z"]),
        ["2026-03-09T09:00:00+01:00", "2026-03-10T09:00:00+01:00"]
    );
}

#[test]
fn broken_recurrence_lines_are_refused() {
    let mut world = World::new();
    for line in [
        "RRULE:FREQ=SOMETIMES",
        "RRULE:NONSENSE",
        "FREQ=DAILY",
        "RRULE:FREQ=DAILY;COUNT=2;UNTIL=20260401",
        "RRULE:FREQ=DAILY;UNTIL=tomorrow",
        "DTSTART:20260309T080000Z",
        "EXDATE:20260316T080000Z",
        "RDATE:20269999",
        "",
    ] {
        let error = world.post(ANNA, EVENTS, weekly(line)).refused(400, "invalid");
        assert_eq!(error["message"], "Invalid recurrence rule.", "{line}");
    }
}

/// Checklist line 76
#[test]
fn an_endless_series_is_expanded_to_a_finite_horizon() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=DAILY"));
    let page = world
        .get(ANNA, EVENTS)
        .q("singleEvents", "true")
        .q("maxResults", "2500")
        .ok();
    assert_eq!(items(&page).len(), 730);
    let window = world
        .get(ANNA, EVENTS)
        .q("singleEvents", "true")
        .q("timeMin", "2026-03-29T00:00:00+01:00");
    let window = items(&window.q("timeMax", "2026-03-31T00:00:00+02:00").ok());
    assert_eq!(
        starts(&window),
        ["2026-03-29T09:00:00+02:00", "2026-03-30T09:00:00+02:00"]
    );
    // One edit puts them all into the next delta.
    let since = token(&page);
    world.patch(ANNA, SERIES, json!({"summary": "x"})).ok();
    let call = world.get(ANNA, EVENTS).q("singleEvents", "true").q("syncToken", &since);
    assert_eq!(items(&call.q("maxResults", "2500").ok()).len(), 730);
}

#[test]
fn a_changed_rule_drops_exceptions_that_no_longer_fit_and_keeps_the_others() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=4"));
    for instance in ["series00_20260316T080000Z", "series00_20260323T080000Z"] {
        world.patch(ANNA, &path(instance), json!({"location": "Own"})).ok();
    }
    let (_, since) = world.full(ANNA);
    world
        .patch(
            ANNA,
            SERIES,
            json!({"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=2"], "summary": "New"}),
        )
        .ok();
    let (delta, _) = world.delta(ANNA, &since);
    assert_eq!(
        ids(&delta),
        ["series00", "series00_20260316T080000Z", "series00_20260323T080000Z"]
    );
    // The kept one follows in what it did not change itself.
    assert_eq!(
        (&delta[1]["location"], &delta[1]["summary"]),
        (&json!("Own"), &json!("New"))
    );
    assert_eq!(delta[2]["status"], "cancelled");
    assert_eq!(ids(&world.full(ANNA).0), ["series00", "series00_20260316T080000Z"]);
}

#[test]
fn a_series_becomes_a_single_event_and_back_under_the_same_id() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=4"));
    world.delete(ANNA, &path("series00_20260316T080000Z")).empty(204);
    let single = world.patch(ANNA, SERIES, json!({"recurrence": null})).ok();
    assert!(single.get("recurrence").is_none());
    assert_eq!(ids(&world.full(ANNA).0), ["series00"]);
    let rule = json!({"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=2"]});
    assert_eq!(world.patch(ANNA, SERIES, rule).ok()["sequence"], 2);
    assert_eq!(instances(&mut world).len(), 2);
}

#[test]
fn expanded_deltas_name_the_occurrences_that_a_series_lost() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=3"));
    let page = world.get(ANNA, EVENTS).q("singleEvents", "true").ok();
    let since = token(&page);
    world
        .patch(ANNA, SERIES, json!({"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=2"]}))
        .ok();
    let call = world.get(ANNA, EVENTS).q("singleEvents", "true").q("syncToken", &since);
    let delta = items(&call.ok());
    let gone: Vec<&Value> = delta.iter().filter(|event| event["status"] == "cancelled").collect();
    assert_eq!((delta.len(), gone.len()), (3, 1));
    assert_eq!(gone[0]["id"], "series00_20260323T080000Z");
}
