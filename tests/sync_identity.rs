//! One booking, one event: lost answers, two workers, echoes, copies, moves and meetings of several users must make neither
//! twins nor orphans. On both databases.
mod support;

use accord::args;
use accord::domain::ids::{BookingId, CalendarId};
use accord::engine::sync;
use accord::store::placements::{self, Placement, PlacementState};
use accord::store::scopes::{self, Claim};
use serde_json::{Value, json};
use support::google::{ANA, text};
use support::postgres::both_databases;
use support::world::{BEN, Connected, World, event, hour};

/// What can become of an answer although the work was perhaps done.
fn lost() -> Vec<Value> {
    vec![
        json!({"cut": "before"}),
        json!({"cut": "after"}),
        json!({"cut": "body"}),
        json!({"status": 503}),
        json!({"after": {"status": 503}}),
        json!({"garbage": true}),
        json!({"empty_json": true}),
    ]
}

async fn placements_of(world: &World, booking: BookingId) -> Vec<Placement> {
    placements::of_booking(&mut world.read().await, world.tenant, booking)
        .await
        .expect("placements")
}

async fn claim(world: &World) -> Option<Claim> {
    let key = world.scope(&world.ana, ANA);
    let mut tx = world.engine.db.begin().await.expect("begin");
    let claim = scopes::claim(&mut tx, &key, world.engine.now_ms(), 60_000)
        .await
        .expect("claim");
    tx.commit().await.expect("commit");
    claim
}

/// The lease runs out, as it does when its holder is asleep for too long.
async fn lease_ends(world: &World) {
    support::world::run(
        &world.engine.db,
        "UPDATE sync_scopes SET lease_until = 1 WHERE tenant_id = $1",
        args![world.tenant],
    )
    .await;
}

/// A second calendar of Ana's.
async fn second_calendar(world: &World) -> String {
    let made = world
        .person_posts(ANA, "/calendars", json!({"summary": "Second"}))
        .await;
    let id = text(&made, "id");
    world.choose(&world.ana, &id, false).await;
    id
}

/// Ana invites Ben; both calendars show the meeting under the same iCalUID.
async fn meeting(world: &World) -> String {
    let mut meeting = event("Meeting", "2026-03-04T10:00:00");
    meeting["attendees"] = json!([{"email": BEN}]);
    world.person_creates(meeting).await
}

/// The user lets the tenant see the words of private events.
async fn show_private(world: &World, who: &Connected) {
    support::world::run(
        &world.engine.db,
        "UPDATE accounts SET private_events = 'shown' WHERE tenant_id = $1 AND id = $2",
        args![world.tenant, who.account],
    )
    .await;
}

/// Ben may write Ana's calendar, and lets Accord read it.
async fn share_with_ben(world: &World, ben: &Connected) {
    let acl = json!({"role": "writer", "scope": {"type": "user", "value": BEN}});
    world.person_posts(ANA, &format!("/calendars/{ANA}/acl"), acl).await;
    world.choose(ben, ANA, false).await;
}

async fn sync_both(world: &World, ben: &Connected) {
    for _ in 0..3 {
        world.sync().await;
        world.sync_scope(ben, BEN).await;
    }
}

/// The one booking that there is.
async fn only(world: &World) -> BookingId {
    let all = world.bookings().await;
    assert_eq!(all.len(), 1, "one booking: {all:?}");
    all[0].id
}

