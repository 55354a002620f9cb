-- How a customer reads mails. The app's alone: Google's contacts hear nothing of it, so a change has nothing to be pushed, but it is a
-- change like any other for If-Match, the feed and whoever restores a deleted customer.

-- (app) BCP 47 tag of the language that mails to them are written in; null: the tenant's. So is one that mails are not written in.
ALTER TABLE customers ADD COLUMN language TEXT;
-- (app) IANA zone that times in mails to them are told in; null: the booking's. So is one that does not exist.
ALTER TABLE customers ADD COLUMN time_zone TEXT;

-- The triggers of 0010, for all the columns.
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
    IF (NEW.user_id, NEW.given_name, NEW.family_name, NEW.emails, NEW.phones, NEW.organizations, NEW.addresses, NEW.birthday, NEW.gender, NEW.language, NEW.time_zone) IS DISTINCT FROM
       (OLD.user_id, OLD.given_name, OLD.family_name, OLD.emails, OLD.phones, OLD.organizations, OLD.addresses, OLD.birthday, OLD.gender, OLD.language, OLD.time_zone) THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := now_ms();
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION customers_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM note_deletion(OLD.tenant_id, 'customer', OLD.id, OLD.user_id, OLD.version + 1, json_build_object(
        'user_id', OLD.user_id, 'given_name', OLD.given_name, 'family_name', OLD.family_name, 'emails', OLD.emails, 'phones', OLD.phones, 'organizations', OLD.organizations, 'addresses', OLD.addresses, 'birthday', OLD.birthday, 'gender', OLD.gender, 'language', OLD.language, 'time_zone', OLD.time_zone, 'origin', OLD.origin, 'created_at', OLD.created_at)::text);
    DELETE FROM customer_keys WHERE tenant_id = OLD.tenant_id AND customer_id = OLD.id;
    RETURN OLD;
END $$;
