-- What waits for a person, and what was decided.

-- Two edits of the same field. Both values are kept, the loser is restorable.
CREATE TABLE conflicts (
    tenant_id     TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    booking_id    TEXT    NOT NULL,
    user_id       TEXT    NOT NULL,
    field         TEXT    NOT NULL, -- title | description | location | when | status
    policy        TEXT    NOT NULL, -- the rule that decided: origin | google | app | ask | readonly
    winner        TEXT, -- app | google; null while it is asked
    values_sealed BLOB    NOT NULL, -- JSON {base, app, google}
    state         TEXT    NOT NULL, -- open: waits for an answer | decided | restored: the loser was put back
    created_at    INTEGER NOT NULL,
    resolved_at   INTEGER,
    PRIMARY KEY (tenant_id, id),
    CHECK (state IN ('open', 'decided', 'restored'))
) STRICT;
CREATE INDEX conflicts_by_booking ON conflicts (tenant_id, booking_id);

-- Whatever needs a person is one kind of row.
CREATE TABLE questions (
    tenant_id     TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    kind          TEXT    NOT NULL, -- conflict | cancel | move | guests | brake
    addressee     TEXT    NOT NULL, -- user | admin
    user_id       TEXT, -- the user asked
    account_id    TEXT    NOT NULL,
    calendar_id   TEXT    NOT NULL,
    subject_id    TEXT    NOT NULL, -- the booking, or the digest of the set of bookings a brake holds
    choices       TEXT    NOT NULL, -- JSON array of the words that may be answered
    detail_sealed BLOB    NOT NULL, -- JSON, what the person is shown
    state         TEXT    NOT NULL, -- open | answered | withdrawn
    answer        TEXT,
    answered_by   TEXT, -- user | admin | tenant_key | command_line
    created_at    INTEGER NOT NULL,
    answered_at   INTEGER,
    PRIMARY KEY (tenant_id, id),
    CHECK (state IN ('open', 'answered', 'withdrawn'))
) STRICT;
CREATE UNIQUE INDEX questions_asked_once ON questions (tenant_id, kind, calendar_id, subject_id) WHERE state = 'open';

-- Answers of the API to requests with an Idempotency-Key.
CREATE TABLE idempotency_keys (
    tenant_id    TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    request_hash BLOB    NOT NULL, -- of method, path and body: another request under the same key is refused
    status       INTEGER NOT NULL,
    body_sealed  BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key)
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
