-- Signing in, and ends of connections that outlive the moment.

-- Who signs in is known only after Google has answered, so the user of an attempt may be null. Attempts live for minutes:
-- the table is made anew rather than carried over.
DROP TABLE connects;
CREATE TABLE connects (
    tenant_id        TEXT    NOT NULL,
    id               TEXT    NOT NULL,
    user_id          TEXT, -- null while somebody signs in
    purpose          TEXT    NOT NULL, -- connect | sign_in
    secret_hash      BLOB    NOT NULL, -- of the one-time part of the URL, later of the OAuth state
    browser_hash     BLOB, -- of the cookie that binds the flow to one browser
    verifier_sealed  BLOB, -- PKCE; null once Google's answer was taken
    account_id       TEXT, -- set when the callback succeeded and the choices page is open
    step             TEXT    NOT NULL, -- opened | sent | chosen | done | denied
    expires_at       INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CHECK (purpose IN ('connect', 'sign_in')),
    CHECK (step IN ('opened', 'sent', 'chosen', 'done', 'denied'))
) STRICT;

-- Whose grant a token belongs to: Google keeps one per identity, and revoking a token ends all of it.
ALTER TABLE revocations ADD COLUMN sub TEXT NOT NULL DEFAULT ''; -- '' = not known yet

-- What a disconnect still has to do. The account's tokens stay until the row goes.
CREATE TABLE disconnects (
    tenant_id       TEXT    NOT NULL,
    account_id      TEXT    NOT NULL,
    forgets_read    INTEGER NOT NULL, -- 1: bookings read from Google that nothing needs are still to be deleted
    removes_written INTEGER NOT NULL, -- 1: events that Accord wrote are still to be deleted in Google
    due_at          INTEGER NOT NULL,
    failures        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, account_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, id)
) STRICT;
