-- How a change is noticed, whoever makes it: triggers count versions, remember deletions and write the change feed.
-- The text uses only what SQLite 3.37 knows, because the app's own sqlite3 runs these triggers too. They also work with
-- foreign keys switched off and with recursive triggers on.

-- One row for each booking, customer and resource that ever was, without foreign keys: it outlives what it counts.
CREATE TABLE row_state (
    tenant_id        TEXT    NOT NULL,
    kind             TEXT    NOT NULL, -- booking | customer | resource
    id               TEXT    NOT NULL,
    user_id          TEXT, -- whose account carries its changes to Google: the owner, or the lead placement's user
    version          INTEGER NOT NULL,
    agreed_version   INTEGER NOT NULL DEFAULT 0, -- the version both sides last agreed on
    noticed_version  INTEGER NOT NULL DEFAULT 0, -- the version for which the engine has looked at the row
    deleted_row      TEXT, -- JSON of what a deletion removed, customers included, until the deletion is settled
    PRIMARY KEY (tenant_id, kind, id)
) STRICT;
-- So that what is new, changed or deleted is found without a scan of the bookings.
CREATE INDEX row_state_not_agreed ON row_state (tenant_id, user_id, kind) WHERE version <> agreed_version;
CREATE INDEX row_state_not_noticed ON row_state (tenant_id) WHERE version <> noticed_version;

-- The change feed: kinds, ids and versions, never contents.
CREATE TABLE changes (
    tenant_id TEXT    NOT NULL,
    xid       INTEGER NOT NULL DEFAULT 0, -- PostgreSQL's transaction id; SQLite has one writer and needs none
    seq       INTEGER NOT NULL,
    kind      TEXT    NOT NULL, -- booking | customer | resource | account | conflict | question
    id        TEXT    NOT NULL,
    version   INTEGER NOT NULL,
    operation TEXT    NOT NULL, -- upsert | delete
    at        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, xid, seq)
) STRICT;
CREATE INDEX changes_by_age ON changes (at);

-- The last number given out to a tenant's feed; it survives the pruning of the feed.
CREATE TABLE change_counters (
    tenant_id  TEXT    NOT NULL PRIMARY KEY,
    last       INTEGER NOT NULL,
    pruned_seq INTEGER NOT NULL DEFAULT 0, -- everything up to here was pruned
    pruned_xid INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A number for each entry.
CREATE TRIGGER changes_numbered AFTER INSERT ON changes WHEN NEW.seq = 0
BEGIN
    INSERT INTO change_counters (tenant_id, last) VALUES (NEW.tenant_id, 1)
        ON CONFLICT (tenant_id) DO UPDATE SET last = last + 1;
    UPDATE changes SET seq = (SELECT last FROM change_counters WHERE tenant_id = NEW.tenant_id)
        WHERE tenant_id = NEW.tenant_id AND xid = NEW.xid AND seq = 0;
END;

-- Bookings -----------------------------------------------------------------------------------------------------------

-- REPLACE would silently remove another row that is the same occurrence.
CREATE TRIGGER bookings_one_row_an_occurrence BEFORE INSERT ON bookings
WHEN NEW.series_id IS NOT NULL AND EXISTS (
    SELECT 1 FROM bookings WHERE tenant_id = NEW.tenant_id AND series_id = NEW.series_id
        AND original_start = NEW.original_start AND id <> NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'bookings.original_start: this occurrence of the series has a row already; update that one');
END;

CREATE TRIGGER bookings_keep_their_id BEFORE UPDATE OF tenant_id, id ON bookings
WHEN NEW.id IS NOT OLD.id OR NEW.tenant_id IS NOT OLD.tenant_id
BEGIN
    SELECT RAISE(ABORT, 'bookings.id: cannot be changed; insert another row');
END;

CREATE TRIGGER bookings_inserted AFTER INSERT ON bookings
BEGIN
    INSERT INTO row_state (tenant_id, kind, id, user_id, version) VALUES (NEW.tenant_id, 'booking', NEW.id, NEW.user_id, 1)
        ON CONFLICT (tenant_id, kind, id) DO UPDATE SET version = version + 1, deleted_row = NULL;
    UPDATE bookings SET
        version = (SELECT version FROM row_state WHERE tenant_id = NEW.tenant_id AND kind = 'booking' AND id = NEW.id),
        created_at = CASE WHEN NEW.created_at > 0 THEN NEW.created_at
                          ELSE CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) END,
        updated_at = CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
        WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
    INSERT INTO changes (tenant_id, seq, kind, id, version, operation, at)
        SELECT tenant_id, 0, 'booking', id, version, 'upsert', updated_at
        FROM bookings WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
