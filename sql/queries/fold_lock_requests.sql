-- Lock the requests that these receipts speak of, in the order of their ids, as a finish does. $1 receipt ids.
-- Primary keys throughout. What fold.sql then reads is the latest, whoever wrote it.
select q.id
from smsgw.request as q
where q.id in (select r.request_id from smsgw.receipt as r where r.id = any($1::bigint[]))
order by q.id
for update;
