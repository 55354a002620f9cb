-- Customers and the user's Google Contacts. The contacts of an account are one sync scope, whose calendar_id is ''; so are
-- the rows of quarantine, questions and deletions that belong to it (in deletions, booking_id is then a customer).

-- Part of the key by which a contact that Accord created is found again after a lost answer.
CREATE TABLE installation (
    the_only BIGINT NOT NULL PRIMARY KEY CHECK (the_only = 1),
    id       TEXT    NOT NULL -- UUIDv7, made once
);

-- What the user let Accord read and write of the contacts. There is no preset answer: null until the user has said it.
ALTER TABLE accounts ADD COLUMN contacts TEXT CHECK (contacts IN ('all', 'label', 'none'));
ALTER TABLE accounts ADD COLUMN contacts_label TEXT; -- with 'label': the resource name of the contact group
ALTER TABLE accounts ADD COLUMN contacts_label_name TEXT; -- as the user saw it
ALTER TABLE accounts ADD COLUMN tenant_contacts BIGINT NOT NULL DEFAULT 1; -- 0: the tenant does not let contacts be followed
ALTER TABLE accounts ADD COLUMN contact_group TEXT; -- the resource name of the group that holds what Accord created

-- When the last full listing that the sync token goes back to began, ms. People tokens live for seven days.
ALTER TABLE sync_scopes ADD COLUMN listed_at BIGINT NOT NULL DEFAULT 0;

-- A link: ties a customer to a contact. No foreign key to customers: it remembers what was deleted.
CREATE TABLE contact_links (
    tenant_id          TEXT    NOT NULL,
    id                 TEXT    NOT NULL,
    account_id         TEXT    NOT NULL,
    customer_id        TEXT    NOT NULL,
    contact_id         TEXT    NOT NULL DEFAULT '', -- the contact's resource name, which may change; '' while creating
    source_id          TEXT    NOT NULL DEFAULT '', -- the id of its contact source, which does not
    state              TEXT    NOT NULL, -- creating: no contact is known yet | live | frozen: the contact left what the user lets be read | gone: a tombstone on both ids
    gone_because       TEXT, -- google: the contact was deleted | app: the customer was deleted | merged: another link has its contact | unlinked: somebody said so
    etag               TEXT    NOT NULL DEFAULT '', -- of the contact source, as last seen or as our last write got it
    remote_updated_at  BIGINT NOT NULL DEFAULT 0, -- of the contact source: an older copy is not applied
    is_ours            BIGINT NOT NULL DEFAULT 0, -- Accord created the contact
    is_edited          BIGINT NOT NULL DEFAULT 0, -- somebody else has written to it since
    base_local         TEXT, -- JSON: the customer at the last agreement; while creating, what was sent
    base_remote        TEXT, -- JSON: the contact at the last agreement
    before_sealed      BYTEA, -- JSON {local, remote}: both before they were linked, so that linking can be undone
    waiting            TEXT, -- conflict | brake: why nothing happens to it
    answer             TEXT, -- app | google: who wins, as a person said, until the next pass has acted on it
    attempted_at       BIGINT NOT NULL DEFAULT 0, -- while creating: when a create was sent whose outcome is not known, ms; 0: none is under way
    absences           BIGINT NOT NULL DEFAULT 0, -- while creating: full listings begun since then that lack the contact
    confirmed_at       BIGINT NOT NULL DEFAULT 0, -- when Google last showed it, ms
    revision           BIGINT NOT NULL DEFAULT 0, -- grows with every change; whoever writes it back names the one that was read
    PRIMARY KEY (tenant_id, id),
    CHECK (state IN ('creating', 'live', 'frozen', 'gone'))
);
-- A customer has one contact in an account, and a contact one customer. Of tombstones there may be several.
CREATE UNIQUE INDEX contact_links_one_contact ON contact_links (tenant_id, account_id, customer_id) WHERE state <> 'gone';
CREATE UNIQUE INDEX contact_links_one_customer ON contact_links (tenant_id, account_id, contact_id) WHERE state <> 'gone' AND contact_id <> '';
CREATE INDEX contact_links_by_contact ON contact_links (tenant_id, account_id, contact_id);
CREATE INDEX contact_links_by_source ON contact_links (tenant_id, account_id, source_id);
CREATE INDEX contact_links_by_customer ON contact_links (tenant_id, customer_id);
-- What a pass looks for before it knows that it is quiet.
CREATE INDEX contact_links_unsure ON contact_links (tenant_id, account_id) WHERE state = 'creating';
CREATE INDEX contact_links_waiting ON contact_links (tenant_id, account_id) WHERE waiting IS NOT NULL;
CREATE INDEX contact_links_answered ON contact_links (tenant_id, account_id) WHERE answer IS NOT NULL;
CREATE INDEX row_state_customers_to_push ON row_state (tenant_id, user_id) WHERE kind = 'customer' AND version <> agreed_version AND held_version <> version;

-- Contacts that may be the same person as one of these customers. Until somebody has said which, the contact becomes no
-- customer and none of these customers becomes a contact.
CREATE TABLE contact_matches (
    tenant_id   TEXT NOT NULL,
    account_id  TEXT NOT NULL,
    contact_id  TEXT NOT NULL, -- the question about it has this as its subject
    customer_id TEXT NOT NULL,
    answer      TEXT, -- link: this is the one | separate: it is nobody of these
    PRIMARY KEY (tenant_id, account_id, contact_id, customer_id),
    CHECK (answer IN ('link', 'separate'))
);
CREATE INDEX contact_matches_by_customer ON contact_matches (tenant_id, customer_id);
CREATE INDEX contact_matches_answered ON contact_matches (tenant_id, account_id) WHERE answer IS NOT NULL;

-- A contact's name is unique among the contacts of one account only.
DROP INDEX questions_asked_once;
CREATE UNIQUE INDEX questions_asked_once ON questions (tenant_id, account_id, kind, calendar_id, subject_id) WHERE state = 'open';

-- A conflict is about a booking or about a customer; booking_id is '' in the latter case.
ALTER TABLE conflicts ADD COLUMN customer_id TEXT;
CREATE INDEX conflicts_by_customer ON conflicts (tenant_id, customer_id) WHERE customer_id IS NOT NULL;

-- A customer stays with its user: the contact in that user's account is this very customer's.
CREATE FUNCTION customers_keep_their_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.user_id IS DISTINCT FROM OLD.user_id THEN
            RAISE EXCEPTION 'customers.user_id: cannot be changed; insert another customer for the other user';
        END IF;
    ELSIF EXISTS (SELECT 1 FROM row_state s WHERE s.tenant_id = NEW.tenant_id AND s.kind = 'customer' AND s.id = NEW.id
        AND s.user_id <> NEW.user_id) THEN
        RAISE EXCEPTION 'customers.user_id: a row that is inserted again keeps its user; insert another customer';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER customers_keep_their_user BEFORE INSERT OR UPDATE OF user_id ON customers FOR EACH ROW EXECUTE FUNCTION customers_keep_their_user();
