-- What a customer consists of: exactly the details that may be mirrored with Google Contacts.
-- The lists are JSON arrays, kept as typed, in order; the first email and the first phone are the primary ones.

-- (app) [{"value", "type"}]
ALTER TABLE customers ADD COLUMN emails TEXT NOT NULL DEFAULT '[]' CHECK (json_typeof(emails::json) = 'array');
-- (app) [{"value", "type"}]
ALTER TABLE customers ADD COLUMN phones TEXT NOT NULL DEFAULT '[]' CHECK (json_typeof(phones::json) = 'array');
-- (app) [{"name", "title"}]
ALTER TABLE customers ADD COLUMN organizations TEXT NOT NULL DEFAULT '[]' CHECK (json_typeof(organizations::json) = 'array');
-- (app) [{"street", "city", "region", "postal_code", "country_code", "type"}]
ALTER TABLE customers ADD COLUMN addresses TEXT NOT NULL DEFAULT '[]' CHECK (json_typeof(addresses::json) = 'array');
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
);
CREATE INDEX customer_keys_of ON customer_keys (tenant_id, customer_id);
-- Lists of one user's customers.
CREATE INDEX customers_of_user ON customers (tenant_id, user_id, id);

-- The triggers of 0003, for all the columns.
CREATE OR REPLACE FUNCTION customers_versioned() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
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
    IF (NEW.user_id, NEW.given_name, NEW.family_name, NEW.emails, NEW.phones, NEW.organizations, NEW.addresses, NEW.birthday, NEW.gender) IS DISTINCT FROM
       (OLD.user_id, OLD.given_name, OLD.family_name, OLD.emails, OLD.phones, OLD.organizations, OLD.addresses, OLD.birthday, OLD.gender) THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := now_ms();
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION customers_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM note_deletion(OLD.tenant_id, 'customer', OLD.id, OLD.user_id, OLD.version + 1, json_build_object(
        'user_id', OLD.user_id, 'given_name', OLD.given_name, 'family_name', OLD.family_name, 'emails', OLD.emails, 'phones', OLD.phones, 'organizations', OLD.organizations, 'addresses', OLD.addresses, 'birthday', OLD.birthday, 'gender', OLD.gender, 'origin', OLD.origin, 'created_at', OLD.created_at)::text);
    DELETE FROM customer_keys WHERE tenant_id = OLD.tenant_id AND customer_id = OLD.id;
    RETURN OLD;
END $$;
