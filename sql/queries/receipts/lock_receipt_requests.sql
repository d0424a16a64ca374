-- Lock the requests that receipts speak of, in the order of their ids, as a finish does. $1 request ids.
-- By primary key. What fold.sql then reads is the latest, whoever wrote it.
select q.id
from smsgw.request as q
where q.id = any($1::uuid[])
order by q.id
for update;
