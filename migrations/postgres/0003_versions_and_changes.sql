-- How a change is noticed, whoever makes it: triggers count versions, remember deletions and write the change feed.
-- The functions run as their owner, so that a tenant's own role needs no right on the engine's tables.

-- One row for each booking, customer and resource that ever was, without foreign keys: it outlives what it counts.
CREATE TABLE row_state (
    tenant_id        TEXT    NOT NULL,
    kind             TEXT    NOT NULL, -- booking | customer | resource
    id               TEXT    NOT NULL,
    user_id          TEXT, -- whose account carries its changes to Google: the owner, or the lead placement's user
    version          BIGINT  NOT NULL,
    agreed_version   BIGINT  NOT NULL DEFAULT 0, -- the version both sides last agreed on
    noticed_version  BIGINT  NOT NULL DEFAULT 0, -- the version for which the engine has looked at the row
    deleted_row      TEXT, -- JSON of what a deletion removed, customers included, until the deletion is settled
    PRIMARY KEY (tenant_id, kind, id)
);
-- So that what is new, changed or deleted is found without a scan of the bookings.
CREATE INDEX row_state_not_agreed ON row_state (tenant_id, user_id, kind) WHERE version <> agreed_version;
CREATE INDEX row_state_not_noticed ON row_state (tenant_id) WHERE version <> noticed_version;

-- The change feed: kinds, ids and versions, never contents.
CREATE TABLE changes (
    tenant_id TEXT    NOT NULL,
    xid       BIGINT  NOT NULL DEFAULT 0, -- PostgreSQL's transaction id; SQLite has one writer and needs none
    seq       BIGINT  NOT NULL,
    kind      TEXT    NOT NULL, -- booking | customer | resource | account | conflict | question
    id        TEXT    NOT NULL,
    version   BIGINT  NOT NULL,
    operation TEXT    NOT NULL, -- upsert | delete
    at        BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, xid, seq)
);
CREATE INDEX changes_by_age ON changes (at);

-- The last number given out to a tenant's feed; it survives the pruning of the feed.
CREATE TABLE change_counters (
    tenant_id  TEXT    NOT NULL PRIMARY KEY,
    last       BIGINT  NOT NULL,
    pruned_seq BIGINT  NOT NULL DEFAULT 0, -- everything up to here was pruned
    pruned_xid BIGINT  NOT NULL DEFAULT 0
);

-- A number for each entry. Numbers are given out before commits happen, so readers order by (xid, seq) and stop below the
-- oldest transaction that still runs.
CREATE SEQUENCE changes_seq;
CREATE FUNCTION changes_numbered() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.seq = 0 THEN
        NEW.seq := nextval('changes_seq');
        NEW.xid := pg_current_xact_id()::text::bigint;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER changes_numbered BEFORE INSERT ON changes FOR EACH ROW EXECUTE FUNCTION changes_numbered();

CREATE FUNCTION now_ms() RETURNS bigint LANGUAGE sql AS 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint';

-- What follows a new version of a row: its state and its entry in the feed.
CREATE FUNCTION note_version(the_tenant text, the_kind text, the_id text, the_user text, the_version bigint)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO row_state (tenant_id, kind, id, user_id, version) VALUES (the_tenant, the_kind, the_id, the_user, the_version)
        ON CONFLICT (tenant_id, kind, id) DO UPDATE SET version = excluded.version, deleted_row = NULL;
    INSERT INTO changes (tenant_id, seq, kind, id, version, operation, at)
        VALUES (the_tenant, 0, the_kind, the_id, the_version, 'upsert', now_ms());
$$;

-- The next version of a row that is being inserted: a known id continues its count.
CREATE FUNCTION first_version(the_tenant text, the_kind text, the_id text) RETURNS bigint LANGUAGE sql AS $$
    SELECT coalesce((SELECT version FROM row_state WHERE tenant_id = the_tenant AND kind = the_kind AND id = the_id), 0) + 1
$$;

