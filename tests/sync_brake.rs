//! The brake: mass deletions wait for the admin, whichever side deleted, and only exactly what was approved passes.
//! On both databases.
mod support;

use accord::domain::ids::BookingId;
use accord::store::bookings::BookingRow;
use chrono::TimeDelta;
use serde_json::{Value, json};
use support::google::ANA;
use support::postgres::both_databases;
use support::world::{World, event, hour};

fn day(n: usize) -> String {
    format!("2026-03-{:02}T10:00:00", n + 3)
}

/// A world whose brake takes hold at four of its bookings.
async fn world(url: &str) -> World {
    let world = World::new(url).await;
    world.set(json!({"brake_min": 4})).await;
    world
}

/// Ana's events, synchronised.
async fn events(world: &World, n: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..n {
        ids.push(
            world
                .person_creates(event(&format!("Event {number}"), &day(number)))
                .await,
        );
    }
    world.settle().await;
    ids
}

/// The app's bookings, synchronised, with their events.
async fn bookings(world: &World, n: usize) -> Vec<(BookingId, String)> {
    let mut ids = Vec::new();
    for number in 0..n {
        ids.push(
            world
                .app_creates(&format!("Booking {number}"), hour(&day(number)))
                .await,
        );
    }
    world.settle().await;
    let mut both = Vec::new();
    for id in ids {
        both.push((id, world.event_of(id).await));
    }
    both
}

async fn confirmed(world: &World) -> usize {
    let live = |row: &BookingRow| row.text.status == "confirmed";
    world.bookings().await.iter().filter(|row| live(row)).count()
}

