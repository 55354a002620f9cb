//! The pretend Google's writes: inserts, patches, sequences, etags, guests, moves, refusals.
mod sandbox_calendar_support;

use sandbox_calendar_support::*;
use serde_json::{Value, json};

fn path(id: &str) -> String {
    format!("{EVENTS}/{id}")
}

fn with(mut event: Value, more: Value) -> Value {
    for (key, value) in more.as_object().expect("an object") {
        event[key] = value.clone();
    }
    event
}

/// An event of Anna's with Ben as guest.
fn invitation(world: &mut World) -> String {
    let guests = json!({"id": "invited", "attendees": [{"email": ANNA}, {"email": "Ben@Example.ORG"}]});
    id(&world.insert(with(meeting("Invited"), guests)))
}

fn guest<'a>(event: &'a Value, email: &str) -> &'a Value {
    let guests = event["attendees"].as_array().expect("guests");
    guests.iter().find(|guest| guest["email"] == email).expect("that guest")
}

/// Checklist line 77
#[test]
fn an_insert_answers_200_with_id_etag_uid_sequence_and_stamps() {
    let mut world = World::new();
    let made = world.insert(meeting("Made"));
    let made_id = id(&made);
    assert_eq!(made_id.len(), 26);
    assert_eq!(made["iCalUID"], format!("{made_id}@google.com"));
    assert_eq!((&made["sequence"], &made["status"]), (&json!(0), &json!("confirmed")));
    assert_eq!(
        (&made["eventType"], &made["kind"]),
        (&json!("default"), &json!("calendar#event"))
    );
    let person = json!({"email": ANNA, "self": true});
    assert_eq!((&made["organizer"], &made["creator"]), (&person, &person));
    assert!(made["created"].as_str().unwrap().ends_with(".000Z"));
    assert_eq!(made["reminders"], json!({"useDefault": true}));
}

/// Checklist line 78
#[test]
fn an_illegal_event_id_is_refused() {
    let mut world = World::new();
    for bad in ["abcd", "ABCDEF", "with-dash", "with_line", "xyzzy", "wwwwww"] {
        let event = with(meeting("Bad"), json!({"id": bad}));
        let error = world.post(ANNA, EVENTS, event).refused(400, "invalid");
        assert_eq!(error["message"], "Invalid resource id value.");
    }
    let long = with(meeting("Long"), json!({"id": "a".repeat(1024)}));
    world.insert(long);
}

/// Checklist lines 79, 80, and the sandbox half of 81
#[test]
fn a_taken_id_is_a_duplicate_even_when_its_event_is_deleted() {
    let mut world = World::new();
    let event = with(meeting("Once"), json!({"id": "taken0"}));
    let made = world.insert(event.clone());
    let error = world.post(ANNA, EVENTS, event.clone()).refused(409, "duplicate");
    assert_eq!(error["message"], "The requested identifier already exists.");
    assert_eq!(world.event(ANNA, "taken0"), made);
    world.delete(ANNA, &path("taken0")).empty(204);
    world.post(ANNA, EVENTS, event).refused(409, "duplicate");
}

/// Checklist line 82
#[test]
fn a_second_insert_of_a_uid_is_a_duplicate_and_a_second_import_an_update() {
    let mut world = World::new();
    let event = with(meeting("Uid"), json!({"iCalUID": "abc@elsewhere"}));
    let made = world.insert(event.clone());
    assert_eq!(made["iCalUID"], "abc@elsewhere");
    world.post(ANNA, EVENTS, event.clone()).refused(409, "duplicate");
    let import = format!("{EVENTS}/import");
    let again = world
        .post(ANNA, &import, with(event, json!({"summary": "Imported"})))
        .ok();
    assert_eq!((&again["id"], &again["summary"]), (&made["id"], &json!("Imported")));
}

