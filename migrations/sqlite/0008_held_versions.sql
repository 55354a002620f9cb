-- Rows that wait for a person are looked at once, not in every pass.

-- The version that was found to have nothing to push while its placement, or that of its series, waits. It says nothing
-- once that wait is over or answered, or the row has moved on.
ALTER TABLE row_state ADD COLUMN held_version INTEGER NOT NULL DEFAULT 0;
