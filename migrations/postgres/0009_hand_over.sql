-- A booking is handed over by writing its user_id: over the API, or by the app in SQL. The event leaves the old user's
-- calendar, and then the booking is new in the new user's.
--
-- In SQL a series and its changed occurrences are handed over in one statement, after their customers were removed: a
-- customer belongs to one user, and the foreign keys carry the user.

-- Events that have to leave a calendar because their booking was handed over. The row goes when the event is gone.
CREATE TABLE hand_overs (
    tenant_id   TEXT NOT NULL,
    calendar_id TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    booking_id  TEXT NOT NULL,
    account_id  TEXT NOT NULL, -- whose calendar it leaves
    state       TEXT NOT NULL DEFAULT 'wanted', -- wanted | removing: a deletion was sent, so its tombstone is ours | left: the booking is with its new user already, because the old account took no part any more
    etag        TEXT NOT NULL DEFAULT '', -- of the event when it was left; one that was edited since stays where it is
    PRIMARY KEY (tenant_id, calendar_id, event_id),
    CHECK (state IN ('wanted', 'removing', 'left'))
);
CREATE INDEX hand_overs_by_booking ON hand_overs (tenant_id, booking_id);
CREATE INDEX hand_overs_by_account ON hand_overs (tenant_id, account_id, calendar_id);

CREATE FUNCTION bookings_handed_over() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    -- An event in a third user's calendar stays there: only what the old user carried moves. Occurrences go with their series.
    INSERT INTO hand_overs (tenant_id, calendar_id, event_id, booking_id, account_id)
        SELECT p.tenant_id, p.calendar_id, p.event_id, p.booking_id, p.account_id
        FROM placements p JOIN accounts a ON a.tenant_id = p.tenant_id AND a.id = p.account_id
        WHERE p.tenant_id = NEW.tenant_id AND p.booking_id = NEW.id AND p.is_lead = 1
            AND NEW.series_id IS NULL AND a.user_id = OLD.user_id
        ON CONFLICT DO NOTHING;
    -- Handed back before anything was done about it.
    DELETE FROM hand_overs WHERE tenant_id = NEW.tenant_id AND booking_id = NEW.id AND state = 'wanted'
        AND account_id IN (SELECT id FROM accounts WHERE tenant_id = NEW.tenant_id AND user_id = NEW.user_id);
    -- What is in no calendar yet is carried by its new user from now on.
    UPDATE row_state SET user_id = NEW.user_id WHERE tenant_id = NEW.tenant_id AND kind = 'booking' AND id = NEW.id
        AND NOT EXISTS (SELECT 1 FROM placements p WHERE p.tenant_id = NEW.tenant_id AND p.is_lead = 1
            AND p.booking_id IN (NEW.id, NEW.series_id));
    RETURN NULL;
END $$;
CREATE TRIGGER bookings_handed_over AFTER UPDATE OF user_id ON bookings FOR EACH ROW
    WHEN (NEW.user_id IS DISTINCT FROM OLD.user_id) EXECUTE FUNCTION bookings_handed_over();

-- A new row under the id of one whose deletion is not settled would change hands unseen.
CREATE FUNCTION bookings_keep_their_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM row_state s WHERE s.tenant_id = NEW.tenant_id AND s.kind = 'booking' AND s.id = NEW.id
        AND NEW.series_id IS NULL
        AND s.deleted_row::json ->> 'user_id' <> NEW.user_id) THEN
        RAISE EXCEPTION 'bookings.user_id: a row that is inserted again keeps its user; hand it over with UPDATE';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bookings_keep_their_user BEFORE INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION bookings_keep_their_user();
