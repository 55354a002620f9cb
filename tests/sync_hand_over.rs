//! Scenario 33: a booking is handed over to another user. Its event leaves one calendar and appears in the other, once, with
//! every edit; on both databases.
mod support;

use accord::args;
use accord::domain::ids::BookingId;
use accord::engine::bookings::BookingEdit;
use serde_json::json;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use support::google::ANA;
use support::postgres::both_databases;
use support::series::{Override, hours};
use support::world::{BEN, Connected, World, event, hour, run as sql};

const NINE: &str = "2026-03-05T09:00:00";

/// The app gives a booking, and its changed occurrences with it, to somebody.
async fn hand_over(world: &World, booking: BookingId, to: &Connected) {
    sql(
        &world.engine.db,
        "UPDATE bookings SET user_id = $3 WHERE tenant_id = $1 AND (id = $2 OR series_id = $2)",
        args![world.tenant, booking, to.user],
    )
    .await;
}

/// Passes over both users' calendars until nothing moves, then one more over each that must be quiet and write nothing.
async fn settle(world: &World, ben: &Connected) {
    for _ in 0..6 {
        let ana = world.sync().await.is_quiet();
        if world.sync_scope(ben, BEN).await.is_quiet() && ana {
            break;
        }
    }
    let before = world.google_writes().await;
    assert!(world.sync().await.is_quiet());
    assert!(world.sync_scope(ben, BEN).await.is_quiet());
    assert_eq!(world.google_writes().await, before, "a quiet pass wrote to Google");
}

/// Passes until two rounds have found nothing: a request of a killed pass may reach Google after the kill.
async fn calm(world: &World, ben: &Connected) {
    let mut quiet = 0;
    for _ in 0..12 {
        let ana = world.sync().await.is_quiet();
        let both = world.sync_scope(ben, BEN).await.is_quiet() && ana;
        quiet = if both { quiet + 1 } else { 0 };
        if quiet == 2 {
            return;
        }
    }
}

/// Both users' calendars are listed from the beginning.
async fn forget_tokens(world: &World) {
    sql(
        &world.engine.db,
        "UPDATE sync_scopes SET sync_token = NULL WHERE tenant_id = $1",
        args![world.tenant],
    )
    .await;
}

async fn titles(world: &World, who: &str) -> Vec<String> {
    let events = world.events_of(who, "primary").await;
    let mut titles: Vec<String> = events
        .iter()
        .map(|event| event["summary"].as_str().unwrap_or_default().to_owned())
        .collect();
    titles.sort();
    titles
}

/// Ana has nothing, Ben has this one event, there is one booking, and it stays so when both calendars are read again.
async fn is_with_ben(world: &World, ben: &Connected, booking: BookingId, title: &str) {
    settle(world, ben).await;
    for again in [false, true] {
        if again {
            forget_tokens(world).await;
            settle(world, ben).await;
        }
        assert_eq!(titles(world, ANA).await, Vec::<String>::new(), "again: {again}");
        assert_eq!(titles(world, BEN).await, [title], "again: {again}");
        let rows = world.bookings().await;
        assert_eq!(rows.len(), 1, "one booking, again: {again}");
        assert_eq!((rows[0].id, rows[0].user_id), (booking, ben.user));
        assert_eq!(
            (rows[0].text.title.as_str(), rows[0].text.status.as_str()),
            (title, "confirmed")
        );
    }
    let event = &world.events_of(BEN, "primary").await[0];
    assert_eq!(event["id"], world.event_of(booking).await);
    assert_eq!(
        event["extendedProperties"]["private"]["accord.booking"],
        booking.to_string()
    );
}

async fn kill_after<F: Future>(polls: usize, future: F) {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 || future.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
    .await;
}

