-- What a customer consists of: exactly the details that may be mirrored with Google Contacts.
-- The lists are JSON arrays, kept as typed, in order; the first email and the first phone are the primary ones.

-- (app) [{"value", "type"}]
ALTER TABLE customers ADD COLUMN emails TEXT NOT NULL DEFAULT '[]' CHECK (CASE WHEN json_valid(emails) THEN json_type(emails) = 'array' ELSE 0 END);
-- (app) [{"value", "type"}]
ALTER TABLE customers ADD COLUMN phones TEXT NOT NULL DEFAULT '[]' CHECK (CASE WHEN json_valid(phones) THEN json_type(phones) = 'array' ELSE 0 END);
-- (app) [{"name", "title"}]
ALTER TABLE customers ADD COLUMN organizations TEXT NOT NULL DEFAULT '[]' CHECK (CASE WHEN json_valid(organizations) THEN json_type(organizations) = 'array' ELSE 0 END);
-- (app) [{"street", "city", "region", "postal_code", "country_code", "type"}]
ALTER TABLE customers ADD COLUMN addresses TEXT NOT NULL DEFAULT '[]' CHECK (CASE WHEN json_valid(addresses) THEN json_type(addresses) = 'array' ELSE 0 END);
-- (app) YYYY-MM-DD, or --MM-DD without a year; null when not known
ALTER TABLE customers ADD COLUMN birthday TEXT;
-- (app) male, female, unspecified or a text of one's own
ALTER TABLE customers ADD COLUMN gender TEXT NOT NULL DEFAULT '';
-- who created it
ALTER TABLE customers ADD COLUMN origin TEXT NOT NULL DEFAULT 'app' CHECK (origin IN ('app', 'google'));

-- What customers are found by, derived from the rows. Engine only: written again when a row or the tenant's region changes.
CREATE TABLE customer_keys (
    tenant_id   TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    kind        TEXT NOT NULL, -- email: without case | phone: E.164
    value       TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    PRIMARY KEY (tenant_id, kind, value, user_id, customer_id),
    CHECK (kind IN ('email', 'phone'))
) STRICT;
CREATE INDEX customer_keys_of ON customer_keys (tenant_id, customer_id);
-- Lists of one user's customers.
CREATE INDEX customers_of_user ON customers (tenant_id, user_id, id);

-- The triggers of 0003, for all the columns.
DROP TRIGGER customers_updated;
CREATE TRIGGER customers_updated AFTER UPDATE OF user_id, given_name, family_name, emails, phones, organizations, addresses, birthday, gender ON customers
WHEN NEW.user_id IS NOT OLD.user_id OR NEW.given_name IS NOT OLD.given_name OR NEW.family_name IS NOT OLD.family_name OR NEW.emails IS NOT OLD.emails OR NEW.phones IS NOT OLD.phones OR NEW.organizations IS NOT OLD.organizations OR NEW.addresses IS NOT OLD.addresses OR NEW.birthday IS NOT OLD.birthday OR NEW.gender IS NOT OLD.gender
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

DROP TRIGGER customers_deleted;
CREATE TRIGGER customers_deleted AFTER DELETE ON customers
BEGIN
    INSERT INTO row_state (tenant_id, kind, id, user_id, version) VALUES (OLD.tenant_id, 'customer', OLD.id, OLD.user_id, OLD.version + 1)
        ON CONFLICT (tenant_id, kind, id) DO UPDATE SET version = version + 1;
    UPDATE row_state SET deleted_row = json_object('user_id', OLD.user_id, 'given_name', OLD.given_name, 'family_name', OLD.family_name, 'emails', OLD.emails, 'phones', OLD.phones, 'organizations', OLD.organizations, 'addresses', OLD.addresses, 'birthday', OLD.birthday, 'gender', OLD.gender, 'origin', OLD.origin, 'created_at', OLD.created_at)
        WHERE tenant_id = OLD.tenant_id AND kind = 'customer' AND id = OLD.id;
    INSERT INTO changes (tenant_id, seq, kind, id, version, operation, at)
        SELECT tenant_id, 0, 'customer', id, version, 'delete', CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
        FROM row_state WHERE tenant_id = OLD.tenant_id AND kind = 'customer' AND id = OLD.id;
    DELETE FROM customer_keys WHERE tenant_id = OLD.tenant_id AND customer_id = OLD.id;
END;
