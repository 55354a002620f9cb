//! Reading a calendar: pages, sync tokens, tombstones, poison, what a quiet pass costs. Google may end a listing anywhere,
//! forget a token or repeat itself; the bookings must come out as if it had not. On both databases.
mod support;

use accord::domain::ids::CalendarId;
use accord::engine::quarantine;
use accord::store::scopes::{self, ScopeStatus};
use serde_json::{Value, json};
use support::google::ANA;
use support::postgres::both_databases;
use support::world::{World, event};

const VOID: &str = "Sync token is no longer valid, a full sync is required.";

/// A command of the sandbox's calendar.
async fn calendar(world: &World, command: &str, body: Value) -> Value {
    world.google.switch(&format!("calendar/{command}"), &body).await
}

async fn expire_tokens(world: &World) {
    calendar(world, "expire_sync_tokens", json!({"calendar": ANA})).await;
}

/// What is known of Ana's scope.
async fn status(world: &World) -> ScopeStatus {
    let all = scopes::status(&mut world.read().await, world.tenant, Some(world.ana.account))
        .await
        .expect("status");
    all.into_iter().find(|s| s.key.calendar.0 == ANA).expect("Ana's scope")
}

async fn sync_token(world: &World) -> Option<String> {
    let key = world.scope(&world.ana, ANA);
    let claim = scopes::peek(&mut world.read().await, &key).await.expect("peek");
    claim.expect("the scope takes part").sync_token
}

/// List requests among the latest `n` and after, as (query, status).
async fn lists_since(world: &World, before: usize) -> Vec<Value> {
    let all = world.requests().await;
    all.into_iter()
        .skip(before)
        .filter(|r| r["method"] == "GET" && r["path"].as_str().is_some_and(|path| path.ends_with("/events")))
        .collect()
}

async fn titles(world: &World) -> Vec<String> {
    let mut all: Vec<String> = world.bookings().await.into_iter().map(|row| row.text.title).collect();
    all.sort();
    all
}

/// Ana makes `n` events, one a day; gives their ids.
async fn events(world: &World, n: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for day in 0..n {
        let start = format!("2026-03-{:02}T10:00:00", day + 3);
        ids.push(world.person_creates(event(&format!("Event {day:02}"), &start)).await);
    }
    ids
}

fn gone_410() -> Value {
    json!({"status": 410, "body": {"error": {"errors": [{"domain": "calendar", "reason": "fullSyncRequired", "message": VOID}],
        "code": 410, "message": VOID}}})
}

