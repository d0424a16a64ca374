-- Lock these messages, after their requests, and return those whose request is among the locked ones, or that have none.
-- One that a claim bound in between is left to it. $1 message ids, $2 requests that are locked. Primary key.
select l.id
from (
    select o.id, o.request_id
    from smsgw.outbox as o
    where o.id = any($1::bigint[])
    order by o.id
    for update
) as l
where l.request_id is null or l.request_id = any($2::uuid[]);
