//! Occurrences that had no row of their own until Google changed them: they are asked about and held like single events,
//! and the same occurrence in two calendars is one booking. On both databases.
mod support;

use accord::domain::ids::BookingId;
use accord::store::placements::{self, PlacementState};
use serde_json::{Value, json};
use support::google::{ANA, text};
use support::postgres::both_databases;
use support::series::{agree, google_shows, series_event, starts};
use support::world::{BEN, Connected, World, event};

const FIRST: &str = "2026-03-16T09:00:00";
const MONDAYS: [&str; 4] = [
    "2026-03-16T08:00:00Z",
    "2026-03-23T08:00:00Z",
    "2026-03-30T07:00:00Z",
    "2026-04-06T07:00:00Z",
];

/// A weekly series that Ana has made and that is synchronised: its event and its booking.
async fn weekly(world: &World, count: usize) -> (String, BookingId) {
    let rule = format!("RRULE:FREQ=WEEKLY;COUNT={count}");
    let event = world.person_creates(series_event("Yoga", FIRST, &[&rule])).await;
    world.settle().await;
    let booking = world.booking_of(&event).await.id;
    (event, booking)
}

fn afternoon() -> Value {
    json!({"start": {"dateTime": "2026-03-23T15:00:00", "timeZone": "Europe/Madrid"},
        "end": {"dateTime": "2026-03-23T16:00:00", "timeZone": "Europe/Madrid"}})
}

/// Ana invites Ben to a weekly series of hers.
async fn invited(world: &World) -> String {
    let mut series = series_event("Meeting", FIRST, &["RRULE:FREQ=WEEKLY;COUNT=4"]);
    series["attendees"] = json!([{"email": BEN}]);
    world.person_creates(series).await
}

async fn sync_both(world: &World, ben: &Connected) {
    for _ in 0..3 {
        world.sync().await;
        world.sync_scope(ben, BEN).await;
    }
}

/// How many placements of an occurrence lead, and how many are alive.
async fn placed(world: &World, booking: BookingId) -> (usize, usize) {
    let all = placements::of_booking(&mut world.read().await, world.tenant, booking)
        .await
        .expect("placements");
    let live = |p: &&placements::Placement| p.state == PlacementState::Live;
    (
        all.iter().filter(|p| p.is_lead).count(),
        all.iter().filter(live).count(),
    )
}