both_databases! {
    /// Scenario 1; checklist line 37.
    async fn three_pages_with_an_empty_one_in_the_middle_are_read_to_the_end(url: String) {
        let world = World::new(&url).await;
        events(&world, 4).await;
        calendar(&world, "paging", json!({"page_size": 2, "empty_page_every": 2})).await;
        let before = world.requests().await.len();
        assert_eq!(world.sync().await.bookings_created, 4);
        let pages = lists_since(&world, before).await;
        assert!(pages.len() >= 3, "three pages: {pages:?}");
        let token = sync_token(&world).await.expect("the last page's token is kept");
        assert!(!token.is_empty());
        world.person_creates(event("Later", "2026-03-20T10:00:00")).await;
        assert_eq!(world.sync().await.read, 1, "the next pass is a delta");
        assert_eq!(world.bookings().await.len(), 5);
        world.assert_quiet().await;
    }

    /// Scenario 2.
    async fn a_connection_cut_on_the_third_page_leaves_nothing_half_visible(url: String) {
        let mut world = World::new(&url).await;
        events(&world, 6).await;
        calendar(&world, "paging", json!({"page_size": 2})).await;
        world.fault(json!({"path": "/events", "query": "pageToken=", "skip": 1, "times": 1, "action": {"cut": "body"}})).await;
        world.try_sync().await.expect_err("the third page was cut");
        assert!(world.bookings().await.is_empty(), "no booking of a listing that has not ended");
        assert!(status(&world).await.full, "no token of a listing that has not ended");
        world.restart().await;
        assert_eq!(world.sync().await.bookings_created, 6);
        assert_eq!(titles(&world).await, (0..6).map(|n| format!("Event {n:02}")).collect::<Vec<_>>());
        world.assert_quiet().await;
        assert_eq!(world.bookings().await.len(), 6);
        assert!(world.bookings().await.iter().all(|row| row.version == 1), "each was written once");
    }

    /// Scenario 3; checklist line 45.
    async fn a_void_token_leads_to_one_full_listing_that_keeps_links_and_finds_what_is_gone(url: String) {
        let world = World::new(&url).await;
        let ids = events(&world, 3).await;
        world.sync().await;
        let mut before = Vec::new();
        for id in &ids {
            before.push(world.booking_of(id).await.id);
        }
        world.person_deletes(&ids[0]).await;
        world.person_deletes(&ids[1]).await;
        world.person_edits(&ids[2], json!({"summary": "Renamed meanwhile"})).await;
        expire_tokens(&world).await;
        calendar(&world, "purge_tombstones", json!({"calendar": ANA})).await;
        let seen = world.requests().await.len();
        let report = world.sync().await;
        assert!(report.full, "{report:?}");
        assert_eq!(report.bookings_cancelled, 2, "{report:?}");
        assert_eq!(lists_since(&world, seen).await.len(), 2, "the refused delta and one full listing");
        for (id, booking) in ids.iter().zip(&before) {
            assert_eq!(world.booking_of(id).await.id, *booking, "links are kept");
        }
        assert_eq!(world.text(before[2]).await.title, "Renamed meanwhile");
        assert_eq!(world.text(before[0]).await.status, "cancelled");
        assert_eq!(world.bookings().await.len(), 3);
        world.assert_quiet().await;
        expire_tokens(&world).await;
        assert!(world.sync().await.is_quiet(), "a full listing never resurrects");
        assert_eq!(world.text(before[0]).await.status, "cancelled");
    }

    /// Scenario 4.
    async fn a_token_that_turns_void_on_the_second_page_leads_to_a_full_listing(url: String) {
        let world = World::new(&url).await;
        world.sync().await;
        events(&world, 4).await;
        calendar(&world, "paging", json!({"page_size": 2})).await;
        world.fault(json!({"path": "/events", "query": "pageToken=", "times": 1, "action": gone_410()})).await;
        let report = world.sync().await;
        assert!(report.full, "{report:?}");
        assert_eq!(report.bookings_created, 4);
        world.assert_quiet().await;
    }

    /// Scenario 4.
    async fn a_server_that_voids_every_token_is_asked_twice_and_then_left_until_a_stated_time(url: String) {
        let world = World::new(&url).await;
        let ids = events(&world, 2).await;
        world.sync().await;
        world.fault(json!({"method": "GET", "path": "/events", "times": 1000, "action": gone_410()})).await;
        let before = world.requests().await.len();
        world.try_sync().await.expect_err("no listing came through");
        assert_eq!(lists_since(&world, before).await.len(), 2, "at most two tries");
        let state = status(&world).await;
        assert!(state.last_error.as_deref().is_some_and(|error| error.contains("token_expired")), "{state:?}");
        assert!(state.due_at > world.engine.now_ms(), "the next try has a time");
        assert_eq!(world.booking_of(&ids[0]).await.text.status, "confirmed");
        world.google.http.delete(&world.google.url("/_sandbox/faults"), &[]).await;
        world.settle().await;
        assert!(status(&world).await.last_error.is_none());
    }

    /// Scenario 5; checklist line 43.
    async fn the_words_invalid_sync_token_value_count_as_a_void_token(url: String) {
        let world = World::new(&url).await;
        events(&world, 2).await;
        world.sync().await;
        let words = "Invalid sync token value.";
        world.fault(json!({"path": "/events", "query": "syncToken=", "times": 1, "action": {"status": 400,
            "body": {"error": {"errors": [{"domain": "global", "reason": "invalid", "message": words}], "code": 400, "message": words}}}})).await;
        let report = world.sync().await;
        assert!(report.full && report.is_quiet(), "{report:?}");
        world.assert_quiet().await;
    }

    /// Scenario 6.
    async fn a_quiet_pass_costs_one_request_three_statements_and_two_commits(url: String) {
        let world = World::new(&url).await;
        events(&world, 3).await;
        world.settle().await;
        let (requests, counts) = (world.requests().await.len(), world.engine.db.counts());
        let report = world.sync().await;
        let after = world.engine.db.counts();
        assert!(report.is_quiet() && !report.full);
        assert_eq!(world.requests().await.len() - requests, 1, "one request");
        assert!(after.0 - counts.0 <= 3, "{} statements", after.0 - counts.0);
        assert!(after.1 - counts.1 <= 2, "{} commits", after.1 - counts.1);
    }

    /// Scenario 6.
    async fn a_delta_without_a_list_of_items_moves_the_token_and_writes_nothing_else(url: String) {
        let world = World::new(&url).await;
        events(&world, 1).await;
        world.sync().await;
        let writes = world.google_writes().await;
        world.fault(json!({"path": "/events", "query": "syncToken=", "times": 1,
            "action": {"status": 200, "body": {"kind": "calendar#events", "nextSyncToken": "the-next-one"}}})).await;
        assert!(world.sync().await.is_quiet());
        assert_eq!(sync_token(&world).await.as_deref(), Some("the-next-one"));
        assert_eq!(world.google_writes().await, writes);
        assert_eq!(world.bookings().await[0].version, 1);
    }

    /// Scenario 7.
    async fn a_page_that_neither_goes_on_nor_ends_is_an_error_and_moves_nothing(url: String) {
        let world = World::new(&url).await;
        let ids = events(&world, 1).await;
        world.sync().await;
        let token = sync_token(&world).await;
        for body in [json!({"kind": "calendar#events", "items": []}), json!({}), json!([]), json!({"error": "no"})] {
            world.fault(json!({"path": "/events", "query": "syncToken=", "times": 1, "action": {"status": 200, "body": body}})).await;
            world.try_sync().await.expect_err("this is no page");
            assert_eq!(sync_token(&world).await, token);
            let state = status(&world).await;
            assert!(state.last_error.as_deref().is_some_and(|error| error.starts_with("protocol")), "{state:?}");
        }
        assert_eq!(world.booking_of(&ids[0]).await.text.status, "confirmed");
        world.assert_quiet().await;
    }

    /// Scenario 8.
    async fn a_wider_window_is_listed_in_full_before_google_complains(url: String) {
        let mut world = World::new(&url).await;
        world.person_creates(event("Old", "2026-01-20T10:00:00")).await;
        world.person_creates(event("New", "2026-03-20T10:00:00")).await;
        world.sync().await;
        assert_eq!(titles(&world).await, ["New"], "the window begins thirty days ago");
        world.engine.sync.window_past_days = 60;
        let before = world.requests().await.len();
        let report = world.sync().await;
        assert!(report.full, "{report:?}");
        let lists = lists_since(&world, before).await;
        assert!(lists.iter().all(|r| !r["query"].as_str().unwrap_or_default().contains("syncToken")), "{lists:?}");
        assert_eq!(titles(&world).await, ["New", "Old"]);
        world.assert_quiet().await;
    }

    /// Scenario 8.
    async fn a_new_choice_about_private_events_is_listed_in_full(url: String) {
        let world = World::new(&url).await;
        let mut private = event("Doctor", "2026-03-20T10:00:00");
        private["visibility"] = json!("private");
        let id = world.person_creates(private).await;
        world.sync().await;
        assert_eq!(world.booking_of(&id).await.text.title, "", "busy time without words");
        support::world::run(&world.engine.db, "UPDATE accounts SET private_events = 'shown' WHERE tenant_id = $1", accord::args![world.tenant]).await;
        let report = world.sync().await;
        assert!(report.full, "{report:?}");
        assert_eq!(world.booking_of(&id).await.text.title, "Doctor");
        world.assert_quiet().await;
    }

    /// Scenario 10.
    async fn an_event_that_comes_twice_makes_one_booking(url: String) {
        let world = World::new(&url).await;
        events(&world, 3).await;
        calendar(&world, "paging", json!({"page_size": 2, "duplicate_items": true})).await;
        assert_eq!(world.sync().await.bookings_created, 3);
        assert!(world.bookings().await.iter().all(|row| row.version == 1), "history shows one change each");
        expire_tokens(&world).await;
        assert!(world.sync().await.is_quiet());
        assert_eq!(world.bookings().await.len(), 3);
    }

    /// Scenario 10.
    async fn an_older_version_after_a_newer_one_is_not_believed(url: String) {
        let world = World::new(&url).await;
        let id = events(&world, 1).await.remove(0);
        world.sync().await;
        let mut newer = world.event(&id).await;
        newer["summary"] = json!("Newest");
        newer["updated"] = json!("2026-03-02T12:30:00.000Z");
        newer["etag"] = json!("\"3\"");
        let mut older = newer.clone();
        older["summary"] = json!("In between");
        older["updated"] = json!("2026-03-02T12:20:00.000Z");
        older["etag"] = json!("\"2\"");
        for (n, items) in [json!([newer.clone(), older.clone()]), json!([older.clone()])].into_iter().enumerate() {
            world.fault(json!({"path": "/events", "query": "syncToken=", "times": 1, "action": {"status": 200,
                "body": {"kind": "calendar#events", "nextSyncToken": format!("made-up-{n}"), "items": items}}})).await;
            world.sync().await;
            let row = world.booking_of(&id).await;
            assert_eq!(row.text.title, "Newest");
            assert_eq!(row.version, 2, "history shows one change");
        }
    }

    /// Scenario 11.
    async fn a_tombstone_of_nothing_but_id_and_status_cancels_its_booking(url: String) {
        let world = World::new(&url).await;
        let ids = events(&world, 2).await;
        world.sync().await;
        calendar(&world, "sparse_cancelled", json!({"on": true})).await;
        world.person_deletes(&ids[0]).await;
        world.sync().await;
        assert_eq!(world.booking_of(&ids[0]).await.text.status, "cancelled");
        assert_eq!(world.booking_of(&ids[0]).await.text.title, "Event 00", "what was known stays");
        assert_eq!(world.booking_of(&ids[1]).await.text.status, "confirmed");
        world.assert_quiet().await;
    }

    /// Scenario 11.
    async fn a_bare_tombstone_of_an_unknown_event_means_nothing(url: String) {
        let world = World::new(&url).await;
        let ids = events(&world, 1).await;
        world.sync().await;
        world.fault(json!({"path": "/events", "query": "syncToken=", "times": 1, "action": {"status": 200,
            "body": {"kind": "calendar#events", "nextSyncToken": "t", "items": [{"id": "neverseen", "status": "cancelled"}]}}})).await;
        let report = world.sync().await;
        assert!(report.is_quiet(), "{report:?}");
        assert_eq!(world.bookings().await.len(), 1);
        assert_eq!(world.booking_of(&ids[0]).await.text.status, "confirmed");
    }

    /// Scenario 12; promise 5.
    async fn poison_is_set_aside_with_its_reason_and_its_neighbours_go_on(url: String) {
        let world = World::new(&url).await;
        events(&world, 2).await;
        let poison = |start: &str| json!({"calendar": ANA, "event": {"id": "poison00001", "status": "confirmed", "summary": "Odd",
            "iCalUID": "poison@google.com", "etag": "\"1\"", "organizer": {"self": true, "email": ANA},
            "updated": "2026-03-02T12:00:00.000Z",
            "start": {"dateTime": start}, "end": {"dateTime": "2026-03-04T12:00:00+01:00"}}});
        calendar(&world, "raw_event", poison("half past nine")).await;
        let report = world.sync().await;
        assert_eq!((report.bookings_created, report.quarantined), (2, 1), "{report:?}");
        let aside = quarantine::list(&world.engine, world.tenant, None).await.expect("list");
        assert_eq!(aside.len(), 1);
        assert_eq!((aside[0].side.as_str(), aside[0].item_id.as_str()), ("google", "poison00001"));
        assert!(!aside[0].reason.is_empty() && !aside[0].reason.contains("half past nine"), "{}", aside[0].reason);
        world.assert_quiet().await;

        // Tried again while it is still poison: aside again, and only once.
        let tried = quarantine::retry(&world.engine, world.tenant, world.ana.account).await.expect("retry");
        assert_eq!(tried, 1);
        let report = world.sync().await;
        assert!(report.full && report.quarantined == 1 && report.bookings_created == 0, "{report:?}");
        assert_eq!(quarantine::list(&world.engine, world.tenant, None).await.expect("list").len(), 1);

        calendar(&world, "raw_event", poison("2026-03-04T11:00:00+01:00")).await;
        let report = world.sync().await;
        assert_eq!(report.bookings_created, 1, "{report:?}");
        assert!(quarantine::list(&world.engine, world.tenant, None).await.expect("list").is_empty(), "released when mended");
        assert_eq!(titles(&world).await, ["Event 00", "Event 01", "Odd"]);
    }

    /// Scenario 12.
    async fn strange_and_huge_texts_are_taken_or_set_aside_alone(url: String) {
        let world = World::new(&url).await;
        events(&world, 1).await;
        let strange = "Café \u{1F469}\u{200D}\u{1F680} \u{202B}שלום\u{202C} \u{2066}مرحبا\u{2069} e\u{301}";
        let emoji = world.person_creates(event(strange, "2026-03-10T10:00:00")).await;
        let raw = |id: &str, title: &str, description: &str| json!({"calendar": ANA, "event": {"id": id, "status": "confirmed",
            "summary": title, "description": description, "iCalUID": format!("{id}@google.com"), "etag": "\"1\"",
            "updated": "2026-03-02T12:00:00.000Z", "aFieldOfTheFuture": {"deep": [1, 2]}, "transparency": "perhaps",
            "organizer": {"self": true, "email": ANA},
            "start": {"dateTime": "2026-03-04T11:00:00+01:00"}, "end": {"dateTime": "2026-03-04T12:00:00+01:00"}}});
        calendar(&world, "raw_event", raw("huge0001", "Huge", &"é".repeat(100 * 1024))).await;
        calendar(&world, "raw_event", raw("nul00001", "A\u{0}B", "x\u{0}y")).await;
        let report = world.sync().await;
        assert_eq!(report.bookings_created + report.quarantined, 4, "{report:?}");
        assert_eq!(world.booking_of(&emoji).await.text.title, strange);
        let aside = quarantine::list(&world.engine, world.tenant, None).await.expect("list");
        for id in ["huge0001", "nul00001"] {
            let taken = world.placement(id).await.is_some();
            assert!(taken != aside.iter().any(|item| item.item_id == id), "{id} is taken or set aside");
        }
        assert_eq!(world.booking_of("huge0001").await.text.description.len(), 200 * 1024);
        world.assert_quiet().await;

        // And the other way round.
        let booking = world.app_creates(strange, support::world::hour("2026-03-11T09:00:00")).await;
        world.settle().await;
        assert_eq!(world.event(&world.event_of(booking).await).await["summary"], strange);
    }

    /// Scenario 13.
    async fn a_listing_that_is_suddenly_empty_deletes_nothing(url: String) {
        let world = World::new(&url).await;
        let ids = events(&world, 12).await;
        world.sync().await;
        expire_tokens(&world).await;
        calendar(&world, "list_empty", json!({"calendar": ANA, "times": 1})).await;
        let before = world.requests().await.len();
        let report = world.sync().await;
        assert!(report.full);
        assert_eq!((report.bookings_cancelled, report.braked), (0, 0), "{report:?}");
        let looked = world.requests().await.into_iter().skip(before)
            .filter(|r| ids.iter().any(|id| r["path"].as_str().is_some_and(|path| path.ends_with(id.as_str()))))
            .count();
        assert_eq!(looked, 12, "what is missing is looked at one by one");
        assert!(world.bookings().await.iter().all(|row| row.text.status == "confirmed"));
        world.assert_quiet().await;
    }

    async fn an_absent_event_is_not_gone_while_the_calendar_itself_does_not_answer(url: String) {
        let world = World::new(&url).await;
        let id = events(&world, 1).await.remove(0);
        world.sync().await;
        world.person_deletes(&id).await;
        expire_tokens(&world).await;
        calendar(&world, "purge_tombstones", json!({"calendar": ANA})).await;
        world.fault(json!({"method": "GET", "path": "/calendarList/", "times": 1, "action": {"status": 503}})).await;
        world.try_sync().await.expect_err("nothing is proved");
        assert_eq!(world.booking_of(&id).await.text.status, "confirmed");
        world.sync().await;
        assert_eq!(world.booking_of(&id).await.text.status, "cancelled", "now it is");
    }

    async fn an_event_alive_outside_the_window_is_an_update(url: String) {
        let world = World::new(&url).await;
        let id = events(&world, 1).await.remove(0);
        world.sync().await;
        let old = event("Long ago", "2025-06-04T10:00:00");
        world.person_edits(&id, old).await;
        expire_tokens(&world).await;
        let report = world.sync().await;
        assert!(report.full && report.bookings_cancelled == 0, "{report:?}");
        let text = world.booking_of(&id).await.text;
        assert_eq!((text.title.as_str(), text.starts_local.as_str(), text.status.as_str()), ("Long ago", "2025-06-04T10:00:00", "confirmed"));
        expire_tokens(&world).await;
        assert!(world.sync().await.is_quiet(), "and stays one");
    }

    /// Scenario 14; checklist line 126.
    async fn a_calendar_that_is_taken_away_is_frozen_and_goes_on_when_it_comes_back(url: String) {
        let world = World::new(&url).await;
        let (team, id) = shared_calendar(&world).await;
        let booking = booking_in(&world, &team, &id).await;
        role(&world, &team, Value::Null).await;
        world.try_sync_scope(&world.ana.clone(), &team).await.expect_err("the calendar is not shown any more");
        assert_eq!(world.text(booking).await.status, "confirmed");
        assert!(frozen(&world, &team).await.is_some(), "shown as frozen");
        world.app_renames(booking, "Renamed while frozen").await;
        world.try_sync_scope(&world.ana.clone(), &team).await.expect_err("still not");
        assert_eq!(world.text(booking).await.title, "Renamed while frozen");

        role(&world, &team, json!("writer")).await;
        world.sync_scope(&world.ana, &team).await;
        assert_eq!(frozen(&world, &team).await, None, "role back: it goes on");
        assert_eq!(world.events_of("team@example.com", "primary").await[0]["summary"], "Renamed while frozen");
        assert!(world.sync_scope(&world.ana, &team).await.is_quiet());
    }

    /// Scenario 14.
    async fn a_role_that_is_reduced_holds_the_apps_changes_until_it_is_back(url: String) {
        let world = World::new(&url).await;
        let (team, id) = shared_calendar(&world).await;
        let booking = booking_in(&world, &team, &id).await;
        role(&world, &team, json!("reader")).await;
        world.person_edits_in("team@example.com", "primary", &id, json!({"description": "read on"})).await;
        world.sync_scope(&world.ana, &team).await;
        assert!(frozen(&world, &team).await.is_some(), "shown as frozen");
        assert_eq!(world.text(booking).await.description, "read on", "reading goes on");
        let writes = world.google_writes().await;
        world.app_renames(booking, "Held").await;
        for _ in 0..3 {
            world.sync_scope(&world.ana, &team).await;
        }
        assert_eq!(world.google_writes().await, writes, "nothing is written, and not tried for ever");
        assert_eq!(world.text(booking).await.title, "Held");
        assert_eq!(world.text(booking).await.status, "confirmed");

        role(&world, &team, json!("writer")).await;
        for _ in 0..2 {
            world.sync_scope(&world.ana, &team).await;
        }
        assert_eq!(frozen(&world, &team).await, None);
        assert_eq!(world.events_of("team@example.com", "primary").await[0]["summary"], "Held");
        assert!(world.sync_scope(&world.ana, &team).await.is_quiet());
    }

    /// Scenario 14.
    async fn a_role_that_shows_only_times_deletes_nothing_and_the_words_come_back_with_it(url: String) {
        let world = World::new(&url).await;
        let (team, id) = shared_calendar(&world).await;
        let ours = booking_in(&world, &team, &id).await;
        let theirs = event("Theirs", "2026-03-13T10:00:00");
        let theirs = world.person_creates_in("team@example.com", "primary", theirs).await;
        world.sync_scope(&world.ana, &team).await;
        let theirs = booking_in(&world, &team, &theirs).await;
        role(&world, &team, json!("freeBusyReader")).await;
        for _ in 0..3 {
            world.sync_scope(&world.ana, &team).await;
        }
        assert_eq!(world.text(ours).await.title, "Shared", "the app keeps its words");
        for booking in [ours, theirs] {
            assert_eq!(world.text(booking).await.status, "confirmed");
        }
        role(&world, &team, json!("writer")).await;
        for _ in 0..3 {
            world.sync_scope(&world.ana, &team).await;
        }
        assert_eq!(world.text(theirs).await.title, "Theirs");
        assert_eq!(world.text(ours).await.title, "Shared");
        assert!(world.conflicts().await.is_empty(), "{:?}", world.conflicts().await);
        assert!(world.sync_scope(&world.ana, &team).await.is_quiet());
    }
}

