-- Search a range of the newest messages, newest first.
-- $1 below this id, $2 from this id on, $3 limit, $4 size of the range in messages. Cheap filters, each null for any: $5 lane,
-- $6 tenant, $7 tag, $8 kinds (waiting, bound, delivered, undelivered, or a terminal status).
-- Returns with each id the lowest id of the range and the number of messages in it; one row without an id if none matches.
-- Reads the primary key backwards, twice over the same pages. Locks nothing.
with stretch as (
    select
        min(w.id) as low,
        count(*) as messages
    from (
        select o.id
        from smsgw.outbox as o
        where o.id < $1 and o.id >= $2
        order by o.id desc
        limit $4
    ) as w
)

select
    found.id,
    stretch.low,
    stretch.messages
from stretch
left join lateral (
    select o.id
    from smsgw.outbox as o
    where
        o.id < $1
        and o.id >= stretch.low
        and ($5::text is null or o.lane = $5)
        and ($6::text is null or o.tenant = $6)
        and ($7::text is null or smsgw.has_tag(o.tags, $7))
        and (
            $8::text[] is null
            or case
                when o.delivery_status = 'delivered' then 'delivered'
                when o.delivery_status >= 'undelivered' then 'undelivered'
                when o.terminal_status is not null then o.terminal_status::text
                when o.request_id is null then 'waiting'
                else 'bound'
            end = any($8::text[])
        )
    order by o.id desc
    limit $3
) as found on true;
