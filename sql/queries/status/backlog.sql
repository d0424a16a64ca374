-- What is not final, by lane and state: for the metrics, `status` and the console, at a slow beat.
-- The waiting are counted in outbox_waiting, up to $1 a lane, in the order of that index so that no other way is taken; what
-- stands aside in outbox_parked_pause, up to $1 of each kind: held by a pause of a tag, or behind another message of its order key,
-- which waits like any other. `at_least` says that a count reached its bound. Everything else is counted by request, over the
-- partial indexes of open requests. The history is never read. Locks nothing.
with waiting as (
    select
        l.name as lane,
        false as held,
        counted.total,
        counted.later,
        counted.oldest,
        counted.total >= $1 as cut
    from smsgw.lane as l
    cross join lateral (
        select
            count(*) as total,
            count(*) filter (where w.not_before > clock_timestamp()) as later,
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

aside as (
    select
        a.lane,
        a.held,
        count(*) as total,
        count(*) filter (where a.not_before > clock_timestamp()) as later,
        min(a.not_before) as oldest,
        -- The bound is common to all lanes, so any of them may be short.
        sum(count(*)) over (partition by a.held) >= $1 as cut
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
    select w.lane, w.held, w.total, w.later, w.oldest, w.cut
    from waiting as w
    union all
    select a.lane, a.held, a.total, a.later, a.oldest, a.cut
    from aside as a
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
    sum(u.total - u.later)::bigint as messages,
    extract(epoch from clock_timestamp() - min(u.oldest))::double precision as oldest,
    bool_or(u.cut) or coalesce((select bool_or(a.cut) from aside as a), false) as at_least
from unsent as u
group by 1, 2
union all
select u.lane, 'scheduled' as state, sum(u.later)::bigint as messages, null as oldest, bool_or(u.cut) as at_least
from unsent as u
group by u.lane
union all
select o.lane, o.state, sum(o.messages)::bigint as messages, null as oldest, false as at_least
from open as o
group by o.lane, o.state;
