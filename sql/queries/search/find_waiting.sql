-- Ids of messages that no request carries yet, newest first. $1 below which, $2 from which on, $3 how many, $4 lane or
-- null, $5 kinds: scheduled (for later), ready (may go), held (a pause is in force). Locks nothing.
-- A large backlog is mostly a campaign that was just enqueued, so the newest rows are looked at first, by primary key: ten
-- for each that is wanted, and no more. Only where they do not give enough, outbox_waiting and outbox_parked_pause are read,
-- which hold the backlog only: whole, or one lane of it, and its top kept. That part is materialized, and its ids looked
-- at afterwards: else a generic plan walks the history by primary key.
with near as materialized (
    select n.id, n.not_before
    from (
        select o.id, o.not_before, o.request_id, o.terminal_status, o.lane
        from smsgw.outbox as o
        where o.id < $1 and o.id >= $2
        order by o.id desc
        limit 10 * $3
    ) as n
    where
        n.request_id is null and n.terminal_status is null
        and ($4::text is null or n.lane = $4)
        and case
            when n.not_before > now() then 'scheduled' = any($5::text[])
            else
                'ready' = any($5::text[])
                or (
                    'held' = any($5::text[])
                    and exists (select from smsgw.active_pause)
                )
        end
    order by n.id desc
    limit $3
),

enough as materialized (
    select count(*) >= $3 as given from near
),

waiting as materialized (
    select o.id, o.not_before
    from smsgw.outbox as o
    where
        o.request_id is null and o.terminal_status is null and o.parked_by is null
        and ($4::text is null or o.lane = $4)
        and not (select e.given from enough as e)
    union all
    select o.id, o.not_before
    from smsgw.outbox as o
    where
        o.request_id is null and o.terminal_status is null and o.parked_by = 'pause'
        and ($4::text is null or o.lane = $4)
        and not (select e.given from enough as e)
    union all
    select o.id, o.not_before
    from smsgw.outbox as o
    where
        o.request_id is null and o.terminal_status is null and o.parked_by = 'order_key'
        and ($4::text is null or o.lane = $4)
        and not (select e.given from enough as e)
    union all
    select n.id, n.not_before
    from near as n
    where (select e.given from enough as e)
)

select waiting.id
from waiting
where
    waiting.id < $1
    and waiting.id >= $2
    and case
        when waiting.not_before > now() then 'scheduled' = any($5::text[])
        else
            'ready' = any($5::text[])
            or (
                'held' = any($5::text[])
                and exists (select from smsgw.active_pause)
            )
    end
order by waiting.id desc
limit $3;
