-- Connected Google identities, what their users allowed, and the way of a connection. Columns named *_sealed hold values
-- encrypted before they reach the database and bound to their row.

-- A connected Google identity. Keyed by Google's `sub`: an e-mail address can change hands.
CREATE TABLE accounts (
    tenant_id            TEXT    NOT NULL,
    id                   TEXT    NOT NULL,
    user_id              TEXT    NOT NULL,
    sub                  TEXT    NOT NULL,
    email                TEXT    NOT NULL, -- the verified address at the last sign-in
    state                TEXT    NOT NULL, -- choosing | active | paused | needs_reconnect | disconnected
    scopes               TEXT    NOT NULL DEFAULT '', -- what Google says was granted, space separated
    private_events       TEXT    NOT NULL DEFAULT 'busy', -- busy: words withheld | shown: the user chose to show them
    refresh_token_sealed BLOB,
    access_token_sealed  BLOB,
    access_expires_at    INTEGER NOT NULL DEFAULT 0,
    refresh_lease_until  INTEGER NOT NULL DEFAULT 0, -- one token refresh at a time
    last_error           TEXT, -- why it needs attention, in words for an operator
    created_at           INTEGER NOT NULL,
    updated_at           INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, sub),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CHECK (state IN ('choosing', 'active', 'paused', 'needs_reconnect', 'disconnected')),
    CHECK (private_events IN ('busy', 'shown'))
) STRICT;
-- One live account per user.
CREATE UNIQUE INDEX accounts_one_live ON accounts (tenant_id, user_id) WHERE state <> 'disconnected';

-- The calendars of an account, what its user allowed, and what the tenant narrowed that to.
CREATE TABLE calendars (
    tenant_id     TEXT    NOT NULL,
    account_id    TEXT    NOT NULL,
    calendar_id   TEXT    NOT NULL, -- Google's id, never the alias 'primary'
    title         TEXT    NOT NULL,
    time_zone     TEXT    NOT NULL,
    access_role   TEXT    NOT NULL, -- freeBusyReader | reader | writerWithoutPrivateAccess | writer | owner
    is_primary    INTEGER NOT NULL DEFAULT 0,
    user_reads    INTEGER NOT NULL DEFAULT 0, -- the user allowed reading it
    user_writes   INTEGER NOT NULL DEFAULT 0, -- the user chose it for new bookings
    reads         INTEGER NOT NULL DEFAULT 0, -- in force: what the user allowed and the tenant did not narrow away
    writes        INTEGER NOT NULL DEFAULT 0, -- in force, one calendar at most
    frozen        TEXT, -- why its bookings are kept but not followed any more
    PRIMARY KEY (tenant_id, account_id, calendar_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id)
) STRICT;

-- One attempt to connect an account, or to sign in for the user's pages. Single use; a few minutes long.
CREATE TABLE connects (
    tenant_id        TEXT    NOT NULL,
    id               TEXT    NOT NULL,
    user_id          TEXT    NOT NULL,
    purpose          TEXT    NOT NULL, -- connect | sign_in
    secret_hash      BLOB    NOT NULL, -- of the one-time part of the URL, later of the OAuth state
    browser_hash     BLOB, -- of the cookie that binds the flow to one browser
    verifier_sealed  BLOB, -- PKCE
    account_id       TEXT, -- set when the callback succeeded and the choices page is open
    step             TEXT    NOT NULL, -- opened | sent | chosen | done | denied
    expires_at       INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
) STRICT;

-- A user who signed in with the connected Google identity, for the pages where questions are answered.
CREATE TABLE sessions (
    tenant_id   TEXT    NOT NULL,
    secret_hash BLOB    NOT NULL,
    user_id     TEXT    NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, secret_hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
) STRICT;

-- Tokens that Google still has to be asked to revoke. Kept until it answered.
CREATE TABLE revocations (
    tenant_id    TEXT    NOT NULL,
    account_id   TEXT    NOT NULL,
    token_sealed BLOB    NOT NULL,
    due_at       INTEGER NOT NULL,
    failures     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, account_id)
) STRICT;
