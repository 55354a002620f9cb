//! What is said about an item while Google is being written to stands: an answer, a lead passed on, an edit. The write itself
//! is not forgotten. On both databases.
mod support;

use accord::args;
use accord::domain::ids::BookingId;
use accord::domain::merge::Waiting;
use accord::store::{StoreError, placements};
use serde_json::{Value, json};
use std::future::Future;
use support::google::ANA;
use support::postgres::{both_databases, fresh_database};
use support::series::{Override, agree, hours, series_event};
use support::world::{BEN, World, event, hour};

/// A pass that is held up at its next request with this method and path while something else happens.
async fn meanwhile(world: &World, method: &str, path: &str, what: impl Future<Output = ()>) {
    let held_up = json!({"method": method, "path": path, "times": 1, "action": {"delay_ms": 600}});
    world.fault(held_up).await;
    let (pass, ()) = tokio::join!(world.try_sync(), async {
        // The fault is used up as soon as the request has arrived.
        loop {
            let faults = world.google.look("faults").await;
            if faults["faults"]
                .as_array()
                .or(faults.as_array())
                .is_none_or(Vec::is_empty)
            {
                break;
            }
            tokio::task::yield_now().await;
        }
        what.await;
    });
    pass.expect("a good pass");
}

async fn agreed(world: &World) -> (BookingId, String) {
    let booking = world.app_creates("Call", hour("2026-03-04T10:00:00")).await;
    world.settle().await;
    (booking, world.event_of(booking).await)
}

async fn passed_on(world: &World, event: &str) {
    let mut tx = world.engine.db.begin().await.expect("begin");
    let id = event.into();
    let found = placements::get(&mut tx, world.tenant, &ANA.into(), &id)
        .await
        .expect("read");
    let mut placement = found.expect("the placement");
    placement.is_lead = false;
    placements::put_over(&mut tx, &mut placement).await.expect("put");
    tx.commit().await.expect("commit");
}

async fn patches(world: &World) -> usize {
    let all = world.requests().await;
    all.iter().filter(|r: &&Value| r["method"] == "PATCH").count()
}

async fn deletions(world: &World) -> usize {
    let all = world.requests().await;
    all.iter().filter(|r: &&Value| r["method"] == "DELETE").count()
}

async fn confirmed_again(world: &World, booking: BookingId) {
    let sql = "UPDATE bookings SET status = 'confirmed' WHERE tenant_id = $1 AND id = $2";
    world.app_sql(sql, booking).await;
}

/// Both sides have the booking and its event, and neither has a question about it.
async fn assert_alive(world: &World, booking: BookingId, id: &str) {
    assert_eq!(world.event(id).await["status"], "confirmed");
    assert_eq!(world.text(booking).await.status, "confirmed");
    assert_eq!((world.pending().await, world.open_questions().await.len()), (0, 0));
    assert!(world.conflicts().await.is_empty());
}