END;

CREATE TRIGGER bookings_updated AFTER UPDATE OF user_id, title, description, location, resource_id, starts_local, ends_local,
    time_zone, end_time_zone, fold, end_fold, all_day, recurrence, status, series_id, original_start, customers_rev ON bookings
WHEN NEW.user_id IS NOT OLD.user_id OR NEW.title IS NOT OLD.title OR NEW.description IS NOT OLD.description
    OR NEW.location IS NOT OLD.location OR NEW.resource_id IS NOT OLD.resource_id
    OR NEW.starts_local IS NOT OLD.starts_local OR NEW.ends_local IS NOT OLD.ends_local
    OR NEW.time_zone IS NOT OLD.time_zone OR NEW.end_time_zone IS NOT OLD.end_time_zone
    OR NEW.fold IS NOT OLD.fold OR NEW.end_fold IS NOT OLD.end_fold OR NEW.all_day IS NOT OLD.all_day
    OR NEW.recurrence IS NOT OLD.recurrence OR NEW.status IS NOT OLD.status
    OR NEW.series_id IS NOT OLD.series_id OR NEW.original_start IS NOT OLD.original_start
    OR NEW.customers_rev IS NOT OLD.customers_rev
BEGIN
    INSERT INTO row_state (tenant_id, kind, id, user_id, version) VALUES (NEW.tenant_id, 'booking', NEW.id, NEW.user_id, 1)
        ON CONFLICT (tenant_id, kind, id) DO UPDATE SET version = version + 1;
    UPDATE bookings SET
        version = (SELECT version FROM row_state WHERE tenant_id = NEW.tenant_id AND kind = 'booking' AND id = NEW.id),
        updated_at = CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
        WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
    INSERT INTO changes (tenant_id, seq, kind, id, version, operation, at)
        SELECT tenant_id, 0, 'booking', id, version, 'upsert', updated_at
        FROM bookings WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
END;

-- A version that somebody else writes is put right.
CREATE TRIGGER bookings_version_is_ours AFTER UPDATE OF version ON bookings
WHEN NEW.version IS NOT (SELECT version FROM row_state WHERE tenant_id = NEW.tenant_id AND kind = 'booking' AND id = NEW.id)
BEGIN
    UPDATE bookings SET
        version = (SELECT version FROM row_state WHERE tenant_id = NEW.tenant_id AND kind = 'booking' AND id = NEW.id)
        WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
END;

CREATE TRIGGER bookings_deleted AFTER DELETE ON bookings
BEGIN
    INSERT INTO row_state (tenant_id, kind, id, user_id, version) VALUES (OLD.tenant_id, 'booking', OLD.id, OLD.user_id, OLD.version + 1)
        ON CONFLICT (tenant_id, kind, id) DO UPDATE SET version = version + 1;
    UPDATE row_state SET deleted_row = json_object(
        'user_id', OLD.user_id, 'title', OLD.title, 'description', OLD.description, 'location', OLD.location,
        'resource_id', OLD.resource_id, 'starts_local', OLD.starts_local, 'ends_local', OLD.ends_local,
        'time_zone', OLD.time_zone, 'end_time_zone', OLD.end_time_zone, 'fold', OLD.fold, 'end_fold', OLD.end_fold,
        'all_day', OLD.all_day, 'recurrence', OLD.recurrence, 'status', OLD.status, 'series_id', OLD.series_id,
        'original_start', OLD.original_start, 'split_from', OLD.split_from, 'origin', OLD.origin,
        'mail_wish', OLD.mail_wish, 'created_at', OLD.created_at,
        'customer_ids', (SELECT json_group_array(customer_id) FROM booking_customers
                         WHERE tenant_id = OLD.tenant_id AND booking_id = OLD.id))
        WHERE tenant_id = OLD.tenant_id AND kind = 'booking' AND id = OLD.id;
    DELETE FROM booking_customers WHERE tenant_id = OLD.tenant_id AND booking_id = OLD.id;
    INSERT INTO changes (tenant_id, seq, kind, id, version, operation, at)
        SELECT tenant_id, 0, 'booking', id, version, 'delete', CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
        FROM row_state WHERE tenant_id = OLD.tenant_id AND kind = 'booking' AND id = OLD.id;
