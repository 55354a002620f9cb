//! The pretend Google's event lists: pages, sync tokens, windows, and the switches that break them.
mod sandbox_calendar_support;

use sandbox_calendar_support::*;
use serde_json::{Value, json};

fn many(world: &mut World, count: usize) {
    for number in 0..count {
        let mut event = meeting("Many");
        event["id"] = json!(format!("item{number:05}"));
        world.insert(event);
    }
}

/// Checklist line 37
#[test]
fn a_page_has_250_events_at_most_2500_and_may_be_empty_in_between() {
    let mut world = World::new();
    many(&mut world, 2501);
    assert_eq!(items(&world.get(ANNA, EVENTS).ok()).len(), 250);
    assert_eq!(items(&world.get(ANNA, EVENTS).q("maxResults", "9999").ok()).len(), 2500);
    world
        .get(ANNA, EVENTS)
        .q("maxResults", "0")
        .refused(400, "invalidParameter");
    world.control("paging", json!({"page_size": 1000, "empty_page_every": 2}));
    let first = world.get(ANNA, EVENTS).q("maxResults", "2500").ok();
    assert_eq!(items(&first).len(), 1000);
    let page = first["nextPageToken"].as_str().expect("more");
    let second = world
        .get(ANNA, EVENTS)
        .q("maxResults", "2500")
        .q("pageToken", page)
        .ok();
    assert_eq!(items(&second).len(), 0);
    let page = second["nextPageToken"].as_str().expect("more");
    let third = world
        .get(ANNA, EVENTS)
        .q("maxResults", "2500")
        .q("pageToken", page)
        .ok();
    assert_eq!(items(&third).len(), 1000);
}

/// Checklist line 38
#[test]
fn page_token_and_sync_token_never_come_together() {
    let mut world = World::new();
    many(&mut world, 7);
    let mut page_token: Option<String> = None;
    let mut seen = 0;
    loop {
        let mut call = world.get(ANNA, EVENTS).q("maxResults", "3");
        if let Some(token) = &page_token {
            call = call.q("pageToken", token);
        }
        let page = call.ok();
        seen += items(&page).len();
        assert_ne!(page.get("nextPageToken").is_some(), page.get("nextSyncToken").is_some());
        match page.get("nextPageToken") {
            Some(token) => page_token = token.as_str().map(str::to_owned),
            None => break,
        }
    }
    assert_eq!(seen, 7);
}

/// Checklist lines 39, 40
#[test]
fn a_sync_token_bears_no_other_request_restrictions() {
    let mut world = World::new();
    let (_, since) = world.full(ANNA);
    for (name, value) in [
        ("iCalUID", "x"),
        ("privateExtendedProperty", "a=b"),
        ("sharedExtendedProperty", "a=b"),
        ("q", "x"),
        ("timeMin", "2026-01-01T00:00:00Z"),
        ("timeMax", "2026-12-01T00:00:00Z"),
        ("updatedMin", "2026-03-01T00:00:00Z"),
    ] {
        let call = world.get(ANNA, EVENTS).q("syncToken", &since).q(name, value);
        let error = call.refused(400, "syncTokenWithRequestRestrictions");
        assert_eq!(
            error["message"],
            "Sync token cannot be used with other request restrictions."
        );
        assert!(error.get("status").is_none());
    }
}

/// Checklist line 41
#[test]
fn a_sync_token_bears_no_show_deleted_false() {
    let mut world = World::new();
    let (_, since) = world.full(ANNA);
    let call = world.get(ANNA, EVENTS).q("syncToken", &since).q("showDeleted", "false");
    call.refused(400, "syncTokenWithRequestRestrictions");
    world
        .get(ANNA, EVENTS)
        .q("syncToken", &since)
        .q("showDeleted", "true")
        .ok();
}

/// Checklist line 42
#[test]
fn a_sync_token_bears_no_order() {
    let mut world = World::new();
    let (_, since) = world.full(ANNA);
    let call = world.get(ANNA, EVENTS).q("syncToken", &since).q("orderBy", "updated");
    call.refused(400, "syncTokenWithNonDefaultOrdering");
}

