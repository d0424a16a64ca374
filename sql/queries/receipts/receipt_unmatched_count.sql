-- How many receipts wait for their message; served by receipt_unmatched.
select count(*)
from smsgw.receipt as r
where r.result = 'unmatched';
