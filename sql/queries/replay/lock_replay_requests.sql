-- Lock the requests of these messages in the order of their ids, as the completer and apply_receipts.sql do.
-- $1 message ids.
-- Primary keys.
select q.id
from smsgw.request as q
where q.id in (select o.request_id from smsgw.outbox as o where o.id = any($1::bigint[]))
order by q.id
for update;
