-- Lock the messages of a batch, after their requests and in the order of their ids. $1 ids; primary key.
select o.id
from smsgw.outbox as o
where o.id = any($1::bigint[])
order by o.id
for update;