both_databases! {
    async fn a_booking_that_is_handed_over_leaves_one_calendar_and_appears_in_the_other(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let booking = world.app_creates("Consultation", hour(NINE)).await;
        settle(&world, &ben).await;
        let old = world.event_of(booking).await;
        hand_over(&world, booking, &ben).await;
        is_with_ben(&world, &ben, booking, "Consultation").await;
        assert_ne!(world.event_of(booking).await, old);
        assert_eq!(world.event(&old).await["status"], "cancelled");
        assert!(world.conflicts().await.is_empty());
    }

    async fn a_hand_over_over_the_api_moves_the_event_and_maps_the_customers(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let (karel, petra) = (world.engine.fresh_uuid(), world.engine.fresh_uuid());
        for (id, user) in [(karel, world.ana.user), (petra, ben.user)] {
            let insert = "INSERT INTO customers (tenant_id, id, user_id, given_name) VALUES ($1, $2, $3, 'Karel')";
            sql(&world.engine.db, insert, args![world.tenant, id.to_string(), user]).await;
        }
        let booking = world.app_creates("Consultation", hour(NINE)).await;
        sql(&world.engine.db, "INSERT INTO booking_customers (tenant_id, user_id, booking_id, customer_id) VALUES ($1, $2, $3, $4)",
            args![world.tenant, world.ana.user, booking, karel.to_string()]).await;
        settle(&world, &ben).await;
        let version = world.booking(booking).await.expect("there").version;
        let edit = BookingEdit {
            user_id: Some(ben.user.to_string()),
            customer_ids: Some(vec![petra.to_string()]),
            title: Some("Second opinion".into()),
            ..BookingEdit::default()
        };
        world.engine.patch_booking(world.tenant, booking, version, &edit).await.expect("it is taken");
        is_with_ben(&world, &ben, booking, "Second opinion").await;
        let customers = world.booking(booking).await.expect("there").customer_ids;
        assert_eq!(customers.iter().map(ToString::to_string).collect::<Vec<_>>(), [petra.to_string()]);
    }

    async fn an_event_from_google_is_handed_over_like_any_other(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let id = world.person_creates(event("From Google", NINE)).await;
        settle(&world, &ben).await;
        let booking = world.booking_of(&id).await.id;
        hand_over(&world, booking, &ben).await;
        is_with_ben(&world, &ben, booking, "From Google").await;
    }

    async fn edits_on_both_sides_go_along_with_a_hand_over(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let booking = world.app_creates("Consultation", hour(NINE)).await;
        settle(&world, &ben).await;
        let old = world.event_of(booking).await;
        world.person_edits(&old, json!({"summary": "Renamed by Ana"})).await;
        world.app_moves(booking, "2026-03-06T10:00:00", "2026-03-06T11:00:00").await;
        hand_over(&world, booking, &ben).await;
        is_with_ben(&world, &ben, booking, "Renamed by Ana").await;
        assert_eq!(world.events_of(BEN, "primary").await[0]["start"]["dateTime"], "2026-03-06T10:00:00+01:00");
        assert!(world.conflicts().await.is_empty());
    }

    async fn an_edit_that_comes_between_reading_and_deleting_the_old_event_goes_along(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let booking = world.app_creates("Consultation", hour(NINE)).await;
        settle(&world, &ben).await;
        let old = world.event_of(booking).await;
        hand_over(&world, booking, &ben).await;
        world.fault(json!({"method": "DELETE", "path": "/events", "times": 1, "action": {"delay_ms": 400}})).await;
        let (pass, ()) = tokio::join!(world.try_sync(), async {
            loop {
                let faults = world.google.look("faults").await;
                if faults["faults"].as_array().or(faults.as_array()).map_or(0, Vec::len) == 0 {
                    break;
                }
                tokio::task::yield_now().await;
            }
            world.person_edits(&old, json!({"summary": "At the last moment"})).await;
        });
        pass.expect("a good pass");
        is_with_ben(&world, &ben, booking, "At the last moment").await;
    }

    async fn a_deletion_whose_answer_was_lost_is_no_cancellation(url: String) {
        a_cut_deletion(&url, "after").await;
    }

    async fn a_deletion_that_never_arrived_is_sent_again(url: String) {
        a_cut_deletion(&url, "before").await;
    }

    async fn a_person_who_deletes_the_event_before_it_is_handed_over_cancels_the_booking(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let booking = world.app_creates("Consultation", hour(NINE)).await;
        settle(&world, &ben).await;
        let old = world.event_of(booking).await;
        world.person_deletes(&old).await;
        hand_over(&world, booking, &ben).await;
        settle(&world, &ben).await;
        let row = world.booking(booking).await.expect("it is kept");
        assert_eq!((row.text.status.as_str(), row.user_id), ("cancelled", ben.user));
        assert_eq!((titles(&world, ANA).await.len(), titles(&world, BEN).await.len()), (0, 0));
        // What is confirmed again belongs into Ben's calendar.
        world.app_sql("UPDATE bookings SET status = 'confirmed' WHERE tenant_id = $1 AND id = $2", booking).await;
        is_with_ben(&world, &ben, booking, "Consultation").await;
    }

    async fn a_booking_that_is_handed_over_before_it_was_ever_pushed_goes_to_its_new_user_only(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let booking = world.app_creates("Consultation", hour(NINE)).await;
        hand_over(&world, booking, &ben).await;
        is_with_ben(&world, &ben, booking, "Consultation").await;
        let deleted = world.requests().await.into_iter().filter(|r| r["method"] == "DELETE").count();
        assert_eq!(deleted, 0, "it never was in Ana's calendar");
    }

    async fn a_booking_that_is_handed_back_before_anything_happened_stays_where_it_is(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let booking = world.app_creates("Consultation", hour(NINE)).await;
        settle(&world, &ben).await;
        let old = world.event_of(booking).await;
        hand_over(&world, booking, &ben).await;
        hand_over(&world, booking, &world.ana).await;
        settle(&world, &ben).await;
        assert_eq!(world.event_of(booking).await, old);
        assert_eq!(titles(&world, ANA).await, ["Consultation"]);
        assert!(titles(&world, BEN).await.is_empty());
    }

    async fn a_booking_goes_there_and_back_again(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let booking = world.app_creates("Consultation", hour(NINE)).await;
        settle(&world, &ben).await;
        hand_over(&world, booking, &ben).await;
        settle(&world, &ben).await;
        hand_over(&world, booking, &world.ana).await;
        settle(&world, &ben).await;
        forget_tokens(&world).await;
        settle(&world, &ben).await;
        assert_eq!(titles(&world, ANA).await, ["Consultation"]);
        assert!(titles(&world, BEN).await.is_empty());
        assert_eq!(world.bookings().await.len(), 1);
    }

    async fn a_series_is_handed_over_with_its_changed_and_cancelled_occurrences(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let series = world.app_creates("Weekly", hours(NINE, &["RRULE:FREQ=WEEKLY;COUNT=4"])).await;
        let moved = Override { title: "Moved", starts_local: "2026-03-12T15:00:00", ends_local: "2026-03-12T16:00:00", status: "confirmed" };
        let cancelled = Override { title: "Weekly", starts_local: "2026-03-19T09:00:00", ends_local: "2026-03-19T10:00:00", status: "cancelled" };
        world.app_overrides(series, "2026-03-12T08:00:00Z", moved).await;
        world.app_overrides(series, "2026-03-19T08:00:00Z", cancelled).await;
        settle(&world, &ben).await;
        let old = world.event_of(series).await;
        hand_over(&world, series, &ben).await;
        settle(&world, &ben).await;
        for again in [false, true] {
            if again {
                forget_tokens(&world).await;
                settle(&world, &ben).await;
            }
            assert_eq!(titles(&world, ANA).await, Vec::<String>::new());
            assert_eq!(world.event(&old).await["status"], "cancelled");
            let new = world.event_of(series).await;
            let shown = world.occurrences_of(BEN, &new).await;
            assert_eq!(shown, [("Weekly".into(), "2026-03-05T09:00:00+01:00".into()),
                ("Moved".into(), "2026-03-12T15:00:00+01:00".into()),
                ("Weekly".into(), "2026-03-26T09:00:00+01:00".into())] as [(String, String); 3], "again: {again}");
            let rows = world.bookings().await;
            assert_eq!(rows.len(), 3, "again: {again}");
            assert!(rows.iter().all(|row| row.user_id == ben.user));
        }
        assert!(world.conflicts().await.is_empty());
    }

    async fn an_occurrence_that_is_deleted_at_the_moment_of_the_hand_over_stays_cancelled(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let series = world.app_creates("Weekly", hours(NINE, &["RRULE:FREQ=WEEKLY;COUNT=3"])).await;
        let moved = Override { title: "Moved", starts_local: "2026-03-12T15:00:00", ends_local: "2026-03-12T16:00:00", status: "confirmed" };
        let changed = world.app_overrides(series, "2026-03-12T08:00:00Z", moved).await;
        settle(&world, &ben).await;
        world.app_deletes(changed).await;
        hand_over(&world, series, &ben).await;
        settle(&world, &ben).await;
        let shown = world.occurrences_of(BEN, &world.event_of(series).await).await;
        assert_eq!(shown, [("Weekly".into(), "2026-03-05T09:00:00+01:00".into()),
            ("Weekly".into(), "2026-03-19T09:00:00+01:00".into())] as [(String, String); 2]);
    }

    /// The event leaves the old user's calendar; where there is no new one, the booking waits for its user to connect.
    async fn a_new_user_without_an_account_gets_the_event_when_they_connect(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let booking = world.app_creates("Consultation", hour(NINE)).await;
        settle(&world, &ben).await;
        switch(&world, &ben, "disconnected", 0).await;
        hand_over(&world, booking, &ben).await;
        world.settle().await;
        assert!(titles(&world, ANA).await.is_empty());
        assert!(titles(&world, BEN).await.is_empty());
        let row = world.booking(booking).await.expect("it stays");
        assert_eq!((row.text.status.as_str(), row.user_id), ("confirmed", ben.user));
        switch(&world, &ben, "active", 1).await;
        is_with_ben(&world, &ben, booking, "Consultation").await;
    }

    async fn an_account_that_is_not_connected_any_more_is_not_waited_for(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let booking = world.app_creates("Consultation", hour(NINE)).await;
        settle(&world, &ben).await;
        switch(&world, &world.ana, "disconnected", 0).await;
        hand_over(&world, booking, &ben).await;
        for _ in 0..3 {
            world.sync_scope(&ben, BEN).await;
        }
        assert_eq!(titles(&world, BEN).await, ["Consultation"]);
        assert_eq!(titles(&world, ANA).await, ["Consultation"], "nobody may delete it there");
        // Ana comes back: what was left is removed, and it cancels nothing.
        switch(&world, &world.ana, "active", 1).await;
        forget_tokens(&world).await;
        is_with_ben(&world, &ben, booking, "Consultation").await;
    }

    async fn a_left_event_that_its_former_user_edited_stays_theirs(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let booking = world.app_creates("Consultation", hour(NINE)).await;
        settle(&world, &ben).await;
        let old = world.event_of(booking).await;
        switch(&world, &world.ana, "disconnected", 0).await;
        hand_over(&world, booking, &ben).await;
        for _ in 0..3 {
            world.sync_scope(&ben, BEN).await;
        }
        world.person_edits(&old, json!({"summary": "Mine"})).await;
        switch(&world, &world.ana, "active", 1).await;
        settle(&world, &ben).await;
        assert_eq!(titles(&world, ANA).await, ["Mine"]);
        assert_eq!(titles(&world, BEN).await, ["Consultation"]);
        assert_eq!(world.text(booking).await.title, "Consultation");
        assert_eq!(world.bookings().await.len(), 1);
    }

    async fn an_event_with_guests_is_handed_over_when_its_old_user_agrees(url: String) {
        let (world, ben, booking) = a_hand_over_with_guests(&url).await;
        world.answer("push").await;
        is_with_ben(&world, &ben, booking, "Party").await;
    }

    async fn an_event_with_guests_stays_when_its_old_user_does_not_agree(url: String) {
        let (world, ben, booking) = a_hand_over_with_guests(&url).await;
        world.answer("revert").await;
        settle(&world, &ben).await;
        assert_eq!(titles(&world, ANA).await, ["Party"]);
        assert!(titles(&world, BEN).await.is_empty());
        assert_eq!(world.booking(booking).await.expect("it stays").user_id, world.ana.user);
        let conflicts = world.conflicts().await;
        assert_eq!((conflicts.len(), conflicts[0].field.as_str()), (1, "owner"));
    }

    async fn an_event_of_somebody_elses_is_not_handed_over_in_sql(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let mut theirs = event("Theirs", NINE);
        theirs["attendees"] = json!([{"email": ANA}]);
        world.google.switch("users", &json!({"email": "carl@example.com", "name": "Carl"})).await;
        world.person_creates_in("carl@example.com", "primary", theirs).await;
        settle(&world, &ben).await;
        let booking = world.bookings().await[0].id;
        hand_over(&world, booking, &ben).await;
        settle(&world, &ben).await;
        assert_eq!(world.booking(booking).await.expect("it stays").user_id, world.ana.user);
        let conflicts = world.conflicts().await;
        assert_eq!((conflicts[0].field.as_str(), conflicts[0].policy.as_str()), ("owner", "readonly"));
        assert_eq!(titles(&world, ANA).await, ["Theirs"]);
        assert!(titles(&world, BEN).await.is_empty());
    }

    /// The brake counts the events that leave; rejecting puts the owner back.
    async fn a_mass_of_hand_overs_waits_until_the_admin_approves(url: String) {
        let (world, ben) = a_mass_of_hand_overs(&url).await;
        world.answer("approve").await;
        settle(&world, &ben).await;
        assert_eq!((titles(&world, ANA).await.len(), titles(&world, BEN).await.len()), (0, 12));
        assert!(world.bookings().await.iter().all(|row| row.user_id == ben.user && row.text.status == "confirmed"));
    }

    async fn a_mass_of_hand_overs_that_the_admin_rejects_is_put_back(url: String) {
        let (world, ben) = a_mass_of_hand_overs(&url).await;
        world.answer("reject").await;
        settle(&world, &ben).await;
        assert_eq!((titles(&world, ANA).await.len(), titles(&world, BEN).await.len()), (12, 0));
        assert!(world.bookings().await.iter().all(|row| row.user_id == world.ana.user && row.text.status == "confirmed"));
    }

    async fn a_hand_over_in_a_shared_calendar_moves_no_event(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        world.person_posts(ANA, &format!("/calendars/{ANA}/acl"), json!({"role": "writer", "scope": {"type": "user", "value": BEN}})).await;
        world.choose(&ben, ANA, false).await;
        let booking = world.app_creates("Consultation", hour(NINE)).await;
        world.sync().await;
        world.sync_scope(&ben, ANA).await;
        world.settle().await;
        let old = world.event_of(booking).await;
        hand_over(&world, booking, &ben).await;
        settle(&world, &ben).await;
        assert_eq!(world.event_of(booking).await, old);
        assert_eq!(titles(&world, ANA).await, ["Consultation"]);
        assert!(titles(&world, BEN).await.is_empty());
        // From now on Ben's account carries it.
        world.app_renames(booking, "Renamed").await;
        world.sync_scope(&ben, ANA).await;
        assert_eq!(titles(&world, ANA).await, ["Renamed"]);
        settle(&world, &ben).await;
    }

    async fn a_hand_over_that_is_killed_anywhere_is_finished_by_the_next_passes(url: String) {
        let mut world = World::new(&url).await;
        let ben = world.ben().await;
        let mut users = [ben.clone(), world.ana.clone()].into_iter().cycle();
        let booking = world.app_creates("Consultation", hour(NINE)).await;
        settle(&world, &ben).await;
        for polls in (1..60).step_by(3) {
            let to = users.next().expect("a cycle");
            hand_over(&world, booking, &to).await;
            kill_after(polls, world.try_sync()).await;
            world.restart().await;
            release_leases(&world).await;
            kill_after(polls, world.try_sync_scope(&ben, BEN)).await;
            world.restart().await;
            release_leases(&world).await;
            calm(&world, &ben).await;
            settle(&world, &ben).await;
            let (ana, bens) = (titles(&world, ANA).await.len(), titles(&world, BEN).await.len());
            assert_eq!((ana, bens), if to.user == ben.user { (0, 1) } else { (1, 0) }, "killed after {polls} polls");
            assert_eq!(world.text(booking).await.status, "confirmed", "killed after {polls} polls");
            assert_eq!(world.bookings().await.len(), 1, "killed after {polls} polls");
        }
    }

    async fn a_booking_that_is_handed_back_while_others_are_under_way_stays_where_it_is(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let mut all = Vec::new();
        for day in 5..7 {
            let booking = world.app_creates("Consultation", hour(&format!("2026-03-{day:02}T09:00:00"))).await;
            all.push(booking);
        }
        settle(&world, &ben).await;
        let mut events = Vec::new();
        for booking in all {
            events.push((world.event_of(booking).await, booking));
            hand_over(&world, booking, &ben).await;
        }
        events.sort();
        world.fault(json!({"method": "DELETE", "path": "/events", "times": 1, "action": {"delay_ms": 400}})).await;
        let (pass, ()) = tokio::join!(world.try_sync(), async {
            loop {
                let faults = world.google.look("faults").await;
                if faults["faults"].as_array().or(faults.as_array()).map_or(0, Vec::len) == 0 {
                    break;
                }
                tokio::task::yield_now().await;
            }
            hand_over(&world, events[1].1, &world.ana).await;
        });
        pass.expect("a good pass");
        settle(&world, &ben).await;
        assert_eq!(world.event(&events[0].0).await["status"], "cancelled");
        assert_eq!(world.event(&events[1].0).await["status"], "confirmed");
        assert_eq!(world.event_of(events[1].1).await, events[1].0, "its event was never touched");
        let deleted = world.requests().await.into_iter().filter(|r| r["method"] == "DELETE").count();
        assert_eq!(deleted, 1);
        assert_eq!((titles(&world, ANA).await.len(), titles(&world, BEN).await.len()), (1, 1));
    }

    async fn a_person_who_deletes_what_google_did_not_let_us_delete_cancels_the_booking(url: String) {
        let no = |code: u16, reason: &str| json!({"error": {"errors": [{"domain": "usageLimits", "reason": reason, "message": reason}],
            "code": code, "message": reason}});
        for (code, reason) in [(400, "invalid"), (403, "quotaExceeded"), (429, "rateLimitExceeded")] {
            let world = World::new(&url).await;
            let ben = world.ben().await;
            let booking = world.app_creates("Consultation", hour(NINE)).await;
            settle(&world, &ben).await;
            let old = world.event_of(booking).await;
            hand_over(&world, booking, &ben).await;
            world.fault(json!({"method": "DELETE", "path": "/events", "times": 9,
                "action": {"status": code, "body": no(code, reason)}})).await;
            let _ = world.try_sync().await;
            let tried = world.requests().await.into_iter().filter(|r| r["method"] == "DELETE").count();
            assert!(tried > 0, "{reason}");
            world.google.http.delete(&world.google.url("/_sandbox/faults"), &[]).await;
            world.person_deletes(&old).await;
            settle(&world, &ben).await;
            let row = world.booking(booking).await.expect("it is kept");
            assert_eq!((row.text.status.as_str(), row.user_id), ("cancelled", ben.user), "{reason}");
            assert_eq!((titles(&world, ANA).await.len(), titles(&world, BEN).await.len()), (0, 0), "{reason}");
        }
    }

    async fn a_booking_that_is_inserted_again_keeps_its_user(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        let booking = world.app_creates("Consultation", hour(NINE)).await;
        settle(&world, &ben).await;
        world.app_deletes(booking).await;
        let mut tx = world.engine.db.begin().await.expect("begin");
        let again = tx.execute(
            "INSERT INTO bookings (tenant_id, id, user_id, starts_local, ends_local, time_zone) \
             VALUES ($1, $2, $3, '2026-03-05T09:00:00', '2026-03-05T10:00:00', 'Europe/Madrid')",
            args![world.tenant, booking, ben.user]).await;
        let error = again.expect_err("it would change hands unseen").to_string();
        assert!(error.contains("hand it over with UPDATE"), "{error}");
    }
}

