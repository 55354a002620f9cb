//! What once got stuck or lost for ever when Google refused, a calendar was gone for a moment, or the app took something
//! back while it was held. On both databases.
mod support;

use accord::args;
use accord::engine::quarantine;
use chrono::TimeDelta;
use serde_json::{Value, json};
use support::postgres::both_databases;
use support::series::{Override, hours};
use support::world::{World, event, hour};

const AT: &str = "2026-03-05T09:00:00";

/// An answer in the words of the Calendar API.
fn answer(status: u16, reason: &str) -> Value {
    let error =
        json!({"errors": [{"domain": "global", "reason": reason, "message": "no"}], "code": status, "message": "no"});
    json!({"status": status, "body": {"error": error}})
}

async fn refuse(world: &World, method: &str, path: &str, action: Value) {
    world
        .fault(json!({"method": method, "path": path, "times": 1, "action": action}))
        .await;
}

async fn no_faults(world: &World) {
    world
        .google
        .http
        .delete(&world.google.url("/_sandbox/faults"), &[])
        .await;
}

both_databases! {
    async fn a_booking_whose_insert_finds_no_calendar_is_pushed_when_it_is_back(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Waits", hour(AT)).await;
        refuse(&world, "POST", "/events", answer(404, "notFound")).await;
        refuse(&world, "GET", "/calendarList", answer(404, "notFound")).await;
        world.try_sync().await.expect_err("there is no calendar");
        assert_eq!(world.pending().await, 1, "nothing was agreed");
        no_faults(&world).await;
        world.settle().await;
        let event = world.event_of(booking).await;
        assert_eq!(world.event(&event).await["summary"], "Waits");
    }

    async fn an_insert_that_is_not_found_although_the_calendar_answers_is_tried_again(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Waits", hour(AT)).await;
        refuse(&world, "POST", "/events", answer(404, "notFound")).await;
        world.try_sync().await.expect_err("not found");
        assert_eq!(world.pending().await, 1, "nothing was agreed");
        world.settle().await;
        assert_eq!(world.event(&world.event_of(booking).await).await["summary"], "Waits");
    }

    async fn a_deletion_that_finds_no_calendar_is_not_taken_for_done(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Goes", hour(AT)).await;
        world.settle().await;
        let event = world.event_of(booking).await;
        world.app_deletes(booking).await;
        refuse(&world, "DELETE", "/events/", answer(404, "notFound")).await;
        refuse(&world, "GET", "/calendarList", answer(404, "notFound")).await;
        world.try_sync().await.expect_err("there is no calendar");
        no_faults(&world).await;
        world.settle().await;
        assert_eq!(world.event(&event).await["status"], "cancelled");
        assert_eq!(world.pending().await, 0);
    }

    async fn a_private_event_that_is_brought_back_keeps_its_words(url: String) {
        let world = World::new(&url).await;
        let mut secret = event("Doctor", AT);
        secret["visibility"] = json!("private");
        secret["location"] = json!("Clinic");
        let id = world.person_creates(secret).await;
        world.settle().await;
        let booking = world.booking_of(&id).await.id;
        world.person_deletes(&id).await;
        world.settle().await;
        world.app_sql("UPDATE bookings SET status = 'confirmed' WHERE tenant_id = $1 AND id = $2", booking).await;
        world.settle().await;
        let event = world.event(&id).await;
        assert_eq!((&event["status"], &event["summary"], &event["location"]), (&json!("confirmed"), &json!("Doctor"), &json!("Clinic")));
    }

    async fn an_insert_that_google_refuses_is_sent_as_the_row_was_mended(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Bad", hour(AT)).await;
        refuse(&world, "POST", "/events", answer(400, "invalid")).await;
        let report = world.sync().await;
        assert_eq!(report.quarantined, 1, "{report:?}");
        world.assert_quiet().await;
        world.app_renames(booking, "Good").await;
        world.sync().await;
        let inserts: Vec<Value> = world.requests().await.into_iter().filter(|r| r["method"] == "POST").collect();
        assert_eq!(inserts.len(), 2, "{inserts:?}");
        world.settle().await;
        assert_eq!(world.event(&world.event_of(booking).await).await["summary"], "Good");
        assert!(quarantine::list(&world.engine, world.tenant, None).await.expect("list").is_empty());
        let writes = world.google_writes().await;
        assert_eq!(writes, 2, "the good content went with the insert");
    }

    async fn a_series_that_a_rejection_puts_back_has_its_changed_occurrences(url: String) {
        let world = World::new(&url).await;
        let series = world.app_creates("Weekly", hours("2026-03-05T09:00:00", &["RRULE:FREQ=WEEKLY;COUNT=4"])).await;
        world.settle().await;
        let row = Override {
            title: "Moved",
            starts_local: "2026-03-12T15:00:00",
            ends_local: "2026-03-12T16:00:00",
            status: "confirmed",
        };
        let moved = world.app_overrides(series, "2026-03-12T08:00:00Z", row).await;
        world.settle().await;
        world.set(json!({"brake_min": 1, "brake_share": 0.01})).await;
        world.app_deletes(moved).await;
        world.app_deletes(series).await;
        world.sync().await;
        world.sync().await;
        assert!(world.booking(moved).await.is_none(), "it goes with its series");
        world.answer("reject").await;
        world.settle().await;
        assert_eq!(world.text(series).await.title, "Weekly");
        let text = world.text(moved).await;
        assert_eq!((text.title.as_str(), text.starts_local.as_str()), ("Moved", "2026-03-12T15:00:00"));
        assert_eq!(world.event(&world.event_of(moved).await).await["summary"], "Moved");
        assert_eq!(world.pending().await, 0);
    }

    async fn a_held_removal_that_the_app_takes_back_is_no_longer_asked_about(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Stays", hour(AT)).await;
        world.settle().await;
        world.set(json!({"brake_min": 1, "brake_share": 0.01})).await;
        world.app_cancels(booking).await;
        world.sync().await;
        assert_eq!(world.open_questions().await.len(), 1);
        world.app_sql("UPDATE bookings SET status = 'confirmed' WHERE tenant_id = $1 AND id = $2", booking).await;
        world.settle().await;
        assert!(world.open_questions().await.is_empty(), "{:?}", world.open_questions().await);
        assert_eq!(world.pending().await, 0);
        assert_eq!(world.event(&world.event_of(booking).await).await["status"], "confirmed");
    }

    async fn an_edit_of_what_google_removed_in_masses_waits_quietly_with_it(url: String) {
        let world = World::new(&url).await;
        let id = world.person_creates(event("Theirs", AT)).await;
        world.settle().await;
        world.set(json!({"brake_min": 1, "brake_share": 0.01})).await;
        world.person_deletes(&id).await;
        world.sync().await;
        assert_eq!(world.open_questions().await.len(), 1);
        world.app_renames(world.booking_of(&id).await.id, "Edited").await;
        world.assert_quiet().await;
        assert_eq!(world.open_questions().await.len(), 1);
        assert_eq!(world.booking_of(&id).await.text.status, "confirmed");
    }

    async fn a_booking_is_put_back_without_the_resource_that_was_removed(url: String) {
        let world = World::new(&url).await;
        let room = world.app_adds_resource("Room 1").await;
        let booking = world.app_creates("Stays", hour(AT)).await;
        world.app_assigns(booking, Some(&room)).await;
        world.settle().await;
        let event = world.event_of(booking).await;
        world.set(json!({"brake_min": 1, "brake_share": 0.01})).await;
        world.app_deletes(booking).await;
        world.sync().await;
        support::world::run(&world.engine.db, "DELETE FROM resources WHERE tenant_id = $1 AND id = $2", args![world.tenant, &room]).await;
        world.answer("reject").await;
        world.settle().await;
        assert_eq!(world.text(booking).await.resource_id, None);
        assert_eq!(world.event(&event).await["location"], "Room 1", "what Google shows is not touched");
    }

    async fn words_that_turn_private_are_erased_although_the_rest_is_asked_about(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"inbound_move": "ask"})).await;
        let id = world.person_creates(event("Doctor", AT)).await;
        world.settle().await;
        let booking = world.booking_of(&id).await.id;
        let moved = event("Doctor", "2026-03-05T12:00:00");
        world.person_edits(&id, json!({"visibility": "private", "start": moved["start"], "end": moved["end"]})).await;
        world.sync().await;
        let questions = world.open_questions().await;
        assert_eq!((questions.len(), questions[0].kind.as_str()), (1, "move"));
        assert!(!questions[0].detail.to_string().contains("Doctor"), "{}", questions[0].detail);
        let text = world.text(booking).await;
        assert_eq!((text.title.as_str(), text.starts_local.as_str()), ("", AT));
        let placement = world.placement(&id).await.expect("placement");
        let bases = format!("{:?} {:?}", placement.base_local, placement.base_remote);
        assert!(!bases.contains("Doctor"), "{bases}");
        world.assert_quiet().await;
        world.answer("apply").await;
        world.settle().await;
        assert_eq!(world.text(booking).await.starts_local, "2026-03-05T12:00:00");
        assert_eq!(world.pending().await, 0);
    }

    async fn an_occurrence_that_cannot_be_found_keeps_its_row_and_stops_nothing_else(url: String) {
        let answers = [(answer(404, "notFound"), 0), (answer(400, "invalid"), 1), (json!({"status": 200, "body": {"kind": "calendar#events",
            "summary": "x", "items": [{"kind": "calendar#event", "id": "broken_20260312T080000Z", "status": "confirmed"}]}}), 1)];
        for (refusal, set_aside) in answers {
            let world = World::new(&url).await;
            let series = world.app_creates("Weekly", hours(AT, &["RRULE:FREQ=WEEKLY;COUNT=4"])).await;
            world.settle().await;
            let row = Override {
                title: "Changed",
                starts_local: "2026-03-12T09:00:00",
                ends_local: "2026-03-12T10:00:00",
                status: "confirmed",
            };
            let changed = world.app_overrides(series, "2026-03-12T08:00:00Z", row).await;
            let other = world.app_creates("Other", hour("2026-03-06T09:00:00")).await;
            refuse(&world, "GET", "/instances", refusal.clone()).await;
            let report = world.sync().await;
            assert_eq!((report.quarantined, report.events_created), (set_aside, 1), "{refusal} {report:?}");
            assert_eq!(world.text(changed).await.title, "Changed", "{refusal}");
            assert_eq!(world.event(&world.event_of(other).await).await["summary"], "Other");
            world.app_renames(changed, "Mended").await;
            world.settle().await;
            assert_eq!(world.event(&world.event_of(changed).await).await["summary"], "Mended", "{refusal}");
            assert_eq!(world.pending().await, 0);
        }
    }

    async fn what_was_over_before_the_window_begins_is_not_looked_for(url: String) {
        let world = World::new(&url).await;
        let old = world.person_creates(event("Over", "2026-03-03T09:00:00")).await;
        let near = world.person_creates(event("Near", "2026-04-10T09:00:00")).await;
        world.settle().await;
        world.clock.advance(TimeDelta::days(35));
        world.google.pass(35 * 24 * 3600).await;
        world.google.switch("calendar/expire_sync_tokens", &json!({})).await;
        let before = world.requests().await.len();
        let report = world.sync().await;
        assert!(report.full, "{report:?}");
        let asked = world.requests().await.split_off(before);
        let reads = |id: &str| asked.iter().filter(|r| r["path"].as_str().is_some_and(|path| path.contains(id))).count();
        assert_eq!((reads(&old), reads(&near)), (0, 0), "{asked:?}");
        assert_eq!(world.booking_of(&old).await.text.status, "confirmed");
    }

    async fn every_page_prolongs_the_lease_and_a_plan_holds_none(url: String) {
        let mut world = World::new(&url).await;
        for day in 3..8 {
            world.person_creates(event("Listed", &format!("2026-03-0{day}T09:00:00"))).await;
        }
        world.engine.sync.page_size = 2;
        let plan = accord::engine::sync::plan(&world.engine, &world.scope(&world.ana, support::google::ANA)).await;
        assert_eq!(plan.expect("a plan needs no lease").read, 5);
        let mut tx = world.engine.db.begin().await.expect("begin");
        let key = world.scope(&world.ana, support::google::ANA);
        let now = world.engine.now_ms();
        let claim = accord::store::scopes::claim(&mut tx, &key, now, 60_000).await.expect("claim").expect("free");
        tx.commit().await.expect("commit");
        // Another worker takes the scope over while the pages are read.
        support::world::run(&world.engine.db, "UPDATE sync_scopes SET fence = fence + 1 WHERE tenant_id = $1", args![world.tenant]).await;
        let before = world.requests().await.len();
        let error = accord::engine::sync::pass(&world.engine, &claim, now + 1).await.expect_err("lost");
        assert!(matches!(error, accord::engine::sync::SyncError::LostLease), "{error}");
        assert_eq!(world.requests().await.len(), before + 1, "it stops after the first page");
    }
}
