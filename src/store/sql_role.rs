//! A PostgreSQL role with which a tenant's app may write its own rows, and nothing else.
//!
//! Rights are granted column by column, exactly those that the schema marks as the app's; row-level security keeps the role to
//! its tenant. The triggers run as their owner, so the role needs no right on Accord's own tables. SQLite knows neither roles
//! nor rights: whoever can open the file can do everything, and no role is made there.
use super::{StoreError, Tx};
use crate::args;
use crate::domain::ids::TenantId;

/// Why no role was made.
#[derive(Debug, thiserror::Error)]
pub enum SqlRoleError {
    /// SQLite.
    #[error(
        "SQLite has no roles: a program that can open the database file is fully trusted, with every tenant's rows"
    )]
    FullTrust,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The name of a tenant's role.
pub fn name(tenant: TenantId) -> String {
    format!("accord_app_{}", tenant.0.simple())
}

/// Creates the role of a tenant, or makes an existing one good again and gives it this password.
///
/// What is put together to a statement on the server goes through `format('%I', …)` and `%L`.
pub async fn ensure(tx: &mut Tx, tenant: TenantId, password: &str) -> Result<String, SqlRoleError> {
    if tx.backend() == super::Backend::Sqlite {
        return Err(SqlRoleError::FullTrust);
    }
    const HAND_OVER: &str = "SELECT set_config('accord.role', $1, true), set_config('accord.tenant', $2, true), \
         set_config('accord.password', $3, true)";
    let role = name(tenant);
    tx.execute(HAND_OVER, args![&role, tenant.to_string(), password])
        .await?;
    tx.execute(MAKE, args![]).await?;
    Ok(role)
}

const MAKE: &str = r"DO $do$
DECLARE
    role     text := current_setting('accord.role');
    tenant   text := current_setting('accord.tenant');
    grants   text[][] := ARRAY[
        -- table, what may be inserted, what may be updated
        ['resources', 'tenant_id, id, name', 'name'],
        ['customers',
         'tenant_id, id, user_id, given_name, family_name, emails, phones, organizations, addresses, birthday, gender, '
         || 'language, time_zone',
         'given_name, family_name, emails, phones, organizations, addresses, birthday, gender, language, time_zone'],
        ['bookings',
         'tenant_id, id, user_id, title, description, resource_id, starts_local, ends_local, time_zone, end_time_zone, '
         || 'fold, end_fold, all_day, recurrence, status, series_id, original_start, mail_wish',
         'user_id, title, description, resource_id, starts_local, ends_local, time_zone, end_time_zone, fold, end_fold, '
         || 'all_day, recurrence, status, mail_wish'],
        ['booking_customers', 'tenant_id, user_id, booking_id, customer_id', '']
    ];
    readable text[] := ARRAY['resources', 'customers', 'bookings', 'booking_customers', 'booking_times', 'customer_keys', 'users', 'changes'];
    line     text[];
    one      text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
        EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', role);
    END IF;
    EXECUTE format('ALTER ROLE %I PASSWORD %L', role, current_setting('accord.password'));
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    FOREACH one IN ARRAY readable LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', one);
        EXECUTE format('DROP POLICY IF EXISTS %I ON %I', role, one);
        EXECUTE format('CREATE POLICY %I ON %I TO %I USING (tenant_id = %L) WITH CHECK (tenant_id = %L)',
            role, one, role, tenant, tenant);
        EXECUTE format('REVOKE ALL ON %I FROM %I', one, role);
        EXECUTE format('GRANT SELECT ON %I TO %I', one, role);
    END LOOP;
    FOREACH line SLICE 1 IN ARRAY grants LOOP
        EXECUTE format('GRANT DELETE, INSERT (%s) ON %I TO %I', line[2], line[1], role);
        IF line[3] <> '' THEN
            EXECUTE format('GRANT UPDATE (%s) ON %I TO %I', line[3], line[1], role);
        END IF;
    END LOOP;
END
$do$";