both_databases! {
    /// Scenarios 15 and 16.
    async fn an_insert_is_exactly_once_whatever_becomes_of_its_answer(url: String) {
        let mut world = World::new(&url).await;
        for (n, action) in lost().into_iter().enumerate() {
            let booking = world.app_creates(&format!("Once {n}"), hour(&format!("2026-03-{:02}T09:00:00", n + 3))).await;
            world.fault(json!({"method": "POST", "path": "/events", "times": 1, "action": action})).await;
            world.try_sync().await.expect_err("the answer was lost");
            world.restart().await;
            world.settle().await;
            assert_eq!(world.events().await.len(), n + 1, "one event after {action}");
            assert_eq!(world.bookings().await.len(), n + 1, "one booking after {action}");
            assert_eq!(world.event(&world.event_of(booking).await).await["summary"], format!("Once {n}"));
            assert_eq!(placements_of(&world, booking).await.len(), 1, "one placement after {action}");
            assert_eq!(world.pending().await, 0);
        }
        assert!(world.conflicts().await.is_empty());
    }

    async fn a_patch_is_carried_out_whatever_becomes_of_its_answer(url: String) {
        let mut world = World::new(&url).await;
        let booking = world.app_creates("First", hour("2026-03-05T09:00:00")).await;
        world.settle().await;
        let event_id = world.event_of(booking).await;
        for (n, action) in lost().into_iter().enumerate() {
            let title = format!("Name {n}");
            world.app_renames(booking, &title).await;
            world.fault(json!({"method": "PATCH", "path": "/events/", "times": 1, "action": action})).await;
            world.try_sync().await.expect_err("the answer was lost");
            world.restart().await;
            world.settle().await;
            assert_eq!(world.event(&event_id).await["summary"], title, "after {action}");
            assert_eq!(world.text(booking).await.title, title, "after {action}");
            assert_eq!(world.pending().await, 0);
        }
        assert!(world.conflicts().await.is_empty(), "nobody else has edited: {:?}", world.conflicts().await);
    }

    async fn an_edit_in_google_between_a_lost_patch_and_its_repetition_survives(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("First", hour("2026-03-05T09:00:00")).await;
        world.settle().await;
        let event_id = world.event_of(booking).await;
        world.app_renames(booking, "App").await;
        world.fault(json!({"method": "PATCH", "path": "/events/", "times": 1, "action": {"cut": "after"}})).await;
        world.try_sync().await.expect_err("the answer was lost");
        world.person_edits(&event_id, json!({"description": "Google"})).await;
        world.settle().await;
        let (row, event) = (world.text(booking).await, world.event(&event_id).await);
        assert_eq!((row.title.as_str(), row.description.as_str()), ("App", "Google"));
        assert_eq!((&event["summary"], &event["description"]), (&json!("App"), &json!("Google")));
    }

    async fn a_deletion_is_carried_out_whatever_becomes_of_its_answer(url: String) {
        let mut world = World::new(&url).await;
        // An empty success is Google's normal answer to a delete, so garbage and an empty object say nothing else.
        for (n, action) in lost().into_iter().take(5).enumerate() {
            let booking = world.app_creates("Short", hour(&format!("2026-03-{:02}T09:00:00", n + 3))).await;
            world.settle().await;
            let event_id = world.event_of(booking).await;
            world.app_deletes(booking).await;
            world.fault(json!({"method": "DELETE", "path": "/events/", "times": 1, "action": action})).await;
            // A body cannot be cut where there is none.
            let _ = world.try_sync().await;
            world.restart().await;
            world.settle().await;
            assert_eq!(world.event(&event_id).await["status"], "cancelled", "after {action}");
            assert!(world.booking(booking).await.is_none(), "after {action}");
            assert_eq!(world.pending().await, 0, "after {action}");
        }
    }

    async fn a_booking_that_is_deleted_while_its_insert_is_unconfirmed_leaves_no_event(url: String) {
        let world = World::new(&url).await;
        for cut in ["before", "after"] {
            let booking = world.app_creates("Never", hour("2026-03-05T09:00:00")).await;
            world.fault(json!({"method": "POST", "path": "/events", "times": 1, "action": {"cut": cut}})).await;
            world.try_sync().await.expect_err("the answer was lost");
            world.app_deletes(booking).await;
            world.settle().await;
            assert!(world.events().await.is_empty(), "cut {cut}");
            assert!(world.bookings().await.is_empty(), "cut {cut}");
            assert_eq!(world.pending().await, 0, "cut {cut}");
        }
    }

    async fn an_id_that_is_taken_by_another_event_is_given_up(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Mine", hour("2026-03-05T09:00:00")).await;
        world.fault(json!({"method": "POST", "path": "/events", "times": 1, "action": {"cut": "before"}})).await;
        world.try_sync().await.expect_err("the insert was lost");
        let taken = world.event_of(booking).await;
        let mut other = event("Somebody else's", "2026-03-06T10:00:00");
        other["id"] = json!(taken);
        world.person_creates(other).await;
        world.settle().await;
        assert_eq!(world.event(&taken).await["summary"], "Somebody else's", "untouched");
        assert_ne!(world.event_of(booking).await, taken);
        assert_eq!(world.events().await.len(), 2);
        assert_eq!(world.bookings().await.len(), 2);
    }

    /// Scenario 17.
    async fn a_scope_is_held_by_one_worker_at_a_time(url: String) {
        let world = World::new(&url).await;
        let first = claim(&world).await.expect("free");
        assert!(claim(&world).await.is_none(), "held");
        sync::pass(&world.engine, &first, world.engine.now_ms()).await.expect("a good pass");
        assert!(claim(&world).await.is_some(), "free again");
    }

    /// Scenario 17.
    async fn a_worker_that_was_asleep_for_too_long_writes_nothing(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Once", hour("2026-03-05T09:00:00")).await;
        world.person_creates(event("Theirs", "2026-03-06T10:00:00")).await;
        let asleep = claim(&world).await.expect("free");
        lease_ends(&world).await;
        let second = claim(&world).await.expect("the lease has ended");
        assert!(second.fence > asleep.fence);
        let lost = sync::pass(&world.engine, &asleep, world.engine.now_ms()).await;
        assert!(matches!(lost, Err(sync::SyncError::LostLease)), "{lost:?}");
        assert_eq!(world.google_writes().await, 0, "it sent no write");
        assert!(placements_of(&world, booking).await.is_empty(), "and stored nothing");
        assert_eq!(world.bookings().await.len(), 1);
        sync::pass(&world.engine, &second, world.engine.now_ms()).await.expect("the holder goes on");
        assert_eq!(world.events().await.len(), 2);
        assert_eq!(world.bookings().await.len(), 2);
    }

    /// Scenario 17.
    async fn a_takeover_in_the_middle_of_an_insert_makes_one_event(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Once", hour("2026-03-05T09:00:00")).await;
        world.fault(json!({"method": "POST", "path": "/events", "times": 1, "action": {"delay_ms": 3000}})).await;
        let slow = claim(&world).await.expect("free");
        let engine = world.engine.clone();
        let now = engine.now_ms();
        let sleeper = tokio::spawn(async move { sync::pass(&engine, &slow, now).await });
        while !placements_of(&world, booking).await.iter().any(|p| p.state == PlacementState::Creating) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        lease_ends(&world).await;
        let second = claim(&world).await.expect("the lease has ended");
        sync::pass(&world.engine, &second, world.engine.now_ms()).await.expect("the second worker's pass");
        let lost = sleeper.await.expect("no panic");
        assert!(matches!(lost, Err(sync::SyncError::LostLease)), "{lost:?}");
        assert_eq!(world.events().await.len(), 1, "one event");
        world.settle().await;
        assert_eq!(placements_of(&world, booking).await.len(), 1);
        assert_eq!(world.bookings().await.len(), 1);
    }

    /// Promise 10: a pass that ends anywhere is finished by the next one.
    async fn a_pass_that_is_killed_anywhere_is_finished_by_the_next(url: String) {
        let world = World::new(&url).await;
        let mut made = Vec::new();
        for n in 0..4 {
            world.person_creates(event(&format!("Google {n}"), &format!("2026-03-{:02}T10:00:00", n + 3))).await;
            made.push(world.app_creates(&format!("App {n}"), hour(&format!("2026-03-{:02}T12:00:00", n + 3))).await);
        }
        for polls in [1usize, 2, 3, 5, 8, 12, 17, 23, 30, 38, 47, 60, 80, 110, 150] {
            lease_ends(&world).await;
            let claim = claim(&world).await.expect("free");
            let pass = sync::pass(&world.engine, &claim, world.engine.now_ms());
            kill_after(polls, pass).await;
        }
        lease_ends(&world).await;
        world.settle().await;
        assert_eq!(world.events().await.len(), 8, "no twin in Google");
        assert_eq!(world.bookings().await.len(), 8, "no twin here");
        for id in made {
            assert_eq!(placements_of(&world, id).await.len(), 1);
            let event = world.event(&world.event_of(id).await).await;
            assert_eq!(event["summary"], world.text(id).await.title);
        }
        assert_eq!(world.pending().await, 0);
        assert!(world.conflicts().await.is_empty());
    }

    /// Scenario 18; checklist line 56.
    async fn our_own_insert_that_comes_back_changes_nothing(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Echo", hour("2026-03-05T09:00:00")).await;
        world.sync().await;
        let version = world.booking(booking).await.expect("there").version;
        let report = world.sync().await;
        assert!(report.read >= 1, "the echo came: {report:?}");
        assert!(report.is_quiet(), "{report:?}");
        assert_eq!(world.booking(booking).await.expect("there").version, version, "no history noise");
        assert!(world.conflicts().await.is_empty());
    }

    /// Scenario 19; checklist lines 103, 104.
    async fn a_hundred_quiet_passes_send_no_write(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("  Spaces and trailing newline \n", hour("2026-03-05T09:00:00")).await;
        support::world::run(&world.engine.db, "UPDATE bookings SET description = '<b>Bold</b><br>line &amp; more' || $2 WHERE tenant_id = $1",
            args![world.tenant, "\r\n \n"]).await;
        world.person_creates(json!({"summary": "Zone alias", "description": "<p>x</p>\n",
            "start": {"dateTime": "2026-03-04T10:00:00", "timeZone": "Asia/Calcutta"},
            "end": {"dateTime": "2026-03-04T11:00:00", "timeZone": "Asia/Calcutta"}})).await;
        world.settle().await;
        let (writes, requests) = (world.google_writes().await, world.requests().await.len());
        let version = world.booking(booking).await.expect("there").version;
        for _ in 0..100 {
            assert!(world.sync().await.is_quiet());
        }
        assert_eq!(world.google_writes().await, writes);
        assert_eq!(world.requests().await.len() - requests, 100, "one request each");
        world.google.switch("calendar/expire_sync_tokens", &json!({"calendar": ANA})).await;
        assert!(world.sync().await.is_quiet());
        assert_eq!(world.google_writes().await, writes, "nor after a full listing");
        assert_eq!(world.booking(booking).await.expect("there").version, version);
    }

    /// Scenario 20.
    async fn a_meeting_in_two_users_calendars_is_one_booking_with_two_placements(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        meeting(&world).await;
        sync_both(&world, &ben).await;
        let booking = only(&world).await;
        let all = placements_of(&world, booking).await;
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(all[0].is_lead && all[0].calendar_id.0 == ANA, "the organizer's leads: {all:?}");
        assert!(!all[1].is_lead && all[1].calendar_id.0 == BEN);
        assert_eq!(world.booking(booking).await.expect("there").user_id, world.ana.user);
    }

    /// Scenario 20.
    async fn a_meeting_that_the_guest_shows_first_is_led_by_its_organizer_afterwards(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let event_id = meeting(&world).await;
        world.sync_scope(&ben, BEN).await;
        sync_both(&world, &ben).await;
        let booking = only(&world).await;
        let all = placements_of(&world, booking).await;
        assert!(all.len() == 2 && all[0].is_lead && all[0].calendar_id.0 == ANA, "{all:?}");
        assert_eq!(world.booking(booking).await.expect("there").user_id, ben.user, "who brought it stays the owner");
        world.person_edits(&event_id, json!({"summary": "Renamed"})).await;
        sync_both(&world, &ben).await;
        assert_eq!(world.text(booking).await.title, "Renamed");
    }

    async fn words_that_a_guest_withheld_come_with_the_organizer_and_are_never_erased_in_google(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        show_private(&world, &world.ana).await;
        let mut secret = event("Secret", "2026-03-04T10:00:00");
        secret["visibility"] = json!("private");
        secret["description"] = json!("Only for us");
        secret["attendees"] = json!([{"email": BEN}]);
        let event_id = world.person_creates(secret).await;
        world.sync_scope(&ben, BEN).await;
        let booking = only(&world).await;
        assert_eq!(world.text(booking).await.title, "", "Ben does not show it");
        sync_both(&world, &ben).await;
        let (row, event) = (world.text(booking).await, world.event(&event_id).await);
        assert_eq!((&event["summary"], &event["description"]), (&json!("Secret"), &json!("Only for us")));
        assert_eq!((row.title.as_str(), row.description.as_str()), ("Secret", "Only for us"));
        assert_eq!(world.google_writes().await, 0);
    }

    async fn what_the_organizer_has_just_written_is_not_taken_back_by_what_the_guest_showed(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let event_id = meeting(&world).await;
        world.sync_scope(&ben, BEN).await;
        let booking = only(&world).await;
        world.person_edits(&event_id, json!({"summary": "Written since"})).await;
        sync_both(&world, &ben).await;
        assert_eq!(world.event(&event_id).await["summary"], "Written since");
        assert_eq!(world.text(booking).await.title, "Written since");
        assert_eq!(world.google_writes().await, 0);
    }

    async fn a_changed_occurrence_that_a_guest_shows_without_words_keeps_them_in_google(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        show_private(&world, &world.ana).await;
        let mut series = event("Secret", "2026-03-04T10:00:00");
        series["visibility"] = json!("private");
        series["recurrence"] = json!(["RRULE:FREQ=WEEKLY;COUNT=4"]);
        series["attendees"] = json!([{"email": BEN}]);
        let series = world.person_creates(series).await;
        sync_both(&world, &ben).await;
        let second = text(&world.instances(&series).await[1], "id");
        world.person_edits(&second, json!({
            "start": {"dateTime": "2026-03-11T15:00:00", "timeZone": "Europe/Madrid"},
            "end": {"dateTime": "2026-03-11T16:00:00", "timeZone": "Europe/Madrid"}})).await;
        for _ in 0..3 {
            world.sync_scope(&ben, BEN).await;
            world.sync().await;
        }
        assert_eq!(world.event(&second).await["summary"], "Secret");
        assert_eq!(world.booking_of(&second).await.text.title, "Secret");
        assert_eq!(world.google_writes().await, 0);
    }

    async fn a_shared_calendar_is_led_by_the_account_that_still_takes_part(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        share_with_ben(&world, &ben).await;
        let event_id = world.person_creates(event("Shared", "2026-03-04T10:00:00")).await;
        world.sync().await;
        world.sync_scope(&ben, ANA).await;
        let booking = only(&world).await;
        let leader = async || placements_of(&world, booking).await.into_iter().map(|p| (p.account_id, p.is_lead)).collect::<Vec<_>>();
        assert_eq!(leader().await, [(world.ana.account, true)]);
        let mut tx = world.engine.db.begin().await.expect("begin");
        scopes::enable_scopes(&mut tx, world.tenant, world.ana.account, false).await.expect("disable");
        tx.commit().await.expect("commit");
        world.person_edits(&event_id, json!({"summary": "Goes on"})).await;
        world.sync_scope(&ben, ANA).await;
        assert_eq!(leader().await, [(ben.account, true)]);
        assert_eq!(world.text(booking).await.title, "Goes on");
        world.app_renames(booking, "From the app").await;
        world.sync_scope(&ben, ANA).await;
        assert_eq!(world.event(&event_id).await["summary"], "From the app");
    }

    async fn two_accounts_that_read_a_calendar_at_once_share_its_placements(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        share_with_ben(&world, &ben).await;
        for n in 0..20 {
            world.person_creates(event(&format!("Shared {n}"), "2026-03-04T10:00:00")).await;
        }
        let (anas, bens) = tokio::join!(world.try_sync(), world.try_sync_scope(&ben, ANA));
        anas.and(bens).expect("good passes");
        world.sync().await;
        world.sync_scope(&ben, ANA).await;
        let all = world.bookings().await;
        assert_eq!(all.len(), 20);
        for booking in all {
            let placements = placements_of(&world, booking.id).await;
            assert!(placements.len() == 1 && placements[0].is_lead, "{placements:?}");
        }
    }

    async fn losing_one_placement_never_touches_the_other(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let event_id = meeting(&world).await;
        sync_both(&world, &ben).await;
        let booking = only(&world).await;
        let bens = placements_of(&world, booking).await[1].event_id.0.clone();
        world.person_deletes_in(BEN, "primary", &bens).await;
        sync_both(&world, &ben).await;
        assert_eq!(world.text(booking).await.status, "confirmed");
        assert_eq!(world.event(&event_id).await["status"], "confirmed");
        let writes = world.google_writes().await;
        sync_both(&world, &ben).await;
        assert_eq!(world.google_writes().await, writes);
    }

    async fn the_organizers_cancellation_cancels_the_booking(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let event_id = meeting(&world).await;
        sync_both(&world, &ben).await;
        let booking = only(&world).await;
        world.person_deletes(&event_id).await;
        sync_both(&world, &ben).await;
        assert_eq!(world.text(booking).await.status, "cancelled");
        let writes = world.google_writes().await;
        sync_both(&world, &ben).await;
        assert_eq!(world.google_writes().await, writes);
        assert_eq!(world.bookings().await.len(), 1);
    }

    async fn a_copy_that_a_user_makes_is_a_foreign_event(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Original", hour("2026-03-05T09:00:00")).await;
        world.settle().await;
        let original = world.event_of(booking).await;
        let mut copy = event("Original", "2026-03-06T09:00:00");
        copy["extendedProperties"] = world.event(&original).await["extendedProperties"].clone();
        let copy = world.person_creates(copy).await;
        world.settle().await;
        let other = world.booking_of(&copy).await;
        assert_ne!(other.id, booking);
        assert_eq!(other.text.origin, "google");
        assert_eq!((world.bookings().await.len(), world.events().await.len()), (2, 2));
        world.app_deletes(booking).await;
        world.settle().await;
        assert_eq!(world.event(&copy).await["status"], "confirmed", "the copy lives its own life");
        assert_eq!(world.event(&original).await["status"], "cancelled");
    }

    /// Scenario 22.
    async fn a_foreign_event_with_equal_title_and_times_is_not_adopted(url: String) {
        let world = World::new(&url).await;
        let theirs = world.person_creates(event("Call", "2026-03-05T09:00:00")).await;
        let booking = world.app_creates("Call", hour("2026-03-05T09:00:00")).await;
        world.settle().await;
        assert_eq!((world.bookings().await.len(), world.events().await.len()), (2, 2));
        assert_ne!(world.event_of(booking).await, theirs);
        assert_ne!(world.booking_of(&theirs).await.id, booking);
        assert!(world.event(&theirs).await["extendedProperties"]["private"]["accord.booking"].is_null(), "their event is not marked");
    }

    /// Scenario 34; checklist line 96.
    async fn a_move_that_is_seen_as_a_loss_first_stays_one_booking(url: String) {
        moved(url, true).await;
    }

    /// Scenario 34.
    async fn a_move_that_is_seen_as_a_new_event_first_stays_one_booking(url: String) {
        moved(url, false).await;
    }

    /// Scenario 34.
    async fn a_move_of_an_apps_booking_stays_one_booking_and_is_still_written_to(url: String) {
        let world = World::new(&url).await;
        let second = second_calendar(&world).await;
        let booking = world.app_creates("Moves", hour("2026-03-05T09:00:00")).await;
        world.sync().await;
        world.sync_scope(&world.ana, &second).await;
        let event_id = world.event_of(booking).await;
        move_to(&world, &event_id, &second).await;
        for _ in 0..3 {
            world.sync().await;
            assert_eq!(world.text(booking).await.status, "confirmed", "never cancelled in between");
            world.sync_scope(&world.ana, &second).await;
            assert_eq!(world.text(booking).await.status, "confirmed");
        }
        assert_eq!(world.bookings().await.len(), 1);
        world.app_renames(booking, "Renamed").await;
        world.sync_scope(&world.ana, &second).await;
        assert_eq!(world.events_of(ANA, &second).await[0]["summary"], "Renamed");
        assert!(world.events().await.is_empty());
    }

    /// Scenario 32; checklist line 92.
    async fn a_deletion_that_google_answers_with_404_or_410_is_done(url: String) {
        let world = World::new(&url).await;
        for (n, (status, reason)) in [(404, "notFound"), (410, "deleted")].into_iter().enumerate() {
            let booking = world.app_creates("Gone", hour(&format!("2026-03-{:02}T09:00:00", n + 3))).await;
            world.settle().await;
            world.app_deletes(booking).await;
            world.fault(json!({"method": "DELETE", "path": "/events/", "times": 1, "action": {"status": status,
                "body": {"error": {"errors": [{"domain": "global", "reason": reason, "message": reason}], "code": status, "message": reason}}}})).await;
            world.sync().await;
            assert_eq!(world.pending().await, 0, "done after {status}");
            assert!(world.booking(booking).await.is_none());
            let before = world.google_writes().await;
            assert!(world.sync().await.is_quiet());
            assert_eq!(world.google_writes().await, before, "and not tried again");
        }
    }

    /// Scenario 32.
    async fn a_deletion_of_an_event_that_is_gone_already_is_done(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Gone", hour("2026-03-05T09:00:00")).await;
        world.settle().await;
        let event_id = world.event_of(booking).await;
        world.person_deletes(&event_id).await;
        world.app_deletes(booking).await;
        world.settle().await;
        assert_eq!(world.pending().await, 0);
        assert!(world.booking(booking).await.is_none());
        assert!(world.conflicts().await.is_empty());
    }

    /// Scenario 32.
    async fn a_deletion_that_google_forbids_is_held_and_shown_and_not_tried_for_ever(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Stays", hour("2026-03-05T09:00:00")).await;
        let neighbour = world.app_creates("Neighbour", hour("2026-03-06T09:00:00")).await;
        world.settle().await;
        world.app_deletes(booking).await;
        world.app_renames(neighbour, "Goes on").await;
        world.fault(json!({"method": "DELETE", "path": "/events/", "times": 1000, "action": {"refuse": "forbidden"}})).await;
        world.sync().await;
        let deletes = |all: Vec<Value>| all.iter().filter(|r| r["method"] == "DELETE").count();
        assert_eq!(deletes(world.requests().await), 1);
        assert_eq!(world.event(&world.event_of(neighbour).await).await["summary"], "Goes on");
        for _ in 0..3 {
            world.sync().await;
        }
        assert_eq!(deletes(world.requests().await), 1, "not for ever");
        let aside = accord::engine::quarantine::list(&world.engine, world.tenant, None).await.expect("list");
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert_eq!(aside[0].item_id, booking.to_string());
        world.google.http.delete(&world.google.url("/_sandbox/faults"), &[]).await;
        accord::engine::quarantine::retry(&world.engine, world.tenant, world.ana.account).await.expect("retry");
        world.settle().await;
        assert_eq!(world.events().await.len(), 1);
        assert_eq!(world.pending().await, 0);
    }
}

