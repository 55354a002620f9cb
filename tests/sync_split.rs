//! "This and following", and copies: a cut series is two bookings that know each other, a copy is somebody else's event.
//! Both sides' occurrences are compared exactly over a year.
mod support;

use accord::args;
use accord::domain::ids::BookingId;
use serde_json::{Value, json};
use support::google::ANA;
use support::postgres::both_databases;
use support::series::{Override, agree, hours, series_event, starts, titles};
use support::world::{World, event, run};

const FIRST: &str = "2026-03-16T09:00:00";
const WEEKLY: &str = "RRULE:FREQ=WEEKLY";
const SECOND: &str = "2026-03-23T08:00:00Z";
const THIRD: &str = "2026-03-30T07:00:00Z";
const FOURTH: &str = "2026-04-06T07:00:00Z";

async fn split(world: &World, event: &str, at: &str, title: Option<&str>) -> String {
    let mut body = json!({"calendar": ANA, "event": event, "at": at});
    if let Some(title) = title {
        body["title"] = json!(title);
    }
    let made = world.calendar_switch("split_series", body).await;
    made["id"].as_str().expect("an id").to_owned()
}

/// A series of the app with a room and a customer.
async fn furnished(world: &World) -> (BookingId, String, String) {
    let booking = world.app_creates("Yoga", hours(FIRST, &[WEEKLY])).await;
    let room = world.app_adds_resource("Hall 2").await;
    let customer = world.engine.fresh_uuid().to_string();
    run(
        &world.engine.db,
        "INSERT INTO customers (tenant_id, id, user_id, given_name) VALUES ($1, $2, $3, 'Cleo')",
        args![world.tenant, &customer, world.ana.user],
    )
    .await;
    run(
        &world.engine.db,
        "INSERT INTO booking_customers (tenant_id, user_id, booking_id, customer_id) VALUES ($1, $2, $3, $4)",
        args![world.tenant, world.ana.user, booking, &customer],
    )
    .await;
    run(
        &world.engine.db,
        "UPDATE bookings SET resource_id = $3 WHERE tenant_id = $1 AND id = $2",
        args![world.tenant, booking, &room],
    )
    .await;
    (booking, room, customer)
}

fn cut(until: &str) -> Value {
    json!({"recurrence": [format!("RRULE:FREQ=WEEKLY;UNTIL={until}")]})
}

