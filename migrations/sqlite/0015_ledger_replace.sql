-- INSERT OR REPLACE removes the row in its way without calling the triggers that forbid it.
CREATE TRIGGER ledger_is_not_replaced BEFORE INSERT ON ledger
WHEN EXISTS (SELECT 1 FROM ledger WHERE tenant_id = NEW.tenant_id AND seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'ledger: rows are only added, never replaced');
END;
