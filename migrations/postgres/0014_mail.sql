-- Mail to customers, each one after its user's yes. The way of the data:
--
--   a booking changes (row_state.version moves) -> what each recipient would be told is compared with what mail was last about
--   (mail_subjects) -> if it differs, a message is rendered, sealed and proposed -> the user decides (consents) -> queued ->
--   checked again, marked 'sending', an attempt noted (deliveries) -> SMTP -> 'sent', back to 'queued', 'failed' or 'maybe_sent'.
--
-- Every step is one transaction, and every one of them writes the ledger.

-- The version whose mail was considered; -1 - version when it has to be considered again. What is not considered yet is found like what is not agreed yet. Rows that exist
-- when this table learns of mail are history: they propose none.
ALTER TABLE row_state ADD COLUMN mailed_version BIGINT NOT NULL DEFAULT 0;
UPDATE row_state SET mailed_version = version;
-- The version that a pass wrote last. What Google's side changed since mail was considered is told about like what the app wishes.
ALTER TABLE row_state ADD COLUMN google_version BIGINT NOT NULL DEFAULT 0;
-- What a deletion wished for outlives its row, which is forgotten once Google has the deletion too.
CREATE FUNCTION keep_deletion_wish() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    -- Triggers run in the order of their names: the deletion is counted already.
    UPDATE row_state SET google_version = version WHERE tenant_id = OLD.tenant_id AND kind = 'booking' AND id = OLD.id;
    RETURN OLD;
END $$;
CREATE TRIGGER bookings_deleted_with_a_wish BEFORE DELETE ON bookings FOR EACH ROW WHEN (OLD.mail_wish = 'propose')
    EXECUTE FUNCTION keep_deletion_wish();
-- A wish is for one version: it is taken away once it was considered.
UPDATE bookings SET mail_wish = 'none' WHERE mail_wish <> 'none';
CREATE INDEX row_state_mail_due ON row_state (tenant_id) WHERE kind = 'booking' AND version <> mailed_version;

-- The user sends no mail to customers for now.
ALTER TABLE accounts ADD COLUMN mail_paused_at BIGINT;
-- The operator lets this tenant's app say yes for its users: it asks them in its own screens. Set by the command line only.
ALTER TABLE tenants ADD COLUMN app_asserted BIGINT NOT NULL DEFAULT 0;

-- What mail needs of a tenant. Made with its first message. Whoever proposes, decides or hands over locks this row before
-- anything else of mail (after the bookings), so that these follow each other within a tenant.
CREATE TABLE mail_tenants (
    tenant_id       TEXT NOT NULL PRIMARY KEY REFERENCES tenants (id),
    secret_sealed   BYTEA NOT NULL, -- 32 random bytes: the key of recipient_key and of unsubscribe links
    uid_domain      TEXT NOT NULL, -- the right side of the UIDs of calendar parts; fixed, because calendars know events by them
    smtp_url_sealed BYTEA, -- the tenant's own server; null: the installation's
    created_at      BIGINT NOT NULL
);

-- What one recipient would be told of one booking, and what they were told last. A recipient is a mailbox: customers with one
-- address are one recipient, and a customer with a new address is another one. A row for every recipient of a booking, whether mail
-- was wished for or not, but for occurrences like their series; those that nobody of the booking reads any more keep it.
CREATE TABLE mail_subjects (
    tenant_id      TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    booking_id     TEXT    NOT NULL, -- of an occurrence: the series
    original_start TEXT    NOT NULL DEFAULT '', -- which occurrence; '' for a single booking and for a series as a whole
    row_id         TEXT    NOT NULL, -- the booking's row; of an occurrence that differs from its series, its own row
    recipient_key  BYTEA    NOT NULL, -- HMAC-SHA-256 of the address under the tenant's secret; empty: of customers who have none
    customer_ids   TEXT    NOT NULL, -- JSON: the customers of the booking who read there, or did last; mail names one of them
    user_id        TEXT    NOT NULL, -- whose consent it needs: the booking's owner
    mail_version   BIGINT NOT NULL DEFAULT 1, -- grows when what the recipient cares about changes; also the calendar part's SEQUENCE
    content_sealed BYTEA    NOT NULL, -- JSON: what this version tells
    told_sealed    BYTEA, -- JSON: what the last message that was handed over told; null: nothing was
    is_wished      BIGINT NOT NULL DEFAULT 0, -- a change of it was wished to be told about: it is reminded of
    remind_at      BIGINT, -- when the next reminder has to be proposed, ms
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, booking_id, original_start, recipient_key)
);
-- A customer's new address is looked for in their bookings.
CREATE INDEX booking_customers_by_customer ON booking_customers (tenant_id, customer_id);
CREATE INDEX mail_subjects_by_row ON mail_subjects (tenant_id, row_id);
CREATE INDEX mail_subjects_to_remind ON mail_subjects (remind_at) WHERE remind_at IS NOT NULL;