/// Checklist line 83
#[test]
fn an_imported_event_is_named_after_its_uid_and_revived_by_a_second_import() {
    let mut world = World::new();
    let import = format!("{EVENTS}/import");
    let event = with(
        meeting("In"),
        json!({"iCalUID": "foo", "organizer": {"email": "Boss@else.where"}}),
    );
    let made = world.post(ANNA, &import, event.clone()).ok();
    assert_eq!(made["id"], "_cpnmu"); // RFC 4648: base32hex of "foo" is CPNMU
    assert_eq!(made["organizer"], json!({"email": "boss@else.where"}));
    let native = with(event.clone(), json!({"iCalUID": "abcdef@google.com"}));
    assert_eq!(world.post(ANNA, &import, native).ok()["id"], "abcdef");
    world.delete(ANNA, &path("_cpnmu")).empty(204);
    assert_eq!(world.post(ANNA, &import, event.clone()).ok()["status"], "confirmed");
    let newer = with(event.clone(), json!({"sequence": 3}));
    world.post(ANNA, &import, newer).ok();
    world
        .post(ANNA, &import, with(event, json!({"sequence": 2})))
        .refused(400, "invalid");
    world.post(ANNA, &import, meeting("No uid")).refused(400, "required");
}

/// Checklist lines 84, 97
#[test]
fn special_types_become_default_on_import_and_cannot_be_moved() {
    let mut world = World::new();
    let away = json!({"eventType": "outOfOffice", "outOfOfficeProperties": {"autoDeclineMode": "declineNone"}});
    let away = with(meeting("Away"), away);
    let imported = with(away.clone(), json!({"iCalUID": "away@else"}));
    let imported = world.post(ANNA, &format!("{EVENTS}/import"), imported).ok();
    assert_eq!(imported["eventType"], "default");
    assert!(imported.get("outOfOfficeProperties").is_none());
    let made = world.insert(away);
    let secondary = world.secondary("Target");
    let call = world
        .post(ANNA, &format!("{}/move", path(&id(&made))), json!({}))
        .q("destination", &secondary);
    call.refused(400, "eventTypeRestriction");
    let change = world.patch(ANNA, &path(&id(&made)), json!({"eventType": "default"}));
    change.refused(400, "eventTypeRestriction");
}

/// Checklist line 85
#[test]
fn put_clears_what_is_omitted_and_patch_keeps_it() {
    let mut world = World::new();
    let made = world.insert(with(
        meeting("Full"),
        json!({
            "description": "d", "location": "l", "colorId": "3", "recurrence": [],
            "attendees": [{"email": "x@example.com"}, {"email": "y@example.com"}],
            "extendedProperties": {"private": {"a": "1", "b": "2"}, "shared": {"s": "1"}},
        }),
    ));
    let path = path(&id(&made));
    let patch = json!({
        "location": null, "attendees": [{"email": "y@example.com"}],
        "extendedProperties": {"private": {"a": null, "c": "3"}},
    });
    let patched = world.patch(ANNA, &path, patch).ok();
    assert_eq!((&patched["description"], patched.get("location")), (&json!("d"), None));
    assert_eq!(patched["attendees"].as_array().unwrap().len(), 1);
    let properties = json!({"private": {"b": "2", "c": "3"}, "shared": {"s": "1"}});
    assert_eq!(patched["extendedProperties"], properties);
    let put = world.put(ANNA, &path, meeting("Bare")).ok();
    for key in ["description", "location", "colorId", "attendees", "extendedProperties"] {
        assert!(put.get(key).is_none(), "{key}");
    }
    assert_eq!((&put["iCalUID"], &put["summary"]), (&made["iCalUID"], &json!("Bare")));
    world
        .put(ANNA, &path, json!({"summary": "No times"}))
        .refused(400, "required");
}

/// Checklist line 86
#[test]
fn a_put_with_a_low_sequence_is_refused() {
    let mut world = World::new();
    let made = world.insert(meeting("Moves"));
    let path = path(&id(&made));
    let later = json!({"end": {"dateTime": "2026-03-03T12:00:00+01:00"}});
    assert_eq!(world.patch(ANNA, &path, later).ok()["sequence"], 1);
    let error = world.put(ANNA, &path, meeting("Old")).refused(400, "invalid");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .starts_with("Invalid sequence value. The specified")
    );
    world.patch(ANNA, &path, json!({"sequence": 0})).refused(400, "invalid");
    let put = world
        .put(ANNA, &path, with(meeting("Old"), json!({"sequence": 7})))
        .ok();
    assert_eq!(put["sequence"], 7);
}

/// Checklist line 87
#[test]
fn times_bump_the_sequence_and_titles_and_reminders_do_not() {
    let mut world = World::new();
    let path = path(&id(&world.insert(meeting("Seq"))));
    assert_eq!(
        world.patch(ANNA, &path, json!({"summary": "Title"})).ok()["sequence"],
        0
    );
    let reminders = json!({"reminders": {"useDefault": false, "overrides": [{"method": "popup", "minutes": 5}]}});
    assert_eq!(world.patch(ANNA, &path, reminders).ok()["sequence"], 0);
    let start = json!({"start": {"dateTime": "2026-03-03T10:15:00+01:00"}});
    assert_eq!(world.patch(ANNA, &path, start).ok()["sequence"], 1);
}

