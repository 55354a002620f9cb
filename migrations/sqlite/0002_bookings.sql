-- What the app owns and may also write in SQL: resources, customers, bookings and who they are with.
-- The columns marked (app) may be written by the app; the others belong to Accord.

-- Rooms, devices, services.
CREATE TABLE resources (
    tenant_id  TEXT    NOT NULL REFERENCES tenants (id),
    id         TEXT    NOT NULL, -- (app)
    name       TEXT    NOT NULL, -- (app) what is written into an event's location when the resource is assigned
    version    INTEGER NOT NULL DEFAULT 0, -- set by triggers only
    created_at INTEGER NOT NULL DEFAULT 0,
    updated_at INTEGER NOT NULL DEFAULT 0,
    CHECK (id GLOB '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'), -- a UUID with hyphens, in lower case
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
) STRICT;

-- The people bookings are made with. A customer belongs to one user.
CREATE TABLE customers (
    tenant_id   TEXT    NOT NULL,
    id          TEXT    NOT NULL, -- (app)
    user_id     TEXT    NOT NULL, -- (app)
    given_name  TEXT    NOT NULL DEFAULT '', -- (app)
    family_name TEXT    NOT NULL DEFAULT '', -- (app)
    version     INTEGER NOT NULL DEFAULT 0, -- set by triggers only
    created_at  INTEGER NOT NULL DEFAULT 0,
    updated_at  INTEGER NOT NULL DEFAULT 0,
    CHECK (id GLOB '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'), -- a UUID with hyphens, in lower case
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, user_id, id), -- for the foreign keys that carry the user
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
) STRICT;

-- Bookings: single ones, series, and the occurrences of a series that differ from it.
CREATE TABLE bookings (
    tenant_id      TEXT    NOT NULL,
    id             TEXT    NOT NULL, -- (app)
    user_id        TEXT    NOT NULL, -- (app, on insert) the owner; never changes by itself
    title          TEXT    NOT NULL DEFAULT '', -- (app)
    description    TEXT    NOT NULL DEFAULT '', -- (app) HTML is kept as it came
    location       TEXT    NOT NULL DEFAULT '', -- a note that mirrors Google's location
    resource_id    TEXT, -- (app) its name becomes the event's location
    starts_local   TEXT    NOT NULL, -- (app) wall clock YYYY-MM-DDTHH:MM:SS, or YYYY-MM-DD when all_day
    ends_local     TEXT    NOT NULL, -- (app) likewise; exclusive when all_day
    time_zone      TEXT, -- (app) IANA name; null when all_day
    end_time_zone  TEXT, -- (app) null: the same as time_zone
    fold           INTEGER NOT NULL DEFAULT 0, -- (app) 1: the second of two equal wall-clock times, for the start
    end_fold       INTEGER NOT NULL DEFAULT 0, -- (app) likewise for the end
    all_day        INTEGER NOT NULL DEFAULT 0, -- (app) 0 or 1
    recurrence     TEXT    NOT NULL DEFAULT '', -- (app) RRULE:, RDATE:, EXDATE: lines, one a line; '' = does not recur
    status         TEXT    NOT NULL DEFAULT 'confirmed', -- (app)
    series_id      TEXT, -- (app) the series this is a changed or cancelled occurrence of
    original_start TEXT, -- (app) which occurrence: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ
    split_from     TEXT, -- the series that "this and following" cut this one from
    origin         TEXT    NOT NULL DEFAULT 'app', -- who created it
    mail_wish      TEXT    NOT NULL DEFAULT 'none', -- (app) whether changes of this row may propose mail
    customers_rev  INTEGER NOT NULL DEFAULT 0, -- moved by triggers when the customers change
    version        INTEGER NOT NULL DEFAULT 0, -- set by triggers only
    created_at     INTEGER NOT NULL DEFAULT 0,
    updated_at     INTEGER NOT NULL DEFAULT 0,
    CHECK (id GLOB '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'), -- a UUID with hyphens, in lower case
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, user_id, id), -- for the foreign keys that carry the user
    UNIQUE (tenant_id, series_id, original_start),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, resource_id) REFERENCES resources (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id, series_id) REFERENCES bookings (tenant_id, user_id, id),
    CHECK (status IN ('confirmed', 'cancelled')),
    CHECK (origin IN ('app', 'google')),
    CHECK (mail_wish IN ('propose', 'none')),
    CHECK (all_day IN (0, 1) AND fold IN (0, 1) AND end_fold IN (0, 1)),
    CHECK ((series_id IS NULL) = (original_start IS NULL)),
    CHECK (length(id) = 36 AND id = lower(id))
) STRICT;

-- Who a booking is with. Both keys carry the user: a booking never names another user's customer.
CREATE TABLE booking_customers (
    tenant_id   TEXT NOT NULL,
    user_id     TEXT NOT NULL, -- (app)
    booking_id  TEXT NOT NULL, -- (app)
    customer_id TEXT NOT NULL, -- (app)
    PRIMARY KEY (tenant_id, booking_id, customer_id),
    FOREIGN KEY (tenant_id, user_id, booking_id) REFERENCES bookings (tenant_id, user_id, id),
    FOREIGN KEY (tenant_id, user_id, customer_id) REFERENCES customers (tenant_id, user_id, id)
) STRICT;

-- The instants that follow from a booking's wall-clock times. Engine only, and outside the version triggers: it is
-- written again when the row or the zone database changes.
CREATE TABLE booking_times (
    tenant_id    TEXT    NOT NULL,
    booking_id   TEXT    NOT NULL,
    starts_at    INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    last_ends_at INTEGER, -- end of the last occurrence of a series; null when it has no end
    tzdb         TEXT    NOT NULL, -- the zone database these were computed with
    PRIMARY KEY (tenant_id, booking_id)
) STRICT;
CREATE INDEX booking_times_by_start ON booking_times (tenant_id, starts_at);
