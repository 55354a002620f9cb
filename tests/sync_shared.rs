//! Calendars that several accounts read: who leads, and what goes along when the lead moves. On both databases.
mod support;

use accord::args;
use accord::domain::ids::{AccountId, BookingId};
use accord::store::bookings::BookingRow;
use accord::store::placements::{self, Placement};
use serde_json::{Value, json};
use support::google::{ANA, text};
use support::postgres::both_databases;
use support::series::{Override, series_event};
use support::world::{BEN, Connected, World, event, run};

const TEAM: &str = "team@example.com";

/// The calendar of a third person whom Accord does not know, shared with Ana and Ben in these roles.
async fn team(world: &World, ben: &Connected, anas: &str, bens: &str) {
    let team = json!({"email": TEAM, "name": "Team", "time_zone": "Europe/Madrid"});
    world.google.switch("users", &team).await;
    role(world, &world.ana.email, anas).await;
    role(world, BEN, bens).await;
    for (who, role) in [(&world.ana, anas), (ben, bens)] {
        world.choose(who, TEAM, false).await;
        let sql = "UPDATE calendars SET access_role = $3 WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = 'team@example.com'";
        run(&world.engine.db, sql, args![world.tenant, who.account, role.to_owned()]).await;
    }
}

async fn role(world: &World, user: &str, role: &str) {
    let change = json!({"user": user, "calendar": TEAM, "role": role});
    world.google.switch("calendar/set_role", &change).await;
}

async fn placement(world: &World, event: &str) -> Placement {
    let found = placements::get(&mut world.read().await, world.tenant, &TEAM.into(), &event.into()).await;
    found.expect("read").expect("the placement")
}

async fn leader(world: &World, event: &str) -> AccountId {
    placement(world, event).await.account_id
}

async fn in_team(world: &World, id: &str) -> Value {
    let all = world.events_of(TEAM, "primary").await;
    all.into_iter().find(|event| event["id"] == id).expect("the event")
}

async fn pending_of(world: &World, who: &Connected) -> i64 {
    accord::store::states::count_pending(&mut world.read().await, world.tenant, who.user)
        .await
        .expect("count")
}

async fn leads(world: &World, booking: BookingId) -> Vec<Placement> {
    placements::leads(&mut world.read().await, world.tenant, &[booking])
        .await
        .expect("leads")
}

fn changed(title: &str) -> Override<'_> {
    Override {
        title,
        starts_local: "2026-03-20T15:00:00",
        ends_local: "2026-03-20T16:00:00",
        status: "confirmed",
    }
}

/// A series with a changed and a cancelled occurrence is moved between two of Ana's calendars.
async fn moved_with_changes(url: &str, loss_first: bool) {
    let world = World::new(url).await;
    let second = text(
        &world
            .person_posts(ANA, "/calendars", json!({"summary": "Second"}))
            .await,
        "id",
    );
    world.choose(&world.ana, &second, false).await;
    let weekly = series_event("Weekly", "2026-03-05T09:00:00", &["RRULE:FREQ=WEEKLY;COUNT=6"]);
    let id = world.person_creates(weekly).await;
    world
        .person_edits(&format!("{id}_20260312T080000Z"), json!({"summary": "Changed"}))
        .await;
    world.person_deletes(&format!("{id}_20260319T080000Z")).await;
    world.settle().await;
    world.sync_scope(&world.ana, &second).await;
    let rows = world.bookings().await;
    let find = |is: &dyn Fn(&BookingRow) -> bool| rows.iter().find(|row| is(row)).expect("a row").id;
    let series = find(&|row| !row.text.recurrence.is_empty());
    let changed = find(&|row| row.text.title == "Changed");
    world
        .person_posts(
            ANA,
            &format!(
                "/calendars/primary/events/{id}/move?destination={}",
                second.replace('@', "%40")
            ),
            Value::Null,
        )
        .await;
    for _ in 0..4 {
        if loss_first {
            world.sync().await;
        }
        world.sync_scope(&world.ana, &second).await;
        world.sync().await;
    }
    assert_eq!(world.bookings().await.len(), 3, "{:?}", world.bookings().await);
    for booking in [series, changed] {
        assert_eq!(world.text(booking).await.status, "confirmed");
        let leads = leads(&world, booking).await;
        assert_eq!(
            leads.iter().map(|lead| lead.calendar_id.as_str()).collect::<Vec<_>>(),
            [second.as_str()]
        );
    }
    world.app_renames(changed, "Changed again").await;
    for _ in 0..2 {
        world.sync().await;
        world.sync_scope(&world.ana, &second).await;
    }
    assert_eq!(world.text(changed).await.status, "confirmed");
    assert_eq!(world.pending().await, 0);
    let there = world.events_of(ANA, &second).await;
    let instance = there.iter().find(|event| event["summary"] == "Changed again");
    assert!(instance.is_some(), "{there:?}");
    assert!(world.conflicts().await.is_empty(), "{:?}", world.conflicts().await);
    assert!(world.sync().await.is_quiet());
    assert!(world.sync_scope(&world.ana, &second).await.is_quiet());
}

