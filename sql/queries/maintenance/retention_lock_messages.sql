-- Lock those of these messages that have ended before a moment still, and step over what somebody works on. $1 ids,
-- $2 the moment. Their requests are locked by this transaction. Primary key.
select o.id
from smsgw.outbox as o
where
    o.id = any($1::bigint[])
    and (o.terminal_status is not null or o.delivery_status >= 'undelivered')
    and o.final_at < $2
order by o.id
for update skip locked;
