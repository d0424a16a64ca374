-- Give up receipts that found no message in three days: what they speak of is not here. They stay in the journal.
-- Served by receipt_unmatched.
update smsgw.receipt as r
set result = 'abandoned'
where r.result = 'unmatched' and r.received_at < clock_timestamp() - interval '72 hours'
returning r.id;