/// Checklist line 88
#[test]
fn a_stale_if_match_is_refused_with_412_and_a_star_passes() {
    let mut world = World::new();
    let made = world.insert(meeting("Race"));
    let path = path(&id(&made));
    let fresh = world
        .patch(ANNA, &path, json!({"summary": "1"}))
        .if_match(&etag(&made))
        .ok();
    let error = world.patch(ANNA, &path, json!({"summary": "2"})).if_match(&etag(&made));
    let error = error.refused(412, "conditionNotMet");
    assert_eq!(error["errors"][0]["location"], "If-Match");
    assert_eq!(error["errors"][0]["locationType"], "header");
    world
        .put(ANNA, &path, meeting("x"))
        .if_match(&etag(&made))
        .refused(412, "conditionNotMet");
    world
        .delete(ANNA, &path)
        .if_match(&etag(&made))
        .refused(412, "conditionNotMet");
    let secondary = world.secondary("Target");
    let stale = world
        .post(ANNA, &format!("{path}/move"), json!({}))
        .q("destination", &secondary);
    stale.if_match(&etag(&made)).refused(412, "conditionNotMet");
    world.patch(ANNA, &path, json!({"summary": "3"})).if_match("*").ok();
    world
        .patch(ANNA, &path, json!({"summary": "4"}))
        .if_match(&etag(&fresh))
        .refused(412, "conditionNotMet");
}

/// Checklist line 89
#[test]
fn a_current_if_none_match_is_answered_304() {
    let mut world = World::new();
    let made = world.insert(meeting("Cached"));
    let path = path(&id(&made));
    world.get(ANNA, &path).if_none_match(&etag(&made)).empty(304);
    world.patch(ANNA, &path, json!({"summary": "x"})).ok();
    world.get(ANNA, &path).if_none_match(&etag(&made)).ok();
}

/// Checklist line 91
#[test]
fn an_etag_is_quoted_and_twice_the_microseconds_of_updated_and_always_new() {
    let mut world = World::new();
    let made = world.insert(meeting("Etag"));
    let changed = world.patch(ANNA, &path(&id(&made)), json!({"summary": "x"})).ok();
    assert_ne!(etag(&made), etag(&changed)); // in the same microsecond
    for event in [made, changed] {
        let updated = chrono::DateTime::parse_from_rfc3339(event["updated"].as_str().unwrap()).unwrap();
        assert_eq!(etag(&event), format!("\"{}\"", updated.timestamp_micros() * 2));
    }
}

#[test]
fn a_patch_that_changes_nothing_keeps_the_etag_and_is_not_in_the_delta() {
    let mut world = World::new();
    let made = world.insert(with(
        meeting("Same"),
        json!({"attendees": [{"email": "x@example.com"}]}),
    ));
    let (_, since) = world.full(ANNA);
    let same = json!({
        "summary": "Same", "attendees": [{"email": "X@Example.com", "displayName": "x@example.com"}],
        "start": {"dateTime": "2026-03-03T09:00:00Z"}, "transparency": "opaque", "created": "ignored", "nonsense": 1,
    });
    assert_eq!(world.patch(ANNA, &path(&id(&made)), same).ok(), made);
    assert_eq!(world.delta(ANNA, &since).0, Vec::<Value>::new());
}

/// Checklist line 92
#[test]
fn a_delete_is_204_then_410_and_404_for_the_unknown() {
    let mut world = World::new();
    let path = path(&id(&world.insert(meeting("Gone"))));
    world.delete(ANNA, &path).q("sendUpdates", "none").empty(204);
    let error = world.delete(ANNA, &path).refused(410, "deleted");
    assert_eq!(error["message"], "Resource has been deleted");
    world
        .delete(ANNA, &format!("{EVENTS}/neverwas"))
        .refused(404, "notFound");
    world
        .delete(ANNA, "calendars/nobody@example.org/events/x")
        .refused(404, "notFound");
}

