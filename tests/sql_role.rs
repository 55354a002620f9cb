//! The role with which a tenant's app writes its own rows on PostgreSQL: what it may, what it may not, and what becomes of it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod connect_support;
mod support;

use accord::args;
use accord::domain::ids::{TenantId, UserId};
use accord::engine::{notice, sync_now};
use accord::store::sql_role;
use connect_support::{BEA, Bed};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use support::google::ANA;
use support::postgres::{TestDatabase, fresh_database};

const BOOKING: &str = "0190f3c4-5b1e-7cc0-9d3a-0000000000b1";
const FOREIGN: &str = "0190f3c4-5b1e-7cc0-9d3a-0000000000b2";

/// Roles belong to the whole server: each test has tenants of its own.
#[expect(clippy::disallowed_methods, reason = "tests that run at once must not meet")]
fn fresh_tenant() -> TenantId {
    let mut random = [0; 16];
    getrandom::fill(&mut random).unwrap();
    TenantId(uuid::Builder::from_random_bytes(random).into_uuid())
}

/// A connection of a tenant's app.
async fn app(database: &TestDatabase, bed: &Bed, tenant: TenantId) -> PgConnection {
    let mut tx = bed.engine.db.begin().await.unwrap();
    let role = sql_role::ensure(&mut tx, tenant, "pa'ss%word").await.unwrap();
    assert_eq!(role, sql_role::name(tenant));
    tx.commit().await.unwrap();
    let options: PgConnectOptions = database.url().parse().unwrap();
    options.username(&role).password("pa'ss%word").connect().await.unwrap()
}

/// Runs a statement; the SQLSTATE when it is refused.
async fn run(app: &mut PgConnection, sql: &str) -> Result<u64, String> {
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(app).await;
    done.map(|done| done.rows_affected()).map_err(|error| {
        let code = error
            .as_database_error()
            .and_then(|error| error.code())
            .map(|code| code.into_owned());
        code.unwrap_or_else(|| error.to_string())
    })
}

async fn number(app: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query(AssertSqlSafe(sql.to_owned()))
        .fetch_one(app)
        .await
        .unwrap()
        .get(0)
}

fn insert(bed: &Bed, tenant: TenantId, id: &str) -> String {
    format!(
        "INSERT INTO bookings (tenant_id, id, user_id, title, starts_local, ends_local, time_zone) \
         VALUES ('{tenant}', '{id}', '{}', 'Haircut', '2026-03-03T10:00:00', '2026-03-03T11:00:00', 'UTC')",
        bed.ana
    )
}

/// What a person sees in their calendar.
async fn titles(bed: &Bed, who: &str) -> Vec<String> {
    let authorization = format!("Bearer person:{who}");
    let headers = [("authorization", authorization.as_str())];
    let list = bed.google.http.get(&bed.google.events(), &headers).await.expect(200);
    let events = list.json()["items"].as_array().unwrap().clone();
    events
        .iter()
        .filter_map(|event| event["summary"].as_str().map(str::to_owned))
        .collect()
}

