//! Both sides edit the same thing: policy, records, questions, what a person answers. On both databases.
mod support;

use accord::domain::booking::Side;
use accord::engine::conflicts;
use accord::engine::questions::{self, AnswerError, Answerer};
use serde_json::{Value, json};
use support::google::ANA;
use support::postgres::both_databases;
use support::world::{BEN, World, event, hour};

/// An event of Ana's that both sides have agreed on; gives event and booking.
async fn agreed(world: &World) -> (String, accord::domain::ids::BookingId) {
    let event_id = world.person_creates(event("Talk", "2026-03-04T10:00:00")).await;
    world.sync().await;
    let booking = world.booking_of(&event_id).await.id;
    (event_id, booking)
}

/// An event with a guest, made by Ana.
async fn with_guest(world: &World) -> (String, accord::domain::ids::BookingId) {
    world
        .google
        .switch(
            "users",
            &json!({"email": BEN, "name": "Ben", "time_zone": "Europe/Prague"}),
        )
        .await;
    let mut talk = event("Talk", "2026-03-04T10:00:00");
    talk["attendees"] = json!([{"email": BEN}]);
    let event_id = world.person_creates(talk).await;
    world.sync().await;
    let booking = world.booking_of(&event_id).await.id;
    (event_id, booking)
}

