//! The schema's history, embedded: one folder per database, the same story in both.
use super::db::Db;
use super::error::StoreError;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

macro_rules! migrations {
    ($folder:literal, $($version:literal $name:literal),+ $(,)?) => {
        Migrator::with_migrations(vec![$(
            Migration::new(
                $version,
                $name.into(),
                MigrationType::Simple,
                AssertSqlSafe(include_str!(concat!("../../migrations/", $folder, "/000", $version, "_", $name, ".sql"))).into_sql_str(),
                false,
            )
        ),+])
    };
}

macro_rules! history {
    ($folder:literal) => {
        migrations!(
            $folder,
            1 "tenants_and_users",
            2 "bookings",
            3 "versions_and_changes",
            4 "accounts",
            5 "sync",
            6 "people_decide",
            7 "disconnect",
            9 "hand_over",
        )
    };
}

/// Brings the schema up to date. Running it again does nothing.
///
/// # Errors
/// [`StoreError::NewerSchema`] if a newer Accord has changed the database: nothing is touched then.
pub async fn migrate(db: &Db) -> Result<(), StoreError> {
    db.migrate_with(history!("sqlite"), history!("postgres"))
        .await
        .map_err(|error| match error {
            MigrateError::VersionMissing(version) => StoreError::NewerSchema(version),
            MigrateError::Execute(error) => error.into(),
            other => StoreError::Migration(other.to_string()),
        })
}

/// The schema version that this program makes.
pub fn newest_schema() -> i64 {
    history!("sqlite")
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}