async fn move_to(world: &World, event_id: &str, calendar: &str) {
    let to = calendar.replace('@', "%40");
    let path = format!("/calendars/primary/events/{event_id}/move?destination={to}");
    world.person_posts(ANA, &path, Value::Null).await;
}

/// An event is moved between two of Ana's calendars, and seen in either order.
async fn moved(url: String, loss_first: bool) {
    let world = World::new(&url).await;
    let second = second_calendar(&world).await;
    let event_id = world.person_creates(event("Moves", "2026-03-04T10:00:00")).await;
    world.sync().await;
    world.sync_scope(&world.ana, &second).await;
    let booking = world.booking_of(&event_id).await.id;
    move_to(&world, &event_id, &second).await;
    for _ in 0..3 {
        if loss_first {
            world.sync().await;
            assert_eq!(
                world.text(booking).await.status,
                "confirmed",
                "never cancelled in between"
            );
        }
        world.sync_scope(&world.ana, &second).await;
        assert_eq!(world.text(booking).await.status, "confirmed");
        if !loss_first {
            world.sync().await;
            assert_eq!(
                world.text(booking).await.status,
                "confirmed",
                "never cancelled in between"
            );
        }
    }
    assert_eq!(only(&world).await, booking);
    let lead = &placements_of(&world, booking).await[0];
    assert_eq!(
        (&lead.calendar_id, lead.is_lead, lead.state),
        (&CalendarId(second.clone()), true, PlacementState::Live)
    );
    let moved = world.events_of(ANA, &second).await.remove(0);
    world
        .person_edits_in(ANA, &second, &text(&moved, "id"), json!({"summary": "Renamed there"}))
        .await;
    world.sync_scope(&world.ana, &second).await;
    assert_eq!(world.text(booking).await.title, "Renamed there");
    world.person_deletes_in(ANA, &second, &text(&moved, "id")).await;
    for _ in 0..3 {
        world.sync_scope(&world.ana, &second).await;
        world.sync().await;
    }
    assert_eq!(
        world.text(booking).await.status,
        "cancelled",
        "and a real deletion still counts"
    );
}

/// Polls a future so many times, then drops it, as a crash would.
async fn kill_after<F: Future>(polls: usize, future: F) {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 || future.as_mut().poll(cx).is_ready() {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        std::task::Poll::Pending
    })
    .await;
}
