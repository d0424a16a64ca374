-- Abandon receipts that found no message in three days. They stay in the journal.
-- Index: receipt_unmatched. Locks the rows that it abandons.
update smsgw.receipt as r
set result = 'abandoned'
where r.result = 'unmatched' and r.received_at < clock_timestamp() - interval '72 hours'
returning r.id;