/// Checklist line 93
#[test]
fn a_patch_to_confirmed_revives_a_deleted_event() {
    let mut world = World::new();
    let made = world.insert(meeting("Phoenix"));
    let path = path(&id(&made));
    world.delete(ANNA, &path).empty(204);
    let (_, since) = world.full(ANNA);
    world
        .patch(ANNA, &path, json!({"summary": "Still dead"}))
        .refused(403, "forbidden");
    let alive = world.patch(ANNA, &path, json!({"status": "confirmed"})).ok();
    assert_eq!((&alive["id"], &alive["iCalUID"]), (&made["id"], &made["iCalUID"]));
    assert_eq!(
        (&alive["status"], &alive["summary"]),
        (&json!("confirmed"), &json!("Phoenix"))
    );
    assert_eq!(world.delta(ANNA, &since).0, [alive]);
}

/// Checklist line 94
#[test]
fn a_put_on_a_deleted_event_is_refused() {
    let mut world = World::new();
    let path = path(&id(&world.insert(meeting("Dead"))));
    world.delete(ANNA, &path).empty(204);
    let event = with(meeting("Alive"), json!({"status": "confirmed", "sequence": 9}));
    world.put(ANNA, &path, event).refused(403, "forbidden");
}

#[test]
fn a_patch_to_cancelled_deletes() {
    let mut world = World::new();
    let path = path(&id(&world.insert(meeting("Cancelled"))));
    let gone = world.patch(ANNA, &path, json!({"status": "cancelled"})).ok();
    assert_eq!((&gone["status"], &gone["sequence"]), (&json!("cancelled"), &json!(1)));
    world.delete(ANNA, &path).refused(410, "deleted");
}

/// Checklist line 95
#[test]
fn a_guest_may_answer_but_not_change_what_is_shared() {
    let mut world = World::new();
    let event = path(&invitation(&mut world));
    let copy = world.get(BEN, &event).ok();
    assert_eq!(
        guest(&copy, BEN),
        &json!({"email": BEN, "responseStatus": "needsAction", "self": true})
    );
    let host = json!({"email": ANNA, "responseStatus": "accepted", "organizer": true});
    assert_eq!(guest(&copy, ANNA), &host);
    assert_eq!(copy["organizer"], json!({"email": ANNA}));
    let error = world
        .put(BEN, &event, meeting("Mine now"))
        .refused(403, "forbiddenForNonOrganizer");
    assert_eq!(
        error["message"],
        "Shared properties can only be changed by the organizer of the event."
    );
    assert_eq!(error["errors"][0]["domain"], "calendar");
    for shared in [
        json!({"summary": "x"}),
        json!({"attendees": [{"email": BEN, "responseStatus": "accepted"}]}),
        json!({"start": {"dateTime": "2026-03-03T09:30:00+01:00"}}),
    ] {
        world
            .patch(BEN, &event, shared)
            .refused(403, "forbiddenForNonOrganizer");
    }
    let (_, since) = world.full(ANNA);
    let yes = json!({"attendeesOmitted": true, "attendees": [{"email": BEN, "responseStatus": "accepted"}]});
    world.patch(BEN, &event, yes).ok();
    let (delta, _) = world.delta(ANNA, &since);
    assert_eq!(guest(&delta[0], BEN)["responseStatus"], "accepted");
    assert_eq!(delta[0]["sequence"], 0);
    // What is the guest's own stays on the guest's copy.
    world
        .patch(BEN, &event, json!({"colorId": "5", "transparency": "transparent"}))
        .ok();
    let host = world.get(ANNA, &event).ok();
    assert!(host.get("colorId").is_none() && host.get("transparency").is_none());
}

#[test]
fn the_organizers_changes_reach_the_guests_copies() {
    let mut world = World::new();
    let event = path(&invitation(&mut world));
    let (_, since) = world.full(BEN);
    let change = json!({"summary": "Moved", "end": {"dateTime": "2026-03-03T12:00:00+01:00"}});
    let host = world.patch(ANNA, &event, change).ok();
    let (delta, since) = world.delta(BEN, &since);
    assert_eq!(
        (&delta[0]["summary"], &delta[0]["end"]),
        (&host["summary"], &host["end"])
    );
    assert_eq!(
        (&delta[0]["iCalUID"], &delta[0]["sequence"]),
        (&host["iCalUID"], &host["sequence"])
    );
    world.delete(ANNA, &event).empty(204);
    let (delta, _) = world.delta(BEN, &since);
    assert_eq!(delta[0]["status"], "cancelled");
    assert!(world.get(BEN, &event).ok().get("summary").is_none());
    world
        .patch(BEN, &event, json!({"status": "confirmed"}))
        .refused(403, "forbidden");
    world.patch(ANNA, &event, json!({"status": "confirmed"})).ok();
    assert_eq!(world.get(BEN, &event).ok()["summary"], "Moved");
}

