-- Search messages by their ids, newest first.
-- $1 below this id, $2 from this id on, $3 limit, $4 ids.
-- Primary key. Locks nothing.
select o.id
from smsgw.outbox as o
where o.id < $1 and o.id >= $2 and o.id = any($4::bigint[])
order by o.id desc
limit $3;
