-- Ids of messages, newest first. $1 below which, $2 from which on, $3 how many. Walks the primary key backwards; locks
-- nothing.
select o.id
from smsgw.outbox as o
where o.id < $1 and o.id >= $2
order by o.id desc
limit $3;
