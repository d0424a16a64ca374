-- Lock these messages, after their requests. Return those that have no request, or one that is locked. A message that a
-- claim bound in between is left out.
-- $1 message ids, $2 locked requests.
-- Primary key.
select l.id
from (
    select o.id, o.request_id
    from smsgw.outbox as o
    where o.id = any($1::bigint[])
    order by o.id
    for update
) as l
where l.request_id is null or l.request_id = any($2::uuid[]);
