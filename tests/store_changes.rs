//! Versions and the change feed hold whoever writes: the API, or an app with SQL of its own.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod api_support;
mod support;

use accord::store::changes;
use api_support::App;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use support::postgres::{both_databases, fresh_database};

const KAREL: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000001";
const ID: &str = "0190f3c4-5b1e-7cc0-9d3a-0000000000aa";

fn insert(app: &App, verb: &str, title: &str) -> String {
    format!(
        "{verb} INTO bookings (tenant_id, id, user_id, title, starts_local, ends_local, time_zone) VALUES ('{}', '{ID}', \
         '{}', '{title}', '2026-03-02T09:00:00', '2026-03-02T10:00:00', 'Europe/Prague')",
        app.tenant, app.user
    )
}

async fn version(app: &App) -> i64 {
    let versions = app
        .sql(&format!("SELECT version FROM bookings WHERE id = '{ID}'"))
        .await
        .unwrap();
    versions.parse().unwrap()
}

/// kind, operation and version of the next entries after a position: `count` of them, or more if there are.
async fn fed(app: &App, after: &mut Option<String>, count: usize) -> Vec<(String, String, i64)> {
    let (items, next) = app.feed(after.as_deref(), count).await;
    *after = Some(next);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    items
        .iter()
        .map(|item| {
            (
                text(&item["kind"]),
                text(&item["operation"]),
                item["version"].as_i64().unwrap(),
            )
        })
        .collect()
}

fn entry(kind: &str, operation: &str, version: i64) -> (String, String, i64) {
    (kind.to_owned(), operation.to_owned(), version)
}

