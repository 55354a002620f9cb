//! What removes bookings besides a deletion: series that lose occurrences, series that take theirs along, leads that are
//! lost. All of it is counted together, told, and can be taken back. On both databases.
mod support;

use accord::domain::booking::Side;
use accord::domain::ids::BookingId;
use accord::engine::conflicts;
use accord::store::scopes;
use serde_json::{Value, json};
use support::google::ANA;
use support::postgres::both_databases;
use support::series::{Override, agree, hours, series_event, titles};
use support::world::{BEN, World, event};

const FIRST: &str = "2026-03-16T09:00:00";

/// A weekly series of Ana's with renamed occurrences from the third on, synchronised: its event and its booking.
async fn exceptions(world: &World, n: usize) -> (String, BookingId) {
    let rule = format!("RRULE:FREQ=WEEKLY;COUNT={}", n + 2);
    let event = world.person_creates(series_event("Yoga", FIRST, &[&rule])).await;
    for instance in &world.instances(&event).await[2..] {
        let id = instance["id"].as_str().expect("an id").to_owned();
        world.person_edits(&id, json!({"summary": "Outdoors"})).await;
    }
    world.settle().await;
    let booking = world.booking_of(&event).await.id;
    (event, booking)
}

fn lowered() -> Value {
    json!({"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=2"]})
}

async fn outdoors(world: &World) -> usize {
    let all = world.bookings().await;
    all.iter()
        .filter(|row| row.text.title == "Outdoors" && row.text.status == "confirmed")
        .count()
}

/// When a scope is due, ms; 0: at once.
async fn due(world: &World, calendar: &str) -> i64 {
    let all = scopes::status(&mut world.read().await, world.tenant, None)
        .await
        .expect("scopes");
    all.iter()
        .find(|scope| scope.key.calendar.0 == calendar)
        .expect("a scope")
        .due_at
}

