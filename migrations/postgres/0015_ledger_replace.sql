-- SQLite's INSERT OR REPLACE goes around its triggers and needs one more. PostgreSQL's ON CONFLICT DO UPDATE is an update, which
-- is refused already.
COMMENT ON TABLE ledger IS 'Rows are only ever added.';