#[test]
fn a_guest_who_deletes_declines_and_one_who_is_removed_loses_the_copy() {
    let mut world = World::new();
    let event = path(&invitation(&mut world));
    world.delete(BEN, &event).empty(204);
    assert_eq!(guest(&world.get(ANNA, &event).ok(), BEN)["responseStatus"], "declined");
    let own = world.get(BEN, &event).ok();
    assert_eq!(
        (&own["status"], &own["summary"]),
        (&json!("cancelled"), &json!("Invited"))
    );
    world.patch(ANNA, &event, json!({"summary": "Changed"})).ok();
    assert_eq!(world.get(BEN, &event).ok()["status"], "cancelled");
    let mut world = World::new();
    let event = path(&invitation(&mut world));
    world.patch(ANNA, &event, json!({"attendees": [{"email": ANNA}]})).ok();
    assert_eq!(world.get(BEN, &event).ok()["status"], "cancelled");
}

#[test]
fn a_guest_of_a_series_answers_and_deletes_single_occurrences() {
    let mut world = World::new();
    let series = with(
        weekly("RRULE:FREQ=WEEKLY;COUNT=3"),
        json!({"attendees": [{"email": BEN}]}),
    );
    world.insert(series);
    let first = path("series00_20260309T080000Z");
    let yes = json!({"attendeesOmitted": true, "attendees": [{"email": BEN, "responseStatus": "accepted"}]});
    world.patch(BEN, &first, yes).ok();
    assert_eq!(guest(&world.get(ANNA, &first).ok(), BEN)["responseStatus"], "accepted");
    assert_eq!(
        guest(&world.get(ANNA, &path("series00")).ok(), BEN)["responseStatus"],
        "needsAction"
    );
    let second = path("series00_20260316T080000Z");
    world.delete(BEN, &second).empty(204);
    assert_eq!(guest(&world.get(ANNA, &second).ok(), BEN)["responseStatus"], "declined");
    assert_eq!(world.get(BEN, &second).ok()["status"], "cancelled");
    world.delete(ANNA, &path("series00_20260323T080000Z")).empty(204);
    assert_eq!(
        world.get(BEN, &path("series00_20260323T080000Z")).ok()["status"],
        "cancelled"
    );
    let left = world.get(BEN, &format!("{}/instances", path("series00"))).ok();
    assert_eq!(ids(&items(&left)), ["series00_20260309T080000Z"]);
}

/// Checklist line 96
#[test]
fn a_move_leaves_a_cancelled_stub_and_keeps_the_id() {
    let mut world = World::new();
    let target = world.secondary("Target");
    let made = world.insert(meeting("Wanders"));
    let events = format!("calendars/{target}/events");
    let (_, source) = world.full(ANNA);
    let destination = token(&world.get(ANNA, &events).ok());
    let call = world
        .post(ANNA, &format!("{}/move", path(&id(&made))), json!({}))
        .q("destination", &target);
    assert_eq!(call.ok()["status"], "cancelled");
    let (gone, _) = world.delta(ANNA, &source);
    assert_eq!((&gone[0]["id"], &gone[0]["status"]), (&made["id"], &json!("cancelled")));
    assert!(gone[0].get("summary").is_none());
    let came = items(&world.get(ANNA, &events).q("syncToken", &destination).ok());
    assert_eq!((&came[0]["id"], &came[0]["iCalUID"]), (&made["id"], &made["iCalUID"]));
    assert_eq!(
        (&came[0]["status"], &came[0]["organizer"]["email"]),
        (&json!("confirmed"), &json!(target))
    );
    let back = world.post(ANNA, &format!("{events}/{}/move", id(&made)), json!({}));
    back.q("destination", "primary").ok();
    assert_eq!(world.event(ANNA, &id(&made))["status"], "confirmed");
}

