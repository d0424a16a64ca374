-- What is not final, by lane and state: for the metrics, `status` and the console, at a slow beat.
-- The waiting are counted in outbox_waiting, up to $1 a lane, in the order of that index so that no other way is taken; what
-- stands aside in outbox_held, up to $1 of all (a count that reaches it means "at least"). Everything else is counted by
-- request, over the partial indexes of open requests. The history is never read. Locks nothing.
with waiting as (
    select
        l.name as lane,
        false as held,
        counted.total,
        counted.later,
        counted.oldest
    from smsgw.lane as l
    cross join lateral (
        select
            count(*) as total,
            count(*) filter (where w.not_before > clock_timestamp()) as later,
            min(w.not_before) as oldest
        from (
            select o.not_before
            from smsgw.outbox as o
            where o.lane = l.name and o.request_id is null and o.ending is null and o.held_tag is null
            order by o.lane, o.tenant
            limit $1
        ) as w
    ) as counted
),

-- Held by a pause of a tag, or behind another message of the same order key: that one waits like any other.
aside as (
    select
        a.lane,
        a.held_tag > '' as held,
        count(*) as total,
        count(*) filter (where a.not_before > clock_timestamp()) as later,
        min(a.not_before) as oldest
    from (
        select o.lane, o.held_tag, o.not_before
        from smsgw.outbox as o
        where o.request_id is null and o.ending is null and o.held_tag is not null
        order by o.held_tag
        limit $1
    ) as a
    group by a.lane, a.held_tag > ''
),

unsent as (
    select w.lane, w.held, w.total, w.later, w.oldest
    from waiting as w
    union all
    select a.lane, a.held, a.total, a.later, a.oldest
    from aside as a
),

paused as (
    select p.scope, p.subject
    from smsgw.pause as p
    where p.expires_at is null or p.expires_at > clock_timestamp()
),

open as (
    select r.lane, case when r.claim_token is not null then 'sending' else 'retrying' end as state, cardinality(r.members) as messages
    from smsgw.request as r
    where r.dispatch = 'in_flight'
    union all
    -- Not its members: some may have been sent again since, in a new generation.
    select r.lane, 'uncertain' as state, r.unsettled as messages
    from smsgw.request as r
    where r.dispatch = 'uncertain'
    union all
    select
        r.lane,
        case when r.accepted_at < clock_timestamp() - i.unconfirmed_after then 'unconfirmed' else 'accepted' end as state,
        r.unsettled as messages
    from smsgw.request as r
    cross join smsgw.installation as i
    where r.dispatch = 'accepted' and r.unsettled > 0
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
    extract(epoch from clock_timestamp() - min(u.oldest))::double precision as oldest
from unsent as u
group by 1, 2
union all
select u.lane, 'scheduled' as state, sum(u.later)::bigint as messages, null as oldest
from unsent as u
group by u.lane
union all
select o.lane, o.state, sum(o.messages)::bigint as messages, null as oldest
from open as o
group by o.lane, o.state;