-- Mails: to customers, which need a consent, and notices to users and admins, which do not.
CREATE TABLE messages (
    tenant_id       TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    class           TEXT    NOT NULL, -- customer | notice
    kind            TEXT    NOT NULL, -- confirmation | update | cancellation | reminder; of notices: consent_request | reconnect_google | admin_digest | test
    user_id         TEXT, -- who is asked; of a notice: who it is for, null for the admin
    subject_id      TEXT, -- the row of mail_subjects
    booking_id      TEXT,
    original_start  TEXT    NOT NULL DEFAULT '', -- of a reminder of a series: the occurrence it reminds of
    customer_id     TEXT,
    mail_version    BIGINT NOT NULL DEFAULT 0,
    offset_minutes  BIGINT NOT NULL DEFAULT 0, -- of a reminder: how long before the start
    state           TEXT    NOT NULL,
    -- proposed: waits for the user | queued: may be sent | sending: handed over just now | sent | maybe_sent: the server may have
    -- taken it, never sent again by itself | failed | declined | superseded: a newer version took its place | withdrawn | expired
    reason          TEXT, -- why it was withdrawn, superseded or failed: one word, see domain/mail.rs
    recipient_key   BYTEA    NOT NULL,
    content_hash    BYTEA    NOT NULL, -- SHA-256 of the letter's canonical form: what a consent is about
    letter_sealed   BYTEA, -- JSON: the letter; null once it was erased
    content_sealed  BYTEA, -- JSON: what it tells; null for notices and once it was erased
    settle_until    BIGINT NOT NULL DEFAULT 0, -- before, its user is not written to about it: more edits may come
    prompted_at     BIGINT, -- when its user was written to about it
    due_at          BIGINT NOT NULL DEFAULT 0, -- not sent before
    expires_at      BIGINT NOT NULL, -- not sent after
    attempts        BIGINT NOT NULL DEFAULT 0,
    next_attempt_at BIGINT NOT NULL DEFAULT 0,
    lease_until     BIGINT NOT NULL DEFAULT 0, -- while sending: by the database's clock, when the worker must have a result
    answer          TEXT, -- what the mail server said last
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK (class IN ('customer', 'notice')),
    CHECK (state IN ('proposed', 'queued', 'sending', 'sent', 'maybe_sent', 'failed', 'declined', 'superseded', 'withdrawn', 'expired')),
    CHECK (class = 'notice' OR (user_id IS NOT NULL AND subject_id IS NOT NULL AND booking_id IS NOT NULL AND customer_id IS NOT NULL)),
    CHECK (class = 'customer' OR state <> 'proposed')
);
-- One proposal for each version, kind and recipient, whatever is retried. A reminder that ended because its offset was taken away may
-- come again with it.
CREATE UNIQUE INDEX messages_proposed_once ON messages (tenant_id, booking_id, original_start, mail_version, kind, offset_minutes, recipient_key)
    WHERE class = 'customer' AND state <> 'superseded';
CREATE INDEX messages_by_subject ON messages (tenant_id, subject_id);
CREATE INDEX messages_by_booking ON messages (tenant_id, booking_id);
CREATE INDEX messages_notices ON messages (tenant_id, user_id, kind, created_at) WHERE class = 'notice';
CREATE INDEX messages_open ON messages (tenant_id, user_id) WHERE state = 'proposed';
CREATE INDEX messages_to_send ON messages (next_attempt_at) WHERE state = 'queued';
CREATE INDEX messages_in_hand ON messages (lease_until) WHERE state = 'sending';
CREATE INDEX messages_to_expire ON messages (expires_at) WHERE state IN ('proposed', 'queued');
-- The user's page.
CREATE INDEX messages_by_user ON messages (tenant_id, user_id, updated_at) WHERE class = 'customer';
CREATE INDEX messages_by_recipient ON messages (tenant_id, recipient_key);
CREATE INDEX messages_to_erase ON messages (updated_at) WHERE letter_sealed IS NOT NULL;

