//! Many items in one pass: what is stored together, what the database refuses, removals by the hundred, and a plan that
//! holds nobody up. On both databases.
mod support;

use accord::engine::quarantine;
use accord::engine::sync;
use accord::store::scopes;
use serde_json::{Value, json};
use support::google::ANA;
use support::postgres::{both_databases, fresh_database};
use support::series::series_event;
use support::world::{World, event, run};

/// More than two chunks of a pass.
const MANY: usize = 300;

/// Ana's calendar with so many events, none of them synchronised.
async fn many(world: &World, count: usize) -> Vec<String> {
    let model = world.person_creates(event("Meeting", "2026-03-04T10:00:00")).await;
    let copies = json!({"calendar": ANA, "event": model, "times": count - 1});
    world.google.switch("calendar/copy_event", &copies).await;
    world.events().await.iter().map(id_of).collect()
}

fn id_of(event: &Value) -> String {
    event["id"].as_str().expect("an id").to_owned()
}

/// The database refuses to write (`INSERT` or `UPDATE`) a booking while it has this title.
async fn refuse(world: &World, operation: &'static str, title: &'static str) {
    let statements: Vec<String> = match world.engine.db.backend() {
        accord::store::Backend::Sqlite => vec![format!(
            "CREATE TRIGGER refuse BEFORE {operation} ON bookings WHEN NEW.title = '{title}' \
             BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )],
        accord::store::Backend::Postgres => vec![
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN RAISE EXCEPTION ''not this one''; END'"
                .to_owned(),
            format!(
                "CREATE TRIGGER refuse BEFORE {operation} ON bookings FOR EACH ROW WHEN (NEW.title = '{title}') \
                 EXECUTE FUNCTION refuse()"
            ),
        ],
    };
    for statement in statements {
        run(&world.engine.db, statement.leak(), vec![]).await;
    }
}

async fn refuse_no_more(world: &World) {
    let drop = match world.engine.db.backend() {
        accord::store::Backend::Sqlite => "DROP TRIGGER refuse",
        accord::store::Backend::Postgres => "DROP TRIGGER refuse ON bookings",
    };
    run(&world.engine.db, drop, vec![]).await;
}

async fn forget_questions(world: &World) {
    run(&world.engine.db, "DELETE FROM questions", vec![]).await;
}

async fn aside(world: &World) -> Vec<quarantine::SetAside> {
    quarantine::list(&world.engine, world.tenant, None)
        .await
        .expect("a list")
}

async fn with_status(world: &World, status: &str) -> usize {
    world
        .bookings()
        .await
        .iter()
        .filter(|row| row.text.status == status)
        .count()
}

/// PostgreSQL ends so many transactions that store a booking, as it does when two are in each other's way.
async fn end_transactions(world: &World, how_many: u32) {
    for statement in [
        "CREATE SEQUENCE ended".to_owned(),
        format!(
            "CREATE FUNCTION end_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF nextval('ended') <= {how_many} THEN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END IF; \
             RETURN NEW; END $$"
        ),
        "CREATE TRIGGER end_it BEFORE INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION end_it()".to_owned(),
    ] {
        run(&world.engine.db, statement.leak(), accord::args![]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_that_met_another_transaction_is_done_again() {
    let database = fresh_database().await;
    let world = World::new(database.url()).await;
    many(&world, 5).await;
    end_transactions(&world, 2).await;
    let report = world.try_sync().await.expect("a good pass");
    assert_eq!((report.bookings_created, world.bookings().await.len()), (5, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_that_others_are_in_the_way_of_is_tried_soon_and_is_no_failure_of_its_scope() {
    let database = fresh_database().await;
    let world = World::new(database.url()).await;
    many(&world, 5).await;
    end_transactions(&world, 1000).await;
    for _ in 0..3 {
        let error = world.try_sync().await.expect_err("it gives way");
        assert!(error.to_string().contains("in the way"), "{error}");
        let mut tx = world.read().await;
        let all = scopes::status(&mut tx, world.tenant, None).await.expect("scopes");
        let scope = all.iter().find(|scope| scope.key.calendar.0 == ANA).expect("a scope");
        assert_eq!((scope.failures, &scope.last_error), (0, &None));
        let wait = scope.due_at - world.engine.now_ms();
        assert!((1..=1000).contains(&wait), "{wait}");
    }
    run(&world.engine.db, "DROP TRIGGER end_it ON bookings", accord::args![]).await;
    world.settle().await;
    assert_eq!(world.bookings().await.len(), 5);
}

both_databases! {
    async fn hundreds_of_new_events_cost_a_tenth_of_a_statement_each(url: String) {
        let world = World::new(&url).await;
        many(&world, MANY).await;
        let (before, _) = world.engine.db.counts();
        let report = world.sync().await;
        let (after, _) = world.engine.db.counts();
        assert_eq!(report.bookings_created, MANY as u64, "{report:?}");
        assert!(after - before <= 100, "{} statements for {MANY} events", after - before);
        assert_eq!(world.bookings().await.len(), MANY);
        world.assert_quiet().await;
    }

    async fn two_events_of_one_listing_with_one_identity_are_one_booking(url: String) {
        let world = World::new(&url).await;
        for id in ["samemeeting1", "samemeeting2"] {
            let mut twin = event("Twin", "2026-03-04T10:00:00");
            (twin["id"], twin["iCalUID"]) = (json!(id), json!("twin@example.com"));
            (twin["status"], twin["etag"]) = (json!("confirmed"), json!("\"1\""));
            world.google.switch("calendar/raw_event", &json!({"calendar": ANA, "event": twin})).await;
        }
        let report = world.sync().await;
        assert_eq!((report.bookings_created, report.quarantined), (1, 0), "{report:?}");
        let [booking] = &world.bookings().await[..] else { panic!("one booking was expected") };
        let placed = accord::store::placements::of_booking(&mut world.read().await, world.tenant, booking.id).await;
        assert_eq!(placed.expect("placements").len(), 2);
    }

    async fn a_new_event_that_the_database_refuses_is_set_aside_and_its_neighbours_go_on(url: String) {
        let world = World::new(&url).await;
        many(&world, MANY).await;
        let poison = world.person_creates(event("Poison", "2026-03-05T10:00:00")).await;
        refuse(&world, "INSERT", "Poison").await;
        let report = world.sync().await;
        assert_eq!((report.bookings_created, report.quarantined), (MANY as u64, 1), "{report:?}");
        assert_eq!(world.bookings().await.len(), MANY);
        let [item] = &aside(&world).await[..] else { panic!("one item was expected") };
        assert_eq!((item.side.as_str(), &item.item_id), ("google", &poison));
        assert!(item.reason.contains("not this one"), "{}", item.reason);
        world.assert_quiet().await;
        refuse_no_more(&world).await;
        quarantine::retry(&world.engine, world.tenant, world.ana.account).await.expect("a retry");
        assert_eq!(world.sync().await.bookings_created, 1);
        assert!(aside(&world).await.is_empty());
    }

    async fn an_edit_and_a_cancellation_that_the_database_refuses_are_set_aside_alone(url: String) {
        let world = World::new(&url).await;
        let ids = many(&world, 5).await;
        world.person_edits(&ids[0], json!({"summary": "Poison"})).await;
        world.settle().await;
        refuse(&world, "UPDATE", "Poison").await;
        world.person_edits(&ids[0], json!({"location": "Elsewhere"})).await;
        world.person_edits(&ids[1], json!({"summary": "Neighbour"})).await;
        let report = world.sync().await;
        assert_eq!((report.bookings_updated, report.quarantined), (1, 1), "{report:?}");
        assert_eq!(world.booking_of(&ids[1]).await.text.title, "Neighbour");
        for id in [&ids[0], &ids[2]] {
            world.person_deletes(id).await;
        }
        let report = world.sync().await;
        assert_eq!((report.bookings_cancelled, report.quarantined), (1, 1), "{report:?}");
        assert_eq!(world.booking_of(&ids[2]).await.text.status, "cancelled");
        assert_eq!(world.booking_of(&ids[0]).await.text.status, "confirmed");
        assert!(aside(&world).await[0].reason.contains("not this one"));
        // Retried, the tombstone is found by a direct look although a full listing does not show it.
        refuse_no_more(&world).await;
        quarantine::retry(&world.engine, world.tenant, world.ana.account).await.expect("a retry");
        world.settle().await;
        assert_eq!(world.booking_of(&ids[0]).await.text.status, "cancelled");
        assert!(aside(&world).await.is_empty());
    }

    async fn hundreds_of_removals_are_carried_out_in_several_transactions(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"brake_min": 1000})).await;
        let ids = many(&world, MANY).await;
        world.settle().await;
        for id in &ids {
            world.person_deletes(id).await;
        }
        let (_, before) = world.engine.db.counts();
        let report = world.sync().await;
        let (_, after) = world.engine.db.counts();
        assert_eq!(report.bookings_cancelled, MANY as u64, "{report:?}");
        assert_eq!(with_status(&world, "cancelled").await, MANY);
        assert!(after - before >= 6, "sorted out and removed in three chunks each: {} commits", after - before);
        world.assert_quiet().await;
    }

    async fn hundreds_of_held_removals_are_one_question(url: String) {
        let world = World::new(&url).await;
        let ids = many(&world, MANY).await;
        world.settle().await;
        for id in &ids {
            world.person_deletes(id).await;
        }
        let report = world.sync().await;
        assert_eq!((report.bookings_cancelled, report.braked), (0, MANY as u64), "{report:?}");
        let [question] = &world.open_questions().await[..] else { panic!("one question was expected") };
        assert_eq!(question.detail["count"], MANY);
        world.answer("approve").await;
        world.settle().await;
        assert_eq!(with_status(&world, "cancelled").await, MANY);
    }

    async fn the_changed_occurrences_of_a_new_series_are_stored_together(url: String) {
        let world = World::new(&url).await;
        let daily = series_event("Daily", "2026-03-01T10:00:00", &["RRULE:FREQ=DAILY;COUNT=28"]);
        let series = world.person_creates(daily).await;
        for day in 1..=28 {
            let instance = format!("{series}_202603{day:02}T090000Z");
            world.person_edits(&instance, json!({"summary": format!("Day {day}")})).await;
        }
        let (before, _) = world.engine.db.counts();
        let report = world.sync().await;
        let (after, _) = world.engine.db.counts();
        assert_eq!(report.bookings_created, 29, "{report:?}");
        assert!(after - before <= 85, "{} statements for 28 occurrences", after - before);
        let whole = world.booking_of(&series).await.id.to_string();
        let changed = world.bookings().await;
        let changed = changed.iter().filter(|row| row.text.series_id.as_ref() == Some(&whole));
        assert_eq!(changed.count(), 28);
        world.assert_quiet().await;
    }

    async fn what_is_held_is_asked_about_although_the_pass_that_held_it_died_before_it_asked(url: String) {
        let world = World::new(&url).await;
        let ids = many(&world, 20).await;
        world.settle().await;
        for id in &ids {
            world.person_deletes(id).await;
        }
        assert_eq!(world.sync().await.braked, 20);
        forget_questions(&world).await;
        world.person_creates(event("Something else", "2026-03-06T10:00:00")).await;
        world.sync().await;
        let [question] = &world.open_questions().await[..] else { panic!("one question was expected") };
        assert_eq!(question.detail["count"], 20);
    }

    async fn a_plan_tells_what_the_pass_then_does_while_somebody_else_writes(url: String) {
        let world = World::new(&url).await;
        let ids = many(&world, 4).await;
        let series = world.person_creates(series_event("Weekly", "2026-03-05T10:00:00", &["RRULE:FREQ=WEEKLY;COUNT=5"])).await;
        world.settle().await;
        let late = world.instance_id(&series, "2026-03-12T09:00:00Z").await;
        world.person_edits(&late, json!({"summary": "Once later"})).await;
        world.person_edits(&ids[0], json!({"summary": "Edited"})).await;
        world.person_deletes(&ids[1]).await;
        world.person_creates(event("New", "2026-03-06T10:00:00")).await;
        world.person_creates(series_event("Another", "2026-03-07T10:00:00", &["RRULE:FREQ=DAILY;COUNT=3"])).await;
        world.app_creates("From the app", support::world::hour("2026-03-08T10:00:00")).await;
        let before = world.bookings().await;
        // On SQLite there is one writer, and here somebody is it.
        let writer = world.engine.db.begin().await.expect("begin");
        let mut planned = sync::plan(&world.engine, &world.scope(&world.ana, ANA)).await.expect("a plan");
        drop(writer);
        assert_eq!(world.bookings().await, before, "a plan changes nothing");
        let steps = planned.steps.take().expect("steps");
        assert_eq!(steps.len(), 6, "{steps:?}");
        assert_eq!(planned, world.sync().await);
    }
}
