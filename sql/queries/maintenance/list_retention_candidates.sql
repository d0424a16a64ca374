-- Return the next messages that are old enough, oldest first, and whether each has ended.
-- $1 above this id, $2 below this id, $3 limit, $4 ended before.
-- Reads the low end of the primary key. Open messages are skipped; the next pass reads them again. Locks nothing.
select
    o.id,
    (o.terminal_status is not null or o.delivery_status >= 'undelivered') and o.final_at < $4 as ended
from smsgw.outbox as o
where o.id > $1 and o.id < $2
order by o.id
limit $3;
