-- Count the receipts that wait for their message.
-- Index: receipt_unmatched. Locks nothing.
select count(*)
from smsgw.receipt as r
where r.result = 'unmatched';