both_databases! {
    /// Scenario 38; checklist line 71.
    async fn this_and_following_makes_a_second_booking_with_the_same_origin_customers_and_resource(url: String) {
        let world = World::new(&url).await;
        let (booking, room, customer) = furnished(&world).await;
        let before = agree(&world).await;
        assert!(before.len() > 50, "a year of Mondays");
        let head = world.event_of(booking).await;
        let tail = split(&world, &head, THIRD, Some("Advanced yoga")).await;
        let shown = agree(&world).await;
        assert_eq!(starts(&shown), starts(&before), "no twins and no gap at the cut");
        assert_eq!(shown.iter().filter(|(_, _, title)| title == "Yoga").count(), 2);
        let row = world.booking_of(&tail).await;
        assert_eq!(row.text.split_from, Some(booking.to_string()));
        assert_eq!(row.text.origin, "app");
        assert_eq!(row.text.resource_id, Some(room));
        assert_eq!(row.customer_ids.iter().map(ToString::to_string).collect::<Vec<_>>(), [customer]);
        assert_eq!(world.bookings().await.len(), 2);
        world.app_renames(row.id, "Expert yoga").await;
        let shown = agree(&world).await;
        assert_eq!(shown.iter().filter(|(_, _, title)| title == "Expert yoga").count(), shown.len() - 2);
        assert_eq!(world.text(booking).await.title, "Yoga");
    }

    /// Scenario 38.
    async fn a_series_from_google_that_is_cut_twice_is_three_bookings(url: String) {
        let world = World::new(&url).await;
        let head = world.person_creates(series_event("Yoga", FIRST, &[WEEKLY])).await;
        let before = agree(&world).await;
        let second = split(&world, &head, THIRD, Some("Two")).await;
        agree(&world).await;
        let third = split(&world, &second, FOURTH, Some("Three")).await;
        let shown = agree(&world).await;
        assert_eq!(starts(&shown), starts(&before));
        assert_eq!(titles(&shown)[1..4], [(SECOND, "Yoga"), (THIRD, "Two"), (FOURTH, "Three")]);
        assert_eq!(world.bookings().await.len(), 3);
        assert!(world.booking_of(&third).await.text.split_from.is_some());
        assert_eq!(world.booking_of(&second).await.text.origin, "google");
    }

    /// Scenario 38.
    async fn changed_occurrences_after_the_cut_go_with_the_new_series(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Yoga", hours(FIRST, &[WEEKLY])).await;
        agree(&world).await;
        let head = world.event_of(booking).await;
        for (start, title) in [(SECOND, "Before"), (FOURTH, "After")] {
            let instance = world.instance_id(&head, start).await;
            world.person_edits(&instance, json!({"summary": title})).await;
        }
        let cancelled = "2026-04-13T07:00:00Z";
        world.person_deletes(&world.instance_id(&head, cancelled).await).await;
        let before = agree(&world).await;
        let tail = split(&world, &head, THIRD, None).await;
        assert_eq!(agree(&world).await, before);
        let tail = world.booking_of(&tail).await.id;
        for (start, series) in [(SECOND, booking), (FOURTH, tail), (cancelled, tail)] {
            assert!(world.override_of(series, start).await.is_some(), "{start} belongs to {series}");
        }
        assert!(world.conflicts().await.is_empty(), "nothing was lost");
        let row = world.override_of(tail, FOURTH).await.expect("a row");
        world.app_renames(row.id, "Renamed after the cut").await;
        assert!(agree(&world).await.iter().any(|(start, _, title)| start == FOURTH && title == "Renamed after the cut"));
    }

    /// Scenario 38.
    async fn this_and_following_that_is_deleted_ends_the_series(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Yoga", hours(FIRST, &[WEEKLY])).await;
        agree(&world).await;
        let head = world.event_of(booking).await;
        let instance = world.instance_id(&head, FOURTH).await;
        world.person_edits(&instance, json!({"summary": "Changed"})).await;
        agree(&world).await;
        world.person_edits(&head, cut("20260330T065959Z")).await;
        assert_eq!(starts(&agree(&world).await), ["2026-03-16T08:00:00Z", SECOND]);
        assert_eq!(world.bookings().await.len(), 1);
        let conflicts = world.conflicts().await;
        assert_eq!(conflicts.iter().map(|c| c.policy.as_str()).collect::<Vec<_>>(), ["vanished"]);
    }

    /// Scenario 38.
    async fn the_new_series_of_a_cut_can_be_deleted_without_touching_the_old_one(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Yoga", hours(FIRST, &[WEEKLY])).await;
        agree(&world).await;
        let tail = split(&world, &world.event_of(booking).await, THIRD, None).await;
        agree(&world).await;
        world.person_deletes(&tail).await;
        assert_eq!(starts(&agree(&world).await), ["2026-03-16T08:00:00Z", SECOND]);
        assert_eq!(world.text(booking).await.status, "confirmed");
        assert_eq!(world.booking_of(&tail).await.text.status, "cancelled");
    }

    /// Scenario 38.
    async fn a_series_of_whole_days_can_be_cut(url: String) {
        let world = World::new(&url).await;
        let event = json!({"summary": "Fair", "start": {"date": "2026-03-16"}, "end": {"date": "2026-03-18"},
            "recurrence": ["RRULE:FREQ=MONTHLY;COUNT=6"]});
        let head = world.person_creates(event).await;
        let before = agree(&world).await;
        let tail = split(&world, &head, "2026-05-16", Some("Autumn fair")).await;
        let shown = agree(&world).await;
        assert_eq!(starts(&shown), starts(&before));
        let head = world.booking_of(&head).await.id;
        assert_eq!(world.booking_of(&tail).await.text.split_from, Some(head.to_string()));
    }

    /// Scenario 38.
    async fn the_pages_of_a_cut_may_come_in_any_order(url: String) {
        for exceptions_first in [false, true] {
            for seed in [1, 2] {
                let world = World::new(&url).await;
                let booking = world.app_creates("Yoga", hours(FIRST, &[WEEKLY])).await;
                agree(&world).await;
                let head = world.event_of(booking).await;
                let instance = world.instance_id(&head, FOURTH).await;
                world.person_edits(&instance, json!({"summary": "Changed"})).await;
                let before = agree(&world).await;
                let tail = split(&world, &head, THIRD, None).await;
                let paging = json!({"page_size": 1, "shuffle_seed": seed, "exceptions_first": exceptions_first});
                world.calendar_switch("paging", paging).await;
                world.settle().await;
                world.calendar_switch("paging", json!({})).await;
                assert_eq!(agree(&world).await, before);
                let tail = world.booking_of(&tail).await;
                assert_eq!(tail.text.split_from, Some(booking.to_string()));
                assert!(world.override_of(tail.id, FOURTH).await.is_some());
            }
        }
    }

    /// Scenario 38.
    async fn a_cut_that_another_client_makes_in_two_steps_is_a_split_too(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Yoga", hours(FIRST, &[WEEKLY])).await;
        let before = agree(&world).await;
        let head = world.event_of(booking).await;
        world.person_edits(&head, cut("20260330T065959Z")).await;
        agree(&world).await;
        let mut rest = series_event("Yoga", "2026-03-30T09:00:00", &[WEEKLY]);
        rest["extendedProperties"] = json!({"private": {"accord.booking": booking.to_string()}});
        let tail = world.person_creates(rest).await;
        assert_eq!(agree(&world).await, before);
        let row = world.booking_of(&tail).await;
        assert_eq!((row.text.split_from, row.text.origin.as_str()), (Some(booking.to_string()), "app"));
    }

    /// Scenario 38.
    async fn a_new_series_that_google_shows_before_the_cut_is_a_split_all_the_same(url: String) {
        let world = World::new(&url).await;
        let head = world.person_creates(series_event("Yoga", FIRST, &[WEEKLY])).await;
        let before = agree(&world).await;
        // The new master alone, as a delta that was cut in two would show it.
        let tail = format!("{head}_R20260330T070000");
        let master = json!({
            "id": tail, "status": "confirmed", "summary": "Yoga", "iCalUID": format!("{tail}@google.com"),
            "start": {"dateTime": THIRD, "timeZone": "Europe/Madrid"},
            "end": {"dateTime": "2026-03-30T08:00:00Z", "timeZone": "Europe/Madrid"},
            "recurrence": [WEEKLY], "organizer": {"email": ANA, "self": true}});
        world.calendar_switch("raw_event", json!({"calendar": ANA, "event": master})).await;
        world.settle().await;
        world.person_edits(&head, cut("20260330T065959Z")).await;
        assert_eq!(agree(&world).await, before);
        let head = world.booking_of(&head).await.id;
        assert_eq!(world.booking_of(&tail).await.text.split_from, Some(head.to_string()));
    }

    /// Scenario 38.
    async fn a_new_half_that_another_client_makes_before_the_cut_is_recognised_by_the_cut(url: String) {
        let world = World::new(&url).await;
        let (booking, room, customer) = furnished(&world).await;
        let before = agree(&world).await;
        let head = world.event_of(booking).await;
        let mut rest = series_event("Yoga", "2026-03-30T09:00:00", &[WEEKLY]);
        rest["extendedProperties"] = json!({"private": {"accord.booking": booking.to_string()}});
        rest["location"] = json!("Hall 2");
        let tail = world.person_creates(rest).await;
        world.settle().await;
        assert_eq!(world.booking_of(&tail).await.text.split_from, None, "a copy, as far as anybody can tell");
        world.person_edits(&head, cut("20260330T065959Z")).await;
        let writes = world.google_writes().await;
        world.settle().await;
        assert_eq!(agree(&world).await, before);
        let row = world.booking_of(&tail).await;
        assert_eq!((row.text.split_from, row.text.origin.as_str()), (Some(booking.to_string()), "app"));
        assert_eq!(row.text.resource_id, Some(room));
        assert_eq!(row.customer_ids.iter().map(ToString::to_string).collect::<Vec<_>>(), [customer]);
        assert_eq!((world.pending().await, world.google_writes().await), (0, writes), "nothing to write");
        world.app_renames(row.id, "Expert yoga").await;
        world.settle().await;
        assert_eq!(world.event(&tail).await["summary"], "Expert yoga");
    }

    async fn a_copy_stays_a_copy_when_its_series_is_cut_elsewhere(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Yoga", hours(FIRST, &[WEEKLY])).await;
        agree(&world).await;
        let head = world.event_of(booking).await;
        let mut copy = series_event("Copy", "2026-04-06T09:00:00", &[WEEKLY]);
        copy["extendedProperties"] = json!({"private": {"accord.booking": booking.to_string()}});
        let copy = world.person_creates(copy).await;
        world.settle().await;
        world.person_edits(&head, cut("20260330T065959Z")).await;
        world.settle().await;
        let row = world.booking_of(&copy).await;
        assert_eq!((row.text.origin.as_str(), row.text.split_from), ("google", None));
    }

    async fn a_copy_that_a_user_makes_of_our_series_is_a_foreign_event(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Yoga", hours(FIRST, &[WEEKLY])).await;
        agree(&world).await;
        let property = json!({"private": {"accord.booking": booking.to_string()}});
        let mut copy = series_event("Copy of yoga", "2026-03-17T09:00:00", &["RRULE:FREQ=WEEKLY;COUNT=3"]);
        copy["extendedProperties"] = property.clone();
        let copy = world.person_creates(copy).await;
        let mut single = event("Copy of one", "2026-03-18T09:00:00");
        single["extendedProperties"] = property;
        let single = world.person_creates(single).await;
        agree(&world).await;
        for id in [&copy, &single] {
            let row = world.booking_of(id).await;
            assert_ne!(row.id, booking);
            assert_eq!((row.text.origin.as_str(), row.text.split_from), ("google", None));
        }
        world.person_deletes(&copy).await;
        agree(&world).await;
        assert_eq!(world.text(booking).await.status, "confirmed", "the copy was not ours");
    }

    async fn a_copy_of_a_series_that_has_ended_is_no_split_unless_it_goes_on_where_that_ended(url: String) {
        let world = World::new(&url).await;
        let ended = "RRULE:FREQ=WEEKLY;UNTIL=20260330T065959Z";
        let booking = world.app_creates("Yoga", hours(FIRST, &[ended])).await;
        agree(&world).await;
        let mut copy = series_event("In autumn again", "2026-09-14T09:00:00", &["RRULE:FREQ=WEEKLY;COUNT=3"]);
        copy["extendedProperties"] = json!({"private": {"accord.booking": booking.to_string()}});
        let copy = world.person_creates(copy).await;
        agree(&world).await;
        let row = world.booking_of(&copy).await;
        assert_eq!((row.text.origin.as_str(), row.text.split_from), ("google", None));
    }

    async fn an_override_that_the_app_makes_after_a_cut_reaches_the_right_series(url: String) {
        let world = World::new(&url).await;
        let booking = world.app_creates("Yoga", hours(FIRST, &[WEEKLY])).await;
        agree(&world).await;
        let tail = split(&world, &world.event_of(booking).await, THIRD, None).await;
        agree(&world).await;
        let tail_booking = world.booking_of(&tail).await.id;
        let row = Override {
            title: "Moved",
            starts_local: "2026-04-07T09:00:00",
            ends_local: "2026-04-07T10:00:00",
            status: "confirmed",
        };
        world.app_overrides(tail_booking, FOURTH, row).await;
        let shown = agree(&world).await;
        assert!(titles(&shown).contains(&("2026-04-07T07:00:00Z", "Moved")));
        assert_eq!(world.instance(&tail, FOURTH).await["recurringEventId"], tail);
    }
}