both_databases! {
    async fn who_may_write_takes_over_from_an_account_that_lost_its_role(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        team(&world, &ben, "writer", "writer").await;
        let id = world.person_creates_in(TEAM, "primary", event("Standup", "2026-03-05T09:00:00")).await;
        let booking = world.bookings().await;
        assert!(booking.is_empty());
        world.sync_scope(&world.ana, TEAM).await;
        world.sync_scope(&ben, TEAM).await;
        assert_eq!(leader(&world, &id).await, world.ana.account);
        role(&world, &world.ana.email, "reader").await;
        let booking = world.bookings().await[0].id;
        world.app_renames(booking, "Renamed").await;
        world.sync_scope(&world.ana, TEAM).await;
        world.sync_scope(&ben, TEAM).await;
        assert_eq!(leader(&world, &id).await, ben.account);
        assert_eq!(in_team(&world, &id).await["summary"], "Renamed");
        assert_eq!((world.pending().await, pending_of(&world, &ben).await), (0, 0));
        // The role comes back; who leads goes on.
        role(&world, &world.ana.email, "writer").await;
        world.sync_scope(&world.ana, TEAM).await;
        world.sync_scope(&world.ana, TEAM).await;
        assert_eq!(leader(&world, &id).await, ben.account);
        assert!(world.sync_scope(&ben, TEAM).await.is_quiet());
    }

    async fn a_role_whose_loss_a_write_finds_out_is_passed_on_too(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        team(&world, &ben, "writer", "writer").await;
        let id = world.person_creates_in(TEAM, "primary", event("Standup", "2026-03-05T09:00:00")).await;
        world.sync_scope(&world.ana, TEAM).await;
        world.sync_scope(&ben, TEAM).await;
        let booking = world.bookings().await[0].id;
        world.app_renames(booking, "Renamed").await;
        // The listing still says that she may write; the PATCH is the first to know.
        world.fault(json!({"method": "PATCH", "path": "/events/", "times": 1, "action": {"refuse": "forbidden"}})).await;
        let entry = json!({"kind": "calendar#calendarListEntry", "id": TEAM, "accessRole": "reader", "timeZone": "Europe/Madrid", "summary": "Team"});
        world.fault(json!({"method": "GET", "path": "/calendarList/", "times": 1, "action": {"status": 200, "body": entry}})).await;
        world.sync_scope(&world.ana, TEAM).await;
        world.sync_scope(&ben, TEAM).await;
        assert_eq!(leader(&world, &id).await, ben.account);
        assert_eq!(in_team(&world, &id).await["summary"], "Renamed");
    }

    async fn an_account_that_lost_its_role_takes_nothing_over(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        team(&world, &ben, "reader", "writer").await;
        let id = world.person_creates_in(TEAM, "primary", event("Standup", "2026-03-05T09:00:00")).await;
        world.sync_scope(&world.ana, TEAM).await;
        assert!(!placement(&world, &id).await.is_writable);
        role(&world, BEN, "reader").await;
        world.sync_scope(&ben, TEAM).await;
        assert_eq!(leader(&world, &id).await, world.ana.account);
        let booking = world.bookings().await[0].id;
        assert_eq!(leads(&world, booking).await.len(), 1);
    }

    async fn a_changed_occurrence_is_carried_by_whoever_carries_its_series(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        team(&world, &ben, "writer", "writer").await;
        let weekly = series_event("Weekly", "2026-03-05T09:00:00", &["RRULE:FREQ=WEEKLY;COUNT=6"]);
        let id = world.person_creates_in(TEAM, "primary", weekly).await;
        world.sync_scope(&world.ana, TEAM).await;
        world.sync_scope(&ben, TEAM).await;
        let series = world.bookings().await[0].id;
        // One that is not in Google yet when Ana loses her role, one that the app makes later.
        world.app_overrides(series, "2026-03-12T08:00:00Z", changed("Before")).await;
        role(&world, &world.ana.email, "reader").await;
        world.sync_scope(&world.ana, TEAM).await;
        world.sync_scope(&ben, TEAM).await;
        assert_eq!(leader(&world, &id).await, ben.account);
        let later = world.app_overrides(series, "2026-03-19T08:00:00Z", changed("After")).await;
        world.sync_scope(&ben, TEAM).await;
        // And one that Google changes and the app changes again.
        let third = format!("{id}_20260326T080000Z");
        world.person_edits_in(TEAM, "primary", &third, json!({"summary": "In Google"})).await;
        world.sync_scope(&ben, TEAM).await;
        let row = world.bookings().await.into_iter().find(|row| row.text.title == "In Google").expect("a row");
        assert_eq!(row.user_id, world.ana.user, "owned by who owns the series");
        world.app_renames(row.id, "In the app").await;
        world.app_renames(later, "After all").await;
        world.sync_scope(&ben, TEAM).await;
        for (day, title) in [("12", "Before"), ("19", "After all"), ("26", "In the app")] {
            let instance = in_team(&world, &format!("{id}_202603{day}T080000Z")).await;
            assert_eq!(instance["summary"], title, "{day}");
        }
        assert_eq!((world.pending().await, pending_of(&world, &ben).await), (0, 0));
        assert!(world.sync_scope(&ben, TEAM).await.is_quiet());
    }

    async fn the_new_half_of_a_series_is_carried_by_whoever_carries_the_series(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        team(&world, &ben, "writer", "writer").await;
        let weekly = series_event("Weekly", "2026-03-05T09:00:00", &["RRULE:FREQ=WEEKLY;COUNT=6"]);
        let id = world.person_creates_in(TEAM, "primary", weekly).await;
        world.sync_scope(&world.ana, TEAM).await;
        world.sync_scope(&ben, TEAM).await;
        role(&world, &world.ana.email, "reader").await;
        world.sync_scope(&world.ana, TEAM).await;
        world.sync_scope(&ben, TEAM).await;
        let cut = json!({"calendar": TEAM, "event": id, "at": "2026-03-19T08:00:00Z", "title": "Second half"});
        world.google.switch("calendar/split_series", &cut).await;
        world.sync_scope(&ben, TEAM).await;
        let half = world.bookings().await.into_iter().find(|row| row.text.split_from.is_some()).expect("the new half");
        assert_eq!(half.user_id, world.ana.user);
        world.app_renames(half.id, "Renamed half").await;
        world.sync_scope(&ben, TEAM).await;
        assert_eq!((world.pending().await, pending_of(&world, &ben).await), (0, 0));
        let event = leads(&world, half.id).await[0].event_id.0.clone();
        assert_eq!(in_team(&world, &event).await["summary"], "Renamed half");
    }

    async fn changed_occurrences_move_with_their_series_whose_loss_is_seen_first(url: String) {
        moved_with_changes(&url, true).await;
    }

    async fn changed_occurrences_move_with_their_series_that_is_seen_first_where_it_is_now(url: String) {
        moved_with_changes(&url, false).await;
    }
}
