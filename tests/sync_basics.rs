//! Bookings and events agree: creation, edits, deletions, echoes. Scenarios 1-30 of a two-way sync, on both databases.
mod support;

use serde_json::json;
use support::postgres::both_databases;
use support::world::{World, event, hour};

both_databases! {
    async fn an_event_becomes_a_booking(url: String) {
        let world = World::new(&url).await;
        let id = world.person_creates(event("Dentist", "2026-03-04T10:00:00")).await;
        let report = world.sync().await;
        assert_eq!(report.bookings_created, 1, "{report:?}");
        let row = world.booking_of(&id).await;
        assert_eq!(row.text.title, "Dentist");
        assert_eq!(row.text.starts_local, "2026-03-04T10:00:00");
        assert_eq!(row.text.time_zone.as_deref(), Some("Europe/Madrid"));
        assert_eq!(row.text.origin, "google");
        world.assert_quiet().await;
    }

    async fn a_booking_becomes_an_event(url: String) {
        let world = World::new(&url).await;
        let id = world.app_creates("Call", hour("2026-03-05T09:00:00")).await;
        let report = world.sync().await;
        assert_eq!(report.events_created, 1, "{report:?}");
        let event = world.event(&world.event_of(id).await).await;
        assert_eq!(event["summary"], "Call");
        assert_eq!(event["start"]["dateTime"], "2026-03-05T09:00:00+01:00");
        assert_eq!(event["extendedProperties"]["private"]["accord.booking"], id.to_string());
        assert_eq!(world.pending().await, 0);
        world.settle().await;
        assert_eq!(world.events().await.len(), 1);
        assert_eq!(world.bookings().await.len(), 1);
    }

    /// Promise 1.
    async fn edits_travel_both_ways(url: String) {
        let world = World::new(&url).await;
        let event_id = world.person_creates(event("Lunch", "2026-03-04T13:00:00")).await;
        world.sync().await;
        let booking = world.booking_of(&event_id).await.id;
        world.person_edits(&event_id, json!({"summary": "Long lunch"})).await;
        world.sync().await;
        assert_eq!(world.text(booking).await.title, "Long lunch");
        world.app_moves(booking, "2026-03-04T14:00:00", "2026-03-04T16:00:00").await;
        world.sync().await;
        let event = world.event(&event_id).await;
        assert_eq!(event["start"]["dateTime"], "2026-03-04T14:00:00+01:00");
        assert_eq!(event["summary"], "Long lunch");
        world.settle().await;
    }

    /// Scenario 23; promise 2.
    async fn a_title_from_google_and_a_time_from_the_app_both_survive(url: String) {
        let world = World::new(&url).await;
        let event_id = world.person_creates(event("Lunch", "2026-03-04T13:00:00")).await;
        world.sync().await;
        let booking = world.booking_of(&event_id).await.id;
        world.person_edits(&event_id, json!({"summary": "Dinner"})).await;
        world.app_moves(booking, "2026-03-04T20:00:00", "2026-03-04T21:00:00").await;
        world.settle().await;
        let (text, event) = (world.text(booking).await, world.event(&event_id).await);
        assert_eq!((text.title.as_str(), text.starts_local.as_str()), ("Dinner", "2026-03-04T20:00:00"));
        assert_eq!(event["summary"], "Dinner");
        assert_eq!(event["start"]["dateTime"], "2026-03-04T20:00:00+01:00");
        assert!(world.conflicts().await.is_empty());
    }

    async fn an_event_that_is_deleted_in_google_cancels_its_booking(url: String) {
        let world = World::new(&url).await;
        let event_id = world.person_creates(event("Gone", "2026-03-04T13:00:00")).await;
        world.sync().await;
        let booking = world.booking_of(&event_id).await.id;
        world.person_deletes(&event_id).await;
        world.sync().await;
        assert_eq!(world.text(booking).await.status, "cancelled");
        world.settle().await;
    }

    async fn a_booking_that_is_deleted_in_the_app_deletes_its_event(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Short", hour("2026-03-05T09:00:00")).await;
        world.sync().await;
        let event_id = world.event_of(booking).await;
        world.app_deletes(booking).await;
        world.sync().await;
        assert_eq!(world.event(&event_id).await["status"], "cancelled");
        assert!(world.booking(booking).await.is_none());
        world.settle().await;
        assert!(world.booking(booking).await.is_none(), "nothing comes back from the dead");
    }

    async fn a_booking_that_is_cancelled_and_confirmed_again_keeps_its_event_id(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("On and off", hour("2026-03-05T09:00:00")).await;
        world.sync().await;
        let event_id = world.event_of(booking).await;
        world.app_cancels(booking).await;
        world.settle().await;
        assert_eq!(world.event(&event_id).await["status"], "cancelled");
        world.app_sql("UPDATE bookings SET status = 'confirmed' WHERE tenant_id = $1 AND id = $2", booking).await;
        world.settle().await;
        assert_eq!(world.event(&event_id).await["status"], "confirmed");
        assert_eq!(world.events().await.len(), 1);
    }

    /// Scenario 15; checklist lines 81, 127; promise 3.
    async fn an_insert_whose_answer_was_lost_is_adopted(url: String) {
        let mut world = World::new(&url).await;
        let booking = world.app_creates("Once", hour("2026-03-05T09:00:00")).await;
        world.fault(json!({"method": "POST", "path": "/events", "times": 1, "action": {"cut": "after"}})).await;
        world.try_sync().await.expect_err("the answer was lost");
        world.restart().await;
        world.settle().await;
        assert_eq!(world.events().await.len(), 1, "one event");
        assert_eq!(world.bookings().await.len(), 1, "one booking");
        assert_eq!(world.events().await[0]["id"], world.event_of(booking).await);
    }
}
