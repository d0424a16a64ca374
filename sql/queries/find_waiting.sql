-- Ids of messages that no request carries yet, newest first. $1 below which, $2 from which on, $3 how many, $4 lane or
-- null, $5 kinds: scheduled (for later), ready (may go), held (a pause is in force). Served by outbox_waiting and
-- outbox_held, which hold the backlog only: read whole, or one lane of it, and its top kept. Locks nothing.
-- Materialized, and the ids looked at afterwards: else a generic plan walks the history by primary key.
with waiting as materialized (
    select o.id, o.not_before
    from smsgw.outbox as o
    where
        o.request_id is null and o.ending is null and o.held_tag is null
        and ($4::text is null or o.lane = $4)
    union all
    select o.id, o.not_before
    from smsgw.outbox as o
    where
        o.request_id is null and o.ending is null and o.held_tag is not null
        and ($4::text is null or o.lane = $4)
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
                and exists (select from smsgw.pause as p where p.expires_at is null or p.expires_at > now())
            )
    end
order by waiting.id desc
limit $3;