#[test]
fn a_move_takes_exceptions_along_and_refuses_instances_and_missing_destinations() {
    let mut world = World::new();
    let target = world.secondary("Target");
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=3"));
    let instance = "series00_20260316T080000Z";
    world.patch(ANNA, &path(instance), json!({"summary": "Own"})).ok();
    let call = world
        .post(ANNA, &format!("{}/move", path(instance)), json!({}))
        .q("destination", &target);
    call.refused(400, "invalid");
    let series = format!("{}/move", path("series00"));
    world.post(ANNA, &series, json!({})).refused(400, "required");
    world
        .post(ANNA, &series, json!({}))
        .q("destination", BEN)
        .refused(404, "notFound");
    world.post(ANNA, &series, json!({})).q("destination", &target).ok();
    let moved = world.get(ANNA, &format!("calendars/{target}/events/{instance}")).ok();
    assert_eq!(
        (&moved["summary"], &moved["status"]),
        (&json!("Own"), &json!("confirmed"))
    );
    assert_eq!(world.full(ANNA).0, Vec::<Value>::new());
}

/// Checklist line 98
#[test]
fn empty_ranges_and_missing_ends_are_refused() {
    let mut world = World::new();
    let mut event = meeting("Bad");
    event["end"] = event["start"].clone();
    let error = world.post(ANNA, EVENTS, event.clone()).refused(400, "timeRangeEmpty");
    assert_eq!(error["message"], "The specified time range is empty.");
    assert_eq!(error["errors"][0]["domain"], "calendar");
    // The missing end is found before everything else.
    let error = world
        .post(ANNA, EVENTS, json!({"id": "BAD", "recurrence": ["x"]}))
        .refused(400, "required");
    assert_eq!(error["message"], "Missing end time.");
    event["end"] = json!({"date": "2026-03-04"});
    world.post(ANNA, EVENTS, event.clone()).refused(400, "invalid");
    event["end"] = json!({"dateTime": "2026-03-03T12:00:00"});
    world.post(ANNA, EVENTS, event.clone()).refused(400, "required");
    event["end"] = json!({"dateTime": "2026-03-03T12:00:00", "timeZone": "Mars/Base"});
    world.post(ANNA, EVENTS, event).refused(400, "invalid");
    world
        .post(ANNA, EVENTS, json!({}))
        .raw_body("{nonsense")
        .refused(400, "parseError");
    world
        .post(ANNA, EVENTS, with(meeting("x"), json!({"summary": 5})))
        .refused(400, "invalid");
}

#[test]
fn a_timed_event_turns_all_day_only_when_the_old_fields_are_cleared() {
    let mut world = World::new();
    let path = path(&id(&world.insert(meeting("Turns"))));
    let mixed = json!({"start": {"date": "2026-03-03"}, "end": {"date": "2026-03-04"}});
    world.patch(ANNA, &path, mixed).refused(400, "invalid");
    let clear = |day: &str| json!({"date": day, "dateTime": null, "timeZone": null});
    let whole = json!({"start": clear("2026-03-03"), "end": clear("2026-03-04")});
    let turned = world.patch(ANNA, &path, whole).ok();
    assert_eq!(
        (&turned["start"], &turned["end"]),
        (&json!({"date": "2026-03-03"}), &json!({"date": "2026-03-04"}))
    );
}

/// Checklist line 99
#[test]
fn conference_data_without_its_version_is_ignored() {
    let mut world = World::new();
    let meet = json!({"conferenceData": {"createRequest": {"requestId": "r"}}});
    let plain = world.insert(with(meeting("Plain"), meet.clone()));
    assert!(plain.get("conferenceData").is_none());
    let call = world
        .post(ANNA, EVENTS, with(meeting("Meet"), meet))
        .q("conferenceDataVersion", "1");
    let made = call.ok();
    assert!(
        made["hangoutLink"]
            .as_str()
            .unwrap()
            .starts_with("https://meet.google.com/")
    );
    // A put that does not know conferences keeps it.
    let put = world.put(ANNA, &path(&id(&made)), meeting("Put")).ok();
    assert_eq!(put["conferenceData"], made["conferenceData"]);
}

/// Checklist line 100
#[test]
fn long_property_keys_are_dropped_and_long_values_cut() {
    let mut world = World::new();
    let mut properties = json!({"k".repeat(44): "v".repeat(2000)});
    properties["k".repeat(45)] = json!("dropped");
    let made = world.insert(with(
        meeting("Props"),
        json!({"extendedProperties": {"private": properties}}),
    ));
    let kept = made["extendedProperties"]["private"].as_object().unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept["k".repeat(44).as_str()].as_str().unwrap().len(), 1024);
}

