-- Ids of messages, newest first, out of a stretch of the table: $1 below which id, $2 from which on, $3 how many,
-- $4 how long the stretch is, in messages. What is cheap to see is looked at here, each null for any: $5 lane, $6 tenant,
-- $7 tag, $8 kinds (waiting, bound, delivered, undelivered, or an ending). Returns with each id how far the stretch
-- leads and how many messages are in it; a row without an id where none matches.
-- Walks the primary key backwards, twice over the same pages; locks nothing.
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
