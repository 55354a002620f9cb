-- Who is who. In every table the tenant leads the primary key and every unique constraint, so that one tenant's rows
-- can never answer another's question and PostgreSQL can be distributed by tenant later.
-- Instants are milliseconds since the Unix epoch, UTC. Ids are lower-case hyphenated UUIDs.

-- The companies that use the app.
CREATE TABLE tenants (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    settings   TEXT    NOT NULL DEFAULT '{}', -- JSON; a missing key means the configuration's default
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Keys with which a tenant's app calls the API.
CREATE TABLE api_keys (
    tenant_id   TEXT    NOT NULL REFERENCES tenants (id),
    id          TEXT    NOT NULL,
    secret_hash BLOB    NOT NULL, -- SHA-256 of 32 random bytes; the key itself is shown once and not kept
    created_at  INTEGER NOT NULL,
    revoked_at  INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;

-- The people with a softphone.
CREATE TABLE users (
    tenant_id  TEXT    NOT NULL REFERENCES tenants (id),
    id         TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    email      TEXT    NOT NULL, -- as the app knows them; a hint for Google's sign-in page, never an identity
    time_zone  TEXT    NOT NULL DEFAULT 'UTC', -- where an all-day booking of theirs begins
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