-- The yes to one message. There is at most one, and it is used at most once: "used" is an attempt that may have handed the
-- message over; one that certainly did not gives it back.
CREATE TABLE consents (
    tenant_id    TEXT    NOT NULL,
    message_id   TEXT    NOT NULL,
    user_id      TEXT    NOT NULL, -- who said it
    how          TEXT    NOT NULL, -- mailbox: by the link sent to the user's own address | sign_in: after a Google sign-in | app_asserted: the app says so
    key_id       TEXT, -- of app_asserted: the API key
    content_hash BYTEA    NOT NULL, -- what was said yes to
    decided_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    mac          BYTEA    NOT NULL, -- key id (4 bytes) and HMAC-SHA-256 from the key ring over all of the above; without it the row is void
    used_at      BIGINT, -- the message was handed over under it, for certain or maybe
    withdrawn_at BIGINT,
    PRIMARY KEY (tenant_id, message_id),
    CHECK (how IN ('mailbox', 'sign_in', 'app_asserted'))
);

-- Attempts to hand a message over. The row is committed before the first byte is sent: one without a result is "maybe sent".
CREATE TABLE deliveries (
    tenant_id  TEXT    NOT NULL,
    message_id TEXT    NOT NULL,
    attempt    BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    result     TEXT, -- accepted | deferred | refused | unknown | unable
    answer     TEXT,
    ended_at   BIGINT,
    PRIMARY KEY (tenant_id, message_id, attempt)
);
CREATE INDEX deliveries_by_time ON deliveries (tenant_id, started_at);

-- Links to a user's consent page that were sent to the user's own address. Opening one changes nothing.
CREATE TABLE consent_links (
    tenant_id   TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    user_id     TEXT    NOT NULL,
    account_id  TEXT    NOT NULL, -- the address was this account's; the link ends with it
    secret_hash BYTEA    NOT NULL, -- of the secret part, which is nowhere but in the letter
    expires_at  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

-- Addresses that want no mail from this tenant, as their keys. Only who reads there can lift it.
CREATE TABLE suppressions (
    tenant_id     TEXT    NOT NULL,
    recipient_key BYTEA    NOT NULL,
    message_id    TEXT    NOT NULL, -- the message whose link was used
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, recipient_key)
);

-- The record of proposals, questions, decisions and mails. docs/ledger.md describes it. Rows are only ever added: each holds
-- the hash of the one before, and there are no names, addresses or texts in it.
CREATE TABLE ledger (
    tenant_id TEXT    NOT NULL,
    seq       BIGINT NOT NULL, -- 1, 2, 3, without gaps
    at        BIGINT NOT NULL,
    entry     TEXT    NOT NULL, -- JSON, exactly the bytes that are hashed
    hash      BYTEA    NOT NULL, -- SHA-256 of the hash before and the entry
    PRIMARY KEY (tenant_id, seq)
);
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger: rows are only added, never changed or removed';
END $$;
CREATE TRIGGER ledger_is_not_changed BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER ledger_is_not_truncated BEFORE TRUNCATE ON ledger EXECUTE FUNCTION refuse_ledger_change();

-- The newest row of each ledger. Whoever adds a row locks this one first.
CREATE TABLE ledger_heads (
    tenant_id TEXT    NOT NULL PRIMARY KEY,
    seq       BIGINT NOT NULL,
    hash      BYTEA    NOT NULL,
    mac       BYTEA    NOT NULL -- key id and HMAC-SHA-256 from the key ring
);

-- What turns a value into the ledger's commitment to it. Erasing a salt makes its commitments tell nothing for ever; the chain
-- stays verifiable.
CREATE TABLE ledger_salts (
    tenant_id TEXT NOT NULL,
    owner     TEXT NOT NULL, -- user:<id> | recipient:<hex of recipient_key> | message:<id>
    salt      BYTEA NOT NULL, -- 32 random bytes
    PRIMARY KEY (tenant_id, owner)
);
