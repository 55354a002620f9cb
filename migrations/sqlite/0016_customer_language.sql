-- How a customer reads mails. The app's alone: Google's contacts hear nothing of it, so a change has nothing to be pushed, but it is a
-- change like any other for If-Match, the feed and whoever restores a deleted customer.

-- (app) BCP 47 tag of the language that mails to them are written in; null: the tenant's. So is one that mails are not written in.
ALTER TABLE customers ADD COLUMN language TEXT;
-- (app) IANA zone that times in mails to them are told in; null: the booking's. So is one that does not exist.
ALTER TABLE customers ADD COLUMN time_zone TEXT;

-- The triggers of 0010, for all the columns.
DROP TRIGGER customers_updated;
CREATE TRIGGER customers_updated AFTER UPDATE OF user_id, given_name, family_name, emails, phones, organizations, addresses, birthday, gender, language, time_zone ON customers
WHEN NEW.user_id IS NOT OLD.user_id OR NEW.given_name IS NOT OLD.given_name OR NEW.family_name IS NOT OLD.family_name OR NEW.emails IS NOT OLD.emails OR NEW.phones IS NOT OLD.phones OR NEW.organizations IS NOT OLD.organizations OR NEW.addresses IS NOT OLD.addresses OR NEW.birthday IS NOT OLD.birthday OR NEW.gender IS NOT OLD.gender OR NEW.language IS NOT OLD.language OR NEW.time_zone IS NOT OLD.time_zone
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
    UPDATE row_state SET deleted_row = json_object('user_id', OLD.user_id, 'given_name', OLD.given_name, 'family_name', OLD.family_name, 'emails', OLD.emails, 'phones', OLD.phones, 'organizations', OLD.organizations, 'addresses', OLD.addresses, 'birthday', OLD.birthday, 'gender', OLD.gender, 'language', OLD.language, 'time_zone', OLD.time_zone, 'origin', OLD.origin, 'created_at', OLD.created_at)
        WHERE tenant_id = OLD.tenant_id AND kind = 'customer' AND id = OLD.id;
    INSERT INTO changes (tenant_id, seq, kind, id, version, operation, at)
        SELECT tenant_id, 0, 'customer', id, version, 'delete', CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)
        FROM row_state WHERE tenant_id = OLD.tenant_id AND kind = 'customer' AND id = OLD.id;
    DELETE FROM customer_keys WHERE tenant_id = OLD.tenant_id AND customer_id = OLD.id;
END;
