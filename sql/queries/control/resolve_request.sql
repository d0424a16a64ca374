-- Lock the request of a message, because an operator resolves it. $1 message id. Reads by primary key; locks the request,
-- as every writer of its messages does first.
select q.id, q.status::text as status
from smsgw.request as q
where q.id = (select o.request_id from smsgw.outbox as o where o.id = $1)
for update;
