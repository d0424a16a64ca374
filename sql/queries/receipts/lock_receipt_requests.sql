-- Lock the requests of receipts in the order of their ids, as the completer does.
-- $1 request ids.
-- Primary key. The lock makes apply_receipts.sql read their latest version.
select q.id
from smsgw.request as q
where q.id = any($1::uuid[])
order by q.id
for update;
