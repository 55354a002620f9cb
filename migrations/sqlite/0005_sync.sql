-- What Accord remembers between two passes.

-- A sync scope: one stream with its own sync token and lease.
CREATE TABLE sync_scopes (
    tenant_id       TEXT    NOT NULL,
    account_id      TEXT    NOT NULL,
    calendar_id     TEXT    NOT NULL,
    enabled         INTEGER NOT NULL DEFAULT 1, -- 0: paused, disconnected, needs reconnect, or the calendar left the scope
    sync_token      TEXT, -- null: the next pass lists everything
    fingerprint     TEXT    NOT NULL DEFAULT '', -- of the listing's parameters; a change means a full pass
    due_at          INTEGER NOT NULL DEFAULT 0,
    lease_until     INTEGER NOT NULL DEFAULT 0, -- by the database's clock
    fence           INTEGER NOT NULL DEFAULT 0, -- grows with every claim; who holds an older one writes nothing
    failures        INTEGER NOT NULL DEFAULT 0, -- in a row
    last_error      TEXT, -- class and cause of the last failure; null after a good pass
    writes_paused_until INTEGER NOT NULL DEFAULT 0, -- a quota that lasts hours: reading goes on
    last_started_at INTEGER NOT NULL DEFAULT 0,
    last_good_at    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, account_id, calendar_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id)
) STRICT;
-- Due scopes are claimed over all tenants.
CREATE INDEX sync_scopes_due ON sync_scopes (due_at) WHERE enabled = 1;

-- A placement: a booking in one calendar. It is the link between a booking and an event.
-- No foreign key to bookings: it remembers what was deleted.
CREATE TABLE placements (
    tenant_id          TEXT    NOT NULL,
    calendar_id        TEXT    NOT NULL,
    event_id           TEXT    NOT NULL,
    booking_id         TEXT    NOT NULL,
    account_id         TEXT    NOT NULL, -- the account that leads it: the first with write access
    is_lead            INTEGER NOT NULL, -- the one placement of a booking that carries its fields
    state              TEXT    NOT NULL, -- creating: id chosen, insert not confirmed | live | gone: a tombstone | hidden: deleted in the app only
    ical_uid           TEXT, -- RFC 5545 UID; null until the first answer
    series_event_id    TEXT, -- recurringEventId of an occurrence
    original_start     TEXT, -- originalStartTime of an occurrence
    etag               TEXT    NOT NULL DEFAULT '',
    remote_updated_at  INTEGER NOT NULL DEFAULT 0, -- Google's `updated`: an older copy of the event is not applied
    words              TEXT    NOT NULL DEFAULT 'shared', -- shared | withheld
    is_writable        INTEGER NOT NULL DEFAULT 1,
    has_guests         INTEGER NOT NULL DEFAULT 0,
    is_ours            INTEGER NOT NULL DEFAULT 0, -- Accord inserted the event
    base_local         TEXT, -- JSON: the booking at the last agreement
    base_remote        TEXT, -- JSON: the event at the last agreement
    waiting            TEXT, -- conflict | cancel | move | guests | brake | lead_lost: why nothing happens to it
    answer             TEXT, -- app | google: who wins, as a person said, until the next pass has acted on it
    confirmed_at       INTEGER NOT NULL DEFAULT 0, -- when Google last showed it, or, while lead_lost, when the loss was seen
    PRIMARY KEY (tenant_id, calendar_id, event_id),
    CHECK (state IN ('creating', 'live', 'gone', 'hidden')),
    CHECK (words IN ('shared', 'withheld'))
) STRICT;
CREATE INDEX placements_by_booking ON placements (tenant_id, booking_id);
CREATE INDEX placements_of_series ON placements (tenant_id, calendar_id, series_event_id) WHERE series_event_id IS NOT NULL;
CREATE INDEX placements_waiting ON placements (tenant_id, account_id) WHERE waiting IS NOT NULL;

-- The same meeting in several calendars is one booking: identity is (iCalUID, original start).
CREATE TABLE booking_identities (
    tenant_id      TEXT NOT NULL,
    ical_uid       TEXT NOT NULL,
    original_start TEXT NOT NULL, -- '' for a single booking or a series
    booking_id     TEXT NOT NULL,
    PRIMARY KEY (tenant_id, ical_uid, original_start)
) STRICT;

-- Deletions of the last day, for the brake.
CREATE TABLE deletions (
    tenant_id   TEXT    NOT NULL,
    account_id  TEXT    NOT NULL,
    calendar_id TEXT    NOT NULL,
    booking_id  TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, account_id, calendar_id, booking_id)
) STRICT;

-- One item that cannot be understood, set aside with its reason so that its neighbours go on.
CREATE TABLE quarantine (
    tenant_id      TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    account_id     TEXT    NOT NULL,
    calendar_id    TEXT    NOT NULL,
    side           TEXT    NOT NULL, -- google: item_id is an event | app: item_id is a booking
    item_id        TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    payload_sealed BLOB, -- the event as it came, without what Accord may not know
    version        INTEGER NOT NULL DEFAULT 0, -- of the booking that was refused: a newer one is tried again
    created_at     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, account_id, calendar_id, side, item_id)
) STRICT;
