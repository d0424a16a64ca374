-- What is not final, by lane and state: for the metrics, `status` and the console, at a slow beat.
-- The waiting are counted in outbox_waiting alone, up to $1 a lane (a count that reaches it means "at least");
-- everything else is counted by request, over the partial indexes of open requests. The history is never read.
with waiting as (
    select
        l.name as lane,
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
            where o.lane = l.name and o.request_id is null and o.ending is null
            limit $1
        ) as w
    ) as counted
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
    w.lane,
    case
        when exists (
            select from paused where paused.scope in ('all', 'route') or (paused.scope = 'lane' and paused.subject = w.lane)
        ) then 'held'
        else 'ready'
    end as state,
    w.total - w.later as messages,
    extract(epoch from clock_timestamp() - w.oldest)::double precision as oldest
from waiting as w
union all
select w.lane, 'scheduled' as state, w.later as messages, null as oldest
from waiting as w
union all
select o.lane, o.state, sum(o.messages)::bigint as messages, null as oldest
from open as o
group by o.lane, o.state;
