-- Count messages that are not final, by lane and state, for metrics, `status` and the console.
-- $1 limit of each count. `at_least` says that a count reached it.
-- Index: outbox_waiting, in its own order so that the planner takes no other; outbox_parked_pause and outbox_parked_order
-- for parked messages; request_due, request_uncertain and request_pending_receipts for the rest, counted by request. The
-- history is never read. Locks nothing.
with waiting as (
    select
        l.name as lane,
        false as held,
        counted.total,
        counted.scheduled_total,
        counted.oldest,
        counted.total >= $1 as at_limit
    from smsgw.lane as l
    cross join lateral (
        select
            count(*) as total,
            count(*) filter (where w.not_before > clock_timestamp()) as scheduled_total,
            min(w.not_before) as oldest
        from (
            select o.not_before
            from smsgw.outbox as o
            where o.lane = l.name and o.request_id is null and o.terminal_status is null and o.parked_by is null
            order by o.lane, o.tenant
            limit $1
        ) as w
    ) as counted
),

parked as (
    select
        a.lane,
        a.held,
        count(*) as total,
        count(*) filter (where a.not_before > clock_timestamp()) as scheduled_total,
        min(a.not_before) as oldest,
        -- The bound is common to all lanes, so any of them may be short.
        sum(count(*)) over (partition by a.held) >= $1 as at_limit
    from (
        (
            select o.lane, o.not_before, true as held
            from smsgw.outbox as o
            where o.request_id is null and o.terminal_status is null and o.parked_by = 'pause'
            order by o.park_reason
            limit $1
        )
        union all
        (
            select o.lane, o.not_before, false as held
            from smsgw.outbox as o
            where o.request_id is null and o.terminal_status is null and o.parked_by = 'order_key'
            order by o.tenant, o.order_key
            limit $1
        )
    ) as a
    group by a.lane, a.held
),

unsent as (
    select w.lane, w.held, w.total, w.scheduled_total, w.oldest, w.at_limit
    from waiting as w
    union all
    select a.lane, a.held, a.total, a.scheduled_total, a.oldest, a.at_limit
    from parked as a
),

paused as materialized (
    select p.scope, p.subject
    from smsgw.active_pause as p
),

open as (
    select r.lane, case when r.claim_token is not null then 'sending' else 'retrying' end as state, cardinality(r.members) as messages
    from smsgw.request as r
    where r.status = 'in_flight'
    union all
    -- Not its members: some may have been sent again since, in a new generation.
    select r.lane, 'uncertain' as state, r.pending_receipts as messages
    from smsgw.request as r
    where r.status = 'uncertain'
    union all
    select
        r.lane,
        case when r.accepted_at < clock_timestamp() - i.unconfirmed_after then 'unconfirmed' else 'accepted' end as state,
        r.pending_receipts as messages
    from smsgw.request as r
    cross join smsgw.installation as i
    where r.status = 'accepted' and r.pending_receipts > 0
)

select
    u.lane,
    case
        when u.held or exists (
            select from paused where paused.scope in ('all', 'route') or (paused.scope = 'lane' and paused.subject = u.lane)
        ) then 'held'
        else 'ready'
    end as state,
    sum(u.total - u.scheduled_total)::bigint as messages,
    extract(epoch from clock_timestamp() - min(u.oldest))::double precision as oldest,
    bool_or(u.at_limit) or coalesce((select bool_or(a.at_limit) from parked as a), false) as at_least
from unsent as u
group by 1, 2
union all
select u.lane, 'scheduled' as state, sum(u.scheduled_total)::bigint as messages, null as oldest, bool_or(u.at_limit) as at_least
from unsent as u
group by u.lane
union all
select o.lane, o.state, sum(o.messages)::bigint as messages, null as oldest, false as at_least
from open as o
group by o.lane, o.state;
