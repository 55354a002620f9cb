//! Calendars that several accounts read: who leads, and what goes along when the lead moves. On both databases.
mod support;

use accord::args;
use accord::domain::ids::{AccountId, BookingId};
use accord::store::placements::{self, Placement};
use serde_json::{Value, json};
use support::postgres::both_databases;
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
}