/// Checklist line 101
#[test]
fn private_properties_stay_with_their_copy_and_shared_ones_travel() {
    let mut world = World::new();
    let event = path(&invitation(&mut world));
    let both = json!({"extendedProperties": {"private": {"mine": "1"}, "shared": {"ours": "1"}}});
    world.patch(ANNA, &event, both).ok();
    let copy = world.get(BEN, &event).ok();
    assert_eq!(copy["extendedProperties"], json!({"shared": {"ours": "1"}}));
    world
        .patch(BEN, &event, json!({"extendedProperties": {"private": {"bens": "2"}}}))
        .ok();
    world.patch(ANNA, &event, json!({"summary": "Again"})).ok();
    let copy = world.get(BEN, &event).ok();
    let kept = json!({"private": {"bens": "2"}, "shared": {"ours": "1"}});
    assert_eq!(
        (&copy["extendedProperties"], &copy["summary"]),
        (&kept, &json!("Again"))
    );
    let host = world.get(ANNA, &event).ok();
    assert_eq!(host["extendedProperties"]["private"], json!({"mine": "1"}));
}

/// Checklist line 102
#[test]
fn reminders_belong_to_the_user_and_move_neither_etag_nor_delta() {
    let mut world = World::new();
    let made = world.insert(meeting("Remind"));
    let (_, since) = world.full(ANNA);
    let path = path(&id(&made));
    let own = json!({"useDefault": false, "overrides": [{"method": "email", "minutes": 30}]});
    let changed = world.patch(ANNA, &path, json!({"reminders": own})).ok();
    assert_eq!(changed["reminders"], own);
    assert_eq!((etag(&changed), &changed["updated"]), (etag(&made), &made["updated"]));
    assert_eq!(world.delta(ANNA, &since).0, Vec::<Value>::new());
    let both = json!({"useDefault": true, "overrides": [{"method": "email", "minutes": 30}]});
    let refused = world.patch(ANNA, &path, json!({"reminders": both}));
    refused.refused(400, "cannotUseDefaultRemindersAndSpecifyOverride");
    let six = vec![json!({"method": "popup", "minutes": 1}); 6];
    let refused = world.patch(
        ANNA,
        &path,
        json!({"reminders": {"useDefault": false, "overrides": six}}),
    );
    refused.refused(400, "invalid");
    let default = world
        .patch(ANNA, &path, json!({"reminders": {"useDefault": true}}))
        .ok();
    assert_eq!(default["reminders"], json!({"useDefault": true}));
}

/// Checklist line 103
#[test]
fn default_values_are_absent_on_readback() {
    let mut world = World::new();
    let made = world.insert(with(
        meeting("Defaults"),
        json!({
            "transparency": "opaque", "visibility": "default", "guestsCanInviteOthers": true, "location": "",
            "guestsCanModify": false, "guestsCanSeeOtherGuests": true, "privateCopy": false, "attendees": [],
            "extendedProperties": {"private": {}},
        }),
    ));
    for key in [
        "transparency",
        "visibility",
        "guestsCanInviteOthers",
        "guestsCanModify",
        "guestsCanSeeOtherGuests",
        "privateCopy",
        "location",
        "attendees",
        "extendedProperties",
    ] {
        assert!(made.get(key).is_none(), "{key}");
    }
    let kept = json!({"transparency": "transparent", "guestsCanInviteOthers": false});
    let made = world.insert(with(meeting("Kept"), kept));
    assert_eq!(
        (&made["transparency"], &made["guestsCanInviteOthers"]),
        (&json!("transparent"), &json!(false))
    );
}

/// Checklist line 104
#[test]
fn attendee_addresses_come_back_in_lower_case_without_echoed_names() {
    let mut world = World::new();
    let guests = json!({"attendees": [
        {"email": "Carl@Example.COM", "displayName": "carl@example.com"}, {"email": "carl@example.com"},
        {"email": "dora@example.com", "displayName": "Dora", "optional": true},
    ]});
    let made = world.insert(with(meeting("Guests"), guests));
    let expected = json!([
        {"email": "carl@example.com", "responseStatus": "needsAction"},
        {"email": "dora@example.com", "displayName": "Dora", "optional": true, "responseStatus": "needsAction"},
    ]);
    assert_eq!(made["attendees"], expected);
    for bad in [json!([{"displayName": "Nobody"}]), json!([{"email": "no address"}])] {
        let Answered(reply) = world
            .post(ANNA, EVENTS, with(meeting("x"), json!({"attendees": bad})))
            .send();
        assert_eq!(reply.status, 400);
    }
}

