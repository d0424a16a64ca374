-- A person says that a request did not arrive: its messages have failed. $1 request, $2 why. It is locked by this
-- transaction. A receipt that says otherwise later still wins (fold.sql).
with over as (
    update smsgw.request as r
    set status = 'rejected', claim_token = null, lease_expires_at = null, pending_receipts = 0, verify_reason = null, reason = $2
    where r.id = $1 and r.status = 'uncertain'
    returning r.id, r.members
)

update smsgw.outbox as o
set terminal_status = 'failed', reason = $2, final_at = clock_timestamp()
from over
where o.id = any(over.members) and o.request_id = over.id and o.terminal_status is null;
