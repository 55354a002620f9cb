//! Rows that wait for a person, or are set aside, cost a pass nothing until there is something to do about them; and every
//! way back is open. On both databases.
mod support;

use accord::args;
use accord::domain::ids::BookingId;
use accord::engine::quarantine;
use accord::store::scopes;
use serde_json::json;
use support::google::ANA;
use support::postgres::both_databases;
use support::world::{World, event, hour, run as sql};

fn day(n: usize) -> String {
    format!("2026-{:02}-{:02}T10:00:00", 3 + n / 28, 1 + n % 28)
}

/// What one pass costs: requests, statements, commits.
async fn cost_of_a_pass(world: &World) -> (usize, u64, u64) {
    let (requests, counts) = (world.requests().await.len(), world.engine.db.counts());
    let report = world.sync().await;
    let after = world.engine.db.counts();
    assert!(report.is_quiet(), "{report:?}");
    (
        world.requests().await.len() - requests,
        after.0 - counts.0,
        after.1 - counts.1,
    )
}

async fn assert_costs_nothing(world: &World) {
    let (requests, statements, commits) = cost_of_a_pass(world).await;
    assert_eq!(requests, 1, "requests");
    assert!(statements <= 3, "{statements} statements");
    assert!(commits <= 2, "{commits} commits");
}

/// Bookings of events with guests, the first of them numbered `from`.
async fn with_guests(world: &World, from: usize, n: usize) -> Vec<(BookingId, String)> {
    let mut events = Vec::new();
    for number in from..from + n {
        let mut talk = event(&format!("Talk {number}"), &day(number));
        talk["attendees"] = json!([{"email": "guest@example.org"}]);
        events.push(world.person_creates(talk).await);
    }
    world.settle().await;
    let mut all = Vec::new();
    for id in events {
        all.push((world.booking_of(&id).await.id, id));
    }
    all
}

async fn singles(world: &World, from: usize, n: usize) -> Vec<(BookingId, String)> {
    let mut rows = Vec::new();
    for number in from..from + n {
        rows.push(
            world
                .app_creates(&format!("Booking {number}"), hour(&day(number)))
                .await,
        );
    }
    world.settle().await;
    let mut all = Vec::new();
    for id in rows {
        all.push((id, world.event_of(id).await));
    }
    all
}

/// The app has renamed these bookings, and a person has said that its side is to win.
async fn answered_for_the_app(world: &World, all: &[(BookingId, String)]) {
    for (booking, _) in all {
        world.app_renames(*booking, "Renamed").await;
    }
    let answer = "UPDATE placements SET waiting = 'conflict', answer = 'app' WHERE tenant_id = $1";
    sql(&world.engine.db, answer, args![world.tenant]).await;
}

/// How many events one pass looks at alone, and how many it changes.
async fn looks_and_patches(world: &World) -> (usize, usize) {
    let before = world.requests().await.len();
    world.sync().await;
    let all: Vec<_> = world.requests().await.into_iter().skip(before).collect();
    let count = |method: &str| {
        let of_one = |path: &str| path.contains("/events/");
        let is = |r: &&serde_json::Value| r["method"] == method && r["path"].as_str().is_some_and(of_one);
        all.iter().filter(is).count()
    };
    (count("GET"), count("PATCH"))
}

async fn moves(world: &World, booking: BookingId, clock: u8) {
    let starts = world.text(booking).await.starts_local;
    let day = starts.get(..10).expect("a date");
    world
        .app_moves(
            booking,
            &format!("{day}T{clock}:00:00"),
            &format!("{day}T{}:00:00", clock + 1),
        )
        .await;
}

async fn fails_to_move(world: &World, booking: BookingId) {
    world
        .app_sql(
            "UPDATE bookings SET ends_local = 'nonsense' WHERE tenant_id = $1 AND id = $2",
            booking,
        )
        .await;
}

/// Passes until everything that there is to ask is asked, and everything to look at was looked at.
async fn rest(world: &World) {
    for _ in 0..3 {
        world.sync().await;
    }
}

