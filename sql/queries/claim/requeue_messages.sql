-- Put the messages of requests back into their queues, each at its old position.
-- $1 ids, $2 whether to start a new generation because the first copy may have arrived.
-- lock_due_requests locked the requests in this transaction. Messages are locked after them, by primary key.
-- The old request stays. A late receipt for it finds its messages by its members and its generation.
with dissolved as (
    update smsgw.request as r
    set
        status = case when $2 then 'uncertain' else 'rejected' end::smsgw.request_status,
        claim_token = null,
        lease_expires_at = null,
        pending_receipts = 0,
        reason = case when $2 then 'resent: the lane prefers a second copy to a loss' else 'recut: put back unsent' end
    where r.id = any($1::uuid[]) and r.status = 'in_flight'
    returning r.id, r.members
)

update smsgw.outbox as o
set
    request_id = null,
    generation = o.generation + $2::boolean::integer,
    earlier_requests = array_append(o.earlier_requests, dissolved.id)
from dissolved
where o.id = any(dissolved.members) and o.request_id = dissolved.id and o.terminal_status is null
returning o.lane;
