-- Lock every request that carries or carried one of these messages, in the order of their ids.
-- $1 message ids.
-- Primary keys.
select q.id
from smsgw.request as q
where q.id in (
    select unnest(o.earlier_requests || o.request_id)
    from smsgw.outbox as o
    where o.id = any($1::bigint[])
)
order by q.id
for update;