both_databases! {
    /// Scenario 24.
    async fn the_side_that_made_the_item_wins_and_the_other_value_is_kept(url: String) {
        let world = World::new(&url).await;
        let (event_id, booking) = agreed(&world).await;
        world.app_renames(booking, "From the app").await;
        world.person_edits(&event_id, json!({"summary": "From Google"})).await;
        world.settle().await;
        assert_eq!(world.text(booking).await.title, "From Google", "Google made it");
        let records = world.conflicts().await;
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].field.as_str(), records[0].winner.as_deref()), ("title", Some("google")));
        assert_eq!((&records[0].base, &records[0].app, &records[0].google), (&json!("Talk"), &json!("From the app"), &json!("From Google")));
    }

    async fn of_a_booking_made_in_the_app_the_app_wins(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Call", hour("2026-03-04T10:00:00")).await;
        world.sync().await;
        let event_id = world.event_of(booking).await;
        world.app_moves(booking, "2026-03-04T15:00:00", "2026-03-04T16:00:00").await;
        world.person_edits(&event_id, json!({"start": {"dateTime": "2026-03-04T08:00:00", "timeZone": "Europe/Madrid"},
            "end": {"dateTime": "2026-03-04T09:00:00", "timeZone": "Europe/Madrid"}})).await;
        world.settle().await;
        assert_eq!(world.event(&event_id).await["start"]["dateTime"], "2026-03-04T15:00:00+01:00");
        assert_eq!(world.conflicts().await.len(), 1);
    }

    async fn a_losing_value_can_be_put_back(url: String) {
        let world = World::new(&url).await;
        let (event_id, booking) = agreed(&world).await;
        world.app_renames(booking, "From the app").await;
        world.person_edits(&event_id, json!({"summary": "From Google"})).await;
        world.settle().await;
        let record = world.conflicts().await.remove(0);
        // Longer than the app may write, as Google lets people do: nobody asks about that field.
        world.person_edits(&event_id, json!({"description": "x".repeat(9000)})).await;
        world.settle().await;
        conflicts::resolve(&world.engine, world.tenant, record.id, Side::App).await.expect("restored");
        world.settle().await;
        assert_eq!(world.event(&event_id).await["summary"], "From the app");
        assert_eq!(world.conflicts().await[0].state, "restored");
        let again = conflicts::resolve(&world.engine, world.tenant, record.id, Side::App).await;
        assert!(matches!(again, Err(conflicts::ResolveError::WonAlready("app"))), "{again:?}");
    }

    /// Scenario 25.
    async fn the_same_value_on_both_sides_is_no_conflict(url: String) {
        let world = World::new(&url).await;
        let (event_id, booking) = agreed(&world).await;
        world.app_renames(booking, "Same").await;
        world.person_edits(&event_id, json!({"summary": "Same"})).await;
        world.settle().await;
        assert!(world.conflicts().await.is_empty());
        assert_eq!(world.google_writes().await, 0);
    }

    /// Scenario 26.
    async fn deleted_in_google_and_changed_in_the_app_follows_the_policy(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"conflict": "app"})).await;
        let (event_id, booking) = agreed(&world).await;
        world.app_renames(booking, "Still wanted").await;
        world.person_deletes(&event_id).await;
        world.settle().await;
        let event = world.event(&event_id).await;
        assert_eq!((event["status"].as_str(), event["summary"].as_str()), (Some("confirmed"), Some("Still wanted")), "the same id lives again");
        assert_eq!(world.text(booking).await.status, "confirmed");
        assert_eq!(world.conflicts().await.len(), 1);
    }

    /// Scenario 26, the reverse.
    async fn deleted_in_the_app_and_changed_in_google_follows_the_policy(url: String) {
        let world = World::new(&url).await;
        let (event_id, booking) = agreed(&world).await;
        world.app_deletes(booking).await;
        world.person_edits(&event_id, json!({"summary": "Still wanted"})).await;
        world.settle().await;
        assert_eq!(world.text(booking).await.title, "Still wanted", "Google made it, so its edit wins");
        assert_eq!(world.event(&event_id).await["status"], "confirmed");
        world.set(json!({"conflict": "app"})).await;
        world.app_deletes(booking).await;
        world.person_edits(&event_id, json!({"summary": "Not wanted"})).await;
        world.settle().await;
        assert!(world.booking(booking).await.is_none());
        assert_eq!(world.event(&event_id).await["status"], "cancelled");
        assert_eq!(world.conflicts().await.len(), 2);
    }

    async fn the_policy_ask_changes_neither_side_until_the_user_has_answered(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"conflict": "ask"})).await;
        let (event_id, booking) = agreed(&world).await;
        world.app_renames(booking, "From the app").await;
        world.person_edits(&event_id, json!({"summary": "From Google"})).await;
        for _ in 0..3 {
            world.sync().await;
        }
        assert_eq!(world.text(booking).await.title, "From the app");
        assert_eq!(world.event(&event_id).await["summary"], "From Google");
        let open = world.open_questions().await;
        assert_eq!((open.len(), open[0].kind.as_str(), open[0].addressee.as_str()), (1, "conflict", "user"));
        assert_eq!(world.google_writes().await, 0);
        world.answer("app").await;
        world.settle().await;
        assert_eq!(world.event(&event_id).await["summary"], "From the app");
        assert!(world.open_questions().await.is_empty());
        let records = world.conflicts().await;
        assert!(records.iter().all(|record| record.state == "decided"), "{records:?}");
    }

    async fn a_question_that_became_moot_is_withdrawn(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"conflict": "ask"})).await;
        let (event_id, booking) = agreed(&world).await;
        world.app_renames(booking, "From the app").await;
        world.person_edits(&event_id, json!({"summary": "From Google"})).await;
        world.sync().await;
        assert_eq!(world.open_questions().await.len(), 1);
        world.app_renames(booking, "From Google").await;
        world.settle().await;
        assert!(world.open_questions().await.is_empty(), "both sides say the same now");
        assert_eq!(world.pending().await, 0);
    }

    async fn only_the_user_answers_what_is_asked_of_the_user(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"conflict": "ask"})).await;
        let (event_id, booking) = agreed(&world).await;
        world.app_renames(booking, "From the app").await;
        world.person_edits(&event_id, json!({"summary": "From Google"})).await;
        world.sync().await;
        let question = world.open_questions().await.remove(0);
        let answer = async |answer: &'static str, by| questions::answer(&world.engine, world.tenant, question.id, answer, by).await;
        assert!(matches!(answer("app", Answerer::TenantKey).await, Err(AnswerError::NotYours(_))));
        assert!(matches!(answer("app", Answerer::CommandLine).await, Err(AnswerError::NotYours(_))));
        let other = accord::domain::ids::UserId(world.engine.fresh_uuid());
        assert!(matches!(answer("app", Answerer::User(other)).await, Err(AnswerError::NotFound)));
        assert!(matches!(answer("perhaps", Answerer::User(world.ana.user)).await, Err(AnswerError::NotAChoice { .. })));
        answer("google", Answerer::User(world.ana.user)).await.expect("Ana answers");
        assert!(matches!(answer("app", Answerer::User(world.ana.user)).await, Err(AnswerError::NotOpen)));
        world.settle().await;
        assert_eq!(world.text(booking).await.title, "From Google");
    }

    /// Scenario 27: nothing depends on a clock.
    async fn the_order_of_the_two_edits_does_not_matter(url: String) {
        let world = World::new(&url).await;
        let (event_id, booking) = agreed(&world).await;
        world.clock.advance(chrono::TimeDelta::minutes(-10));
        world.person_edits(&event_id, json!({"summary": "First"})).await;
        world.app_renames(booking, "Second").await;
        world.settle().await;
        assert_eq!(world.text(booking).await.title, "First", "the origin wins, not the later clock");
    }

    /// Scenario 28; checklist line 90.
    async fn an_edit_between_read_and_write_is_merged_and_tried_once_more(url: String) {
        let world = World::new(&url).await;
        let (event_id, booking) = agreed(&world).await;
        world.app_renames(booking, "New title").await;
        // The delta is empty when it is read; the person edits before the PATCH arrives.
        world.sync_scope_with_an_edit_before_the_patch(&event_id, json!({"description": "Bring slides"})).await;
        world.settle().await;
        let event = world.event(&event_id).await;
        assert_eq!((event["summary"].as_str(), event["description"].as_str()), (Some("New title"), Some("Bring slides")));
        assert_eq!(world.text(booking).await.description, "Bring slides");
    }

    /// Scenario 30.
    async fn a_cancellation_in_google_asks_first_where_the_tenant_wants_it(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"inbound_cancel": "ask"})).await;
        let (event_id, booking) = agreed(&world).await;
        world.person_deletes(&event_id).await;
        world.sync().await;
        world.sync().await;
        assert_eq!(world.text(booking).await.status, "confirmed");
        assert_eq!(world.open_questions().await.len(), 1);
        world.answer("keep").await;
        world.settle().await;
        assert_eq!(world.event(&event_id).await["status"], "confirmed", "brought back under its id");
        world.person_deletes(&event_id).await;
        world.sync().await;
        world.answer("apply").await;
        world.settle().await;
        assert_eq!(world.text(booking).await.status, "cancelled");
    }

    async fn a_move_in_google_asks_first_where_the_tenant_wants_it(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"inbound_move": "ask"})).await;
        let (event_id, booking) = agreed(&world).await;
        let moved = json!({"start": {"dateTime": "2026-03-04T18:00:00", "timeZone": "Europe/Madrid"},
            "end": {"dateTime": "2026-03-04T19:00:00", "timeZone": "Europe/Madrid"}});
        world.person_edits(&event_id, moved.clone()).await;
        world.sync().await;
        assert_eq!(world.text(booking).await.starts_local, "2026-03-04T10:00:00");
        world.answer("keep").await;
        world.settle().await;
        assert_eq!(world.event(&event_id).await["start"]["dateTime"], "2026-03-04T10:00:00+01:00");
        world.person_edits(&event_id, moved).await;
        world.sync().await;
        world.answer("apply").await;
        world.settle().await;
        assert_eq!(world.text(booking).await.starts_local, "2026-03-04T18:00:00");
    }

    async fn a_change_that_guests_would_not_hear_of_waits_for_the_users_yes(url: String) {
        let world = World::new(&url).await;
        let (event_id, booking) = with_guest(&world).await;
        world.app_moves(booking, "2026-03-04T17:00:00", "2026-03-04T18:00:00").await;
        world.sync().await;
        world.sync().await;
        assert_eq!(world.event(&event_id).await["start"]["dateTime"], "2026-03-04T10:00:00+01:00");
        let open = world.open_questions().await;
        assert_eq!((open.len(), open[0].kind.as_str()), (1, "guests"));
        world.answer("push").await;
        world.settle().await;
        assert_eq!(world.event(&event_id).await["start"]["dateTime"], "2026-03-04T17:00:00+01:00");
        let writes = world.requests().await;
        assert!(writes.iter().filter(|r| r["method"] != "GET").all(|r| r["query"].to_string().contains("sendUpdates")
            && r["query"].to_string().contains("none")), "Google is never asked to send mail");
        world.app_cancels(booking).await;
        world.sync().await;
        world.answer("revert").await;
        world.settle().await;
        assert_eq!(world.text(booking).await.status, "confirmed");
        assert_eq!(world.event(&event_id).await["status"], "confirmed");
    }

    async fn a_changed_title_does_not_wait_for_guests(url: String) {
        let world = World::new(&url).await;
        let (event_id, booking) = with_guest(&world).await;
        world.app_renames(booking, "Better title").await;
        world.settle().await;
        assert_eq!(world.event(&event_id).await["summary"], "Better title");
        assert!(world.open_questions().await.is_empty());
    }

    async fn what_belongs_to_somebody_else_is_put_back_with_a_record(url: String) {
        let world = World::new(&url).await;
        world.google.switch("users", &json!({"email": BEN, "name": "Ben", "time_zone": "Europe/Prague"})).await;
        let mut talk = event("Ben's talk", "2026-03-04T10:00:00");
        talk["attendees"] = json!([{"email": ANA}]);
        let event_id = world.person_creates_in(BEN, "primary", talk).await;
        world.sync().await;
        let booking = world.booking_of(&event_id).await.id;
        world.app_renames(booking, "Mine now").await;
        world.settle().await;
        assert_eq!(world.text(booking).await.title, "Ben's talk");
        let records = world.conflicts().await;
        assert_eq!((records[0].policy.as_str(), &records[0].app), ("readonly", &json!("Mine now")));
        world.app_deletes(booking).await;
        world.settle().await;
        assert!(world.booking(booking).await.is_none(), "hidden in the app");
        assert_eq!(world.event(&event_id).await["status"], "confirmed", "and untouched in Google");
        world.person_edits_in(BEN, "primary", &event_id, json!({"summary": "Renamed"})).await;
        world.settle().await;
        assert!(world.booking(booking).await.is_none());
    }

    async fn declining_later_acts_as_a_cancellation(url: String) {
        let world = World::new(&url).await;
        world.google.switch("users", &json!({"email": BEN, "name": "Ben", "time_zone": "Europe/Prague"})).await;
        let mut talk = event("Ben's talk", "2026-03-04T10:00:00");
        talk["attendees"] = json!([{"email": ANA}]);
        let event_id = world.person_creates_in(BEN, "primary", talk).await;
        world.sync().await;
        let booking = world.booking_of(&event_id).await.id;
        world.person_edits(&event_id, json!({"attendees": [{"email": ANA, "responseStatus": "declined"}]})).await;
        world.settle().await;
        assert_eq!(world.text(booking).await.status, "cancelled");
        world.person_edits(&event_id, json!({"attendees": [{"email": ANA, "responseStatus": "accepted"}]})).await;
        world.settle().await;
        assert_eq!(world.text(booking).await.status, "confirmed");
    }

    async fn an_event_that_its_user_has_declined_is_not_imported(url: String) {
        let world = World::new(&url).await;
        world.google.switch("users", &json!({"email": BEN, "name": "Ben", "time_zone": "Europe/Prague"})).await;
        let mut talk = event("Ben's talk", "2026-03-04T10:00:00");
        talk["attendees"] = json!([{"email": ANA, "responseStatus": "declined"}]);
        let event_id = world.person_creates_in(BEN, "primary", talk).await;
        world.person_edits(&event_id, json!({"attendees": [{"email": ANA, "responseStatus": "declined"}]})).await;
        world.sync().await;
        assert!(world.bookings().await.is_empty());
    }

    /// Scenario 64, the calendar's half.
    async fn a_private_event_is_busy_time_without_words(url: String) {
        let world = World::new(&url).await;
        let mut secret = event("Doctor Secret", "2026-03-04T10:00:00");
        secret["visibility"] = json!("private");
        secret["description"] = json!("Blood test");
        let event_id = world.person_creates(secret).await;
        world.sync().await;
        let row = world.booking_of(&event_id).await;
        assert_eq!((row.text.title.as_str(), row.text.description.as_str()), ("", ""));
        world.app_renames(row.id, "Guess").await;
        world.app_moves(row.id, "2026-03-04T12:00:00", "2026-03-04T13:00:00").await;
        world.settle().await;
        let event = world.event(&event_id).await;
        assert_eq!(event["summary"], "Doctor Secret", "words are outside the merge");
        assert_eq!(event["start"]["dateTime"], "2026-03-04T12:00:00+01:00");
    }

    async fn an_event_that_turns_private_loses_its_words_everywhere(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"conflict": "google"})).await;
        let (event_id, booking) = agreed(&world).await;
        world.app_renames(booking, "Loser").await;
        world.person_edits(&event_id, json!({"summary": "Winner"})).await;
        world.settle().await;
        world.person_edits(&event_id, json!({"visibility": "private"})).await;
        world.settle().await;
        assert_eq!(world.text(booking).await.title, "");
        let placement = world.placement(&event_id).await.expect("placement");
        let bases = format!("{:?} {:?}", placement.base_local, placement.base_remote);
        assert!(!bases.contains("Winner") && !bases.contains("Loser"), "{bases}");
        assert_eq!(world.conflicts().await[0].app, Value::Null, "the values of its conflicts are erased");
        world.person_edits(&event_id, json!({"visibility": "default"})).await;
        world.settle().await;
        assert_eq!(world.text(booking).await.title, "Winner");
    }

    async fn an_assigned_resource_becomes_the_location_and_back(url: String) {
        let world = World::new(&url).await;
        let (event_id, booking) = agreed(&world).await;
        let room = world.app_adds_resource("Room Blue").await;
        world.app_assigns(booking, Some(&room)).await;
        world.settle().await;
        assert_eq!(world.event(&event_id).await["location"], "Room Blue");
        assert_eq!(world.text(booking).await.location, "Room Blue");
        let green = world.app_adds_resource("Room Green").await;
        world.person_edits(&event_id, json!({"location": " room green"})).await;
        world.settle().await;
        assert_eq!(world.text(booking).await.resource_id.as_deref(), Some(green.as_str()), "a resource's name selects it");
        world.app_assigns(booking, None).await;
        world.settle().await;
        assert_eq!(world.event(&event_id).await.get("location"), None, "unassigning clears the name");
    }

    async fn a_note_that_a_resource_replaces_is_kept_in_a_record(url: String) {
        let world = World::new(&url).await;
        let (event_id, booking) = agreed(&world).await;
        world.person_edits(&event_id, json!({"location": "Café on the corner"})).await;
        world.settle().await;
        assert_eq!(world.text(booking).await.location, "Café on the corner");
        let room = world.app_adds_resource("Room Blue").await;
        world.app_assigns(booking, Some(&room)).await;
        world.settle().await;
        assert_eq!(world.event(&event_id).await["location"], "Room Blue");
        let records = world.conflicts().await;
        assert_eq!((records[0].policy.as_str(), &records[0].google), ("replaced", &json!("Café on the corner")));
    }

    async fn a_location_that_the_app_writes_in_sql_is_put_right(url: String) {
        let world = World::new(&url).await;
        let (event_id, booking) = agreed(&world).await;
        world.app_sql("UPDATE bookings SET location = 'Mars' WHERE tenant_id = $1 AND id = $2", booking).await;
        world.settle().await;
        assert_eq!(world.text(booking).await.location, "");
        assert_eq!(world.event(&event_id).await.get("location"), None);
    }
}
