-- What waits: the first message of each lane, tenant and sending number, and the first request to try again of each lane
-- and sending number; with the state of the route's breaker. $1 route.
--
-- The recursions are loose scans: they ask outbox_waiting for the smallest (lane, tenant, sender) greater than the last
-- one, and request_due for the smallest (lane, sender), so they cost one index probe for each queue that waits, however
-- long the backlog. The leases of requests in flight stand in request_due too, with the moment at which they end.
-- Locks nothing. Whatever is paused is left out, and so is everything while the whole or a route is paused.
with recursive head as (
    (
        select o.lane, o.tenant, coalesce(o.sender_id, 0) as sender, o.not_before, o.expires_at
        from smsgw.outbox as o
        where o.request_id is null and o.ending is null and o.held_tag is null
        order by o.lane, o.tenant, coalesce(o.sender_id, 0), o.not_before, o.id
        limit 1
    )
    union all
    select behind.lane, behind.tenant, behind.sender, behind.not_before, behind.expires_at
    from head
    cross join lateral (
        select o.lane, o.tenant, coalesce(o.sender_id, 0) as sender, o.not_before, o.expires_at
        from smsgw.outbox as o
        where
            o.request_id is null and o.ending is null and o.held_tag is null
            and (o.lane, o.tenant, coalesce(o.sender_id, 0)) > (head.lane, head.tenant, head.sender)
        order by o.lane, o.tenant, coalesce(o.sender_id, 0), o.not_before, o.id
        limit 1
    ) as behind
),

again as (
    (
        select r.lane, coalesce(r.sender_id, 0) as sender, r.due_at
        from smsgw.request as r
        where r.dispatch = 'in_flight'
        order by r.lane, coalesce(r.sender_id, 0), r.due_at
        limit 1
    )
    union all
    select behind.lane, behind.sender, behind.due_at
    from again
    cross join lateral (
        select r.lane, coalesce(r.sender_id, 0) as sender, r.due_at
        from smsgw.request as r
        where r.dispatch = 'in_flight' and (r.lane, coalesce(r.sender_id, 0)) > (again.lane, again.sender)
        order by r.lane, coalesce(r.sender_id, 0), r.due_at
        limit 1
    ) as behind
),

work as (
    select
        head.lane,
        head.tenant,
        head.sender,
        head.not_before as due_at,
        false as retry,
        head.not_before + (head.expires_at - head.not_before) / 2 < clock_timestamp() as half_over
    from head
    union all
    select again.lane, null as tenant, again.sender, again.due_at, true as retry, false as half_over
    from again
),

paused as (
    select p.scope, p.subject
    from smsgw.pause as p
    where p.expires_at is null or p.expires_at > clock_timestamp()
)

select
    w.lane,
    w.tenant,
    w.sender,
    w.retry,
    extract(epoch from w.due_at - clock_timestamp())::double precision as wait,
    l.urgent,
    l.weight,
    l.coalesce as coalesces,
    l.cap_percent,
    l.on_uncertain,
    l.max_attempts,
    coalesce(s.served, 0) as served,
    coalesce(t.served, 0) as tenant_served,
    -- After an outage the newest login code is the one that somebody still waits for.
    l.urgent and w.half_over as newest_first,
    coalesce(b.failures, 0) as route_failures,
    b.opened_at is not null as route_open
from work as w
inner join smsgw.lane as l on w.lane = l.name
left join smsgw.share as s on w.lane = s.lane and s.tenant = '*'
left join smsgw.share as t on w.lane = t.lane and w.tenant = t.tenant
left join smsgw.route as b on b.name = $1
where not exists (
    select
    from paused
    where
        paused.scope in ('all', 'route')
        or (paused.scope = 'lane' and paused.subject = w.lane)
        or (paused.scope = 'tenant' and paused.subject = w.tenant)
)
order by w.lane, w.tenant, w.sender;
