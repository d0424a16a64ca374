-- Whether each of these messages can still be called back. $1 ids, locked by this transaction after their requests.
--   waiting  no request carries it
--   unsent   its request was tried, and certainly never left: it is taken apart, the others go back to their places
select
    o.id,
    o.request_id,
    case
        when o.terminal_status is not null or o.delivery_status >= 'undelivered' then 'ended'
        when r.id is null then 'waiting'
        when r.status in ('accepted', 'rejected') then 'accepted'
        when r.status = 'uncertain' or r.maybe_arrived_at is not null then 'maybe_sent'
        when r.claim_token is not null then 'sending'
        else 'unsent'
    end as step
from smsgw.outbox as o
left join smsgw.request as r on o.request_id = r.id
where o.id = any($1::bigint[]);
