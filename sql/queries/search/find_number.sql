-- Ids of messages to a number, newest first. $1 below which, $2 from which on, $3 how many, $4 the number.
-- Served by outbox_to_number; locks nothing.
select o.id
from smsgw.outbox as o
where o.id < $1 and o.id >= $2 and o.to_number = $4
order by o.id desc
limit $3;