-- What follows a deletion: the row is remembered until the deletion is settled.
CREATE FUNCTION note_deletion(the_tenant text, the_kind text, the_id text, the_user text, the_version bigint, removed text)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO row_state (tenant_id, kind, id, user_id, version, deleted_row)
        VALUES (the_tenant, the_kind, the_id, the_user, the_version, removed)
        ON CONFLICT (tenant_id, kind, id) DO UPDATE SET version = excluded.version, deleted_row = excluded.deleted_row;
    INSERT INTO changes (tenant_id, seq, kind, id, version, operation, at)
        VALUES (the_tenant, 0, the_kind, the_id, the_version, 'delete', now_ms());
$$;

CREATE FUNCTION refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: TRUNCATE would hide deletions from the sync; use DELETE', TG_TABLE_NAME;
END $$;

-- Bookings -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION bookings_versioned() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.version := first_version(NEW.tenant_id, 'booking', NEW.id);
        IF NEW.created_at <= 0 THEN
            NEW.created_at := now_ms();
        END IF;
        NEW.updated_at := now_ms();
        RETURN NEW;
    END IF;
    IF NEW.id <> OLD.id OR NEW.tenant_id <> OLD.tenant_id THEN
        RAISE EXCEPTION 'bookings.id: cannot be changed; insert another row';
    END IF;
    NEW.version := OLD.version;
    IF (NEW.user_id, NEW.title, NEW.description, NEW.location, NEW.resource_id, NEW.starts_local, NEW.ends_local,
        NEW.time_zone, NEW.end_time_zone, NEW.fold, NEW.end_fold, NEW.all_day, NEW.recurrence, NEW.status,
        NEW.series_id, NEW.original_start, NEW.customers_rev) IS DISTINCT FROM (OLD.user_id, OLD.title,
        OLD.description, OLD.location, OLD.resource_id, OLD.starts_local, OLD.ends_local, OLD.time_zone,
        OLD.end_time_zone, OLD.fold, OLD.end_fold, OLD.all_day, OLD.recurrence, OLD.status, OLD.series_id,
        OLD.original_start, OLD.customers_rev) THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := now_ms();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bookings_versioned BEFORE INSERT OR UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION bookings_versioned();

CREATE FUNCTION bookings_noted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.version <> OLD.version THEN
        PERFORM note_version(NEW.tenant_id, 'booking', NEW.id, NEW.user_id, NEW.version);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER bookings_noted AFTER INSERT OR UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION bookings_noted();

CREATE FUNCTION bookings_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM note_deletion(OLD.tenant_id, 'booking', OLD.id, OLD.user_id, OLD.version + 1, json_build_object(
        'user_id', OLD.user_id, 'title', OLD.title, 'description', OLD.description, 'location', OLD.location, 'resource_id',
        OLD.resource_id, 'starts_local', OLD.starts_local, 'ends_local', OLD.ends_local, 'time_zone', OLD.time_zone,
        'end_time_zone', OLD.end_time_zone, 'fold', OLD.fold, 'end_fold', OLD.end_fold, 'all_day', OLD.all_day,
        'recurrence', OLD.recurrence, 'status', OLD.status, 'series_id', OLD.series_id, 'original_start',
        OLD.original_start, 'split_from', OLD.split_from, 'origin', OLD.origin, 'mail_wish', OLD.mail_wish,
        'created_at', OLD.created_at, 'customer_ids', coalesce((
        SELECT json_agg(customer_id) FROM booking_customers
        WHERE tenant_id = OLD.tenant_id AND booking_id = OLD.id), '[]'::json))::text);
    DELETE FROM booking_customers WHERE tenant_id = OLD.tenant_id AND booking_id = OLD.id;
    RETURN OLD;
END $$;
CREATE TRIGGER bookings_deleted BEFORE DELETE ON bookings FOR EACH ROW EXECUTE FUNCTION bookings_deleted();
CREATE TRIGGER bookings_not_truncated BEFORE TRUNCATE ON bookings EXECUTE FUNCTION refuse_truncate();