both_databases! {
    async fn a_hundred_and_more_rows_that_wait_cost_a_pass_nothing(url: String) {
        let world = World::new(&url).await;
        let (talks, broken, removed) = (with_guests(&world, 0, 50).await, singles(&world, 50, 50).await, singles(&world, 100, 12).await);
        let unseen = singles(&world, 112, 12).await;
        world.set(json!({"brake_min": 2, "brake_share": 0.01})).await;
        for (booking, _) in &talks {
            moves(&world, *booking, 15).await;
        }
        for (booking, _) in &broken {
            fails_to_move(&world, *booking).await;
        }
        for (booking, _) in &removed {
            world.app_cancels(*booking).await;
        }
        for (_, event) in &unseen {
            world.person_deletes(event).await;
        }
        rest(&world).await;
        // What Google removed is edited here: the edit waits with the removal.
        world.app_renames(unseen[0].0, "Edited").await;
        rest(&world).await;
        assert_eq!(world.open_questions().await.len(), 51, "each talk, and one about the brake");
        assert_eq!(quarantine::list(&world.engine, world.tenant, None).await.expect("list").len(), 50);
        assert!(world.pending().await >= 113);
        assert_costs_nothing(&world).await;
        assert_costs_nothing(&world).await;
    }

    async fn a_row_that_changes_while_it_waits_is_asked_about_anew_and_an_answer_is_carried_out(url: String) {
        let world = World::new(&url).await;
        let all = with_guests(&world, 0, 1).await;
        let (booking, event) = &all[0];
        moves(&world, *booking, 15).await;
        rest(&world).await;
        let first = world.open_questions().await[0].id;
        assert_costs_nothing(&world).await;
        moves(&world, *booking, 17).await;
        rest(&world).await;
        assert_ne!(world.open_questions().await[0].id, first, "about the newer times");
        assert_costs_nothing(&world).await;
        world.answer("push").await;
        world.settle().await;
        assert_eq!(world.event(event).await["start"]["dateTime"], "2026-03-01T17:00:00+01:00");
        assert_eq!(world.pending().await, 0);
    }

    async fn an_event_that_changes_while_its_booking_waits_is_met(url: String) {
        let world = World::new(&url).await;
        let all = with_guests(&world, 0, 1).await;
        let (booking, event) = &all[0];
        moves(&world, *booking, 15).await;
        rest(&world).await;
        assert_costs_nothing(&world).await;
        // In Google it is moved to the same time: nothing is left to ask.
        let to = hour("2026-03-01T15:00:00");
        let accord::domain::time::Span::Timed { start, end } = to.span else { panic!("timed") };
        world.person_edits(event, json!({"start": {"dateTime": start.local_text(), "timeZone": "Europe/Madrid"},
            "end": {"dateTime": end.local_text(), "timeZone": "Europe/Madrid"}})).await;
        world.settle().await;
        assert!(world.open_questions().await.is_empty());
        assert_eq!(world.pending().await, 0);
    }

    async fn a_row_waits_no_longer_when_its_question_is_lost(url: String) {
        let world = World::new(&url).await;
        let all = with_guests(&world, 0, 1).await;
        moves(&world, all[0].0, 15).await;
        rest(&world).await;
        assert_costs_nothing(&world).await;
        world.app_sql("UPDATE questions SET state = 'withdrawn' WHERE tenant_id = $1 AND subject_id = $2", all[0].0).await;
        rest(&world).await;
        assert_eq!(world.open_questions().await.len(), 1, "asked again");
        assert_costs_nothing(&world).await;
    }

    async fn a_row_that_was_set_aside_comes_again_when_it_changes_or_is_retried(url: String) {
        let world = World::new(&url).await;
        let all = singles(&world, 0, 2).await;
        fails_to_move(&world, all[0].0).await;
        world.app_renames(all[1].0, "Refused").await;
        let no = json!({"error": {"errors": [{"domain": "global", "reason": "invalid", "message": "Invalid value"}], "code": 400, "message": "Invalid value"}});
        world.fault(json!({"method": "PATCH", "path": all[1].1, "times": 1, "action": {"status": 400, "body": no}})).await;
        rest(&world).await;
        assert_costs_nothing(&world).await;
        moves(&world, all[0].0, 15).await;
        assert_eq!(quarantine::retry(&world.engine, world.tenant, world.ana.account).await.expect("retry"), 2);
        world.settle().await;
        assert_eq!(world.event(&all[0].1).await["start"]["dateTime"], "2026-03-01T15:00:00+01:00");
        assert_eq!(world.event(&all[1].1).await["summary"], "Refused");
        assert_eq!(world.pending().await, 0);
    }

    async fn an_edit_of_what_google_shows_as_nonsense_costs_nothing_until_it_is_mended(url: String) {
        let world = World::new(&url).await;
        let all = singles(&world, 0, 1).await;
        let (booking, id) = &all[0];
        world.app_renames(*booking, "Edited").await;
        let mut nonsense = world.event(id).await;
        nonsense["start"] = json!({"dateTime": "never"});
        nonsense["end"] = json!({"dateTime": "never"});
        let stale = json!({"error": {"errors": [{"domain": "global", "reason": "conditionNotMet", "message": "Precondition Failed"}], "code": 412, "message": "Precondition Failed"}});
        world.fault(json!({"method": "PATCH", "path": id, "times": 9, "action": {"status": 412, "body": stale}})).await;
        world.fault(json!({"method": "GET", "path": id, "times": 9, "action": {"status": 200, "body": nonsense}})).await;
        rest(&world).await;
        assert_eq!(quarantine::list(&world.engine, world.tenant, None).await.expect("list").len(), 1);
        assert_costs_nothing(&world).await;
        world.google.http.delete(&world.google.url("/_sandbox/faults"), &[]).await;
        world.app_renames(*booking, "Edited again").await;
        world.settle().await;
        assert_eq!(world.event(id).await["summary"], "Edited again");
        assert_eq!(world.pending().await, 0);
    }

    async fn occurrences_deleted_with_a_series_that_the_brake_holds_cost_nothing(url: String) {
        let world = World::new(&url).await;
        let mut weekly = event("Weekly", "2026-03-02T09:00:00");
        weekly["recurrence"] = json!(["RRULE:FREQ=WEEKLY;COUNT=6"]);
        let id = world.person_creates(weekly).await;
        for instance in world.instances(&id).await.iter().take(3) {
            world.person_edits(instance["id"].as_str().expect("an id"), json!({"summary": "Moved"})).await;
        }
        world.settle().await;
        assert_eq!(world.bookings().await.len(), 4);
        world.set(json!({"brake_min": 1, "brake_share": 0.01})).await;
        let series = world.booking_of(&id).await.id;
        for row in world.bookings().await {
            if row.id != series {
                world.app_deletes(row.id).await;
            }
        }
        world.app_deletes(series).await;
        rest(&world).await;
        assert_costs_nothing(&world).await;
        world.answer("approve").await;
        world.settle().await;
        assert_eq!(world.event(&id).await["status"], "cancelled");
        assert_eq!(world.pending().await, 0);
    }

    async fn answers_while_writes_are_paused_cost_nothing_and_are_carried_out_afterwards(url: String) {
        let world = World::new(&url).await;
        let all = singles(&world, 0, 3).await;
        answered_for_the_app(&world, &all).await;
        let pause = "UPDATE sync_scopes SET writes_paused_until = $2 WHERE tenant_id = $1";
        sql(&world.engine.db, pause, args![world.tenant, i64::MAX]).await;
        for _ in 0..2 {
            assert_eq!(looks_and_patches(&world).await, (0, 0));
        }
        sql(&world.engine.db, pause, args![world.tenant, 0]).await;
        assert_eq!(looks_and_patches(&world).await, (3, 3));
        assert_eq!(world.pending().await, 0);
    }

    async fn many_answers_are_carried_out_in_portions_and_none_unread(url: String) {
        let world = World::new(&url).await;
        let all = singles(&world, 0, 103).await;
        answered_for_the_app(&world, &all).await;
        assert_eq!(looks_and_patches(&world).await, (100, 100));
        assert_eq!(world.pending().await, 3);
        let due = scopes::status(&mut world.read().await, world.tenant, Some(world.ana.account)).await.expect("status");
        assert!(due[0].due_at <= world.engine.now_ms(), "the rest follows at once");
        assert_eq!(looks_and_patches(&world).await, (3, 3));
        assert_eq!(world.pending().await, 0);
        for (_, id) in all {
            assert_eq!(world.event(&id).await["summary"], "Renamed");
        }
    }

    async fn what_waits_for_a_calendar_that_may_not_be_written_costs_nothing(url: String) {
        let world = World::new(&url).await;
        let team = support::google::text(&world.person_posts(ANA, "/calendars", json!({"summary": "Team"})).await, "id");
        world.choose(&world.ana, &team, false).await;
        world.person_creates_in(ANA, &team, event("Standup", "2026-03-05T09:00:00")).await;
        world.sync_scope(&world.ana, &team).await;
        let role = json!({"user": ANA, "calendar": team, "role": "reader"});
        world.google.switch("calendar/set_role", &role).await;
        world.app_renames(world.bookings().await[0].id, "Later").await;
        for _ in 0..3 {
            world.sync_scope(&world.ana, &team).await;
        }
        assert_eq!(world.pending().await, 1);
        let counts = world.engine.db.counts();
        assert!(world.sync_scope(&world.ana, &team).await.is_quiet());
        assert!(world.engine.db.counts().0 - counts.0 <= 3);
    }
}