/// A colleague's calendar that Ana may write, with one event of an app's booking in it.
async fn shared_calendar(world: &World) -> (String, String) {
    let team = "team@example.com".to_owned();
    let who = json!({"email": team, "name": "Team", "time_zone": "Europe/Madrid"});
    world.google.switch("users", &who).await;
    role(world, &team, json!("writer")).await;
    world.choose(&world.ana, ANA, false).await;
    world.choose(&world.ana, &team, true).await;
    let booking = world
        .app_creates("Shared", support::world::hour("2026-03-12T09:00:00"))
        .await;
    world.sync_scope(&world.ana, &team).await;
    world.sync_scope(&world.ana, &team).await;
    (team, world.event_of(booking).await)
}

async fn booking_in(world: &World, calendar: &str, event: &str) -> accord::domain::ids::BookingId {
    let calendar = CalendarId::from(calendar);
    accord::store::placements::get(&mut world.read().await, world.tenant, &calendar, &event.into())
        .await
        .expect("placement")
        .expect("it has one")
        .booking_id
}

async fn role(world: &World, of: &str, role: Value) {
    calendar(world, "set_role", json!({"user": ANA, "calendar": of, "role": role})).await;
}

async fn frozen(world: &World, calendar: &str) -> Option<String> {
    let calendar = CalendarId::from(calendar);
    accord::store::calendars::get(&mut world.read().await, world.tenant, world.ana.account, &calendar)
        .await
        .expect("calendar")
        .expect("it is known")
        .frozen
}
