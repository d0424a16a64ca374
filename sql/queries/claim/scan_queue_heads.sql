-- What waits: the first message of each queue (lane, tenant and sender), and the first request that is due again of each
-- lane and sender; with the state of the route's breaker.
-- $1 route. Where the scan of a lane begins, one entry for each lane that does not begin at its start: of messages $2 lanes,
-- $3 tenants, $4 senders, of requests $5 lanes, $6 senders. $7 how many queues of each kind to read in one lane. $8 whether
-- the scan is incremental, and then $9 lanes, $10 tenants, $11 senders of the queues that had messages a moment ago.
-- $12 up to how many messages of a queue to count.
--
-- The recursions are loose index scans: they ask outbox_waiting for the smallest (tenant, sender) of a lane greater than the
-- last one, and request_due for the smallest sender. So they cost one index probe for each queue, however long the backlog,
-- and no more than $7 probes in a lane, however many tenants wait. The leases of requests in flight are in request_due too,
-- with the moment at which they end.
-- An incremental scan reads the urgent lanes only, and returns the given queues of other lanes as if it had found messages in
-- them. While an old transaction holds its snapshot, no index loses the entries of what was sent, and each probe reads past
-- those of its queue. `first_at` and `first_id` are the cursor of what was found, for the claim to begin there.
-- `scan_seconds` is the time that Postgres needed up to this row.
-- Locks nothing. Returns nothing while everything or the route is paused; what a narrower pause stops is marked, so that the
-- scan continues after it. Ordered by lane, kind and position.
with head as (
    select
        l.name as lane,
        q.tenant,
        q.sender,
        q.not_before as due_at,
        false as retry,
        q.not_before + (q.expires_at - q.not_before) / 2 < clock_timestamp() as half_expired,
        q.position,
        q.id as first_id
    from smsgw.lane as l
    left join unnest($2::text[], $3::text[], $4::bigint[]) as b (lane, tenant, sender) on l.name = b.lane
    cross join lateral (
        with recursive queue as (
            (
                select o.tenant, coalesce(o.sender_id, 0) as sender, o.not_before, o.id, o.expires_at, 1 as position
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
            select following.tenant, following.sender, following.not_before, following.id, following.expires_at, queue.position + 1
            from queue
            cross join lateral (
                select o.tenant, coalesce(o.sender_id, 0) as sender, o.not_before, o.id, o.expires_at
                from smsgw.outbox as o
                where
                    o.request_id is null and o.terminal_status is null and o.parked_by is null
                    and o.lane = l.name
                    and (o.tenant, coalesce(o.sender_id, 0)) > (queue.tenant, queue.sender)
                order by o.lane, o.tenant, coalesce(o.sender_id, 0), o.not_before, o.id
                limit 1
            ) as following
            where queue.position < $7::integer
        )

        select queue.tenant, queue.sender, queue.not_before, queue.id, queue.expires_at, queue.position
        from queue
    ) as q
    where l.urgent or not $8::boolean
    union all
    select
        k.lane,
        k.tenant,
        k.sender,
        statement_timestamp() as due_at,
        false as retry,
        false as half_expired,
        k.position::integer,
        null as first_id
    from unnest($9::text[], $10::text[], $11::bigint[]) with ordinality as k (lane, tenant, sender, position)
    union all
    select
        l.name as lane,
        null as tenant,
        q.sender,
        q.due_at,
        true as retry,
        false as half_expired,
        q.position,
        null as first_id
    from smsgw.lane as l
    left join unnest($5::text[], $6::bigint[]) as b (lane, sender) on l.name = b.lane
    cross join lateral (
        with recursive queue as (
            (
                select coalesce(r.sender_id, 0) as sender, coalesce(r.lease_expires_at, r.available_at) as due_at, 1 as position
                from smsgw.request as r
                where
                    r.status = 'in_flight'
                    and r.lane = l.name
                    and coalesce(r.sender_id, 0) > coalesce(b.sender, -9223372036854775808)
                order by r.lane, coalesce(r.sender_id, 0), coalesce(r.lease_expires_at, r.available_at)
                limit 1
            )
            union all
            select following.sender, following.due_at, queue.position + 1
            from queue
            cross join lateral (
                select coalesce(r.sender_id, 0) as sender, coalesce(r.lease_expires_at, r.available_at) as due_at
                from smsgw.request as r
                where r.status = 'in_flight' and r.lane = l.name and coalesce(r.sender_id, 0) > queue.sender
                order by r.lane, coalesce(r.sender_id, 0), coalesce(r.lease_expires_at, r.available_at)
                limit 1
            ) as following
            where queue.position < $7::integer
        )

        select queue.sender, queue.due_at, queue.position
        from queue
    ) as q
    where l.urgent or not $8::boolean
),

paused as materialized (
    select p.scope, p.subject
    from smsgw.active_pause as p
)

select
    h.lane,
    h.tenant,
    h.sender,
    h.retry,
    extract(epoch from h.due_at - clock_timestamp())::double precision as wait,
    case
        when h.due_at > clock_timestamp() then 0
        when h.retry
            then (
                select count(*)::integer
                from (
                    select
                    from smsgw.request as r
                    where
                        r.status = 'in_flight'
                        and r.lane = h.lane
                        and coalesce(r.sender_id, 0) = h.sender
                        and coalesce(r.lease_expires_at, r.available_at) <= statement_timestamp()
                    limit $12::integer
                ) as due
            )
        when h.first_id is null then $12::integer
        else (
            select count(*)::integer
            from (
                select
                from smsgw.outbox as o
                where
                    o.request_id is null and o.terminal_status is null and o.parked_by is null
                    and o.lane = h.lane
                    and o.tenant = h.tenant
                    and coalesce(o.sender_id, 0) = h.sender
                    and (o.not_before, o.id) >= (h.due_at, h.first_id)
                    and o.not_before <= statement_timestamp()
                limit $12::integer
            ) as ready
        )
    end as waiting,
    l.urgent,
    l.weight,
    l.coalesce as coalesces,
    l.on_uncertain,
    l.max_attempts,
    coalesce((select s.pass_value from smsgw.fair_share as s where s.lane = h.lane and s.tenant = '*'), 0) as pass_value,
    coalesce(
        (select t.pass_value from smsgw.fair_share as t where t.lane = h.lane and t.tenant = h.tenant), 0
    ) as tenant_pass_value,
    -- After an outage the newest login code is the one that somebody still waits for.
    l.urgent and h.half_expired as newest_first,
    coalesce(b.failures, 0) as route_failures,
    b.opened_at is not null as route_open,
    exists(
        select
        from paused
        where
            (paused.scope = 'lane' and paused.subject = h.lane)
            or (paused.scope = 'tenant' and paused.subject = h.tenant)
    ) as paused,
    case when h.first_id is not null then h.due_at end as first_at,
    h.first_id,
    extract(epoch from clock_timestamp() - statement_timestamp())::double precision as scan_seconds
from head as h
inner join smsgw.lane as l on h.lane = l.name
left join smsgw.route as b on b.name = $1
where not exists (select from paused where paused.scope in ('all', 'route'))
order by h.lane, h.retry, h.position;