/// A daemon that was killed holds its lease until it ends by itself.
async fn release_leases(world: &World) {
    sql(
        &world.engine.db,
        "UPDATE sync_scopes SET lease_until = 0 WHERE tenant_id = $1",
        args![world.tenant],
    )
    .await;
}

/// What a disconnect or a new connection does to account and scopes, without what it does to the data.
async fn switch(world: &World, who: &Connected, state: &'static str, enabled: i64) {
    sql(
        &world.engine.db,
        "UPDATE accounts SET state = $3 WHERE tenant_id = $1 AND id = $2",
        args![world.tenant, who.account, state],
    )
    .await;
    sql(
        &world.engine.db,
        "UPDATE sync_scopes SET enabled = $3 WHERE tenant_id = $1 AND account_id = $2",
        args![world.tenant, who.account, enabled],
    )
    .await;
}

/// A hand-over whose deletion of the old event is cut off.
async fn a_cut_deletion(url: &str, cut: &str) {
    let mut world = World::new(url).await;
    let ben = world.ben().await;
    let booking = world.app_creates("Consultation", hour(NINE)).await;
    settle(&world, &ben).await;
    hand_over(&world, booking, &ben).await;
    world
        .fault(json!({"method": "DELETE", "path": "/events", "times": 1, "action": {"cut": cut}}))
        .await;
    world.try_sync().await.expect_err("the answer was lost");
    world.restart().await;
    is_with_ben(&world, &ben, booking, "Consultation").await;
}

