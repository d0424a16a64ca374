-- Those of these ids that there are, newest first. $1 below which, $2 from which on, $3 how many, $4 ids. Primary key.
select o.id
from smsgw.outbox as o
where o.id < $1 and o.id >= $2 and o.id = any($4::bigint[])
order by o.id desc
limit $3;
