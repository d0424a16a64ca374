-- End requests that certainly did not arrive, and with them their messages. $1 ids, $2 how the messages end
-- (failed or expired), $3 why. The requests are locked by claim_requests in this same transaction; messages by
-- primary key, after their request, as the fold does.
with over as (
    update smsgw.request as r
    set dispatch = 'rejected', claim_token = null, unsettled = 0, reason = $3
    where r.id = any($1::uuid[]) and r.dispatch = 'in_flight'
    returning r.id, r.members
)

update smsgw.outbox as o
set ending = $2::smsgw.ending, reason = $3, final_at = clock_timestamp()
from over
where o.id = any(over.members) and o.request_id = over.id and o.ending is null
returning o.lane;