both_databases! {
    async fn a_cancelled_occurrence_is_asked_about_where_the_tenant_wants_it(url: String) {
        for (answer, left) in [("apply", 3), ("keep", 4)] {
            let world = World::new(&url).await;
            world.set(json!({"inbound_cancel": "ask"})).await;
            let (event, booking) = weekly(&world, 4).await;
            world.person_deletes(&world.instance_id(&event, MONDAYS[1]).await).await;
            let report = world.sync().await;
            assert_eq!((report.waiting, report.bookings_cancelled), (1, 0), "{report:?}");
            let row = world.override_of(booking, MONDAYS[1]).await.expect("what is asked about has a row");
            assert_eq!((row.text.status.as_str(), row.text.title.as_str()), ("confirmed", "Yoga"));
            assert_eq!(world.open_questions().await[0].kind, "cancel");
            world.assert_quiet().await;
            world.answer(answer).await;
            assert_eq!(agree(&world).await.len(), left, "{answer}");
            assert!(world.open_questions().await.is_empty());
        }
    }

    async fn a_moved_occurrence_is_asked_about_where_the_tenant_wants_it(url: String) {
        for (answer, second) in [("apply", "2026-03-23T14:00:00Z"), ("keep", MONDAYS[1])] {
            let world = World::new(&url).await;
            world.set(json!({"inbound_move": "ask"})).await;
            let (event, booking) = weekly(&world, 4).await;
            world.person_edits(&world.instance_id(&event, MONDAYS[1]).await, afternoon()).await;
            let report = world.sync().await;
            assert_eq!((report.waiting, report.bookings_updated), (1, 0), "{report:?}");
            let row = world.override_of(booking, MONDAYS[1]).await.expect("what is asked about has a row");
            assert_eq!(row.text.starts_local, "2026-03-23T09:00:00");
            assert_eq!(world.open_questions().await[0].kind, "move");
            world.assert_quiet().await;
            world.answer(answer).await;
            assert_eq!(starts(&agree(&world).await)[1], second, "{answer}");
            assert!(world.open_questions().await.is_empty());
        }
    }

    async fn a_renamed_occurrence_needs_no_question(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"inbound_move": "ask", "inbound_cancel": "ask"})).await;
        let (event, booking) = weekly(&world, 4).await;
        world.person_edits(&world.instance_id(&event, MONDAYS[1]).await, json!({"summary": "Outdoors"})).await;
        agree(&world).await;
        assert!(world.open_questions().await.is_empty());
        assert_eq!(world.override_of(booking, MONDAYS[1]).await.expect("a row").text.title, "Outdoors");
    }

    async fn what_a_series_looks_like_when_it_is_first_seen_is_neither_asked_about_nor_held(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"inbound_move": "ask", "inbound_cancel": "ask", "brake_min": 1, "brake_share": 0.01})).await;
        let event = world.person_creates(series_event("Yoga", FIRST, &["RRULE:FREQ=WEEKLY;COUNT=4"])).await;
        world.person_edits(&world.instance_id(&event, MONDAYS[1]).await, afternoon()).await;
        world.person_deletes(&world.instance_id(&event, MONDAYS[2]).await).await;
        let shown = agree(&world).await;
        assert_eq!(starts(&shown), [MONDAYS[0], "2026-03-23T14:00:00Z", MONDAYS[3]]);
        assert!(world.open_questions().await.is_empty());
    }

    async fn many_cancelled_occurrences_are_held_by_the_brake(url: String) {
        for (answer, left) in [("approve", 4), ("reject", 10)] {
            let world = World::new(&url).await;
            world.set(json!({"brake_min": 4})).await;
            let (event, _) = weekly(&world, 10).await;
            let all = world.instances(&event).await;
            for instance in &all[..6] {
                world.person_deletes(&text(instance, "id")).await;
            }
            let report = world.sync().await;
            assert_eq!((report.braked, report.bookings_cancelled), (6, 0), "{report:?}");
            let open = world.open_questions().await;
            assert_eq!((open[0].kind.as_str(), &open[0].detail["count"]), ("brake", &json!(6)));
            world.assert_quiet().await;
            world.answer(answer).await;
            assert_eq!(agree(&world).await.len(), left, "{answer}");
        }
    }

    async fn occurrences_and_single_events_are_counted_together(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"brake_min": 4})).await;
        let (series, _) = weekly(&world, 4).await;
        let mut singles = Vec::new();
        for day in 3..6 {
            singles.push(world.person_creates(event("Single", &format!("2026-03-0{day}T09:00:00"))).await);
        }
        world.settle().await;
        for single in &singles[..2] {
            world.person_deletes(single).await;
        }
        for monday in &MONDAYS[..2] {
            world.person_deletes(&world.instance_id(&series, monday).await).await;
        }
        let report = world.sync().await;
        assert_eq!((report.braked, report.bookings_cancelled), (4, 0), "{report:?}");
    }

    async fn a_guest_who_removes_one_occurrence_from_their_calendar_cancels_it_for_nobody(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let event = invited(&world).await;
        sync_both(&world, &ben).await;
        let second = world.instance_id(&event, MONDAYS[1]).await;
        world.person_deletes_in(BEN, BEN, &second).await;
        sync_both(&world, &ben).await;
        assert_eq!(google_shows(&world).await.len(), 4, "Ana's calendar still has it");
        assert_eq!(agree(&world).await.len(), 4);
    }

    async fn an_occurrence_that_the_guest_shows_first_is_asked_about_where_it_leads(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        world.set(json!({"inbound_move": "ask"})).await;
        let event = invited(&world).await;
        sync_both(&world, &ben).await;
        let series = world.booking_of(&event).await.id;
        world.person_edits(&world.instance_id(&event, MONDAYS[1]).await, afternoon()).await;
        world.sync_scope(&ben, BEN).await;
        sync_both(&world, &ben).await;
        assert_eq!(world.open_questions().await.len(), 1);
        world.answer("apply").await;
        sync_both(&world, &ben).await;
        let row = world.override_of(series, MONDAYS[1]).await.expect("a row");
        assert_eq!(row.text.starts_local, "2026-03-23T15:00:00");
        assert_eq!(placed(&world, row.id).await, (1, 2), "one lead, two calendars");
    }

    async fn an_occurrence_that_a_guest_is_invited_to_alone_is_the_occurrence_of_its_series(url: String) {
        for guest_first in [false, true] {
            let world = World::new(&url).await;
            let ben = world.ben().await;
            let event = world.person_creates(series_event("Meeting", FIRST, &["RRULE:FREQ=WEEKLY;COUNT=4"])).await;
            world.settle().await;
            let series = world.booking_of(&event).await.id;
            let instance = world.instance_id(&event, MONDAYS[1]).await;
            let mut alone = json!({"id": instance, "status": "confirmed", "summary": "With Ben", "recurringEventId": event,
                "iCalUID": world.event(&event).await["iCalUID"],
                "originalStartTime": {"dateTime": MONDAYS[1], "timeZone": "Europe/Madrid"},
                "organizer": {"email": ANA}});
            for bound in ["start", "end"] {
                alone[bound] = world.instance(&event, MONDAYS[1]).await[bound].clone();
            }
            world.person_edits(&instance, json!({"summary": "With Ben"})).await;
            world.calendar_switch("raw_event", json!({"calendar": BEN, "event": alone})).await;
            if guest_first {
                world.sync_scope(&ben, BEN).await;
            }
            sync_both(&world, &ben).await;
            let all = world.bookings().await;
            assert_eq!(all.len(), 2, "the series and its occurrence, guest first: {guest_first}: {all:?}");
            let row = world.override_of(series, MONDAYS[1]).await.expect("a row of the series");
            assert_eq!(row.text.title, "With Ben");
            assert_eq!(placed(&world, row.id).await, (1, 2), "guest first: {guest_first}");
            let lead = world.event_of(row.id).await;
            assert_eq!(world.placement(&lead).await.expect("in Ana's calendar").calendar_id.0, ANA);
            assert_eq!(agree(&world).await.len(), 4);
        }
    }

    /// Scenario 36.
    async fn a_cancelled_occurrence_whose_series_comes_later_is_cancelled_in_it(url: String) {
        let world = World::new(&url).await;
        world.settle().await;
        let gone = json!({"id": "invited_20260323T080000Z", "status": "cancelled", "recurringEventId": "invited",
            "originalStartTime": {"dateTime": "2026-03-23T08:00:00Z", "timeZone": "Europe/Madrid"}});
        world.calendar_switch("raw_event", json!({"calendar": ANA, "event": gone})).await;
        let neighbour = world.person_creates(event("Neighbour", "2026-03-05T09:00:00")).await;
        world.settle().await;
        assert_eq!(world.bookings().await.len(), 1, "nothing is made of it");
        assert_eq!(world.booking_of(&neighbour).await.text.title, "Neighbour");
        let master = json!({
            "id": "invited", "status": "confirmed", "summary": "All of them", "iCalUID": "invited@elsewhere.example",
            "start": {"dateTime": "2026-03-16T08:00:00Z", "timeZone": "Europe/Madrid"},
            "end": {"dateTime": "2026-03-16T09:00:00Z", "timeZone": "Europe/Madrid"},
            "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=4"], "organizer": {"email": "someone@elsewhere.example"}});
        world.calendar_switch("raw_event", json!({"calendar": ANA, "event": master})).await;
        let shown = agree(&world).await;
        assert_eq!(starts(&shown), ["2026-03-05T08:00:00Z", MONDAYS[0], MONDAYS[2], MONDAYS[3]]);
    }

    /// Scenario 36.
    async fn a_cancelled_occurrence_whose_series_never_comes_can_come_back_alone(url: String) {
        let world = World::new(&url).await;
        world.settle().await;
        let mut alone = json!({"id": "invited_20260323T080000Z", "status": "cancelled", "recurringEventId": "invited",
            "originalStartTime": {"dateTime": "2026-03-23T08:00:00Z", "timeZone": "Europe/Madrid"}});
        world.calendar_switch("raw_event", json!({"calendar": ANA, "event": alone.clone()})).await;
        world.settle().await;
        for (key, value) in [("status", json!("confirmed")), ("summary", json!("After all")),
            ("start", json!({"dateTime": "2026-03-23T08:00:00Z", "timeZone": "Europe/Madrid"})),
            ("end", json!({"dateTime": "2026-03-23T09:00:00Z", "timeZone": "Europe/Madrid"})),
            ("organizer", json!({"email": "someone@elsewhere.example"}))] {
            alone[key] = value;
        }
        world.calendar_switch("raw_event", json!({"calendar": ANA, "event": alone})).await;
        assert_eq!(starts(&agree(&world).await), [MONDAYS[1]]);
        assert_eq!(world.booking_of("invited_20260323T080000Z").await.text.title, "After all");
    }

    /// Scenario 37.
    async fn a_count_that_the_app_lowers_below_what_google_changes_at_once_loses_no_value(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = weekly(&world, 4).await;
        let last = world.instance_id(&event, MONDAYS[3]).await;
        world.person_edits(&last, json!({"summary": "Seen before"})).await;
        agree(&world).await;
        world.app_recurs(booking, "RRULE:FREQ=WEEKLY;COUNT=2").await;
        world.person_edits(&last, json!({"summary": "Edited meanwhile"})).await;
        assert_eq!(starts(&agree(&world).await), MONDAYS[..2]);
        let conflicts = world.conflicts().await;
        assert!(format!("{conflicts:?}").contains("Edited meanwhile"), "{conflicts:?}");
    }

    /// Scenario 37.
    async fn a_rule_that_both_sides_change_with_exceptions_present_shows_the_same_on_both(url: String) {
        for policy in ["google", "app"] {
            let world = World::new(&url).await;
            world.set(json!({"conflict": policy})).await;
            let (event, booking) = weekly(&world, 4).await;
            for monday in [MONDAYS[1], MONDAYS[3]] {
                world.person_edits(&world.instance_id(&event, monday).await, json!({"summary": "Outdoors"})).await;
            }
            agree(&world).await;
            world.app_recurs(booking, "RRULE:FREQ=WEEKLY;COUNT=3").await;
            world.person_edits(&event, json!({"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=2"]})).await;
            let shown = agree(&world).await;
            assert_eq!(shown.len(), if policy == "google" { 2 } else { 3 });
            let conflicts = world.conflicts().await;
            assert_eq!(conflicts.iter().filter(|c| c.policy == policy && c.field == "when").count(), 1);
            let lost = conflicts.iter().filter(|c| c.policy == "vanished").count();
            // Where the app wins, Google had cancelled the fourth before.
            assert!(policy == "app" || lost == 1, "the fourth: {conflicts:?}");
        }
    }

    /// Scenario 37.
    async fn a_series_that_becomes_one_event_while_the_app_changes_an_occurrence_keeps_the_change_in_a_record(url: String) {
        let world = World::new(&url).await;
        let (event, booking) = weekly(&world, 4).await;
        world.person_edits(&world.instance_id(&event, MONDAYS[1]).await, json!({"summary": "Outdoors"})).await;
        agree(&world).await;
        let row = world.override_of(booking, MONDAYS[1]).await.expect("a row").id;
        world.app_moves(row, "2026-03-23T17:00:00", "2026-03-23T18:00:00").await;
        world.person_edits(&event, json!({"recurrence": null})).await;
        assert_eq!(starts(&agree(&world).await), [MONDAYS[0]]);
        let conflicts = world.conflicts().await;
        assert!(format!("{conflicts:?}").contains("2026-03-23T17:00"), "{conflicts:?}");
        world.person_edits(&event, json!({"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=4"]})).await;
        assert_eq!(starts(&agree(&world).await), MONDAYS);
    }

    /// Scenario 37.
    async fn a_single_booking_that_both_sides_turn_into_a_series_is_one_series(url: String) {
        let world = World::new(&url).await;
        let event = world.person_creates(event("Yoga", FIRST)).await;
        world.settle().await;
        let booking = world.booking_of(&event).await.id;
        world.app_recurs(booking, "RRULE:FREQ=WEEKLY;COUNT=3").await;
        world.person_edits(&event, json!({"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=4"]})).await;
        assert_eq!(starts(&agree(&world).await), MONDAYS, "what came from Google is decided there");
        assert_eq!(world.conflicts().await.len(), 1);
        assert_eq!(world.events().await.len(), 1);
    }
}