/// The booking ids that the one open question names.
async fn held(world: &World) -> Vec<String> {
    let open = world.open_questions().await;
    let [question] = open.as_slice() else {
        panic!("one open question was expected: {open:?}")
    };
    assert_eq!(
        (question.kind.as_str(), question.addressee.as_str()),
        ("brake", "admin")
    );
    let ids = question.detail["booking_ids"].as_array().cloned().unwrap_or_default();
    assert_eq!(question.detail["count"], ids.len());
    ids.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

both_databases! {
    /// Promise 5.
    async fn a_mass_deletion_in_google_is_held_while_everything_else_goes_on(url: String) {
        let world = world(&url).await;
        let ids = events(&world, 8).await;
        for id in &ids[..6] {
            world.person_deletes(id).await;
        }
        world.person_edits(&ids[7], json!({"summary": "Edited meanwhile"})).await;
        let new = world.person_creates(event("New", "2026-03-20T10:00:00")).await;
        let report = world.sync().await;
        assert_eq!((report.braked, report.bookings_cancelled), (6, 0), "{report:?}");
        assert_eq!(confirmed(&world).await, 9, "nothing is cancelled");
        assert_eq!(world.booking_of(&ids[7]).await.text.title, "Edited meanwhile");
        assert_eq!(world.booking_of(&new).await.text.title, "New");
        assert_eq!(held(&world).await.len(), 6);
        world.assert_quiet().await;
        assert_eq!(held(&world).await.len(), 6, "it is asked once");
    }

    async fn an_approval_lets_exactly_the_held_cancellations_pass(url: String) {
        let world = world(&url).await;
        let ids = events(&world, 8).await;
        for id in &ids[..6] {
            world.person_deletes(id).await;
        }
        world.sync().await;
        world.answer("approve").await;
        let report = world.sync().await;
        assert_eq!(report.bookings_cancelled, 6, "{report:?}");
        for (n, id) in ids.iter().enumerate() {
            let status = world.booking_of(id).await.text.status;
            assert_eq!(status, if n < 6 { "cancelled" } else { "confirmed" });
        }
        assert!(world.open_questions().await.is_empty());
        world.settle().await;
    }

    async fn a_rejection_brings_the_events_back_in_google(url: String) {
        let world = world(&url).await;
        let ids = events(&world, 8).await;
        for id in &ids[..6] {
            world.person_deletes(id).await;
        }
        world.sync().await;
        world.answer("reject").await;
        world.settle().await;
        assert_eq!(confirmed(&world).await, 8);
        assert_eq!(world.events().await.len(), 8, "restored on the side that deleted");
        for id in &ids {
            assert_eq!(world.event(id).await["status"], "confirmed", "under the old id");
        }
        assert!(world.open_questions().await.is_empty());
    }

    async fn a_mass_deletion_in_sql_is_held(url: String) {
        let world = world(&url).await;
        let all = bookings(&world, 8).await;
        let writes = world.google_writes().await;
        for (id, _) in &all[..6] {
            world.app_deletes(*id).await;
        }
        world.app_renames(all[7].0, "Edited meanwhile").await;
        let report = world.sync().await;
        assert_eq!((report.braked, report.events_deleted, report.events_updated), (6, 0, 1), "{report:?}");
        assert_eq!(world.events().await.len(), 8, "no event is deleted");
        assert_eq!(held(&world).await.len(), 6);
        world.assert_quiet().await;
        assert_eq!(world.google_writes().await, writes + 1);
    }

    async fn an_approval_lets_exactly_the_held_deletions_pass(url: String) {
        let world = world(&url).await;
        let all = bookings(&world, 8).await;
        for (id, _) in &all[..6] {
            world.app_deletes(*id).await;
        }
        world.sync().await;
        world.answer("approve").await;
        world.settle().await;
        assert_eq!(world.events().await.len(), 2);
        for (n, (id, event)) in all.iter().enumerate() {
            let gone = n < 6;
            assert_eq!(world.event(event).await["status"], if gone { "cancelled" } else { "confirmed" });
            assert_eq!(world.booking(*id).await.is_none(), gone);
        }
        assert_eq!(world.pending().await, 0);
    }

    async fn a_rejection_puts_the_deleted_rows_back(url: String) {
        let world = world(&url).await;
        let all = bookings(&world, 8).await;
        let before = world.text(all[0].0).await;
        for (id, _) in &all[..6] {
            world.app_deletes(*id).await;
        }
        world.sync().await;
        world.answer("reject").await;
        world.settle().await;
        assert_eq!(confirmed(&world).await, 8);
        assert_eq!(world.events().await.len(), 8);
        assert_eq!(world.text(all[0].0).await, before, "as it was");
        assert_eq!(world.pending().await, 0);
        assert!(world.open_questions().await.is_empty());
    }

    async fn a_mass_cancellation_in_the_app_is_held_and_a_rejection_confirms_again(url: String) {
        let world = world(&url).await;
        let all = bookings(&world, 8).await;
        for (id, _) in &all[..6] {
            world.app_cancels(*id).await;
        }
        let report = world.sync().await;
        assert_eq!((report.braked, report.events_deleted), (6, 0), "{report:?}");
        world.answer("reject").await;
        world.settle().await;
        assert_eq!(confirmed(&world).await, 8, "restored on the side that cancelled");
        assert_eq!(world.events().await.len(), 8);
    }

    async fn what_arrives_later_changes_the_set_that_is_asked_about(url: String) {
        let world = world(&url).await;
        let ids = events(&world, 10).await;
        for id in &ids[..5] {
            world.person_deletes(id).await;
        }
        world.sync().await;
        let first = world.open_questions().await.remove(0).id;
        for id in &ids[5..7] {
            world.person_deletes(id).await;
        }
        let report = world.sync().await;
        assert_eq!((report.braked, report.bookings_cancelled), (2, 0), "{report:?}");
        assert_eq!(held(&world).await.len(), 7, "one question about all of them");
        let by = accord::engine::questions::Answerer::Admin;
        accord::engine::questions::answer(&world.engine, world.tenant, first, "approve", by).await
            .expect_err("an approval of the old set is void");
        world.sync().await;
        assert_eq!(confirmed(&world).await, 10);
    }

    async fn what_arrives_after_an_approval_is_not_covered_by_it(url: String) {
        let world = world(&url).await;
        let ids = events(&world, 10).await;
        for id in &ids[..5] {
            world.person_deletes(id).await;
        }
        world.sync().await;
        world.answer("approve").await;
        for id in &ids[5..7] {
            world.person_deletes(id).await;
        }
        world.sync().await;
        for (n, id) in ids.iter().enumerate() {
            let status = world.booking_of(id).await.text.status;
            assert_eq!(status, if n < 5 { "cancelled" } else { "confirmed" }, "booking {n}");
        }
        assert_eq!(held(&world).await.len(), 2, "the day's count holds the rest");
    }

    async fn small_numbers_pass_and_add_up_over_a_day(url: String) {
        let world = world(&url).await;
        let ids = events(&world, 10).await;
        for id in &ids[..3] {
            world.person_deletes(id).await;
        }
        let report = world.sync().await;
        assert_eq!((report.bookings_cancelled, report.braked), (3, 0), "three are below the least number: {report:?}");
        world.person_deletes(&ids[3]).await;
        let report = world.sync().await;
        assert_eq!((report.bookings_cancelled, report.braked), (0, 1), "the fourth of a day is held: {report:?}");
        assert_eq!(held(&world).await.len(), 1);
    }

    async fn a_day_later_the_count_begins_again(url: String) {
        let world = world(&url).await;
        let ids = events(&world, 10).await;
        for id in &ids[..3] {
            world.person_deletes(id).await;
        }
        world.sync().await;
        world.clock.advance(TimeDelta::hours(25));
        world.google.pass(25 * 3600).await;
        world.person_deletes(&ids[3]).await;
        let report = world.sync().await;
        assert_eq!((report.bookings_cancelled, report.braked), (1, 0), "{report:?}");
    }

    async fn many_deletions_that_are_a_small_share_pass(url: String) {
        let world = world(&url).await;
        let ids = events(&world, 25).await;
        for id in &ids[..5] {
            world.person_deletes(id).await;
        }
        let report = world.sync().await;
        assert_eq!((report.bookings_cancelled, report.braked), (5, 0), "a fifth is not more than a fifth: {report:?}");
    }

    async fn a_purged_calendar_behind_a_void_token_is_held_too(url: String) {
        let world = world(&url).await;
        let ids = events(&world, 8).await;
        for id in &ids {
            world.person_deletes(id).await;
        }
        world.google.switch("calendar/expire_sync_tokens", &json!({"calendar": ANA})).await;
        world.google.switch("calendar/purge_tombstones", &json!({"calendar": ANA})).await;
        let report = world.sync().await;
        assert_eq!((report.braked, report.bookings_cancelled), (8, 0), "{report:?}");
        assert_eq!(confirmed(&world).await, 8);
        world.answer("reject").await;
        world.settle().await;
        assert_eq!(world.events().await.len(), 8, "Google has forgotten them; they get new events");
        assert_eq!(confirmed(&world).await, 8);
        assert_eq!(world.bookings().await.len(), 8, "and no twin");
    }

    async fn a_held_cancellation_that_google_takes_back_is_no_longer_asked_about(url: String) {
        let world = world(&url).await;
        let ids = events(&world, 8).await;
        for id in &ids[..5] {
            world.person_deletes(id).await;
        }
        world.sync().await;
        world.person_edits(&ids[0], json!({"status": "confirmed", "summary": "Back"})).await;
        world.sync().await;
        assert_eq!(world.booking_of(&ids[0]).await.text.title, "Back");
        world.assert_quiet().await;
        let revived = world.booking_of(&ids[0]).await.id.to_string();
        assert!(!held(&world).await.contains(&revived), "the question names what is held");
        world.answer("approve").await;
        world.sync().await;
        assert_eq!(world.booking_of(&ids[0]).await.text.status, "confirmed");
        assert_eq!(confirmed(&world).await, 4);
    }
}
