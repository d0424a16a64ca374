-- Ids of messages that no request carries yet, newest first. $1 below which, $2 from which on, $3 how many.
-- Served by outbox_waiting and outbox_held, which hold the backlog only: read whole, and its top kept.
select waiting.id
from (
    select o.id
    from smsgw.outbox as o
    where o.request_id is null and o.ending is null and o.held_tag is null and o.id < $1 and o.id >= $2
    union all
    select o.id
    from smsgw.outbox as o
    where o.request_id is null and o.ending is null and o.held_tag is not null and o.id < $1 and o.id >= $2
) as waiting
order by waiting.id desc
limit $3;
