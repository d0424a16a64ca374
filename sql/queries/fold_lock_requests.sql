-- Lock the requests of a batch, in the order of their ids, as every writer of requests does. $1 ids; primary key.
-- The next statement then reads what the last writer committed.
select r.id
from smsgw.request as r
where r.id = any($1::uuid[])
order by r.id
for update;
