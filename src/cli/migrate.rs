//! `accord migrate`: brings the schema up to date, for those who do not let `serve` do it.
use super::out::{Failure, Progress, say};
use super::{Context, open};
use crate::app::open_database;
use crate::lifecycle;
use crate::store::migrate;

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let config = open::config(context)?;
    lifecycle::init_logging(&config.log);
    let database = &config.database.url;
    let progress = Progress::of("migrating");
    let at = |error| Failure::failed(error).hint(format_args!("the database is {database} (database.url)"));
    let db = open_database(&config).await.map_err(at)?;
    let migrated = migrate(&db).await.map_err(at);
    db.close().await;
    drop(progress);
    migrated?;
    say(format_args!("the schema of {database} is up to date"));
    Ok(())
}