/// Checklist line 43
#[test]
fn garbage_and_foreign_sync_tokens_are_invalid() {
    let mut world = World::new();
    let (_, since) = world.full(ANNA);
    let mut cut = since.clone();
    cut.truncate(since.len() - 4);
    let list = token(&world.get(ANNA, "users/me/calendarList").ok());
    for bad in ["garbage", "", &cut, &list] {
        let error = world.get(ANNA, EVENTS).q("syncToken", bad).refused(400, "invalid");
        assert_eq!(error["message"], "Invalid sync token value.");
    }
    let foreign = world.get(BEN, EVENTS).q("syncToken", &since);
    foreign.refused(400, "invalid");
}

/// Checklist line 44
#[test]
fn an_expired_sync_token_asks_for_a_full_sync_even_on_a_later_page() {
    let mut world = World::new();
    let (_, since) = world.full(ANNA);
    many(&mut world, 3);
    let first = world.get(ANNA, EVENTS).q("syncToken", &since).q("maxResults", "2").ok();
    let page = first["nextPageToken"].as_str().expect("more").to_owned();
    world.control("expire_sync_tokens", json!({"calendar": ANNA}));
    let error = world
        .get(ANNA, EVENTS)
        .q("syncToken", &since)
        .refused(410, "fullSyncRequired");
    let item = &error["errors"][0];
    assert_eq!(
        (&item["domain"], &item["location"]),
        (&json!("calendar"), &json!("syncToken"))
    );
    assert_eq!(
        error["message"],
        "Sync token is no longer valid, a full sync is required."
    );
    let call = world.get(ANNA, EVENTS).q("syncToken", &since).q("pageToken", &page);
    call.q("maxResults", "2").refused(410, "fullSyncRequired");
}

/// Checklist line 46
#[test]
fn a_change_of_sharing_ends_the_calendars_sync_tokens() {
    let mut world = World::new();
    let (_, since) = world.full(ANNA);
    let rule = json!({"scope": {"type": "user", "value": BEN}, "role": "reader"});
    world.post(ANNA, &format!("calendars/{ANNA}/acl"), rule).ok();
    world
        .get(ANNA, EVENTS)
        .q("syncToken", &since)
        .refused(410, "fullSyncRequired");
}

/// Checklist line 47
#[test]
fn updated_min_reaches_back_about_a_month() {
    let mut world = World::new();
    world.get(ANNA, EVENTS).q("updatedMin", "2026-02-10T00:00:00Z").ok();
    let call = world.get(ANNA, EVENTS).q("updatedMin", "2025-12-01T00:00:00Z");
    call.refused(410, "updatedMinTooLongAgo");
}

/// Checklist line 48
#[test]
fn a_plain_full_list_hides_deleted_events_but_shows_cancelled_instances() {
    let mut world = World::new();
    let single = id(&world.insert(meeting("Deleted")));
    world.delete(ANNA, &format!("{EVENTS}/{single}")).empty(204);
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=3"));
    let instance = "series00_20260316T080000Z";
    world.delete(ANNA, &format!("{EVENTS}/{instance}")).empty(204);
    let (listed, _) = world.full(ANNA);
    assert_eq!(ids(&listed), ["series00", instance]);
    assert_eq!(listed[1]["status"], "cancelled");
    assert_eq!(listed[1]["recurringEventId"], "series00");
    assert!(listed[1].get("summary").is_none());
    let all = items(&world.get(ANNA, EVENTS).q("showDeleted", "true").ok());
    assert_eq!(all.len(), 3);
    assert_eq!(
        all.iter().find(|event| event["id"] == single.as_str()).unwrap()["summary"],
        "Deleted"
    );
    // Cancelled instances of a dead series are not worth a row.
    world.delete(ANNA, &format!("{EVENTS}/series00")).empty(204);
    assert_eq!(world.full(ANNA).0, Vec::<Value>::new());
}

