-- Tell for each message whether it can be cancelled.
-- $1 ids. This transaction has locked the messages, after their requests. Primary keys.
--   waiting     it has no request
--   unsent      its request was tried and certainly not sent: the request is dissolved, its other messages are requeued
--   accepted, maybe_sent, sending, ended     it cannot be cancelled any more
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
