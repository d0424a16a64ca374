-- Let the first of each order key go whose turn it is. $1 tenant, $2 order key and $3 id after which to look, $4 how many
-- keys.
-- Served by outbox_parked_order: the recursion asks for one key after another, so it costs one probe for each, however much
-- stands behind; smsgw.is_head_of_order_key asks outbox_order. Steps over rows that another replica is letting go.
-- Answers with the keys looked at, in their order, and whether the first of each may go now.
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
    select later.tenant, later.order_key, later.id
    from first
    cross join lateral (
        select o.tenant, o.order_key, o.id
        from smsgw.outbox as o
        where
            o.request_id is null and o.terminal_status is null and o.parked_by = 'order_key'
            and (o.tenant, o.order_key) > (first.tenant, first.order_key)
        order by o.tenant, o.order_key, o.id
        limit 1
    ) as later
),

looked as (
    select f.tenant, f.order_key, f.id, smsgw.is_head_of_order_key(f.tenant, f.order_key, f.id) as next
    from first as f
    limit $4
),

freed as (
    update smsgw.outbox as o
    set parked_by = null, park_reason = null
    where o.id = any(array(
        select w.id
        from smsgw.outbox as w
        where w.id in (select l.id from looked as l where l.next) and w.parked_by = 'order_key'
        for update skip locked
    ))
    returning o.id
)

select l.tenant, l.order_key, f.id is not null as freed
from looked as l
left join freed as f on l.id = f.id
order by l.tenant, l.order_key;
