//! The PostgreSQL role of a tenant's app: it sees and writes its own rows, column by column, and nothing of anybody else's.
//! SQLite has no roles (`cli.rs` says what it answers), so this runs on PostgreSQL only.
mod support;

use accord::args;
use accord::domain::ids::{BookingId, TenantId};
use accord::store::{Tx, sql_role};
use serde_json::json;
use support::world::{World, hour, run};

/// A world with a second tenant that has a user and a booking, and the role of the first one.
async fn world(url: &str) -> (World, String, TenantId) {
    let world = World::new(url).await;
    let other = TenantId(world.engine.fresh_uuid());
    let user = world.engine.fresh_uuid().to_string();
    let settings = json!({"admin_email": "admin@other.example"}).to_string();
    let db = &world.engine.db;
    let tenant = "INSERT INTO tenants (id, name, settings, created_at, updated_at) VALUES ($1, 'Other', $2, 0, 0)";
    run(db, tenant, args![other, settings]).await;
    let eva = "INSERT INTO users (tenant_id, id, name, email, time_zone, created_at, updated_at) \
        VALUES ($1, $2, 'Eva', 'eva@other.example', 'UTC', 0, 0)";
    run(db, eva, args![other, user.clone()]).await;
    let theirs = "INSERT INTO bookings (tenant_id, id, user_id, title, starts_local, ends_local, time_zone) \
        VALUES ($1, $2, $3, 'Theirs', '2026-03-05T09:00:00', '2026-03-05T10:00:00', 'UTC')";
    run(db, theirs, args![other, world.engine.fresh_uuid().to_string(), user]).await;
    let mut tx = db.begin().await.expect("begin");
    let role = sql_role::ensure(&mut tx, world.tenant, "a password")
        .await
        .expect("the role is made");
    tx.commit().await.expect("commit");
    (world, role, other)
}

/// A transaction as the role.
async fn as_role(world: &World, role: &str) -> Tx {
    let mut tx = world.engine.db.begin().await.expect("begin");
    let become_role = format!("SET LOCAL ROLE \"{role}\"");
    tx.execute(String::leak(become_role), args![])
        .await
        .expect("the role exists");
    tx
}

async fn refused(world: &World, role: &str, sql: &'static str, values: Vec<accord::store::Value>) {
    let mut tx = as_role(world, role).await;
    let done = tx.execute(sql, values).await;
    assert!(done.is_err(), "{sql}: {done:?}");
}

async fn count(tx: &mut Tx, sql: &'static str) -> i64 {
    let rows = tx.fetch_all(sql, args![]).await.expect("it may read");
    rows[0].int("n").expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_role_sees_and_writes_its_own_rows_only() {
    let database = support::postgres::fresh_database().await;
    let (world, role, other) = world(database.url()).await;
    let mine = world.app_creates("Mine", hour("2026-03-05T09:00:00")).await;
    let mut tx = as_role(&world, &role).await;
    for table in ["SELECT COUNT(*) AS n FROM bookings", "SELECT COUNT(*) AS n FROM users"] {
        assert_eq!(count(&mut tx, table).await, 1, "{table}");
    }
    assert_eq!(
        count(&mut tx, "SELECT COUNT(*) AS n FROM changes WHERE kind = 'booking'").await,
        1
    );
    // Without a WHERE only its own row is meant.
    let renamed = tx
        .execute("UPDATE bookings SET title = 'Renamed'", args![])
        .await
        .expect("it may write");
    assert_eq!(renamed, 1);
    tx.commit().await.expect("commit");
    assert_eq!(world.text(mine).await.title, "Renamed");
    let insert = "INSERT INTO resources (tenant_id, id, name) VALUES ($1, $2, 'Room')";
    refused(
        &world,
        &role,
        insert,
        args![other, world.engine.fresh_uuid().to_string()],
    )
    .await;
    let mut tx = as_role(&world, &role).await;
    let made = tx
        .execute(insert, args![world.tenant, world.engine.fresh_uuid().to_string()])
        .await;
    assert_eq!(made.expect("its own"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_role_writes_no_column_and_no_table_of_the_engine() {
    let database = support::postgres::fresh_database().await;
    let (world, role, _) = world(database.url()).await;
    world.app_creates("Mine", hour("2026-03-05T09:00:00")).await;
    for sql in [
        "UPDATE bookings SET version = 9",
        "UPDATE bookings SET location = 'x'",
        "UPDATE bookings SET origin = 'google'",
        "UPDATE row_state SET agreed_version = version",
        "DELETE FROM placements",
        "DELETE FROM hand_overs",
        "DELETE FROM changes",
        "UPDATE users SET email = 'x@example.com'",
        "UPDATE accounts SET state = 'active'",
        "TRUNCATE bookings",
        "DROP TABLE bookings",
        "ALTER TABLE bookings DISABLE TRIGGER ALL",
    ] {
        refused(&world, &role, sql, args![]).await;
    }
    for sql in [
        "SELECT * FROM accounts",
        "SELECT * FROM placements",
        "SELECT * FROM tenants",
        "SELECT * FROM hand_overs",
    ] {
        let mut tx = as_role(&world, &role).await;
        assert!(tx.fetch_all(sql, args![]).await.is_err(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_role_hands_bookings_over_within_its_tenant() {
    let database = support::postgres::fresh_database().await;
    let (world, role, other) = world(database.url()).await;
    let ben = world.ben().await;
    let booking: BookingId = world.app_creates("Mine", hour("2026-03-05T09:00:00")).await;
    world.settle().await;
    let eva = "UPDATE bookings SET user_id = (SELECT $2) WHERE id = $1";
    let mut tx = world.read().await;
    let rows = tx
        .fetch_all("SELECT id FROM users WHERE tenant_id = $1", args![other])
        .await
        .expect("read");
    let theirs = rows[0].text("id").expect("an id");
    drop(tx);
    refused(&world, &role, eva, args![booking, theirs]).await;
    let mut tx = as_role(&world, &role).await;
    let given = tx
        .execute(
            "UPDATE bookings SET user_id = $2 WHERE id = $1",
            args![booking, ben.user],
        )
        .await;
    assert_eq!(given.expect("it may"), 1);
    tx.commit().await.expect("commit");
    world.sync().await;
    world.sync_scope(&ben, support::world::BEN).await;
    assert!(world.events().await.is_empty());
    assert_eq!(world.events_of(support::world::BEN, "primary").await.len(), 1);
}
