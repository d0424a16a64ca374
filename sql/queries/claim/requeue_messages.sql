-- Put the messages of requests back into the outbox, each at its old place, as if they had not been claimed.
-- $1 ids, $2 whether this is a decision to send again although the first may have arrived (a new generation).
-- Locked by lock_due_requests in this same transaction. The old request stays as history: what a late receipt says of it
-- is then matched by its members and its generation.
with over as (
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
    earlier_requests = array_append(o.earlier_requests, over.id)
from over
where o.id = any(over.members) and o.request_id = over.id and o.terminal_status is null
returning o.lane;
