-- The next messages of the age to be forgotten, oldest first: what is locked here and now has ended long ago.
-- $1 above which id, $2 below which, $3 how many, $4 ended before. Walks the primary key from its low end; those that are
-- still open are passed by, and looked at again with the next pass. Locks nothing.
select
    o.id,
    (o.terminal_status is not null or o.delivery_status >= 'undelivered') and o.final_at < $4 as over
from smsgw.outbox as o
where o.id > $1 and o.id < $2
order by o.id
limit $3;