/// Checklist line 49
#[test]
fn expanded_with_deleted_shows_cancelled_instances_but_no_cancelled_series() {
    let mut world = World::new();
    world.insert(weekly("RRULE:FREQ=WEEKLY;COUNT=3"));
    world
        .delete(ANNA, &format!("{EVENTS}/series00_20260316T080000Z"))
        .empty(204);
    let mut other = weekly("RRULE:FREQ=WEEKLY;COUNT=2");
    other["id"] = json!("otherseries");
    world.insert(other);
    world.delete(ANNA, &format!("{EVENTS}/otherseries")).empty(204);
    let page = world
        .get(ANNA, EVENTS)
        .q("showDeleted", "true")
        .q("singleEvents", "true")
        .ok();
    let listed = items(&page);
    let statuses: Vec<_> = listed.iter().map(|event| event["status"].as_str().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == "cancelled").count(), 1);
    assert_eq!(statuses.len(), 3);
    assert!(ids(&listed).iter().all(|id| id.starts_with("series00_")));
}

/// Checklist line 50
#[test]
fn an_ordered_list_has_no_sync_token_at_all() {
    let mut world = World::new();
    let page = world.get(ANNA, EVENTS).q("orderBy", "updated").ok();
    assert!(page.get("nextSyncToken").is_none() && page.get("nextPageToken").is_none());
}

/// Checklist line 51
#[test]
fn order_by_start_time_needs_single_events() {
    let mut world = World::new();
    let error = world
        .get(ANNA, EVENTS)
        .q("orderBy", "startTime")
        .refused(400, "invalid");
    assert_eq!(error["errors"][0]["location"], "orderBy");
    assert_eq!(
        error["message"],
        "The requested ordering is not available for the particular query."
    );
    let mut late = meeting("Late");
    late["id"] = json!("aaaaaa");
    late["start"]["dateTime"] = json!("2026-03-03T10:30:00+01:00");
    world.insert(late);
    world.insert(meeting("Early"));
    let call = world
        .get(ANNA, EVENTS)
        .q("orderBy", "startTime")
        .q("singleEvents", "true");
    let titles: Vec<_> = items(&call.ok()).iter().map(|e| e["summary"].clone()).collect();
    assert_eq!(titles, ["Early", "Late"]);
}

/// Checklist line 52: the sandbox half
#[test]
fn later_delta_pages_must_repeat_sync_token_and_parameters() {
    let mut world = World::new();
    let (_, since) = world.full(ANNA);
    many(&mut world, 3);
    let first = world.get(ANNA, EVENTS).q("syncToken", &since).q("maxResults", "2").ok();
    let page = first["nextPageToken"].as_str().expect("more");
    world.get(ANNA, EVENTS).q("pageToken", page).refused(400, "invalid");
    let call = world.get(ANNA, EVENTS).q("pageToken", page).q("syncToken", &since);
    let last = call.ok();
    assert_eq!(items(&last).len(), 1);
    token(&last);
    world
        .get(ANNA, EVENTS)
        .q("pageToken", "nonsense")
        .refused(400, "invalid");
}

/// Checklist line 53
#[test]
fn what_changes_while_paging_comes_in_the_next_delta() {
    let mut world = World::new();
    many(&mut world, 4);
    let first = world.get(ANNA, EVENTS).q("maxResults", "2").ok();
    let page = first["nextPageToken"].as_str().expect("more").to_owned();
    world
        .patch(ANNA, &format!("{EVENTS}/item00000"), json!({"summary": "Changed"}))
        .ok();
    let mut early = meeting("New");
    early["id"] = json!("aaaaa");
    world.insert(early);
    let last = world.get(ANNA, EVENTS).q("maxResults", "2").q("pageToken", &page).ok();
    assert_eq!(ids(&items(&last)), ["item00002", "item00003"]);
    let (delta, _) = world.delta(ANNA, &token(&last));
    assert_eq!(ids(&delta), ["aaaaa", "item00000"]);
}

/// Checklist line 54
#[test]
fn a_quiet_delta_is_empty_and_an_old_token_gives_the_same_changes_again() {
    let mut world = World::new();
    let (_, first) = world.full(ANNA);
    world.insert(meeting("New"));
    let (changes, second) = world.delta(ANNA, &first);
    assert_eq!(changes.len(), 1);
    let (none, third) = world.delta(ANNA, &second);
    assert_eq!((none.len(), &third), (0, &second));
    assert_eq!(world.delta(ANNA, &first).0, changes);
}