async fn drop_role(bed: &Bed, tenant: TenantId) {
    let role = sql_role::name(tenant);
    let sql: &'static str = Box::leak(format!("DROP OWNED BY {role}").into_boxed_str());
    bed.sql(sql, vec![]).await;
    let sql: &'static str = Box::leak(format!("DROP ROLE {role}").into_boxed_str());
    bed.sql(sql, vec![]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_role_sees_and_writes_its_own_rows_and_nothing_else() {
    let database = fresh_database().await;
    let bed = Bed::new(database.url()).await;
    let (one, other) = (fresh_tenant(), fresh_tenant());
    bed.add_tenant(one, "One").await;
    bed.add_tenant(other, "Other").await;
    let mut ours = app(&database, &bed, one).await;
    let mut theirs = app(&database, &bed, other).await;
    assert_eq!(run(&mut ours, &insert(&bed, one, BOOKING)).await, Ok(1));
    assert_eq!(run(&mut theirs, &insert(&bed, other, FOREIGN)).await, Ok(1));

    // Row-level security: another tenant's rows are not there, to be read, changed or made.
    for (app, mine) in [(&mut ours, BOOKING), (&mut theirs, FOREIGN)] {
        assert_eq!(number(app, "SELECT COUNT(*) FROM bookings").await, 1);
        assert_eq!(
            number(app, &format!("SELECT COUNT(*) FROM bookings WHERE id = '{mine}'")).await,
            1
        );
        assert_eq!(number(app, "SELECT COUNT(DISTINCT tenant_id) FROM users").await, 1);
        assert_eq!(number(app, "SELECT COUNT(DISTINCT tenant_id) FROM changes").await, 1);
    }
    const DENIED: &str = "42501";
    let denied = || Err(DENIED.to_owned());
    assert_eq!(
        run(
            &mut ours,
            &format!("UPDATE bookings SET title = 'x' WHERE id = '{FOREIGN}'")
        )
        .await,
        Ok(0)
    );
    assert_eq!(
        run(&mut ours, &format!("DELETE FROM bookings WHERE id = '{FOREIGN}'")).await,
        Ok(0)
    );
    let stranger = "0190f3c4-5b1e-7cc0-9d3a-0000000000b3";
    assert_eq!(run(&mut ours, &insert(&bed, other, stranger)).await, denied());
    let room =
        |tenant| format!("INSERT INTO resources (tenant_id, id, name) VALUES ('{tenant}', '{stranger}', 'Room')");
    assert_eq!(run(&mut ours, &room(other)).await, denied());
    assert_eq!(run(&mut ours, &room(one)).await, Ok(1));

    let customer = format!(
        "INSERT INTO customers (tenant_id, id, user_id, given_name, language, time_zone) \
         VALUES ('{one}', '{stranger}', '{}', 'Eva', 'de', 'Europe/Vienna')",
        bed.ana
    );
    assert_eq!(run(&mut ours, &customer).await, Ok(1));
    let reader = "UPDATE customers SET language = NULL, time_zone = 'Europe/Berlin'";
    assert_eq!(run(&mut ours, reader).await, Ok(1));

    // Grants column by column: what is the engine's is not the app's to write, or to read.
    assert_eq!(run(&mut ours, "UPDATE bookings SET title = 'Colouring'").await, Ok(1));
    for sql in [
        "UPDATE bookings SET origin = 'google'",
        "UPDATE bookings SET tenant_id = 'x'",
        "UPDATE bookings SET version = 9",
        "UPDATE bookings SET location = 'x'",
        "INSERT INTO bookings (tenant_id, id, location) VALUES ('x', 'y', 'z')",
        "UPDATE customers SET origin = 'google'",
        "UPDATE users SET name = 'x'",
        "UPDATE users SET email = 'x@example.com'",
        "UPDATE accounts SET state = 'active'",
        "UPDATE row_state SET agreed_version = version",
        "DELETE FROM changes",
        "DELETE FROM placements",
        "DELETE FROM hand_overs",
        "TRUNCATE bookings",
        "DROP TABLE bookings",
        "ALTER TABLE bookings DISABLE TRIGGER ALL",
        "SELECT * FROM accounts",
        "SELECT * FROM api_keys",
        "SELECT * FROM tenants",
        "SELECT * FROM row_state",
        "SELECT * FROM placements",
        "SELECT * FROM hand_overs",
        "UPDATE booking_times SET starts_at = 0",
        "CREATE ROLE another",
    ] {
        assert_eq!(run(&mut ours, sql).await, denied(), "{sql}");
    }
    // Made again it has a new password and the same rights, no more.
    let mut again = app(&database, &bed, one).await;
    assert_eq!(number(&mut again, "SELECT COUNT(*) FROM bookings").await, 1);
    assert_eq!(run(&mut again, "SELECT * FROM accounts").await, denied());
    for connection in [ours, theirs, again] {
        connection.close().await.unwrap();
    }
    drop_role(&bed, one).await;
    drop_role(&bed, other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_app_writes_in_sql_is_noticed_and_reaches_google() {
    let database = fresh_database().await;
    let mut bed = Bed::new(database.url()).await;
    bed.tenant = fresh_tenant();
    bed.add_tenant(bed.tenant, "One").await;
    let account = bed.connect(bed.ana, ANA).await.id;
    let mut app = app(&database, &bed, bed.tenant).await;
    sync_now::run(&bed.engine, bed.tenant, account).await.unwrap();
    bed.sql("UPDATE sync_scopes SET due_at = 9000000000000", vec![]).await;

    assert_eq!(run(&mut app, &insert(&bed, bed.tenant, BOOKING)).await, Ok(1));
    assert!(!notice::run(&bed.engine).await.unwrap());
    assert_eq!(
        bed.count("SELECT COUNT(*) AS n FROM row_state WHERE noticed_version <> version")
            .await,
        0
    );
    assert_eq!(
        number(&mut app, "SELECT COUNT(*) FROM booking_times").await,
        1,
        "its instants were derived"
    );
    let due = bed.count("SELECT due_at AS n FROM sync_scopes WHERE enabled = 1").await;
    assert!(due <= bed.engine.now_ms(), "its calendar is due now");
    let passes = sync_now::run(&bed.engine, bed.tenant, account).await.unwrap();
    assert!(passes[0].error.is_none(), "{passes:?}");
    assert_eq!(titles(&bed, ANA).await, ["Haircut"]);

    assert_eq!(
        run(&mut app, &format!("DELETE FROM bookings WHERE id = '{BOOKING}'")).await,
        Ok(1)
    );
    notice::run(&bed.engine).await.unwrap();
    sync_now::run(&bed.engine, bed.tenant, account).await.unwrap();
    assert_eq!(titles(&bed, ANA).await, [""; 0]);
    app.close().await.unwrap();
    drop_role(&bed, bed.tenant).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_role_hands_bookings_over_within_its_tenant() {
    let database = fresh_database().await;
    let mut bed = Bed::new(database.url()).await;
    let other = bed.tenant;
    bed.tenant = fresh_tenant();
    bed.add_tenant(bed.tenant, "One").await;
    let (ana, bea) = (bed.connect(bed.ana, ANA).await.id, bed.connect(bed.bea, BEA).await.id);
    let stranger = UserId(bed.engine.fresh_uuid());
    let eva = "INSERT INTO users (tenant_id, id, name, email, time_zone, created_at, updated_at) \
        VALUES ($1, $2, 'Eva', 'eva@other.example', 'UTC', 0, 0)";
    bed.sql(eva, args![other, stranger]).await;
    let mut app = app(&database, &bed, bed.tenant).await;
    assert_eq!(run(&mut app, &insert(&bed, bed.tenant, BOOKING)).await, Ok(1));
    sync_now::run(&bed.engine, bed.tenant, ana).await.unwrap();
    let give = |user| format!("UPDATE bookings SET user_id = '{user}' WHERE id = '{BOOKING}'");
    assert_eq!(run(&mut app, &give(stranger)).await, Err("23503".to_owned()));
    assert_eq!(run(&mut app, &give(bed.bea)).await, Ok(1));
    for account in [ana, bea] {
        sync_now::run(&bed.engine, bed.tenant, account).await.unwrap();
    }
    assert_eq!(titles(&bed, ANA).await, [""; 0]);
    assert_eq!(titles(&bed, BEA).await, ["Haircut"]);
    app.close().await.unwrap();
    drop_role(&bed, bed.tenant).await;
}
