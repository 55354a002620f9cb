-- What a tenant narrows, whom an account was connected as before, and which keys are in use.

-- The tenant's word about a calendar, beside the user's: it outlives what the user unticks and ticks again. In force
-- (`reads`, `writes`) is what both allow. Until now a narrowing showed only as a difference between the two.
ALTER TABLE calendars ADD COLUMN tenant_reads BIGINT NOT NULL DEFAULT 1; -- 0: the tenant does not let it be read
ALTER TABLE calendars ADD COLUMN tenant_writes BIGINT NOT NULL DEFAULT 1; -- 0: the tenant lets no new bookings go there
UPDATE calendars SET tenant_reads = 0 WHERE user_reads = 1 AND reads = 0;
UPDATE calendars SET tenant_writes = 0 WHERE user_writes = 1 AND writes = 0;
UPDATE calendars SET writes = 0 WHERE reads = 0;

-- A disconnected identity is free for another user of the tenant. The account of the one who had it keeps its links and
-- remembers the identity here; its `sub` is then 'former:' and its own id.
ALTER TABLE accounts ADD COLUMN former_sub TEXT;

-- When a key was last seen, to within an hour; null: never.
ALTER TABLE api_keys ADD COLUMN last_used_at BIGINT;