/// Checklist line 56
#[test]
fn own_writes_come_back_in_the_next_delta_with_the_etag_of_the_reply() {
    let mut world = World::new();
    let (_, since) = world.full(ANNA);
    let made = world.insert(meeting("Mine"));
    let (delta, since) = world.delta(ANNA, &since);
    assert_eq!(delta, std::slice::from_ref(&made));
    let changed = world
        .patch(ANNA, &format!("{EVENTS}/{}", id(&made)), json!({"summary": "x"}))
        .ok();
    let (delta, since) = world.delta(ANNA, &since);
    assert_eq!(delta, [changed]);
    world.delete(ANNA, &format!("{EVENTS}/{}", id(&made))).empty(204);
    assert_eq!(world.delta(ANNA, &since).0.len(), 1);
}

/// Checklist line 57
#[test]
fn delta_items_are_whole_events_and_cancelled_ones_are_stubs() {
    let mut world = World::new();
    let mut event = meeting("Whole");
    event["description"] = json!("text");
    let event = id(&world.insert(event));
    let (_, since) = world.full(ANNA);
    world
        .patch(ANNA, &format!("{EVENTS}/{event}"), json!({"location": "Here"}))
        .ok();
    let (delta, since) = world.delta(ANNA, &since);
    assert_eq!(
        (&delta[0]["summary"], &delta[0]["description"]),
        (&json!("Whole"), &json!("text"))
    );
    world.delete(ANNA, &format!("{EVENTS}/{event}")).empty(204);
    let (delta, _) = world.delta(ANNA, &since);
    let keys: Vec<_> = delta[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["etag", "id", "kind", "status"]);
}

/// Checklist line 58
#[test]
fn a_cancelled_event_is_still_found_by_get() {
    let mut world = World::new();
    let event = id(&world.insert(meeting("Gone")));
    world.delete(ANNA, &format!("{EVENTS}/{event}")).empty(204);
    let found = world.event(ANNA, &event);
    assert_eq!(
        (&found["status"], &found["summary"]),
        (&json!("cancelled"), &json!("Gone"))
    );
    world.get(ANNA, &format!("{EVENTS}/neverwas")).refused(404, "notFound");
}

/// Checklist line 59
#[test]
fn the_window_bounds_ends_and_starts_exclusively_and_needs_offsets() {
    let mut world = World::new();
    world.insert(meeting("10 to 11"));
    let mut count =
        |from: &str, to: &str| items(&world.get(ANNA, EVENTS).q("timeMin", from).q("timeMax", to).ok()).len();
    assert_eq!(count("2026-03-03T09:59:59Z", "2026-03-04T00:00:00Z"), 1);
    assert_eq!(count("2026-03-03T10:00:00Z", "2026-03-04T00:00:00Z"), 0);
    assert_eq!(count("2026-03-01T00:00:00Z", "2026-03-03T09:00:01Z"), 1);
    assert_eq!(count("2026-03-01T00:00:00Z", "2026-03-03T09:00:00Z"), 0);
    world
        .get(ANNA, EVENTS)
        .q("timeMin", "2026-03-03T00:00:00")
        .refused(400, "badRequest");
    let empty = world.get(ANNA, EVENTS).q("timeMin", "2026-03-03T00:00:00Z");
    empty
        .q("timeMax", "2026-03-03T00:00:00Z")
        .refused(400, "timeRangeEmpty");
}