/// Checklist line 105
#[test]
fn a_room_answers_two_seconds_later_in_its_own_delta() {
    let mut world = World::new();
    let room = "board@resource.calendar.google.com";
    let with_room = with(meeting("Room"), json!({"attendees": [{"email": room}]}));
    let made = world.insert(with_room.clone());
    assert_eq!(guest(&made, room)["resource"], true);
    assert_eq!(guest(&made, room)["responseStatus"], "needsAction");
    let (_, since) = world.full(ANNA);
    world.now_us += 2_000_000;
    let (delta, since) = world.delta(ANNA, &since);
    assert_eq!(guest(&delta[0], room)["responseStatus"], "accepted");
    assert_ne!(etag(&delta[0]), etag(&made));
    world.insert(with_room);
    world.now_us += 2_000_000;
    let (delta, _) = world.delta(ANNA, &since);
    assert_eq!(guest(&delta[0], room)["responseStatus"], "declined");
}

/// Checklist line 106
#[test]
fn a_secondary_calendar_organizes_its_events_itself() {
    let mut world = World::new();
    let calendar = world.secondary("Room plan");
    let events = format!("calendars/{calendar}/events");
    let event = with(
        meeting("Inside"),
        json!({"attendees": [{"email": ANNA}, {"email": BEN}]}),
    );
    let made = world.post(ANNA, &events, event).ok();
    assert_eq!(
        made["organizer"],
        json!({"email": calendar, "displayName": "Room plan", "self": true})
    );
    assert_eq!(made["creator"], json!({"email": ANNA}));
    assert!(
        made["attendees"]
            .as_array()
            .unwrap()
            .iter()
            .all(|guest| guest.get("self").is_none())
    );
    // Anna is a guest in her own primary calendar.
    let copy = world.event(ANNA, &id(&made));
    assert_eq!(guest(&copy, ANNA)["self"], true);
    assert_eq!(copy["organizer"].get("self"), None);
}

/// Checklist line 107
#[test]
fn special_types_hold_their_rules_on_insert() {
    let mut world = World::new();
    let home = json!({
        "eventType": "workingLocation", "visibility": "public", "transparency": "transparent",
        "workingLocationProperties": {"type": "homeOffice"}, "start": {"date": "2026-03-04"}, "end": {"date": "2026-03-05"},
    });
    world.insert(home.clone());
    for wrong in [
        with(home.clone(), json!({"end": {"date": "2026-03-06"}})),
        with(home.clone(), json!({"visibility": "private"})),
        with(home.clone(), json!({"workingLocationProperties": null})),
        with(meeting("Focus"), json!({"eventType": "focusTime"})),
        with(meeting("Mail"), json!({"eventType": "fromGmail"})),
        with(meeting("Birthday"), json!({"eventType": "birthday"})),
    ] {
        world.post(ANNA, EVENTS, wrong).refused(400, "eventTypeRestriction");
    }
    let secondary = world.secondary("Second");
    world
        .post(ANNA, &format!("calendars/{secondary}/events"), home)
        .refused(400, "eventTypeRestriction");
    world
        .post(ANNA, EVENTS, with(meeting("x"), json!({"eventType": "party"})))
        .refused(400, "invalid");
}

#[test]
fn quick_add_makes_an_hour_of_the_text() {
    let mut world = World::new();
    let made = world
        .call(axum::http::Method::POST, ANNA, &format!("{EVENTS}/quickAdd"))
        .q("text", "Lunch")
        .ok();
    assert_eq!(
        (&made["summary"], &made["start"]["dateTime"]),
        (&json!("Lunch"), &json!("2026-03-02T10:00:00+01:00"))
    );
    let missing = world.call(axum::http::Method::POST, ANNA, &format!("{EVENTS}/quickAdd"));
    missing.refused(400, "required");
}

#[test]
fn guests_who_may_modify_change_the_event_for_all() {
    let mut world = World::new();
    let event = path(&invitation(&mut world));
    world.patch(ANNA, &event, json!({"guestsCanModify": true})).ok();
    world.patch(BEN, &event, json!({"summary": "By Ben"})).ok();
    assert_eq!(world.get(ANNA, &event).ok()["summary"], "By Ben");
}