both_databases! {
    async fn a_lead_that_is_passed_on_during_a_patch_stays_passed_on_and_the_patch_is_remembered(url: String) {
        let world = World::new(&url).await;
        let (booking, id) = agreed(&world).await;
        world.app_renames(booking, "Renamed").await;
        meanwhile(&world, "PATCH", "/events", passed_on(&world, &id)).await;
        let placement = world.placement(&id).await.expect("the placement");
        assert!(!placement.is_lead);
        assert_eq!(placement.etag, world.event(&id).await["etag"].as_str().expect("an etag"));
        assert_eq!(placement.base_remote.expect("the memory").content.title, "Renamed");
        assert_eq!(world.pending().await, 1, "whoever leads now decides");
    }

    async fn a_lead_that_is_passed_on_during_a_deletion_stays_passed_on(url: String) {
        let world = World::new(&url).await;
        let (booking, id) = agreed(&world).await;
        world.app_cancels(booking).await;
        meanwhile(&world, "DELETE", "/events", passed_on(&world, &id)).await;
        let placement = world.placement(&id).await.expect("the placement");
        assert!(!placement.is_lead);
        assert_eq!(placement.state, accord::store::placements::PlacementState::Gone);
        assert_eq!(world.event(&id).await["status"], "cancelled");
    }

    async fn an_answer_during_a_patch_is_carried_out_by_the_next_pass(url: String) {
        let world = World::new(&url).await;
        let (booking, id) = agreed(&world).await;
        world.app_renames(booking, "Renamed").await;
        let answered = async {
            // Asked and answered between two looks of the pass: Google's side is to win.
            let sql = "UPDATE placements SET waiting = 'conflict' WHERE tenant_id = $1 AND booking_id = $2";
            support::world::run(&world.engine.db, sql, args![world.tenant, booking]).await;
            let mut tx = world.engine.db.begin().await.expect("begin");
            let set = placements::set_answer(&mut tx, world.tenant, &[booking], Waiting::Conflict, "google").await;
            assert_eq!(set.expect("set"), 1);
            tx.commit().await.expect("commit");
        };
        meanwhile(&world, "PATCH", "/events", answered).await;
        let placement = world.placement(&id).await.expect("the placement");
        assert_eq!((placement.waiting, placement.answer.as_deref()), (Some(Waiting::Conflict), Some("google")));
        assert_eq!(placement.etag, world.event(&id).await["etag"].as_str().expect("an etag"));
        let written = patches(&world).await;
        world.settle().await;
        let placement = world.placement(&id).await.expect("the placement");
        assert_eq!((placement.waiting, placement.answer), (None, None));
        assert_eq!((world.text(booking).await.title.as_str(), world.pending().await), ("Renamed", 0));
        assert_eq!(patches(&world).await, written, "what was written is not written again");
    }

    async fn an_answer_during_the_look_at_an_event_is_not_lost(url: String) {
        let world = World::new(&url).await;
        let mut talk = event("Talk", "2026-03-04T10:00:00");
        talk["attendees"] = json!([{"email": BEN}]);
        let id = world.person_creates(talk).await;
        world.settle().await;
        let booking = world.booking_of(&id).await.id;
        world.app_moves(booking, "2026-03-04T12:00:00", "2026-03-04T13:00:00").await;
        world.sync().await;
        world.app_moves(booking, "2026-03-04T15:00:00", "2026-03-04T16:00:00").await;
        meanwhile(&world, "GET", &format!("/events/{id}"), world.answer("push")).await;
        world.settle().await;
        assert_eq!(world.event(&id).await["start"]["dateTime"], "2026-03-04T15:00:00+01:00");
        assert_eq!((world.pending().await, world.open_questions().await.len()), (0, 0));
    }

    async fn an_edit_during_a_patch_is_pushed_after_it(url: String) {
        let world = World::new(&url).await;
        let (booking, id) = agreed(&world).await;
        world.app_renames(booking, "First").await;
        meanwhile(&world, "PATCH", "/events", world.app_renames(booking, "Second")).await;
        assert_eq!(world.event(&id).await["summary"], "First");
        world.settle().await;
        assert_eq!(world.event(&id).await["summary"], "Second");
        assert!(world.conflicts().await.is_empty());
    }

    async fn a_placement_that_was_answered_since_it_was_read_is_not_written_over(url: String) {
        let world = World::new(&url).await;
        let (booking, id) = agreed(&world).await;
        let sql = "UPDATE placements SET waiting = 'conflict' WHERE tenant_id = $1 AND booking_id = $2";
        support::world::run(&world.engine.db, sql, args![world.tenant, booking]).await;
        let read = world.placement(&id).await.expect("the placement");
        let mut tx = world.engine.db.begin().await.expect("begin");
        placements::set_answer(&mut tx, world.tenant, &[booking], Waiting::Conflict, "app").await.expect("set");
        tx.commit().await.expect("commit");
        let mut tx = world.engine.db.begin().await.expect("begin");
        let refused = placements::put(&mut tx, &read).await.expect_err("it was answered");
        assert!(matches!(refused, StoreError::Serialization) && refused.is_transient(), "{refused:?}");
        drop(tx);
        assert_eq!(world.placement(&id).await.expect("the placement").answer.as_deref(), Some("app"));
    }

    async fn a_booking_that_is_confirmed_again_while_other_rows_are_pushed_keeps_its_event(url: String) {
        let world = World::new(&url).await;
        let (booking, id) = agreed(&world).await;
        let other = world.app_creates("Lunch", hour("2026-03-05T10:00:00")).await;
        world.settle().await;
        world.app_cancels(booking).await;
        world.app_renames(other, "Dinner").await;
        meanwhile(&world, "PATCH", "/events", confirmed_again(&world, booking)).await;
        world.settle().await;
        assert_alive(&world, booking, &id).await;
        assert_eq!(deletions(&world).await, 0, "the deletion was taken back before it was sent");
    }

    async fn an_event_whose_lead_is_passed_on_while_other_rows_are_pushed_is_not_deleted(url: String) {
        let world = World::new(&url).await;
        let (booking, id) = agreed(&world).await;
        let other = world.app_creates("Lunch", hour("2026-03-05T10:00:00")).await;
        world.settle().await;
        world.app_cancels(booking).await;
        world.app_renames(other, "Dinner").await;
        meanwhile(&world, "PATCH", "/events", passed_on(&world, &id)).await;
        assert!(!world.placement(&id).await.expect("the placement").is_lead);
        assert_eq!(deletions(&world).await, 0, "whoever leads now decides");
    }

    async fn a_booking_that_is_confirmed_again_during_the_deletion_gets_its_event_back(url: String) {
        let world = World::new(&url).await;
        let (booking, id) = agreed(&world).await;
        world.app_cancels(booking).await;
        meanwhile(&world, "DELETE", "/events", confirmed_again(&world, booking)).await;
        world.settle().await;
        assert_alive(&world, booking, &id).await;
        assert_eq!(deletions(&world).await, 1);
    }

    async fn a_lead_that_is_passed_on_while_its_id_turns_out_to_be_taken_stays_passed_on(url: String) {
        let world = World::new(&url).await;
        let lost = json!({"method": "POST", "path": "/events", "times": 1, "action": {"cut": "before"}});
        world.fault(lost).await;
        let booking = world.app_creates("Call", hour("2026-03-04T10:00:00")).await;
        world.try_sync().await.expect_err("the insert has no answer");
        let taken = world.event_of(booking).await;
        let mut other = event("Somebody else's", "2026-03-04T10:00:00");
        other["id"] = json!(taken);
        meanwhile(&world, "POST", "/events", async {
            world.person_creates(other).await;
            passed_on(&world, &taken).await;
        })
        .await;
        let placement = world.placement(&taken).await.expect("the placement");
        assert!(!placement.is_lead);
        assert_eq!(placement.booking_id, booking);
        assert_eq!(world.event(&taken).await["summary"], "Somebody else's", "untouched");
    }

    async fn an_occurrence_whose_event_has_lost_its_lead_is_found_again(url: String) {
        let world = World::new(&url).await;
        let series = world.app_creates("Yoga", hours("2026-03-16T09:00:00", &["RRULE:FREQ=WEEKLY;COUNT=4"])).await;
        agree(&world).await;
        let start = "2026-03-23T08:00:00Z";
        let row = Override {
            title: "Outdoors",
            starts_local: "2026-03-23T09:00:00",
            ends_local: "2026-03-23T10:00:00",
            status: "confirmed",
        };
        let booking = world.app_overrides(series, start, row).await;
        agree(&world).await;
        let event = world.event_of(booking).await;
        passed_on(&world, &event).await;
        world.app_renames(booking, "Indoors").await;
        world.settle().await;
        assert_eq!(world.event(&event).await["summary"], "Indoors");
        assert!(world.placement(&event).await.expect("the placement").is_lead);
        assert_eq!(world.pending().await, 0);
    }
}