#[test]
fn deltas_keep_the_window_of_the_first_call_and_report_what_left_it() {
    let mut world = World::new();
    let inside = id(&world.insert(meeting("Inside")));
    let page = world.get(ANNA, EVENTS).q("timeMin", "2026-03-03T00:00:00Z").ok();
    assert_eq!(ids(&items(&page)), [inside.as_str()]);
    let since = token(&page);
    let earlier =
        json!({"start": {"dateTime": "2026-01-05T10:00:00+01:00"}, "end": {"dateTime": "2026-01-05T11:00:00+01:00"}});
    let mut outside = earlier.clone();
    outside["summary"] = json!("Outside");
    world.insert(outside);
    let (nothing, since) = world.delta(ANNA, &since);
    assert_eq!(nothing, Vec::<Value>::new());
    world.patch(ANNA, &format!("{EVENTS}/{inside}"), earlier).ok();
    let (left, _) = world.delta(ANNA, &since);
    assert_eq!(
        (ids(&left), &left[0]["status"]),
        (vec![inside.as_str()], &json!("confirmed"))
    );
    world.control("window_leavers", json!({"mode": "cancelled"}));
    assert_eq!(world.delta(ANNA, &since).0[0]["status"], "cancelled");
    world.control("window_leavers", json!({"mode": "omitted"}));
    assert_eq!(world.delta(ANNA, &since).0, Vec::<Value>::new());
    world.control("window_leavers", json!({"mode": "whole"}));
    let (_, after) = world.delta(ANNA, &since);
    world.delete(ANNA, &format!("{EVENTS}/{inside}")).empty(204);
    assert_eq!(world.delta(ANNA, &after).0, Vec::<Value>::new());
    assert_eq!(world.delta(ANNA, &since).0[0]["status"], "cancelled");
}

/// Checklist line 60
#[test]
fn times_come_back_with_the_offset_of_the_response_zone() {
    let mut world = World::new();
    let made = world.insert(json!({
        "start": {"dateTime": "2026-03-03T08:30:00Z", "timeZone": "Europe/London"},
        "end": {"dateTime": "2026-03-03T09:30:00Z"},
    }));
    let start = json!({"dateTime": "2026-03-03T09:30:00+01:00", "timeZone": "Europe/London"});
    assert_eq!(made["start"], start);
    let call = world
        .get(ANNA, &format!("{EVENTS}/{}", id(&made)))
        .q("timeZone", "America/New_York");
    assert_eq!(call.ok()["start"]["dateTime"], "2026-03-03T03:30:00-05:00");
    world
        .get(ANNA, EVENTS)
        .q("timeZone", "Nowhere/Land")
        .refused(400, "invalid");
}

/// Checklist line 61
#[test]
fn without_event_types_all_types_are_listed() {
    let mut world = World::new();
    world.insert(meeting("Plain"));
    world.insert(json!({
        "summary": "Home", "eventType": "workingLocation", "visibility": "public", "transparency": "transparent",
        "workingLocationProperties": {"type": "homeOffice", "homeOffice": {}},
        "start": {"date": "2026-03-04"}, "end": {"date": "2026-03-05"},
    }));
    world.insert(json!({
        "summary": "Birthday", "eventType": "birthday", "birthdayProperties": {"type": "birthday"},
        "recurrence": ["RRULE:FREQ=YEARLY"], "start": {"date": "2026-03-04"}, "end": {"date": "2026-03-05"},
    }));
    assert_eq!(world.full(ANNA).0.len(), 3);
    let call = world
        .get(ANNA, EVENTS)
        .q("eventTypes", "birthday")
        .q("eventTypes", "default");
    let page = call.ok();
    assert_eq!(items(&page).len(), 2);
    let since = token(&page);
    // The delta must ask for the same.
    world
        .get(ANNA, EVENTS)
        .q("syncToken", &since)
        .refused(400, "syncTokenWithRequestRestrictions");
    let same = world
        .get(ANNA, EVENTS)
        .q("syncToken", &since)
        .q("eventTypes", "default");
    same.q("eventTypes", "birthday").ok();
}

/// Checklist line 62
#[test]
fn above_max_attendees_only_the_own_entry_is_left() {
    let mut world = World::new();
    let mut event = meeting("Many guests");
    event["attendees"] = json!([{"email": ANNA}, {"email": "x@example.com"}, {"email": "y@example.com"}]);
    let made = world.insert(event);
    let path = format!("{EVENTS}/{}", id(&made));
    let few = world.get(ANNA, &path).q("maxAttendees", "2").ok();
    assert_eq!(few["attendees"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&few["attendees"][0]["email"], &few["attendeesOmitted"]),
        (&json!(ANNA), &json!(true))
    );
    let all = world.get(ANNA, &path).q("maxAttendees", "3").ok();
    assert_eq!(all["attendees"].as_array().unwrap().len(), 3);
    assert!(all.get("attendeesOmitted").is_none());
}

