//! The schema's history, embedded: one folder per database, the same story in both.
use super::db::Db;
use super::error::StoreError;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

macro_rules! migrations {
    ($folder:literal, $($version:literal $file:literal),+ $(,)?) => {
        Migrator::with_migrations(vec![$(
            Migration::new(
                $version,
                $file.into(),
                MigrationType::Simple,
                AssertSqlSafe(include_str!(concat!("../../migrations/", $folder, "/", $file, ".sql"))).into_sql_str(),
                false,
            )
        ),+])
    };
}

macro_rules! history {
    ($folder:literal) => {
        migrations!(
            $folder,
            1 "0001_tenants_and_users",
            2 "0002_bookings",
            3 "0003_versions_and_changes",
            4 "0004_accounts",
            5 "0005_sync",
            6 "0006_people_decide",
            7 "0007_disconnect",
            8 "0008_narrowing",
            9 "0009_hand_over",
            10 "0010_customers",
            11 "0011_waiting",
            12 "0012_series",
            13 "0013_contacts",
            14 "0014_mail",
            15 "0015_ledger_replace",
            16 "0016_customer_language",
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