END;

-- The list of customers is part of a booking. (When the booking itself is being deleted there is no row to move.)
CREATE TRIGGER booking_customers_inserted AFTER INSERT ON booking_customers
BEGIN
    UPDATE bookings SET customers_rev = customers_rev + 1 WHERE tenant_id = NEW.tenant_id AND id = NEW.booking_id;
END;
CREATE TRIGGER booking_customers_updated AFTER UPDATE ON booking_customers
WHEN NEW.booking_id IS NOT OLD.booking_id OR NEW.customer_id IS NOT OLD.customer_id
BEGIN
    UPDATE bookings SET customers_rev = customers_rev + 1
        WHERE tenant_id = NEW.tenant_id AND id IN (NEW.booking_id, OLD.booking_id);
END;
CREATE TRIGGER booking_customers_deleted AFTER DELETE ON booking_customers
BEGIN
    UPDATE bookings SET customers_rev = customers_rev + 1 WHERE tenant_id = OLD.tenant_id AND id = OLD.booking_id;
END;

-- Resources ----------------------------------------------------------------------------------------------------------

CREATE TRIGGER resources_keep_their_id BEFORE UPDATE OF tenant_id, id ON resources
WHEN NEW.id IS NOT OLD.id OR NEW.tenant_id IS NOT OLD.tenant_id
BEGIN
    SELECT RAISE(ABORT, 'resources.id: cannot be changed; insert another row');
END;

CREATE TRIGGER resources_inserted AFTER INSERT ON resources
BEGIN
    INSERT INTO row_state (tenant_id, kind, id, user_id, version) VALUES (NEW.tenant_id, 'resource', NEW.id, NULL, 1)
        ON CONFLICT (tenant_id, kind, id) DO UPDATE SET version = version + 1, deleted_row = NULL;
    UPDATE resources SET
        version = (SELECT version FROM row_state WHERE tenant_id = NEW.tenant_id AND kind = 'resource' AND id = NEW.id),
        created_at = CASE WHEN NEW.created_at > 0 THEN NEW.created_at
                          ELSE CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) END,
        updated_at = CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
        WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
    INSERT INTO changes (tenant_id, seq, kind, id, version, operation, at)
        SELECT tenant_id, 0, 'resource', id, version, 'upsert', updated_at
        FROM resources WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
END;

CREATE TRIGGER resources_updated AFTER UPDATE OF name ON resources
WHEN NEW.name IS NOT OLD.name
BEGIN
    INSERT INTO row_state (tenant_id, kind, id, user_id, version) VALUES (NEW.tenant_id, 'resource', NEW.id, NULL, 1)
        ON CONFLICT (tenant_id, kind, id) DO UPDATE SET version = version + 1;
    UPDATE resources SET
        version = (SELECT version FROM row_state WHERE tenant_id = NEW.tenant_id AND kind = 'resource' AND id = NEW.id),
        updated_at = CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
        WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
    INSERT INTO changes (tenant_id, seq, kind, id, version, operation, at)
        SELECT tenant_id, 0, 'resource', id, version, 'upsert', updated_at
        FROM resources WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
END;

CREATE TRIGGER resources_version_is_ours AFTER UPDATE OF version ON resources
WHEN NEW.version IS NOT (SELECT version FROM row_state WHERE tenant_id = NEW.tenant_id AND kind = 'resource' AND id = NEW.id)
BEGIN
    UPDATE resources SET
        version = (SELECT version FROM row_state WHERE tenant_id = NEW.tenant_id AND kind = 'resource' AND id = NEW.id)
        WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
END;