#[test]
fn lists_filter_by_words_uid_and_properties() {
    let mut world = World::new();
    let mut tagged = meeting("Dentist visit");
    tagged["extendedProperties"] = json!({"private": {"accord.booking": "b1"}});
    let tagged = world.insert(tagged);
    world.insert(meeting("Other"));
    for (name, value) in [
        ("q", "DENTIST"),
        ("privateExtendedProperty", "accord.booking=b1"),
        ("iCalUID", tagged["iCalUID"].as_str().unwrap()),
    ] {
        let page = world.get(ANNA, EVENTS).q(name, value).ok();
        assert_eq!(ids(&items(&page)), [id(&tagged).as_str()], "{name}");
    }
}

#[test]
fn purged_tombstones_free_their_ids_and_end_older_tokens() {
    let mut world = World::new();
    let mut event = meeting("Old");
    event["id"] = json!("purgeme");
    world.insert(event.clone());
    let (_, before) = world.full(ANNA);
    world.delete(ANNA, &format!("{EVENTS}/purgeme")).empty(204);
    let (_, after) = world.full(ANNA);
    assert_eq!(
        world.control("purge_tombstones", json!({"calendar": ANNA})),
        json!({"purged": 1})
    );
    world
        .get(ANNA, EVENTS)
        .q("syncToken", &before)
        .refused(410, "fullSyncRequired");
    world.delta(ANNA, &after);
    world.get(ANNA, &format!("{EVENTS}/purgeme")).refused(404, "notFound");
    world.insert(event);
}

#[test]
fn raw_events_come_out_as_they_went_in() {
    let mut world = World::new();
    let poison = json!({
        "id": "poison", "status": "maybe", "start": {"dateTime": "not a time"}, "end": 7,
        "eventType": "party", "recurrence": ["RRULE:NONSENSE"], "summary": {"deep": []},
    });
    let (_, since) = world.full(ANNA);
    world.control("raw_event", json!({"calendar": ANNA, "event": poison}));
    world.control(
        "raw_event",
        json!({"calendar": ANNA, "event": {
            "id": "zerolength",
            "start": {"dateTime": "2026-03-03T10:00:00Z"}, "end": {"dateTime": "2026-03-03T10:00:00Z"},
        }}),
    );
    let (delta, _) = world.delta(ANNA, &since);
    assert_eq!(ids(&delta), ["poison", "zerolength"]);
    for (key, value) in poison.as_object().unwrap() {
        assert_eq!(&delta[0][key], value);
    }
    assert_eq!(world.full(ANNA).0.len(), 2);
    world.get(ANNA, EVENTS).q("singleEvents", "true").ok();
    world.delete(ANNA, &format!("{EVENTS}/poison")).empty(204);
}

#[test]
fn switches_hide_tokens_duplicate_shuffle_and_empty_lists() {
    let mut world = World::new();
    many(&mut world, 20);
    world.control("hide_page_tokens", json!({"on": true}));
    let page = world.get(ANNA, EVENTS).ok();
    assert!(page.get("nextSyncToken").is_none() && page.get("nextPageToken").is_none());
    world.control("hide_page_tokens", json!({"on": false}));
    let (sorted, since) = world.full(ANNA);
    world.control("paging", json!({"duplicate_items": true, "shuffle_seed": 7}));
    let (listed, _) = world.full(ANNA);
    assert_eq!(listed.len(), 40);
    let mut unique: Vec<&str> = ids(&listed);
    unique.dedup();
    assert_ne!(unique, ids(&sorted));
    world.control("paging", json!({}));
    world.control("list_empty", json!({"calendar": ANNA, "times": 1}));
    assert_eq!(world.full(ANNA).0.len(), 0);
    assert_eq!(world.full(ANNA).0.len(), 20);
    assert_eq!(world.delta(ANNA, &since).0.len(), 0);
    let dump = world.control("dump", json!({}));
    assert_eq!(dump["calendars"][ANNA]["events"].as_object().unwrap().len(), 20);
    assert!(world.service.control("nonsense", &json!({}), MONDAY).is_err());
}
