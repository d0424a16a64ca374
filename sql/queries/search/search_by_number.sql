-- Search the messages to a number, newest first.
-- $1 below this id, $2 from this id on, $3 limit, $4 number.
-- Index: outbox_to_number. Locks nothing.
select o.id
from smsgw.outbox as o
where o.id < $1 and o.id >= $2 and o.to_number = $4
order by o.id desc
limit $3;