/// Waits until a transaction of this test's database waits for another one.
async fn until_somebody_waits(world: &World) {
    loop {
        let sql = "SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let rows = world.read().await.fetch_all(sql, args![]).await.expect("a look");
        if rows[0].int("n").expect("a number") > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// On SQLite nobody writes beside a pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_comes_while_an_occurrence_is_noted_under_its_series_is_pushed() {
    let database = fresh_database().await;
    let world = World::new(database.url()).await;
    let yoga = series_event("Yoga", "2026-03-16T09:00:00", &["RRULE:FREQ=WEEKLY;COUNT=3"]);
    let series = world.person_creates(yoga).await;
    let second = world.instance_id(&series, "2026-03-23T08:00:00Z").await;
    world.person_edits(&second, json!({"summary": "Outdoors"})).await;
    world.settle().await;
    let booking = world.booking_of(&second).await.id;
    // It is noted under its series anew, where it is in the app already.
    let elsewhere = "UPDATE placements SET series_event_id = 'elsewhere' WHERE tenant_id = $1 AND booking_id = $2";
    world.app_sql(elsewhere, booking).await;
    world.person_edits(&second, json!({"description": "Bring a mat"})).await;
    let mut app = world.engine.db.begin().await.expect("begin");
    let edit = "UPDATE bookings SET title = 'From the app' WHERE tenant_id = $1 AND id = $2";
    app.execute(edit, args![world.tenant, booking]).await.expect("an edit");
    let (pass, ()) = tokio::join!(world.try_sync(), async {
        until_somebody_waits(&world).await;
        app.commit().await.expect("commit");
    });
    pass.expect("a good pass");
    world.settle().await;
    let event = world.event(&second).await;
    assert_eq!(
        (&event["summary"], &event["description"]),
        (&json!("From the app"), &json!("Bring a mat"))
    );
    assert_eq!(world.text(booking).await.title, "From the app");
}
