-- Resolve an uncertain request as not sent: its messages have failed. A later receipt still wins (apply_receipts.sql).
-- $1 request, $2 reason.
-- This transaction has locked the request. Its messages are locked after it, by primary key.
with ended_request as (
    update smsgw.request as r
    set status = 'rejected', claim_token = null, lease_expires_at = null, pending_receipts = 0, verify_reason = null, reason = $2
    where r.id = $1 and r.status = 'uncertain'
    returning r.id, r.members
)

update smsgw.outbox as o
set terminal_status = 'failed', reason = $2, final_at = clock_timestamp()
from ended_request
where o.id = any(ended_request.members) and o.request_id = ended_request.id and o.terminal_status is null;