/// An event with guests that shall go to Ben, and the open question about it.
async fn a_hand_over_with_guests(url: &str) -> (World, Connected, BookingId) {
    let world = World::new(url).await;
    let ben = world.ben().await;
    let mut with_guests = event("Party", NINE);
    with_guests["attendees"] = json!([{"email": "guest@example.org"}]);
    let old = world.person_creates(with_guests).await;
    settle(&world, &ben).await;
    let booking = world.booking_of(&old).await.id;
    hand_over(&world, booking, &ben).await;
    settle(&world, &ben).await;
    assert_eq!(titles(&world, ANA).await, ["Party"], "it waits");
    assert_eq!(
        world.open_questions().await[0].user_id,
        Some(world.ana.user),
        "whose event it is"
    );
    (world, ben, booking)
}

/// More hand-overs than the brake lets through.
async fn a_mass_of_hand_overs(url: &str) -> (World, Connected) {
    let world = World::new(url).await;
    let ben = world.ben().await;
    for day in 1..=12 {
        world
            .app_creates("Consultation", hour(&format!("2026-03-{day:02}T09:00:00")))
            .await;
    }
    settle(&world, &ben).await;
    let all = "UPDATE bookings SET user_id = $2 WHERE tenant_id = $1";
    sql(&world.engine.db, all, args![world.tenant, ben.user]).await;
    settle(&world, &ben).await;
    assert_eq!(
        (titles(&world, ANA).await.len(), titles(&world, BEN).await.len()),
        (12, 0),
        "held"
    );
    (world, ben)
}
