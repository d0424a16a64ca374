-- Unpark the first message of each order key if no earlier message must go first.
-- $1 tenant, $2 order key and $3 id after which to begin, $4 number of keys.
-- Returns the keys in order, and whether the first message of each was unparked.
-- Index: outbox_parked_order. The recursion reads one key after another, one probe for each key, regardless of how many
-- messages wait. smsgw.is_head_of_order_key reads outbox_order. Skips rows that another worker holds.
with recursive first as (
    (
        select o.tenant, o.order_key, o.id
        from smsgw.outbox as o
        where
            o.request_id is null and o.terminal_status is null and o.parked_by = 'order_key'
            and (o.tenant, o.order_key, o.id) > ($1::text, $2::text, $3::bigint)
        order by o.tenant, o.order_key, o.id
        limit 1
    )
    union all
    select following.tenant, following.order_key, following.id
    from first
    cross join lateral (
        select o.tenant, o.order_key, o.id
        from smsgw.outbox as o
        where
            o.request_id is null and o.terminal_status is null and o.parked_by = 'order_key'
            and (o.tenant, o.order_key) > (first.tenant, first.order_key)
        order by o.tenant, o.order_key, o.id
        limit 1
    ) as following
),

scanned as (
    select f.tenant, f.order_key, f.id, smsgw.is_head_of_order_key(f.tenant, f.order_key, f.id) as is_head
    from first as f
    limit $4
),

unparked as (
    update smsgw.outbox as o
    set parked_by = null, park_reason = null
    where o.id = any(array(
        select w.id
        from smsgw.outbox as w
        where w.id in (select l.id from scanned as l where l.is_head) and w.parked_by = 'order_key'
        for update skip locked
    ))
    returning o.id
)

select l.tenant, l.order_key, f.id is not null as unparked
from scanned as l
left join unparked as f on l.id = f.id
order by l.tenant, l.order_key;
