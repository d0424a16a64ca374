-- Unpark messages whose tag is no longer paused.
-- $1 limit.
-- Index: outbox_parked_pause. The recursion reads one tag after another, so a pause that holds a million rows costs one
-- probe. Locks the rows that it unparks and skips rows that another worker holds.
with recursive tag as (
    (
        select o.park_reason as name
        from smsgw.outbox as o
        where o.request_id is null and o.terminal_status is null and o.parked_by = 'pause'
        order by o.park_reason
        limit 1
    )
    union all
    select following.name
    from tag
    cross join lateral (
        select o.park_reason as name
        from smsgw.outbox as o
        where o.request_id is null and o.terminal_status is null and o.parked_by = 'pause' and o.park_reason > tag.name
        order by o.park_reason
        limit 1
    ) as following
),

unpaused as (
    select tag.name
    from tag
    where not exists (
        select
        from smsgw.active_pause as p
        where p.scope = 'tag' and p.subject = tag.name
    )
)

update smsgw.outbox as o
set parked_by = null, park_reason = null
where o.id = any(array(
    select h.id
    from unpaused
    cross join lateral (
        select w.id
        from smsgw.outbox as w
        where w.request_id is null and w.terminal_status is null and w.parked_by = 'pause' and w.park_reason = unpaused.name
        limit $1
        for update skip locked
    ) as h
    limit $1
))
returning o.id;
