-- Search messages that have no request yet, newest first.
-- $1 below this id, $2 from this id on, $3 limit, $4 lane or null, $5 states: scheduled, ready, held.
-- Primary key: the newest rows first, ten times the limit, because a large backlog is mostly a campaign that was just
-- enqueued. If these do not give enough, outbox_waiting, outbox_parked_pause and outbox_parked_order, which hold only
-- the backlog. That step is materialized: a generic plan would read the whole history by primary key. Locks nothing.
with newest as materialized (
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
    select count(*) >= $3 as given from newest
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
    from newest as n
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
