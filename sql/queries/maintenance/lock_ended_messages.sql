-- Lock and return those of these messages that ended before a moment. Skips locked rows.
-- $1 ids, $2 the moment.
-- This transaction has locked their requests. Primary key.
select o.id
from smsgw.outbox as o
where
    o.id = any($1::bigint[])
    and (o.terminal_status is not null or o.delivery_status >= 'undelivered')
    and o.final_at < $2
order by o.id
for update skip locked;
