-- Count the messages ahead of one in its queue.
-- $1 lane, $2 tenant, $3 sender (0 for the default), $4 not_before, $5 id, $6 limit.
-- Index: outbox_waiting. Locks nothing.
select count(*) as messages
from (
    select
    from smsgw.outbox as o
    where
        o.lane = $1
        and o.tenant = $2
        and coalesce(o.sender_id, 0) = $3
        and o.request_id is null
        and o.terminal_status is null
        and o.parked_by is null
        and (o.not_before, o.id) < ($4, $5)
    limit $6
) as ahead;
