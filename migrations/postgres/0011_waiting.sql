-- What waits for a person is looked at once, not in every pass, and what a person says is never written over.

-- The version that was found to have nothing to push while its placement, or that of its series, waits. It says nothing
-- once that wait is over or answered, or the row has moved on.
ALTER TABLE row_state ADD COLUMN held_version BIGINT NOT NULL DEFAULT 0;

-- Grows with every change that does not come from the pass that leads the placement: an answer, a lead passed on. Whoever
-- writes a placement back names the revision that was read.
ALTER TABLE placements ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