both_databases! {
    async fn edits_in_sql_count_versions_and_appear_in_the_feed(url: String) {
        let app = App::start(url).await;
        let mut at = None;
        assert_eq!(fed(&app, &mut at, 0).await, []);
        app.sql(&insert(&app, "INSERT", "Haircut")).await.unwrap();
        assert_eq!(fed(&app, &mut at, 1).await, [entry("booking", "upsert", 1)]);
        let shown = app.get(&format!("/bookings/{ID}")).await.expect(200);
        assert_eq!((&shown["title"], &shown["starts_at"]), (&json!("Haircut"), &json!("2026-03-02T09:00:00+01:00")));
        app.sql("UPDATE bookings SET title = 'Colour'").await.unwrap();
        assert_eq!(fed(&app, &mut at, 1).await, [entry("booking", "upsert", 2)]);
        // What is not mirrored, or does not change, is no change.
        app.sql("UPDATE bookings SET title = 'Colour', mail_wish = 'propose'").await.unwrap();
        assert_eq!((fed(&app, &mut at, 0).await, version(&app).await), (vec![], 2));
        app.add_customer(&app.user, KAREL).await;
        app.sql(&format!("INSERT INTO booking_customers (tenant_id, user_id, booking_id, customer_id) \
            VALUES ('{}', '{}', '{ID}', '{KAREL}')", app.tenant, app.user)).await.unwrap();
        assert_eq!(fed(&app, &mut at, 2).await, [entry("customer", "upsert", 1), entry("booking", "upsert", 3)]);
        // A version that the app writes itself is put right.
        app.sql("UPDATE bookings SET version = 77").await.unwrap();
        assert_eq!(version(&app).await, 3);
        app.sql("DELETE FROM bookings").await.unwrap();
        assert_eq!(fed(&app, &mut at, 1).await, [entry("booking", "delete", 4)]);
        assert!(app.sql("SELECT deleted_row FROM row_state WHERE kind = 'booking'").await.unwrap().contains(KAREL));
        app.get(&format!("/bookings/{ID}")).await.problem(404, "not-found");
        assert_eq!(fed(&app, &mut at, 0).await, []);
    }

    async fn an_id_that_is_no_uuid_is_refused_where_it_is_written(url: String) {
        let app = App::start(url).await;
        let room = |id: &str| format!("INSERT INTO resources (tenant_id, id, name) VALUES ('{}', '{id}', 'R{id}')", app.tenant);
        for id in ["42", "", "0190F3C4-5B1E-7CC0-9D3A-000000000001", "0190f3c45b1e7cc09d3a000000000001", &format!("{KAREL}x")] {
            let (booking, room) = (insert(&app, "INSERT", "Odd").replace(ID, id), room(id));
            let customer = format!("INSERT INTO customers (tenant_id, id, user_id) VALUES ('{}', '{id}', '{}')", app.tenant, app.user);
            for sql in [booking, room, customer] {
                assert!(app.sql(&sql).await.is_err(), "{sql}");
            }
        }
        app.sql(&room(KAREL)).await.unwrap();
    }

    async fn a_tenant_whose_rows_cannot_be_read_does_not_hold_up_the_others(url: String) {
        let app = App::start(url).await;
        let (stranger, theirs) = app.stranger().await;
        let tenant = app.call("GET", "/tenant", Some(&stranger), &[], None).await.expect(200)["id"].as_str().unwrap().to_owned();
        let other = insert(&app, "INSERT", "Odd").replace(&app.tenant.to_string(), &tenant).replace(&app.user, &theirs);
        app.sql(&other).await.unwrap();
        app.sql("UPDATE row_state SET user_id = 'odd'").await.unwrap();
        app.sql(&insert(&app, "INSERT", "Haircut")).await.unwrap();
        accord::engine::notice::run(&app.engine).await.unwrap();
        let waiting = "SELECT COUNT(*) FROM row_state WHERE kind = 'booking' AND version <> noticed_version";
        assert_eq!(app.sql(waiting).await.unwrap(), "0");
        assert_eq!(app.sql("SELECT COUNT(*) FROM booking_times").await.unwrap(), "2");
    }

    async fn a_stale_if_match_is_refused_after_an_edit_in_sql(url: String) {
        let app = App::start(url).await;
        let made = app.book(json!({})).await;
        app.sql("UPDATE bookings SET description = 'from SQL'").await.unwrap();
        let path = format!("/bookings/{}", made["id"].as_str().unwrap());
        app.patch(&path, &made["version"], &json!({"title": "Lost?"})).await.problem(412, "stale-version");
        assert_eq!(app.get(&path).await.expect(200)["description"], "from SQL");
    }

    async fn the_version_goes_on_after_a_deletion_and_a_new_row_with_the_same_id(url: String) {
        let app = App::start(url).await;
        app.sql(&insert(&app, "INSERT", "One")).await.unwrap();
        app.sql("DELETE FROM bookings").await.unwrap();
        app.sql(&insert(&app, "INSERT", "Two")).await.unwrap();
        assert_eq!(version(&app).await, 3);
        let deleted = app.sql("SELECT COUNT(*) FROM row_state WHERE deleted_row IS NOT NULL").await.unwrap();
        assert_eq!(deleted, "0", "nothing is left to delete in Google");
    }

    async fn pages_of_the_feed_follow_each_other_and_what_was_pruned_is_said(url: String) {
        let app = App::start(url).await;
        for _ in 0..3 { app.book(json!({})).await; }
        app.feed(None, 3).await;
        let first = app.get("/changes?limit=2").await.expect(200);
        assert_eq!(first["items"].as_array().unwrap().len(), 2);
        let start = first["next"].as_str().unwrap().to_owned();
        let (rest, end) = app.feed(Some(&start), 1).await;
        assert_eq!(rest.len(), 1);
        assert_eq!(app.changes(Some(&end)).await, (vec![], end.clone()));
        assert_eq!(app.get("/changes?after=nonsense").await.bad_fields(), ["after"]);
        let mut tx = app.engine.db.begin().await.unwrap();
        assert_eq!(changes::prune(&mut tx, i64::MAX).await.unwrap(), 3);
        tx.commit().await.unwrap();
        app.get(&format!("/changes?after={start}")).await.problem(410, "cursor-expired");
        // Who has seen everything, and who starts again, can go on.
        assert_eq!(app.changes(Some(&end)).await.0, [] as [Value; 0]);
        app.book(json!({})).await;
        assert_eq!(app.feed(Some(&end), 1).await.0.len(), 1);
        assert_eq!(app.changes(None).await.0.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replace_on_sqlite_is_an_edit() {
    let database = support::postgres::fresh_sqlite();
    let app = App::start(database.url().to_owned()).await;
    app.sql(&insert(&app, "INSERT", "One")).await.unwrap();
    app.sql(&insert(&app, "REPLACE", "Two")).await.unwrap();
    assert_eq!(version(&app).await, 2);
    let (changes, _) = app.changes(None).await;
    assert_eq!(changes.len(), 2);
    assert!(changes.iter().all(|change| change["operation"] == "upsert"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truncate_is_refused_on_postgres() {
    let database = fresh_database().await;
    let app = App::start(database.url().to_owned()).await;
    app.book(json!({})).await;
    for table in ["bookings", "booking_customers", "customers", "resources"] {
        let error = app.sql(&format!("TRUNCATE {table} CASCADE")).await.unwrap_err();
        assert!(error.contains("TRUNCATE would hide deletions"), "{table}: {error}");
    }
    assert_eq!(app.sql("SELECT COUNT(*) FROM bookings").await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_commit_in_reverse_order_are_both_seen_on_postgres() {
    let database = fresh_database().await;
    let app = App::start(database.url().to_owned()).await;
    let mut early = PgConnection::connect(app.database()).await.unwrap();
    let mut at = None;
    assert_eq!(fed(&app, &mut at, 0).await, []);
    // The older transaction writes first and commits last.
    let mut older = early.begin().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(insert(&app, "INSERT", "Older")))
        .execute(&mut *older)
        .await
        .unwrap();
    let newer = app.book(json!({"title": "Newer"})).await;
    assert_eq!(
        fed(&app, &mut at, 0).await,
        [],
        "what is newer waits, or the older would be stepped over"
    );
    older.commit().await.unwrap();
    let (items, _) = app.feed(at.as_deref(), 2).await;
    let ids: Vec<&Value> = items.iter().map(|item| &item["id"]).collect();
    assert_eq!(ids, [&json!(ID), &newer["id"]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_work_elsewhere_is_refused_with_409_on_postgres() {
    let database = fresh_database().await;
    let app = App::start(database.url().to_owned()).await;
    let body = app.booking(json!({}));
    let mut elsewhere = app.engine.db.begin().await.unwrap();
    assert!(
        accord::store::idempotency::take(&mut elsewhere, app.tenant, "k")
            .await
            .unwrap()
    );
    let reply = app.post_once("/bookings", &body, Some("k")).await;
    reply.problem(409, "request-in-progress");
    assert_eq!(reply.header("retry-after"), "1");
    elsewhere.rollback().await.unwrap();
    app.post_once("/bookings", &body, Some("k")).await.expect(201);
}
