-- Series: who carries their changed occurrences, and halves that come before the cut.

-- A changed occurrence is carried to Google by whoever carries its series, which may be another user than the owner.
CREATE TRIGGER row_state_carried AFTER INSERT ON row_state
WHEN NEW.kind = 'booking' AND EXISTS (SELECT 1 FROM bookings WHERE tenant_id = NEW.tenant_id AND id = NEW.id AND series_id IS NOT NULL)
BEGIN
    UPDATE row_state SET user_id = coalesce((SELECT s.user_id FROM bookings b
            JOIN row_state s ON s.tenant_id = b.tenant_id AND s.kind = 'booking' AND s.id = b.series_id
            WHERE b.tenant_id = NEW.tenant_id AND b.id = NEW.id), user_id)
        WHERE tenant_id = NEW.tenant_id AND kind = 'booking' AND id = NEW.id;
END;

-- The booking that the event's private property names although it is not that booking's event: a copy that somebody made, or
-- the new half of a series whose cut has not come yet.
ALTER TABLE placements ADD COLUMN copied_from TEXT;
CREATE INDEX placements_copied_from ON placements (tenant_id, calendar_id, copied_from) WHERE copied_from IS NOT NULL;
