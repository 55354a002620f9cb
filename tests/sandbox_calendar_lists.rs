//! The pretend Google's calendar lists, calendars, sharing, scopes and small methods.
mod sandbox_calendar_support;

use sandbox_calendar_support::*;
use serde_json::{Value, json};

const LIST: &str = "users/me/calendarList";

fn scope_refused(error: &Value, method: &str) {
    assert_eq!(error["status"], "PERMISSION_DENIED");
    assert_eq!(error["details"][0]["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    assert_eq!(error["details"][0]["metadata"]["method"], method);
}

/// Checklist line 25
#[test]
fn the_events_scope_alone_reaches_neither_the_calendar_list_nor_free_busy() {
    let mut world = World::new();
    let scopes = ["calendar.events"];
    let error = world
        .get(ANNA, LIST)
        .scopes(&scopes)
        .refused(403, "insufficientPermissions");
    scope_refused(&error, "calendar.v3.CalendarList.List");
    let query = json!({"timeMin": "2026-03-02T00:00:00Z", "timeMax": "2026-03-03T00:00:00Z", "items": []});
    let error = world
        .post(ANNA, "freeBusy", query)
        .scopes(&scopes)
        .refused(403, "insufficientPermissions");
    scope_refused(&error, "calendar.v3.Freebusy.Query");
    world.get(ANNA, EVENTS).scopes(&scopes).ok();
}

/// Checklist line 26
#[test]
fn the_app_created_scope_reaches_own_secondary_calendars_only() {
    let mut world = World::new();
    let scopes = ["calendar.app.created"];
    let made = world
        .post(ANNA, "calendars", json!({"summary": "Rooms"}))
        .scopes(&scopes)
        .ok();
    let events = format!("calendars/{}/events", id(&made));
    let event = world.post(ANNA, &events, meeting("Ours")).scopes(&scopes).ok();
    world.get(ANNA, &events).scopes(&scopes).ok();
    world
        .get(ANNA, LIST)
        .scopes(&scopes)
        .refused(403, "insufficientPermissions");
    let path = format!("{events}/{}/move", id(&event));
    let moved = world
        .post(ANNA, &path, json!({}))
        .q("destination", "primary")
        .scopes(&scopes);
    scope_refused(
        &moved.refused(403, "insufficientPermissions"),
        "calendar.v3.Events.Move",
    );
    world
        .get(ANNA, EVENTS)
        .scopes(&scopes)
        .refused(403, "insufficientPermissions");
}

#[test]
fn the_owned_scope_does_not_reach_calendars_of_others() {
    let mut world = World::new();
    world.control("set_role", json!({"user": ANNA, "calendar": BEN, "role": "writer"}));
    let path = format!("calendars/{BEN}/events");
    world
        .get(ANNA, &path)
        .scopes(&["calendar.events.owned"])
        .refused(403, "insufficientPermissions");
    world.get(ANNA, &path).scopes(&["calendar.events"]).ok();
}

/// Checklist line 27
#[test]
fn the_calendar_list_pages_by_100_and_at_most_250_with_the_sync_token_on_the_last_page() {
    let mut world = World::new();
    for number in 0..260 {
        world.now_us += 3_600_000_000; // far enough apart for the anti-abuse limit
        let title = format!("Calendar {number}");
        world.secondary(&title);
    }
    let first = world.get(ANNA, LIST).ok();
    assert_eq!(items(&first).len(), 100);
    assert!(first.get("nextSyncToken").is_none());
    let first = world.get(ANNA, LIST).q("maxResults", "5000").ok();
    assert_eq!(items(&first).len(), 250);
    let page = first["nextPageToken"].as_str().expect("more pages");
    let last = world.get(ANNA, LIST).q("maxResults", "5000").q("pageToken", page).ok();
    assert_eq!(items(&last).len(), 11);
    token(&last);
}

/// Checklist line 28
#[test]
fn a_calendar_list_sync_token_bears_no_filters() {
    let mut world = World::new();
    let since = token(&world.get(ANNA, LIST).ok());
    for (name, value) in [
        ("minAccessRole", "owner"),
        ("showOwnOrganizationOnly", "true"),
        ("showDeleted", "false"),
        ("showHidden", "false"),
    ] {
        let call = world.get(ANNA, LIST).q("syncToken", &since).q(name, value);
        call.refused(400, "syncTokenWithRequestRestrictions");
    }
    world
        .get(ANNA, LIST)
        .q("syncToken", &since)
        .q("showDeleted", "true")
        .ok();
}

/// Checklist line 29
#[test]
fn a_renamed_calendar_is_not_in_the_delta_but_in_a_full_list() {
    let mut world = World::new();
    let calendar = world.secondary("Old");
    let since = token(&world.get(ANNA, LIST).ok());
    world
        .patch(ANNA, &format!("calendars/{calendar}"), json!({"summary": "New"}))
        .ok();
    let delta = world.get(ANNA, LIST).q("syncToken", &since).ok();
    assert_eq!(items(&delta), Vec::<Value>::new());
    let full = items(&world.get(ANNA, LIST).ok());
    let entry = full
        .iter()
        .find(|entry| entry["id"] == calendar.as_str())
        .expect("listed");
    assert_eq!(entry["summary"], "New");
}

/// Checklist line 30
#[test]
fn a_removed_calendar_arrives_as_deleted() {
    let mut world = World::new();
    let calendar = world.secondary("Shared");
    world.control("set_role", json!({"user": BEN, "calendar": calendar, "role": "reader"}));
    let since = token(&world.get(BEN, LIST).ok());
    world.delete(BEN, &format!("{LIST}/{calendar}")).empty(204);
    let delta = items(&world.get(BEN, LIST).q("syncToken", &since).ok());
    assert_eq!(delta.len(), 1);
    assert_eq!(
        (&delta[0]["id"], &delta[0]["deleted"]),
        (&json!(calendar), &json!(true))
    );
    assert!(delta[0].get("summary").is_none());
    world.get(BEN, &format!("{LIST}/{calendar}")).refused(404, "notFound");
    let full = world.get(BEN, LIST).ok();
    assert_eq!(ids(&items(&full)), [BEN]);
}

/// Checklist line 31
#[test]
fn a_hidden_calendar_arrives_in_the_delta_and_leaves_the_plain_list() {
    let mut world = World::new();
    let calendar = world.secondary("Dull");
    let since = token(&world.get(ANNA, LIST).ok());
    world
        .patch(ANNA, &format!("{LIST}/{calendar}"), json!({"hidden": true}))
        .ok();
    let delta = items(&world.get(ANNA, LIST).q("syncToken", &since).ok());
    assert_eq!(delta[0]["hidden"], true);
    assert_eq!(ids(&items(&world.get(ANNA, LIST).ok())), [ANNA]);
    assert_eq!(items(&world.get(ANNA, LIST).q("showHidden", "true").ok()).len(), 2);
}

/// Checklist line 32
#[test]
fn a_new_calendar_needs_a_title_and_belongs_to_the_tokens_user() {
    let mut world = World::new();
    world
        .post(ANNA, "calendars", json!({"timeZone": "Europe/Prague"}))
        .refused(400, "required");
    let made = world.post(ANNA, "calendars", json!({"summary": "Rooms"})).ok();
    assert_eq!((&made["dataOwner"], &made["timeZone"]), (&json!(ANNA), &json!("UTC")));
    assert!(id(&made).ends_with("@group.calendar.google.com"));
    let entry = world.get(ANNA, &format!("{LIST}/{}", id(&made))).ok();
    assert_eq!(entry["accessRole"], "owner");
    assert!(entry.get("primary").is_none());
}

/// Checklist line 33
#[test]
fn the_data_owner_cannot_remove_the_own_calendar_from_the_list() {
    let mut world = World::new();
    let calendar = world.secondary("Mine");
    let error = world
        .delete(ANNA, &format!("{LIST}/{calendar}"))
        .refused(403, "forbidden");
    assert_eq!(
        error["message"],
        "The data owner of a calendar cannot remove such a calendar from their calendar list."
    );
}

/// Checklist line 34
#[test]
fn too_many_new_calendars_exceed_the_usage_limits_and_deleting_refunds_nothing() {
    let mut world = World::new();
    let mut last = String::new();
    for number in 0..38 {
        last = world.secondary(&format!("Calendar {number}"));
    }
    world.delete(ANNA, &format!("calendars/{last}")).empty(204);
    let call = world.post(ANNA, "calendars", json!({"summary": "One more"}));
    let error = call.refused(403, "quotaExceeded");
    assert_eq!(error["message"], "Calendar usage limits exceeded.");
    world.now_us += 3_600_000_001;
    world.secondary("Later");
}

#[test]
fn expired_calendar_list_tokens_ask_for_a_full_sync_and_garbage_is_no_token() {
    let mut world = World::new();
    let since = token(&world.get(ANNA, LIST).ok());
    world.get(ANNA, LIST).q("syncToken", "garbage").refused(400, "invalid");
    world.get(BEN, LIST).q("syncToken", &since).refused(400, "invalid");
    world.control("expire_sync_tokens", json!({}));
    world
        .get(ANNA, LIST)
        .q("syncToken", &since)
        .refused(410, "fullSyncRequired");
}

#[test]
fn a_calendar_patch_of_nothing_keeps_the_etag() {
    let mut world = World::new();
    let path = format!("calendars/{}", world.secondary("Same"));
    let before = world.get(ANNA, &path).ok();
    let after = world.patch(ANNA, &path, json!({"summary": "Same"})).ok();
    assert_eq!(before, after);
    let renamed = world.patch(ANNA, &path, json!({"summary": "Other"})).ok();
    assert_ne!(etag(&before), etag(&renamed));
    let stale = world
        .patch(ANNA, &path, json!({"summary": "Third"}))
        .if_match(&etag(&before));
    stale.refused(412, "conditionNotMet");
}

#[test]
fn only_primary_calendars_are_cleared_and_only_secondary_ones_deleted() {
    let mut world = World::new();
    let calendar = world.secondary("Second");
    world
        .post(ANNA, &format!("calendars/{calendar}/clear"), json!({}))
        .refused(400, "invalid");
    world
        .delete(ANNA, "calendars/primary")
        .refused(400, "cannotDeletePrimaryCalendar");
    let event = world.insert(meeting("Gone soon"));
    let (_, since) = world.full(ANNA);
    world.post(ANNA, "calendars/primary/clear", json!({})).empty(204);
    let (gone, _) = world.delta(ANNA, &since);
    assert_eq!(
        (ids(&gone), &gone[0]["status"]),
        (vec![event["id"].as_str().unwrap()], &json!("cancelled"))
    );
    world.delete(ANNA, &format!("calendars/{calendar}")).empty(204);
    world
        .get(ANNA, &format!("calendars/{calendar}/events"))
        .refused(404, "notFound");
}

#[test]
fn roles_decide_what_is_read_and_written() {
    let mut world = World::new();
    let mut secret = meeting("Secret");
    secret["visibility"] = json!("private");
    secret["description"] = json!("words");
    let secret = id(&world.insert(secret));
    let open = id(&world.insert(meeting("Open")));
    let path = format!("calendars/{ANNA}/events");
    world.get(BEN, &path).refused(404, "notFound");
    world.control(
        "set_role",
        json!({"user": BEN, "calendar": ANNA, "role": "freeBusyReader"}),
    );
    let listed = items(&world.get(BEN, &path).ok());
    for event in &listed {
        assert!(event.get("summary").is_none() && event.get("iCalUID").is_none());
        assert!(event["start"].get("dateTime").is_some());
    }
    world.control("set_role", json!({"user": BEN, "calendar": ANNA, "role": "reader"}));
    let stub = world.get(BEN, &format!("{path}/{secret}")).ok();
    assert_eq!(stub["visibility"], "private");
    assert!(stub.get("summary").is_none() && stub.get("description").is_none());
    assert_eq!(world.get(BEN, &format!("{path}/{open}")).ok()["summary"], "Open");
    let error = world.patch(BEN, &format!("{path}/{open}"), json!({"summary": "x"}));
    let error = error.refused(403, "requiredAccessLevel");
    assert_eq!(error["message"], "You need to have writer access to this calendar.");
    let role = json!({"user": BEN, "calendar": ANNA, "role": "writerWithoutPrivateAccess"});
    world.control("set_role", role);
    world
        .patch(BEN, &format!("{path}/{open}"), json!({"summary": "x"}))
        .ok();
    world
        .delete(BEN, &format!("{path}/{secret}"))
        .refused(403, "requiredAccessLevel");
    world.control("set_role", json!({"user": BEN, "calendar": ANNA, "role": "writer"}));
    assert_eq!(world.get(BEN, &format!("{path}/{secret}")).ok()["summary"], "Secret");
    world.control("set_role", json!({"user": BEN, "calendar": ANNA, "role": null}));
    world.get(BEN, &path).refused(404, "notFound");
}

#[test]
fn sharing_is_managed_by_owners_through_access_rules() {
    let mut world = World::new();
    let rules = format!("calendars/{ANNA}/acl");
    let rule = json!({"scope": {"type": "user", "value": "Ben@Example.org"}, "role": "reader"});
    let made = world.post(ANNA, &rules, rule).ok();
    assert_eq!(made["id"], format!("user:{BEN}"));
    world.get(BEN, &rules).refused(403, "requiredAccessLevel");
    // Readable, but not in the list until Ben adds it.
    assert_eq!(ids(&items(&world.get(BEN, LIST).ok())), [BEN]);
    world.post(BEN, LIST, json!({"id": ANNA})).ok();
    assert_eq!(items(&world.get(BEN, LIST).ok()).len(), 2);
    let page = world.get(ANNA, &rules).ok();
    assert_eq!(items(&page).len(), 2);
    let path = format!("{rules}/user:{BEN}");
    assert_eq!(
        world.patch(ANNA, &path, json!({"role": "writer"})).ok()["role"],
        "writer"
    );
    world.delete(ANNA, &path).empty(204);
    let gone = items(&world.get(ANNA, &rules).q("syncToken", &token(&page)).ok());
    assert_eq!(gone[0]["role"], "none");
    assert_eq!(ids(&items(&world.get(BEN, LIST).ok())), [BEN]);
    let own = format!("{rules}/user:{ANNA}");
    world.delete(ANNA, &own).refused(403, "cannotChangeOwnAcl");
}

#[test]
fn free_busy_merges_times_and_reports_unknown_calendars_inside() {
    let mut world = World::new();
    world.insert(meeting("One"));
    let mut overlapping = meeting("Two");
    overlapping["start"]["dateTime"] = json!("2026-03-03T10:30:00+01:00");
    overlapping["end"]["dateTime"] = json!("2026-03-03T12:00:00+01:00");
    world.insert(overlapping);
    let mut free = meeting("Free");
    free["transparency"] = json!("transparent");
    free["end"]["dateTime"] = json!("2026-03-03T20:00:00+01:00");
    world.insert(free);
    let query =
        |to: &str| json!({"timeMin": "2026-03-03T00:00:00Z", "timeMax": to, "items": [{"id": "primary"}, {"id": BEN}]});
    let answer = world.post(ANNA, "freeBusy", query("2026-03-04T00:00:00Z")).ok();
    let busy = json!([{"start": "2026-03-03T09:00:00Z", "end": "2026-03-03T11:00:00Z"}]);
    assert_eq!(answer["calendars"]["primary"]["busy"], busy);
    assert_eq!(answer["calendars"][BEN]["errors"][0]["reason"], "notFound");
    world
        .post(ANNA, "freeBusy", query("2026-09-01T00:00:00Z"))
        .refused(400, "timeRangeTooLong");
    world
        .post(ANNA, "freeBusy", query("2026-03-03T00:00:00Z"))
        .refused(400, "timeRangeEmpty");
}

#[test]
fn settings_tell_the_zone_and_unknown_parameters_are_refused() {
    let mut world = World::new();
    let settings = items(&world.get(ANNA, "users/me/settings").ok());
    let zone = settings
        .iter()
        .find(|setting| setting["id"] == "timezone")
        .expect("a zone");
    assert_eq!(zone["value"], "Europe/Prague");
    world
        .get(ANNA, EVENTS)
        .q("singleEvent", "true")
        .refused(400, "invalidParameter");
    world
        .get(ANNA, EVENTS)
        .q("singleEvents", "yes")
        .refused(400, "invalidParameter");
    world
        .get(ANNA, EVENTS)
        .q("fields", "items(id)")
        .q("prettyPrint", "false")
        .ok();
    assert_eq!(
        world.get(ANNA, "colors").ok()["event"].as_object().map(|all| all.len()),
        Some(11)
    );
}
