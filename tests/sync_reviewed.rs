//! Interleavings that a careful reader of the engine found, each of which once went wrong.
mod support;

use accord::args;
use accord::engine::{due, notice};
use accord::store::{scopes, states};
use serde_json::json;
use support::google::ANA;
use support::postgres::both_databases;
use support::world::{World, event, hour};

both_databases! {
    async fn an_agreement_on_an_older_version_leaves_the_newer_one_pending(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Call", hour("2026-03-04T10:00:00")).await;
        world.sync().await;
        world.app_renames(booking, "Newer").await;
        let version = world.booking(booking).await.expect("the booking").version;
        let mut tx = world.engine.db.begin().await.expect("begin");
        states::agree(&mut tx, world.tenant, booking, version - 1).await.expect("agree");
        states::agree_after(&mut tx, world.tenant, booking, version - 2).await.expect("agree");
        tx.commit().await.expect("commit");
        assert_eq!(world.pending().await, 1);
        world.settle().await;
        assert_eq!(world.event(&world.event_of(booking).await).await["summary"], "Newer");
    }

    async fn a_row_that_a_pass_pushes_before_it_is_noticed_gets_its_instants_all_the_same(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Call", hour("2026-03-04T10:00:00")).await;
        world.sync().await;
        notice::run(&world.engine).await.expect("noticed");
        let mut tx = world.read().await;
        let found = tx
            .fetch_all("SELECT starts_at FROM booking_times WHERE tenant_id = $1 AND booking_id = $2", args![world.tenant, booking])
            .await
            .expect("times");
        assert_eq!(found.len(), 1);
    }

    async fn what_a_pass_has_written_itself_is_not_noticed_again(url: String) {
        let world = World::new(&url).await;
        let event_id = world.person_creates(event("Talk", "2026-03-04T10:00:00")).await;
        world.sync().await;
        world.person_edits(&event_id, json!({"summary": "Renamed"})).await;
        world.sync().await;
        let mut tx = world.engine.db.begin().await.expect("begin");
        let left = states::notice(&mut tx, Some(world.tenant), 100).await.expect("notice");
        assert!(left.iter().all(|row| row.kind != "booking"), "{left:?}");
    }

    async fn a_resync_that_is_asked_for_during_a_pass_is_not_forgotten(url: String) {
        let world = World::new(&url).await;
        world.person_creates(event("Talk", "2026-03-04T10:00:00")).await;
        world.sync().await;
        let key = world.scope(&world.ana, ANA);
        let claim = due::claim_one(&world.engine, &key).await.expect("claim").expect("free");
        due::resync(&world.engine, world.tenant, world.ana.account).await.expect("resync");
        let outcome = accord::engine::sync::pass(&world.engine, &claim, i64::MAX).await;
        assert!(matches!(outcome, Err(accord::engine::sync::SyncError::LostLease)), "{outcome:?}");
        let status = scopes::status(&mut world.read().await, world.tenant, None).await.expect("status");
        assert!(status[0].full, "the next pass lists everything");
        assert!(world.sync().await.full);
    }

    async fn an_unseen_edit_of_an_occurrence_is_kept_when_google_cancels_the_series(url: String) {
        let world = World::new(&url).await;
        let mut weekly = event("Weekly", "2026-03-04T10:00:00");
        weekly["recurrence"] = json!(["RRULE:FREQ=WEEKLY;COUNT=5"]);
        let series_event = world.person_creates(weekly).await;
        world.sync().await;
        let series = world.booking_of(&series_event).await;
        let second = world.instances(&series_event).await.remove(1);
        world.person_edits(second["id"].as_str().expect("an id"), json!({"summary": "Special"})).await;
        world.sync().await;
        let special = world.bookings().await.into_iter().find(|row| row.text.title == "Special").expect("an occurrence");
        world.person_deletes(&series_event).await;
        world.app_renames(special.id, "Very special").await;
        world.settle().await;
        assert_eq!(world.text(series.id).await.status, "cancelled");
        let kept = world.conflicts().await.into_iter().any(|record| record.app["title"] == "Very special");
        assert!(kept, "the edit is in a conflict record");
    }
}