CREATE TRIGGER resources_deleted AFTER DELETE ON resources
BEGIN
    INSERT INTO row_state (tenant_id, kind, id, user_id, version) VALUES (OLD.tenant_id, 'resource', OLD.id, NULL, OLD.version + 1)
        ON CONFLICT (tenant_id, kind, id) DO UPDATE SET version = version + 1;
    UPDATE row_state SET deleted_row = json_object('name', OLD.name, 'created_at', OLD.created_at)
        WHERE tenant_id = OLD.tenant_id AND kind = 'resource' AND id = OLD.id;
    INSERT INTO changes (tenant_id, seq, kind, id, version, operation, at)
        SELECT tenant_id, 0, 'resource', id, version, 'delete', CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
        FROM row_state WHERE tenant_id = OLD.tenant_id AND kind = 'resource' AND id = OLD.id;
END;

-- Customers ----------------------------------------------------------------------------------------------------------

CREATE TRIGGER customers_keep_their_id BEFORE UPDATE OF tenant_id, id ON customers
WHEN NEW.id IS NOT OLD.id OR NEW.tenant_id IS NOT OLD.tenant_id
BEGIN
    SELECT RAISE(ABORT, 'customers.id: cannot be changed; insert another row');
END;

CREATE TRIGGER customers_inserted AFTER INSERT ON customers
BEGIN
    INSERT INTO row_state (tenant_id, kind, id, user_id, version) VALUES (NEW.tenant_id, 'customer', NEW.id, NEW.user_id, 1)
        ON CONFLICT (tenant_id, kind, id) DO UPDATE SET version = version + 1, deleted_row = NULL;
    UPDATE customers SET
        version = (SELECT version FROM row_state WHERE tenant_id = NEW.tenant_id AND kind = 'customer' AND id = NEW.id),
        created_at = CASE WHEN NEW.created_at > 0 THEN NEW.created_at
                          ELSE CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) END,
        updated_at = CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
        WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
    INSERT INTO changes (tenant_id, seq, kind, id, version, operation, at)
        SELECT tenant_id, 0, 'customer', id, version, 'upsert', updated_at
        FROM customers WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
END;

CREATE TRIGGER customers_updated AFTER UPDATE OF user_id, given_name, family_name ON customers
WHEN NEW.user_id IS NOT OLD.user_id OR NEW.given_name IS NOT OLD.given_name OR NEW.family_name IS NOT OLD.family_name
BEGIN
    INSERT INTO row_state (tenant_id, kind, id, user_id, version) VALUES (NEW.tenant_id, 'customer', NEW.id, NEW.user_id, 1)
        ON CONFLICT (tenant_id, kind, id) DO UPDATE SET version = version + 1;
    UPDATE customers SET
        version = (SELECT version FROM row_state WHERE tenant_id = NEW.tenant_id AND kind = 'customer' AND id = NEW.id),
        updated_at = CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
        WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
    INSERT INTO changes (tenant_id, seq, kind, id, version, operation, at)
        SELECT tenant_id, 0, 'customer', id, version, 'upsert', updated_at
        FROM customers WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
END;

CREATE TRIGGER customers_version_is_ours AFTER UPDATE OF version ON customers
WHEN NEW.version IS NOT (SELECT version FROM row_state WHERE tenant_id = NEW.tenant_id AND kind = 'customer' AND id = NEW.id)
BEGIN
    UPDATE customers SET
        version = (SELECT version FROM row_state WHERE tenant_id = NEW.tenant_id AND kind = 'customer' AND id = NEW.id)
        WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
END;

CREATE TRIGGER customers_deleted AFTER DELETE ON customers
BEGIN
    INSERT INTO row_state (tenant_id, kind, id, user_id, version) VALUES (OLD.tenant_id, 'customer', OLD.id, OLD.user_id, OLD.version + 1)
        ON CONFLICT (tenant_id, kind, id) DO UPDATE SET version = version + 1;
    UPDATE row_state SET deleted_row = json_object('user_id', OLD.user_id, 'given_name', OLD.given_name, 'family_name', OLD.family_name, 'created_at', OLD.created_at)
        WHERE tenant_id = OLD.tenant_id AND kind = 'customer' AND id = OLD.id;
    INSERT INTO changes (tenant_id, seq, kind, id, version, operation, at)
        SELECT tenant_id, 0, 'customer', id, version, 'delete', CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
        FROM row_state WHERE tenant_id = OLD.tenant_id AND kind = 'customer' AND id = OLD.id;
END;
