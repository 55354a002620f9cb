//! The test harness itself: every test gets an empty database of its own, on both kinds of server.
mod support;

use accord::config::{Config, DatabaseUrl, Sources};
use sqlx::{Connection, PgConnection};
use support::postgres::{both_databases, fresh_database};

both_databases! {
    async fn the_url_of_a_fresh_database_is_one_that_the_configuration_accepts(url: String) {
        let config = Config::load(&Sources::default().with("database.url", &*url)).unwrap();
        match config.database.url {
            DatabaseUrl::SqliteFile(path) => assert!(!path.exists() && path.parent().unwrap().is_dir()),
            DatabaseUrl::Postgres(_) => {
                let mut connection = PgConnection::connect(&url).await.unwrap();
                sqlx::raw_sql("CREATE TABLE mine ()").execute(&mut connection).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn two_postgres_databases_do_not_see_each_other_and_go_even_while_they_are_used() {
    let (one, other) = (fresh_database().await, fresh_database().await);
    let mut in_one = PgConnection::connect(one.url()).await.unwrap();
    sqlx::raw_sql("CREATE TABLE t ()").execute(&mut in_one).await.unwrap();
    let mut in_other = PgConnection::connect(other.url()).await.unwrap();
    sqlx::raw_sql("CREATE TABLE t ()")
        .execute(&mut in_other)
        .await
        .expect("the name is free in the other one");

    let url = one.url().to_owned();
    drop(one);
    let error = PgConnection::connect(&url).await.unwrap_err();
    let code = error
        .as_database_error()
        .and_then(|error| error.code())
        .map(|code| code.into_owned());
    assert_eq!(code.as_deref(), Some("3D000"), "the database is gone: {error}");
}