both_databases! {
    async fn occurrences_that_a_series_loses_in_masses_are_held(url: String) {
        for (answer, left, own) in [("approve", 2, 0), ("reject", 7, 5)] {
            let world = World::new(&url).await;
            world.set(json!({"brake_min": 4})).await;
            let (event, series) = exceptions(&world, 5).await;
            world.person_edits(&event, lowered()).await;
            let report = world.sync().await;
            assert_eq!((report.braked, report.conflicts), (5, 0), "{report:?}");
            assert_eq!(outdoors(&world).await, 5);
            assert_eq!(world.open_questions().await[0].detail["count"], 5);
            world.assert_quiet().await;
            world.answer(answer).await;
            assert_eq!(agree(&world).await.len(), left, "{answer}");
            let all = world.bookings().await;
            let alone = all.iter().filter(|row| row.id != series && row.text.series_id.is_none()).count();
            assert_eq!(alone, own, "what is kept is no occurrence any more: {answer}");
            assert!(world.open_questions().await.is_empty());
        }
    }

    async fn lost_occurrences_and_single_events_are_counted_together(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"brake_min": 4})).await;
        let (series, _) = exceptions(&world, 2).await;
        let mut singles = Vec::new();
        for day in 3..5 {
            singles.push(world.person_creates(event("Single", &format!("2026-03-0{day}T09:00:00"))).await);
        }
        world.settle().await;
        for single in &singles {
            world.person_deletes(single).await;
        }
        world.person_edits(&series, lowered()).await;
        let report = world.sync().await;
        assert_eq!((report.braked, report.bookings_cancelled), (4, 0), "{report:?}");
        world.answer("approve").await;
        assert_eq!(agree(&world).await.len(), 2);
    }

    async fn occurrences_that_the_app_takes_from_a_series_in_masses_are_held(url: String) {
        for (answer, left) in [("approve", 2), ("reject", 7)] {
            let world = World::new(&url).await;
            world.set(json!({"brake_min": 4})).await;
            let (_, series) = exceptions(&world, 5).await;
            world.app_recurs(series, "RRULE:FREQ=WEEKLY;COUNT=2").await;
            let mut braked = 0;
            for _ in 0..3 {
                braked += world.sync().await.braked;
            }
            assert_eq!((braked, outdoors(&world).await), (5, 5));
            world.assert_quiet().await;
            world.answer(answer).await;
            assert_eq!(agree(&world).await.len(), left, "{answer}");
        }
    }

    async fn a_series_is_counted_with_the_changed_occurrences_that_go_with_it(url: String) {
        for by_app in [false, true] {
            let world = World::new(&url).await;
            world.set(json!({"brake_min": 4})).await;
            let (event, series) = exceptions(&world, 5).await;
            if by_app {
                world.app_cancels(series).await;
            } else {
                world.person_deletes(&event).await;
            }
            let report = world.sync().await;
            assert_eq!((report.braked, report.bookings_cancelled, report.events_deleted), (1, 0, 0), "{by_app} {report:?}");
            world.answer("reject").await;
            let shown = agree(&world).await;
            assert_eq!(titles(&shown).iter().filter(|(_, title)| *title == "Outdoors").count(), 5, "{by_app}");
            assert_eq!(shown.len(), 7);
        }
    }

    async fn what_went_with_a_series_counts_for_the_rest_of_the_day(url: String) {
        for by_app in [false, true] {
            let world = World::new(&url).await;
            let (event, series) = exceptions(&world, 3).await;
            let single = world.person_creates(support::world::event("Single", "2026-03-04T09:00:00")).await;
            world.settle().await;
            if by_app {
                world.app_cancels(series).await;
            } else {
                world.person_deletes(&event).await;
            }
            world.settle().await;
            world.set(json!({"brake_min": 5})).await;
            world.person_deletes(&single).await;
            let report = world.sync().await;
            assert_eq!(report.braked, 1, "a series, three occurrences and this one are five: {by_app} {report:?}");
        }
    }

    async fn a_lost_occurrence_can_be_had_back_as_a_booking_of_its_own(url: String) {
        let world = World::new(&url).await;
        let (event, series) = exceptions(&world, 1).await;
        let lost = world.override_of(series, "2026-03-30T07:00:00Z").await.expect("a row").id;
        world.person_edits(&event, lowered()).await;
        assert_eq!(agree(&world).await.len(), 2);
        let record = world.conflicts().await.remove(0);
        assert_eq!((record.booking_id, record.policy.as_str()), (Some(lost), "vanished"));
        conflicts::resolve(&world.engine, world.tenant, record.id, Side::App).await.expect("it is put back");
        let shown = agree(&world).await;
        assert_eq!(titles(&shown)[2], ("2026-03-30T07:00:00Z", "Outdoors"));
        let row = world.text(lost).await;
        assert_eq!((row.series_id, row.status.as_str()), (None, "confirmed"), "under its old id");
        assert_eq!(world.conflicts().await[0].state, "restored");
        conflicts::resolve(&world.engine, world.tenant, record.id, Side::App).await.expect_err("once");
        assert_eq!(agree(&world).await.len(), 3);
    }

    async fn an_occurrence_that_the_app_overruled_can_be_had_back_too(url: String) {
        let world = World::new(&url).await;
        let series = world.app_creates("Yoga", hours(FIRST, &["RRULE:FREQ=WEEKLY;COUNT=4"])).await;
        world.settle().await;
        let event = world.event_of(series).await;
        world.app_sql("UPDATE bookings SET recurrence = '' WHERE tenant_id = $1 AND id = $2", series).await;
        let second = world.instance_id(&event, "2026-03-23T08:00:00Z").await;
        world.person_edits(&second, json!({"summary": "Outdoors"})).await;
        assert_eq!(agree(&world).await.len(), 1);
        let record = world.conflicts().await.into_iter().find(|record| record.policy == "vanished").expect("a record");
        conflicts::resolve(&world.engine, world.tenant, record.id, Side::Google).await.expect("it is put back");
        assert_eq!(titles(&agree(&world).await), [("2026-03-16T08:00:00Z", "Yoga"), ("2026-03-23T08:00:00Z", "Outdoors")]);
    }

    async fn an_edit_of_an_occurrence_that_went_down_with_its_series_is_told(url: String) {
        let world = World::new(&url).await;
        let (event, series) = exceptions(&world, 1).await;
        let lost = world.override_of(series, "2026-03-30T07:00:00Z").await.expect("a row").id;
        world.app_renames(lost, "Indoors").await;
        world.person_edits(&event, lowered()).await;
        assert_eq!(agree(&world).await.len(), 2);
        assert!(format!("{:?}", world.conflicts().await).contains("Indoors"));
    }

    async fn the_calendar_that_lost_its_lead_is_due_at_once_when_the_others_have_been_looked_at(url: String) {
        let world = World::new(&url).await;
        let second = world.person_posts(ANA, "/calendars", json!({"summary": "Second"})).await;
        let second = second["id"].as_str().expect("an id").to_owned();
        world.choose(&world.ana, &second, false).await;
        let id = world.person_creates(event("Alone", FIRST)).await;
        world.settle().await;
        world.sync_scope(&world.ana, &second).await;
        world.person_deletes(&id).await;
        world.sync().await;
        assert_eq!(due(&world, &second).await, 0, "it has to be looked at");
        assert!(due(&world, ANA).await > 0);
        world.sync_scope(&world.ana, &second).await;
        assert_eq!(due(&world, ANA).await, 0, "now the loss can be decided");
        world.sync().await;
        assert_eq!(world.booking_of(&id).await.text.status, "cancelled");
        world.sync_scope(&world.ana, &second).await;
        assert!(due(&world, ANA).await > 0 && due(&world, &second).await > 0, "then all is quiet");
    }

    async fn two_calendars_of_one_account_that_lose_events_at_once_do_not_stand_in_each_others_way(url: String) {
        let world = World::new(&url).await;
        let second = world.person_posts(ANA, "/calendars", json!({"summary": "Second"})).await;
        let second = second["id"].as_str().expect("an id").to_owned();
        world.choose(&world.ana, &second, false).await;
        world.set(json!({"brake_min": 1000})).await;
        for round in 0..3 {
            let mut events = Vec::new();
            for calendar in [ANA, &second] {
                for n in 0..8 {
                    let title = format!("Lost {n} of round {round}");
                    events.push((calendar, world.person_creates_in(ANA, calendar, event(&title, FIRST)).await));
                }
                world.sync_scope(&world.ana, calendar).await;
            }
            for (calendar, id) in &events {
                world.person_deletes_in(ANA, calendar, id).await;
            }
            let (here, there) = tokio::join!(world.try_sync(), world.try_sync_scope(&world.ana, &second));
            here.expect("a good pass");
            there.expect("a good pass beside it");
            for _ in 0..2 {
                world.sync().await;
                world.sync_scope(&world.ana, &second).await;
            }
            let all = world.bookings().await;
            assert!(all.iter().all(|row| row.text.status == "cancelled"), "{all:?}");
        }
    }

    async fn the_calendar_whose_placement_takes_the_lead_over_is_due_at_once(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let mut meeting = event("Meeting", FIRST);
        meeting["attendees"] = json!([{"email": BEN}]);
        let id = world.person_creates(meeting).await;
        for _ in 0..2 {
            world.sync().await;
            world.sync_scope(&ben, BEN).await;
        }
        world.google.switch("calendar/purge_tombstones", &json!({"calendar": ANA})).await;
        world.calendar_switch("raw_event", json!({"calendar": ANA, "event": {"id": id, "status": "cancelled"}})).await;
        world.sync().await;
        assert_eq!(due(&world, BEN).await, 0);
        world.sync_scope(&ben, BEN).await;
        assert_eq!(due(&world, ANA).await, 0);
        world.sync().await;
        assert_eq!(due(&world, BEN).await, 0, "the heir carries the fields from now on");
        world.sync_scope(&ben, BEN).await;
        let all = world.bookings().await;
        assert_eq!((all.len(), all[0].text.status.as_str()), (1, "confirmed"));
    }

    async fn words_that_turn_private_are_erased_from_a_deleted_row_and_from_old_questions(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"inbound_move": "ask", "brake_min": 1, "brake_share": 0.01})).await;
        let id = world.person_creates(event("Doctor", FIRST)).await;
        world.settle().await;
        let booking = world.booking_of(&id).await.id;
        let later = event("Doctor", "2026-03-16T12:00:00");
        world.person_edits(&id, json!({"start": later["start"], "end": later["end"]})).await;
        world.sync().await;
        world.answer("apply").await;
        world.settle().await;
        world.app_deletes(booking).await;
        world.sync().await;
        world.person_edits(&id, json!({"visibility": "private"})).await;
        world.sync().await;
        assert!(world.booking(booking).await.is_none());
        let mut tx = world.read().await;
        let sql = "SELECT deleted_row FROM row_state WHERE tenant_id = $1 AND id = $2";
        let kept = tx.fetch_all(sql, accord::args![world.tenant, booking]).await.expect("a row");
        let kept = kept[0].opt_text("deleted_row").expect("a column").expect("the deletion is held");
        assert!(!kept.contains("Doctor") && kept.contains("2026-03-16T12:00"), "{kept}");
        drop(tx);
        let filter = accord::engine::questions::QuestionFilter::default();
        let questions = accord::engine::questions::list(&world.engine, world.tenant, &filter, None, 100).await.expect("questions");
        assert!(!format!("{questions:?}").contains("Doctor"), "{questions:?}");
    }

    async fn words_that_turn_private_are_erased_from_records_of_lost_occurrences(url: String) {
        let world = World::new(&url).await;
        let series = world.person_creates(series_event("Doctor", FIRST, &["RRULE:FREQ=WEEKLY;COUNT=3"])).await;
        world.settle().await;
        let booking = world.booking_of(&series).await.id;
        let row = Override {
            title: "Doctor again",
            starts_local: "2026-03-30T15:00:00",
            ends_local: "2026-03-30T16:00:00",
            status: "confirmed",
        };
        world.app_overrides(booking, "2026-03-30T07:00:00Z", row).await;
        world.settle().await;
        world.person_edits(&series, lowered()).await;
        world.settle().await;
        assert!(format!("{:?}", world.conflicts().await).contains("Doctor again"));
        world.person_edits(&series, json!({"visibility": "private"})).await;
        world.settle().await;
        assert!(!format!("{:?}", world.conflicts().await).contains("Doctor"), "{:?}", world.conflicts().await);
    }

    async fn a_guests_copy_that_turns_private_keeps_no_words(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let mut meeting = event("Meeting", FIRST);
        meeting["attendees"] = json!([{"email": BEN}]);
        let id = world.person_creates(meeting).await;
        for _ in 0..2 {
            world.sync().await;
            world.sync_scope(&ben, BEN).await;
        }
        let booking = world.booking_of(&id).await.id;
        let copy = world.events_of(BEN, BEN).await.remove(0);
        world.person_edits_in(BEN, BEN, copy["id"].as_str().expect("an id"), json!({"visibility": "private"})).await;
        world.sync_scope(&ben, BEN).await;
        let all = accord::store::placements::of_booking(&mut world.read().await, world.tenant, booking).await.expect("placements");
        let guests = all.iter().find(|placement| !placement.is_lead).expect("Ben's");
        assert_eq!(guests.words, accord::domain::event::Words::Withheld, "{guests:?}");
        assert!(!format!("{guests:?}").contains("Meeting"), "{guests:?}");
        assert_eq!(world.text(booking).await.title, "Meeting", "Ana shows it");
    }
}
