-- Tell for each message what a replay may do with it.
-- $1 ids, $2 whether messages get a new time to live.
-- Primary keys. Locks nothing: the plan reads without locks, a batch under those of lock_replay_*.sql.
--   release      certainly not sent: it returns to the queue and gets a new request
--   repeat       may have arrived, and the provider still knows the request id: the same bytes under the same id
--   resend       may have arrived, or did: only a second copy is possible
--   expired      its time to live is over, and it gets no new one
--   in_progress  being sent, or accepted: nothing to do
--   delivered    nothing to do
-- A request is repeated whole, so all its members must still be bound to it and none may have expired.
with message as (
    select o.id, o.request_id, o.expires_at, o.terminal_status, o.delivery_status, o.parts, o.body, o.media_url
    from smsgw.outbox as o
    where o.id = any($1::bigint[])
),

carrier as (
    select
        r.id,
        r.status,
        r.accepted_at < now() - i.unconfirmed_after as unconfirmed,
        r.status = 'uncertain'
        and r.body is not null
        and r.pending_receipts = cardinality(r.members)
        and r.maybe_arrived_at > clock_timestamp() - i.horizon as known,
        cardinality(r.members) as members,
        case
            when r.status = 'uncertain'
                then (select min(o.expires_at) from smsgw.outbox as o where o.id = any(r.members) and o.request_id = r.id)
        end as first_expiry
    from smsgw.request as r
    cross join smsgw.installation as i
    where r.id in (select a.request_id from message as a)
)

select
    a.id,
    a.request_id,
    coalesce(a.parts, smsgw.estimated_parts(a.body, a.media_url)) as parts,
    coalesce(c.members, 1) as members,
    case
        when a.delivery_status = 'delivered' then 'delivered'
        when a.delivery_status >= 'undelivered' or (c.status = 'accepted' and c.unconfirmed)
            then case when $2 or a.expires_at > clock_timestamp() then 'resend' else 'expired' end
        when c.status = 'accepted' then 'in_progress'
        when a.terminal_status is not null then case when $2 or a.expires_at > clock_timestamp() then 'release' else 'expired' end
        when c.status = 'uncertain' and c.known then case when $2 or c.first_expiry > clock_timestamp() then 'repeat' else 'expired' end
        when c.status = 'uncertain' then case when $2 or a.expires_at > clock_timestamp() then 'resend' else 'expired' end
        else 'in_progress'
    end as step
from message as a
left join carrier as c on a.request_id = c.id
order by a.id desc;
