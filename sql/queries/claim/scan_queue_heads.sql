-- What waits: the first message of queues (lane, tenant and sending number), and the first request to try again of queues
-- (lane and sending number); with the state of the route's breaker.
-- $1 route. Where the look at a lane begins, one entry for each lane that does not begin at its start: of messages
-- $2 lanes, $3 tenants, $4 sending numbers, of requests $5 lanes, $6 sending numbers. $7 how many queues of each kind to
-- look at in one lane. To look quickly: $8 is true, and $9 lanes, $10 tenants, $11 sending numbers are queues of which
-- something waited a moment ago.
--
-- The recursions are loose scans: they ask outbox_waiting for the smallest (tenant, sender) of a lane greater than the last
-- one, and request_due for the smallest sender. So they cost one index probe for each queue, however long the backlog, and
-- no more than $7 of them in any lane, however many tenants wait: `onward` from where the look begins, and `around` from
-- the lane's start up to there. The leases of requests in flight stand in request_due too, with the moment at which they end.
-- A quick look goes through the urgent lanes only and takes the given queues of the others for granted. It is for times
-- when a look is dear: while an old transaction holds its snapshot, no index loses the entries of what was sent, and each
-- probe passes those of its queue. `first_at` and `first_id` are the place of what was found, for a claim to begin there.
-- `took` is what Postgres needed to come to this row, in seconds.
-- Locks nothing. Everything is left out while the whole or a route is paused; what a narrower pause holds is marked, so that
-- the look goes on behind it. In the order of the look: lane, kind, place.
with work as (
    select
        l.name as lane,
        q.tenant,
        q.sender,
        q.not_before as due_at,
        false as retry,
        q.not_before + (q.expires_at - q.not_before) / 2 < clock_timestamp() as half_over,
        q.place,
        q.around,
        q.id as first_id
    from smsgw.lane as l
    left join unnest($2::text[], $3::text[], $4::bigint[]) as b (lane, tenant, sender) on l.name = b.lane
    cross join lateral (
        with recursive onward as (
            (
                select o.tenant, coalesce(o.sender_id, 0) as sender, o.not_before, o.id, o.expires_at, 1 as place
                from smsgw.outbox as o
                where
                    o.request_id is null and o.terminal_status is null and o.parked_by is null
                    and o.lane = l.name
                    and (o.tenant, coalesce(o.sender_id, 0))
                    > (coalesce(b.tenant, ''), coalesce(b.sender, -9223372036854775808))
                order by o.lane, o.tenant, coalesce(o.sender_id, 0), o.not_before, o.id
                limit 1
            )
            union all
            select behind.tenant, behind.sender, behind.not_before, behind.id, behind.expires_at, onward.place + 1
            from onward
            cross join lateral (
                select o.tenant, coalesce(o.sender_id, 0) as sender, o.not_before, o.id, o.expires_at
                from smsgw.outbox as o
                where
                    o.request_id is null and o.terminal_status is null and o.parked_by is null
                    and o.lane = l.name
                    and (o.tenant, coalesce(o.sender_id, 0)) > (onward.tenant, onward.sender)
                order by o.lane, o.tenant, coalesce(o.sender_id, 0), o.not_before, o.id
                limit 1
            ) as behind
            where onward.place < $7::integer
        ),

        around as (
            (
                select
                    o.tenant,
                    coalesce(o.sender_id, 0) as sender,
                    o.not_before,
                    o.id,
                    o.expires_at,
                    (select count(*)::integer from onward) + 1 as place
                from smsgw.outbox as o
                where
                    (select count(*) from onward) < $7::integer
                    and b.tenant is not null
                    and o.request_id is null and o.terminal_status is null and o.parked_by is null
                    and o.lane = l.name
                    and (o.tenant, coalesce(o.sender_id, 0)) <= (b.tenant, b.sender)
                order by o.lane, o.tenant, coalesce(o.sender_id, 0), o.not_before, o.id
                limit 1
            )
            union all
            select behind.tenant, behind.sender, behind.not_before, behind.id, behind.expires_at, around.place + 1
            from around
            cross join lateral (
                select o.tenant, coalesce(o.sender_id, 0) as sender, o.not_before, o.id, o.expires_at
                from smsgw.outbox as o
                where
                    o.request_id is null and o.terminal_status is null and o.parked_by is null
                    and o.lane = l.name
                    and (o.tenant, coalesce(o.sender_id, 0)) > (around.tenant, around.sender)
                    and (o.tenant, coalesce(o.sender_id, 0)) <= (b.tenant, b.sender)
                order by o.lane, o.tenant, coalesce(o.sender_id, 0), o.not_before, o.id
                limit 1
            ) as behind
            where around.place < $7::integer
        )

        select onward.tenant, onward.sender, onward.not_before, onward.id, onward.expires_at, onward.place, false as around
        from onward
        union all
        select around.tenant, around.sender, around.not_before, around.id, around.expires_at, around.place, true as around
        from around
        limit $7::integer
    ) as q
    where l.urgent or not $8::boolean
    union all
    select
        k.lane,
        k.tenant,
        k.sender,
        statement_timestamp() as due_at,
        false as retry,
        false as half_over,
        k.place::integer,
        false as around,
        null as first_id
    from unnest($9::text[], $10::text[], $11::bigint[]) with ordinality as k (lane, tenant, sender, place)
    union all
    select
        l.name as lane,
        null as tenant,
        q.sender,
        q.due_at,
        true as retry,
        false as half_over,
        q.place,
        q.around,
        null as first_id
    from smsgw.lane as l
    left join unnest($5::text[], $6::bigint[]) as b (lane, sender) on l.name = b.lane
    cross join lateral (
        with recursive onward as (
            (
                select coalesce(r.sender_id, 0) as sender, coalesce(r.lease_expires_at, r.available_at) as due_at, 1 as place
                from smsgw.request as r
                where
                    r.status = 'in_flight'
                    and r.lane = l.name
                    and coalesce(r.sender_id, 0) > coalesce(b.sender, -9223372036854775808)
                order by r.lane, coalesce(r.sender_id, 0), coalesce(r.lease_expires_at, r.available_at)
                limit 1
            )
            union all
            select behind.sender, behind.due_at, onward.place + 1
            from onward
            cross join lateral (
                select coalesce(r.sender_id, 0) as sender, coalesce(r.lease_expires_at, r.available_at) as due_at
                from smsgw.request as r
                where r.status = 'in_flight' and r.lane = l.name and coalesce(r.sender_id, 0) > onward.sender
                order by r.lane, coalesce(r.sender_id, 0), coalesce(r.lease_expires_at, r.available_at)
                limit 1
            ) as behind
            where onward.place < $7::integer
        ),

        around as (
            (
                select
                    coalesce(r.sender_id, 0) as sender,
                    coalesce(r.lease_expires_at, r.available_at) as due_at,
                    (select count(*)::integer from onward) + 1 as place
                from smsgw.request as r
                where
                    (select count(*) from onward) < $7::integer
                    and b.sender is not null
                    and r.status = 'in_flight'
                    and r.lane = l.name
                    and coalesce(r.sender_id, 0) <= b.sender
                order by r.lane, coalesce(r.sender_id, 0), coalesce(r.lease_expires_at, r.available_at)
                limit 1
            )
            union all
            select behind.sender, behind.due_at, around.place + 1
            from around
            cross join lateral (
                select coalesce(r.sender_id, 0) as sender, coalesce(r.lease_expires_at, r.available_at) as due_at
                from smsgw.request as r
                where
                    r.status = 'in_flight'
                    and r.lane = l.name
                    and coalesce(r.sender_id, 0) > around.sender
                    and coalesce(r.sender_id, 0) <= b.sender
                order by r.lane, coalesce(r.sender_id, 0), coalesce(r.lease_expires_at, r.available_at)
                limit 1
            ) as behind
            where around.place < $7::integer
        )

        select onward.sender, onward.due_at, onward.place, false as around
        from onward
        union all
        select around.sender, around.due_at, around.place, true as around
        from around
        limit $7::integer
    ) as q
    where l.urgent or not $8::boolean
),

paused as materialized (
    select p.scope, p.subject
    from smsgw.active_pause as p
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
    coalesce((select s.pass_value from smsgw.fair_share as s where s.lane = w.lane and s.tenant = '*'), 0) as served,
    coalesce((select t.pass_value from smsgw.fair_share as t where t.lane = w.lane and t.tenant = w.tenant), 0) as tenant_served,
    -- After an outage the newest login code is the one that somebody still waits for.
    l.urgent and w.half_over as newest_first,
    coalesce(b.failures, 0) as route_failures,
    b.opened_at is not null as route_open,
    exists(
        select
        from paused
        where
            (paused.scope = 'lane' and paused.subject = w.lane)
            or (paused.scope = 'tenant' and paused.subject = w.tenant)
    ) as paused,
    w.around,
    case when w.first_id is not null then w.due_at end as first_at,
    w.first_id,
    extract(epoch from clock_timestamp() - statement_timestamp())::double precision as took
from work as w
inner join smsgw.lane as l on w.lane = l.name
left join smsgw.route as b on b.name = $1
where not exists (select from paused where paused.scope in ('all', 'route'))
order by w.lane, w.retry, w.place;
