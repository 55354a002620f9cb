//! Series and their changed occurrences, in both directions, on both databases. After each scenario both sides show the same
//! occurrences and a further pass writes nothing.
mod support;

use serde_json::json;
use support::google::ANA;
use support::postgres::both_databases;
use support::series::{Override, agree, app_shows, hours, series_event, starts, titles};
use support::world::World;

/// Mondays at nine in Madrid, the first four around the change to summer time.
const MONDAYS: [&str; 4] = [
    "2026-03-16T08:00:00Z",
    "2026-03-23T08:00:00Z",
    "2026-03-30T07:00:00Z",
    "2026-04-06T07:00:00Z",
];
const FIRST: &str = "2026-03-16T09:00:00";
const WEEKLY: &str = "RRULE:FREQ=WEEKLY;COUNT=4";

async fn from_google(world: &World) -> (String, accord::domain::ids::BookingId) {
    let event = world.person_creates(series_event("Yoga", FIRST, &[WEEKLY])).await;
    assert_eq!(starts(&agree(world).await), MONDAYS);
    let booking = world.booking_of(&event).await.id;
    (event, booking)
}

async fn from_app(world: &World) -> (String, accord::domain::ids::BookingId) {
    let booking = world.app_creates("Yoga", hours(FIRST, &[WEEKLY])).await;
    assert_eq!(starts(&agree(world).await), MONDAYS);
    (world.event_of(booking).await, booking)
}

fn moved_to_tuesday() -> Override<'static> {
    Override {
        title: "Yoga",
        starts_local: "2026-03-24T10:00:00",
        ends_local: "2026-03-24T11:00:00",
        status: "confirmed",
    }
}

fn vanished(conflicts: &[accord::engine::conflicts::Conflict]) -> usize {
    conflicts
        .iter()
        .filter(|conflict| conflict.policy == "vanished")
        .count()
}