-- The list of customers is part of a booking. While the booking itself is being deleted its row must not be touched.
CREATE FUNCTION booking_customers_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        UPDATE bookings SET customers_rev = customers_rev + 1 WHERE tenant_id = NEW.tenant_id AND id = NEW.booking_id;
    END IF;
    IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND OLD.booking_id <> NEW.booking_id) THEN
        UPDATE bookings b SET customers_rev = customers_rev + 1 WHERE b.tenant_id = OLD.tenant_id AND b.id = OLD.booking_id
            AND EXISTS (SELECT 1 FROM row_state s WHERE s.tenant_id = b.tenant_id AND s.kind = 'booking' AND s.id = b.id
                        AND s.deleted_row IS NULL);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER booking_customers_changed AFTER INSERT OR UPDATE OR DELETE ON booking_customers
    FOR EACH ROW EXECUTE FUNCTION booking_customers_changed();
CREATE TRIGGER booking_customers_not_truncated BEFORE TRUNCATE ON booking_customers EXECUTE FUNCTION refuse_truncate();

-- Customers ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION customers_versioned() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.version := first_version(NEW.tenant_id, 'customer', NEW.id);
        IF NEW.created_at <= 0 THEN
            NEW.created_at := now_ms();
        END IF;
        NEW.updated_at := now_ms();
        RETURN NEW;
    END IF;
    IF NEW.id <> OLD.id OR NEW.tenant_id <> OLD.tenant_id THEN
        RAISE EXCEPTION 'customers.id: cannot be changed; insert another row';
    END IF;
    NEW.version := OLD.version;
    IF (NEW.user_id, NEW.given_name, NEW.family_name) IS DISTINCT FROM (OLD.user_id, OLD.given_name, OLD.family_name) THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := now_ms();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER customers_versioned BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION customers_versioned();

CREATE FUNCTION customers_noted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.version <> OLD.version THEN
        PERFORM note_version(NEW.tenant_id, 'customer', NEW.id, NEW.user_id, NEW.version);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER customers_noted AFTER INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION customers_noted();

CREATE FUNCTION customers_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM note_deletion(OLD.tenant_id, 'customer', OLD.id, OLD.user_id, OLD.version + 1, json_build_object(
        'user_id', OLD.user_id, 'given_name', OLD.given_name, 'family_name', OLD.family_name, 'created_at', OLD.created_at)::text);
    RETURN OLD;
END $$;
CREATE TRIGGER customers_deleted BEFORE DELETE ON customers FOR EACH ROW EXECUTE FUNCTION customers_deleted();
CREATE TRIGGER customers_not_truncated BEFORE TRUNCATE ON customers EXECUTE FUNCTION refuse_truncate();

-- Resources ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION resources_versioned() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.version := first_version(NEW.tenant_id, 'resource', NEW.id);
        IF NEW.created_at <= 0 THEN
            NEW.created_at := now_ms();
        END IF;
        NEW.updated_at := now_ms();
        RETURN NEW;
    END IF;
    IF NEW.id <> OLD.id OR NEW.tenant_id <> OLD.tenant_id THEN
        RAISE EXCEPTION 'resources.id: cannot be changed; insert another row';
    END IF;
    NEW.version := OLD.version;
    IF (NEW.name) IS DISTINCT FROM (OLD.name) THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := now_ms();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER resources_versioned BEFORE INSERT OR UPDATE ON resources FOR EACH ROW EXECUTE FUNCTION resources_versioned();

CREATE FUNCTION resources_noted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.version <> OLD.version THEN
        PERFORM note_version(NEW.tenant_id, 'resource', NEW.id, NULL, NEW.version);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER resources_noted AFTER INSERT OR UPDATE ON resources FOR EACH ROW EXECUTE FUNCTION resources_noted();

CREATE FUNCTION resources_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM note_deletion(OLD.tenant_id, 'resource', OLD.id, NULL, OLD.version + 1, json_build_object(
        'name', OLD.name, 'created_at', OLD.created_at)::text);
    RETURN OLD;
END $$;
CREATE TRIGGER resources_deleted BEFORE DELETE ON resources FOR EACH ROW EXECUTE FUNCTION resources_deleted();
CREATE TRIGGER resources_not_truncated BEFORE TRUNCATE ON resources EXECUTE FUNCTION refuse_truncate();