both_databases! {
    async fn a_weekly_series_from_google_becomes_one_booking(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_google(&world).await;
        assert_eq!(world.bookings().await.len(), 1, "unchanged occurrences have no row");
        assert_eq!(world.text(booking).await.recurrence, WEEKLY);
        world.person_edits(&event, json!({"summary": "Pilates"})).await;
        assert!(agree(&world).await.iter().all(|(_, _, title)| title == "Pilates"));
        assert!(world.patches().await.is_empty(), "nothing was written back");
    }

    async fn a_weekly_series_from_the_app_becomes_one_event(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_app(&world).await;
        assert_eq!(world.events().await.len(), 1);
        assert_eq!(world.event(&event).await["recurrence"], json!([WEEKLY]));
        world.app_renames(booking, "Pilates").await;
        assert!(agree(&world).await.iter().all(|(_, _, title)| title == "Pilates"));
        assert_eq!(world.patches().await, [json!({"summary": "Pilates"})]);
    }

    /// Scenario 35.
    async fn an_occurrence_that_is_moved_in_google_moves_alone(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_google(&world).await;
        let instance = world.instance_id(&event, MONDAYS[1]).await;
        // Before its neighbour of the week before.
        world
            .person_edits(&instance, json!({
                "start": {"dateTime": "2026-03-15T12:00:00", "timeZone": "Europe/Madrid"},
                "end": {"dateTime": "2026-03-15T12:30:00", "timeZone": "Europe/Madrid"}}))
            .await;
        let shown = agree(&world).await;
        assert_eq!(starts(&shown), ["2026-03-15T11:00:00Z", MONDAYS[0], MONDAYS[2], MONDAYS[3]]);
        let row = world.override_of(booking, MONDAYS[1]).await.expect("a row of its own");
        assert_eq!((row.text.starts_local.as_str(), row.text.origin.as_str()), ("2026-03-15T12:00:00", "google"));
        assert!(row.text.recurrence.is_empty());
    }

    /// Scenario 35.
    async fn an_occurrence_that_is_renamed_in_google_is_renamed_alone(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_google(&world).await;
        let instance = world.instance_id(&event, MONDAYS[2]).await;
        world.person_edits(&instance, json!({"summary": "Outdoors"})).await;
        let shown = agree(&world).await;
        assert_eq!(titles(&shown)[2], (MONDAYS[2], "Outdoors"));
        assert_eq!(shown.iter().filter(|(_, _, title)| title == "Yoga").count(), 3);
        assert_eq!(world.text(booking).await.title, "Yoga");
    }

    /// Scenario 35.
    async fn an_occurrence_that_is_cancelled_in_google_is_cancelled_alone(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_google(&world).await;
        world.person_deletes(&world.instance_id(&event, MONDAYS[1]).await).await;
        assert_eq!(starts(&agree(&world).await), [MONDAYS[0], MONDAYS[2], MONDAYS[3]]);
        let row = world.override_of(booking, MONDAYS[1]).await.expect("a row");
        assert_eq!(row.text.status, "cancelled");
        assert_eq!(world.text(booking).await.status, "confirmed");
    }

    /// Scenario 35.
    async fn an_occurrence_that_is_moved_and_later_cancelled_in_google_is_gone(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_google(&world).await;
        let instance = world.instance_id(&event, MONDAYS[1]).await;
        world
            .person_edits(&instance, json!({
                "start": {"dateTime": "2026-03-24T12:00:00", "timeZone": "Europe/Madrid"},
                "end": {"dateTime": "2026-03-24T13:00:00", "timeZone": "Europe/Madrid"}}))
            .await;
        assert_eq!(agree(&world).await.len(), 4);
        world.person_deletes(&instance).await;
        assert_eq!(starts(&agree(&world).await), [MONDAYS[0], MONDAYS[2], MONDAYS[3]]);
        assert_eq!(world.override_of(booking, MONDAYS[1]).await.expect("a row").text.status, "cancelled");
    }

    /// Scenario 35.
    async fn an_occurrence_that_is_moved_in_the_app_pushes_only_its_times(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_app(&world).await;
        world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        let shown = agree(&world).await;
        assert_eq!(starts(&shown), [MONDAYS[0], "2026-03-24T09:00:00Z", MONDAYS[2], MONDAYS[3]]);
        let patches = world.patches().await;
        assert_eq!(patches.len(), 1, "{patches:?}");
        let keys: Vec<&String> = patches[0].as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["end", "start"]);
        let instance = world.instance(&event, MONDAYS[1]).await;
        assert_eq!(instance["recurringEventId"], event);
        assert_eq!(world.events().await.len(), 2, "the series and its exception");
    }

    /// Scenario 35.
    async fn an_occurrence_that_is_renamed_in_the_app_pushes_only_its_title(url: String) {
        let world = World::new(&url).await;
        let (_, booking) = from_google(&world).await;
        let row = Override {
            title: "Outdoors",
            starts_local: "2026-03-30T09:00:00",
            ends_local: "2026-03-30T10:00:00",
            status: "confirmed",
        };
        let id = world.app_overrides(booking, MONDAYS[2], row).await;
        assert_eq!(titles(&agree(&world).await)[2], (MONDAYS[2], "Outdoors"));
        assert_eq!(world.patches().await, [json!({"summary": "Outdoors"})]);
        world.app_renames(id, "Indoors").await;
        assert_eq!(titles(&agree(&world).await)[2], (MONDAYS[2], "Indoors"));
        assert_eq!(world.patches().await.len(), 2);
    }

    /// Scenario 35.
    async fn an_occurrence_that_is_cancelled_in_the_app_and_restored_comes_back(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_app(&world).await;
        let row = Override {
            title: "Yoga",
            starts_local: "2026-03-23T09:00:00",
            ends_local: "2026-03-23T10:00:00",
            status: "cancelled",
        };
        let id = world.app_overrides(booking, MONDAYS[1], row).await;
        assert_eq!(starts(&agree(&world).await), [MONDAYS[0], MONDAYS[2], MONDAYS[3]]);
        assert_eq!(world.instance(&event, MONDAYS[1]).await["status"], "cancelled");
        world.app_sql("UPDATE bookings SET status = 'confirmed' WHERE tenant_id = $1 AND id = $2", id).await;
        assert_eq!(starts(&agree(&world).await), MONDAYS);
        assert_eq!(world.instance(&event, MONDAYS[1]).await["status"], "confirmed");
    }

    /// Scenario 35.
    async fn a_changed_occurrence_whose_row_the_app_deletes_is_cancelled(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_app(&world).await;
        let id = world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        assert_eq!(agree(&world).await.len(), 4);
        world.app_deletes(id).await;
        assert_eq!(starts(&agree(&world).await), [MONDAYS[0], MONDAYS[2], MONDAYS[3]]);
        assert_eq!(world.instance(&event, MONDAYS[1]).await["status"], "cancelled");
        let row = world.override_of(booking, MONDAYS[1]).await.expect("a cancelled row, or the series would show it");
        assert_eq!(row.text.status, "cancelled");
    }

    /// Scenario 35.
    async fn an_occurrence_that_is_moved_and_later_cancelled_in_the_app_is_gone(url: String) {
        let world = World::new(&url).await;
        let (_, booking) = from_google(&world).await;
        let id = world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        assert_eq!(agree(&world).await.len(), 4);
        world.app_cancels(id).await;
        assert_eq!(starts(&agree(&world).await), [MONDAYS[0], MONDAYS[2], MONDAYS[3]]);
    }

    async fn an_occurrence_that_both_sides_change_in_different_fields_keeps_both(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_google(&world).await;
        world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        let instance = world.instance_id(&event, MONDAYS[1]).await;
        world.person_edits(&instance, json!({"summary": "With a guest teacher"})).await;
        let shown = agree(&world).await;
        assert_eq!(titles(&shown)[1], ("2026-03-24T09:00:00Z", "With a guest teacher"));
        assert!(world.conflicts().await.is_empty());
    }

    async fn a_series_and_its_changed_occurrence_that_are_made_at_once_are_pushed_together(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Yoga", hours(FIRST, &[WEEKLY])).await;
        world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        let shown = agree(&world).await;
        assert_eq!(starts(&shown), [MONDAYS[0], "2026-03-24T09:00:00Z", MONDAYS[2], MONDAYS[3]]);
    }

    /// Scenario 36; checklist line 69.
    async fn an_exception_that_comes_before_its_series_on_a_page_of_its_own_is_joined(url: String) {
        let world = World::new(&url).await;
        let event = world.person_creates(series_event("Yoga", FIRST, &[WEEKLY])).await;
        let instance = world.instance_id(&event, MONDAYS[1]).await;
        world.person_edits(&instance, json!({"summary": "Outdoors"})).await;
        world.person_deletes(&world.instance_id(&event, MONDAYS[2]).await).await;
        world.calendar_switch("paging", json!({"exceptions_first": true, "page_size": 1})).await;
        world.settle().await;
        world.calendar_switch("paging", json!({})).await;
        let shown = agree(&world).await;
        assert_eq!(titles(&shown), [(MONDAYS[0], "Yoga"), (MONDAYS[1], "Outdoors"), (MONDAYS[3], "Yoga")]);
        let booking = world.booking_of(&event).await.id;
        assert_eq!(world.override_of(booking, MONDAYS[1]).await.expect("a row").text.title, "Outdoors");
    }

    /// Scenario 36; checklist line 72.
    async fn an_occurrence_whose_series_is_not_shown_stands_alone_until_its_series_comes(url: String) {
        let world = World::new(&url).await;
        let guest = json!({
            "id": "invited_20260323T080000Z", "status": "confirmed", "summary": "Only this one",
            "recurringEventId": "invited", "iCalUID": "invited@elsewhere.example",
            "originalStartTime": {"dateTime": "2026-03-23T08:00:00Z", "timeZone": "Europe/Madrid"},
            "start": {"dateTime": "2026-03-23T08:30:00Z", "timeZone": "Europe/Madrid"},
            "end": {"dateTime": "2026-03-23T09:30:00Z", "timeZone": "Europe/Madrid"},
            "organizer": {"email": "someone@elsewhere.example"}});
        world.calendar_switch("raw_event", json!({"calendar": ANA, "event": guest})).await;
        world.settle().await;
        let row = world.booking_of("invited_20260323T080000Z").await;
        assert_eq!((row.text.title.as_str(), row.text.series_id), ("Only this one", None));
        let master = json!({
            "id": "invited", "status": "confirmed", "summary": "All of them", "iCalUID": "invited@elsewhere.example",
            "start": {"dateTime": "2026-03-16T08:00:00Z", "timeZone": "Europe/Madrid"},
            "end": {"dateTime": "2026-03-16T09:00:00Z", "timeZone": "Europe/Madrid"},
            "recurrence": [WEEKLY], "organizer": {"email": "someone@elsewhere.example"}});
        world.calendar_switch("raw_event", json!({"calendar": ANA, "event": master})).await;
        let shown = agree(&world).await;
        assert_eq!(starts(&shown), [MONDAYS[0], "2026-03-23T08:30:00Z", MONDAYS[2], MONDAYS[3]]);
        let series = world.booking_of("invited").await.id;
        assert_eq!(world.booking_of("invited_20260323T080000Z").await.text.series_id, Some(series.to_string()));
    }

    /// Checklist line 68.
    async fn a_cancelled_occurrence_that_comes_as_nothing_but_its_id_is_cancelled(url: String) {
        let world = World::new(&url).await;
        let (event, _) = from_google(&world).await;
        world.calendar_switch("sparse_cancelled", json!({"on": true})).await;
        let instance = world.instance_id(&event, MONDAYS[0]).await;
        world.person_edits(&instance, json!({"summary": "Changed first"})).await;
        agree(&world).await;
        world.person_deletes(&instance).await;
        world.person_deletes(&world.instance_id(&event, MONDAYS[2]).await).await;
        assert_eq!(starts(&agree(&world).await), [MONDAYS[1], MONDAYS[3]]);
    }

    /// Checklist line 65.
    async fn occurrences_with_opaque_ids_are_changed_from_both_sides(url: String) {
        let world = World::new(&url).await;
        world.calendar_switch("opaque_instance_ids", json!({"on": true})).await;
        let (event, booking) = from_app(&world).await;
        let instance = world.instance_id(&event, MONDAYS[0]).await;
        assert!(!instance.starts_with(&event), "an opaque id: {instance}");
        world.person_edits(&instance, json!({"summary": "From Google"})).await;
        world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        world.person_deletes(&world.instance_id(&event, MONDAYS[3]).await).await;
        let shown = agree(&world).await;
        assert_eq!(
            titles(&shown),
            [(MONDAYS[0], "From Google"), ("2026-03-24T09:00:00Z", "Yoga"), (MONDAYS[2], "Yoga")]
        );
    }

    /// Scenario 37.
    async fn a_series_that_google_turns_into_one_event_and_back_follows(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_google(&world).await;
        let instance = world.instance_id(&event, MONDAYS[1]).await;
        world.person_edits(&instance, json!({"summary": "Outdoors"})).await;
        agree(&world).await;
        world.person_edits(&event, json!({"recurrence": null})).await;
        assert_eq!(starts(&agree(&world).await), [MONDAYS[0]]);
        assert_eq!(world.text(booking).await.recurrence, "");
        assert!(world.override_of(booking, MONDAYS[1]).await.is_none());
        assert_eq!(vanished(&world.conflicts().await), 1, "what the occurrence said is kept");
        world.person_edits(&event, json!({"recurrence": [WEEKLY]})).await;
        let shown = agree(&world).await;
        assert_eq!(starts(&shown), MONDAYS);
        assert!(shown.iter().all(|(_, _, title)| title == "Yoga"));
    }

    /// Scenario 37.
    async fn a_series_that_the_app_turns_into_one_booking_and_back_follows(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_app(&world).await;
        world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        agree(&world).await;
        world.app_recurs(booking, "").await;
        assert_eq!(starts(&agree(&world).await), [MONDAYS[0]]);
        assert!(world.event(&event).await["recurrence"].is_null());
        assert!(world.override_of(booking, MONDAYS[1]).await.is_none());
        assert_eq!(vanished(&world.conflicts().await), 1);
        world.app_recurs(booking, WEEKLY).await;
        assert_eq!(starts(&agree(&world).await), MONDAYS);
    }

    /// Scenario 37.
    async fn a_rule_that_google_changes_keeps_the_exceptions_it_still_has(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_google(&world).await;
        for monday in [MONDAYS[1], MONDAYS[2]] {
            let instance = world.instance_id(&event, monday).await;
            world.person_edits(&instance, json!({"summary": "Outdoors"})).await;
        }
        world.person_deletes(&world.instance_id(&event, MONDAYS[3]).await).await;
        agree(&world).await;
        world.person_edits(&event, json!({"recurrence": ["RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4"]})).await;
        let shown = agree(&world).await;
        assert_eq!(
            titles(&shown),
            [(MONDAYS[0], "Yoga"), (MONDAYS[2], "Outdoors"), ("2026-04-13T07:00:00Z", "Yoga"), ("2026-04-27T07:00:00Z", "Yoga")]
        );
        let conflicts = world.conflicts().await;
        assert_eq!(vanished(&conflicts), 1, "one for the renamed one, none for the cancelled one: {conflicts:?}");
        assert_eq!(world.bookings().await.len(), 2);
        assert!(world.override_of(booking, MONDAYS[2]).await.is_some());
    }

    /// Scenario 37.
    async fn a_rule_that_the_app_changes_keeps_the_exceptions_it_still_has(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_app(&world).await;
        world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        let instance = world.instance_id(&event, MONDAYS[2]).await;
        world.person_edits(&instance, json!({"summary": "Outdoors"})).await;
        agree(&world).await;
        world.app_recurs(booking, "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=3").await;
        let shown = agree(&world).await;
        assert_eq!(titles(&shown), [(MONDAYS[0], "Yoga"), (MONDAYS[2], "Outdoors"), ("2026-04-13T07:00:00Z", "Yoga")]);
        assert_eq!(vanished(&world.conflicts().await), 1);
    }

    /// Scenario 37.
    async fn a_count_that_google_lowers_below_an_exception_leaves_its_values_in_a_conflict_record(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_google(&world).await;
        let instance = world.instance_id(&event, MONDAYS[3]).await;
        world.person_edits(&instance, json!({"summary": "Last one, with cake"})).await;
        agree(&world).await;
        world.person_edits(&event, json!({"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=2"]})).await;
        assert_eq!(starts(&agree(&world).await), MONDAYS[..2]);
        let conflicts = world.conflicts().await;
        assert_eq!(vanished(&conflicts), 1);
        assert!(format!("{:?}", conflicts[0].app).contains("Last one, with cake"), "{conflicts:?}");
        assert!(world.override_of(booking, MONDAYS[3]).await.is_none());
    }

    /// Scenario 37.
    async fn a_count_that_the_app_lowers_below_an_exception_leaves_its_values_in_a_conflict_record(url: String) {
        let world = World::new(&url).await;
        let (_, booking) = from_app(&world).await;
        let row = Override {
            title: "Last one, with cake",
            starts_local: "2026-04-06T09:00:00",
            ends_local: "2026-04-06T10:00:00",
            status: "confirmed",
        };
        world.app_overrides(booking, MONDAYS[3], row).await;
        agree(&world).await;
        world.app_recurs(booking, "RRULE:FREQ=WEEKLY;COUNT=2").await;
        assert_eq!(starts(&agree(&world).await), MONDAYS[..2]);
        assert_eq!(vanished(&world.conflicts().await), 1);
    }

    /// Scenario 37.
    async fn an_override_of_an_occurrence_that_does_not_exist_becomes_a_conflict_record(url: String) {
        let world = World::new(&url).await;
        let (_, booking) = from_app(&world).await;
        world.app_overrides(booking, "2026-03-25T08:00:00Z", moved_to_tuesday()).await;
        assert_eq!(starts(&agree(&world).await), MONDAYS);
        assert_eq!(vanished(&world.conflicts().await), 1);
    }

    /// Scenario 37.
    async fn a_series_that_the_app_moves_to_another_time_loses_its_changed_occurrences(url: String) {
        let world = World::new(&url).await;
        let (_, booking) = from_app(&world).await;
        world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        agree(&world).await;
        world.app_moves(booking, "2026-03-16T17:00:00", "2026-03-16T18:00:00").await;
        let shown = agree(&world).await;
        assert_eq!(
            starts(&shown),
            ["2026-03-16T16:00:00Z", "2026-03-23T16:00:00Z", "2026-03-30T15:00:00Z", "2026-04-06T15:00:00Z"]
        );
        assert_eq!(vanished(&world.conflicts().await), 1);
    }

    /// Scenario 37.
    async fn a_series_that_google_moves_to_another_time_loses_its_changed_occurrences(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_google(&world).await;
        world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        agree(&world).await;
        world
            .person_edits(&event, json!({
                "start": {"dateTime": "2026-03-16T17:00:00", "timeZone": "Europe/Madrid"},
                "end": {"dateTime": "2026-03-16T18:00:00", "timeZone": "Europe/Madrid"}}))
            .await;
        let shown = agree(&world).await;
        assert_eq!(starts(&shown)[..2], ["2026-03-16T16:00:00Z", "2026-03-23T16:00:00Z"]);
        assert_eq!(shown.len(), 4);
        assert_eq!(vanished(&world.conflicts().await), 1);
    }

    /// Checklist line 70.
    async fn a_series_that_is_deleted_in_google_takes_its_changed_occurrences_with_it(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_google(&world).await;
        world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        agree(&world).await;
        world.person_deletes(&event).await;
        assert!(agree(&world).await.is_empty());
        assert_eq!(world.text(booking).await.status, "cancelled");
        assert_eq!(world.override_of(booking, MONDAYS[1]).await.expect("the row stays").text.status, "cancelled");
    }

    async fn a_series_that_is_deleted_in_the_app_takes_its_changed_occurrences_with_it(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_app(&world).await;
        let id = world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        agree(&world).await;
        let before = world.google_writes().await;
        world.app_deletes(id).await;
        world.app_deletes(booking).await;
        assert!(agree(&world).await.is_empty());
        assert_eq!(world.event(&event).await["status"], "cancelled");
        assert_eq!(world.google_writes().await, before + 1, "one deletion says it all");
        assert!(world.bookings().await.is_empty(), "nothing comes back from the dead");
    }

    async fn a_series_that_is_cancelled_in_the_app_and_confirmed_again_has_its_occurrences_back(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_app(&world).await;
        world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        world.person_deletes(&world.instance_id(&event, MONDAYS[2]).await).await;
        let before = agree(&world).await;
        assert_eq!(before.len(), 3);
        world.app_cancels(booking).await;
        assert!(agree(&world).await.is_empty());
        world.app_sql("UPDATE bookings SET status = 'confirmed' WHERE tenant_id = $1 AND id = $2", booking).await;
        assert_eq!(agree(&world).await, before);
        assert_eq!(world.event_of(booking).await, event, "under its old id");
    }

    async fn a_series_that_is_deleted_in_google_and_brought_back_has_its_occurrences_back(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_google(&world).await;
        world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        world.person_deletes(&world.instance_id(&event, MONDAYS[2]).await).await;
        let before = agree(&world).await;
        assert_eq!(before.len(), 3);
        world.person_deletes(&event).await;
        assert!(agree(&world).await.is_empty());
        world.person_edits(&event, json!({"status": "confirmed"})).await;
        assert_eq!(agree(&world).await, before);
        assert_eq!(world.booking_of(&event).await.id, booking);
    }

    async fn a_full_listing_leaves_series_and_changed_occurrences_as_they_are(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = from_google(&world).await;
        world.app_overrides(booking, MONDAYS[1], moved_to_tuesday()).await;
        world.person_deletes(&world.instance_id(&event, MONDAYS[2]).await).await;
        let before = agree(&world).await;
        world.calendar_switch("expire_sync_tokens", json!({})).await;
        let report = world.sync().await;
        assert!(report.full && report.is_quiet(), "{report:?}");
        assert_eq!(app_shows(&world).await, before);
        assert_eq!(agree(&world).await, before);
    }
}
