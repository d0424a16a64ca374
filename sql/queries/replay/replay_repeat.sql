-- Let uncertain requests be attempted again under their own id and with their own bytes: the provider, which still
-- remembers the id, prevents a second copy. The claim looks at the horizon once more. $1 requests, $2 seconds of a new
-- time to live or null. They are locked by this transaction. Returns their messages.
with again as (
    update smsgw.request as r
    set
        status = 'in_flight',
        claim_token = null,
        lease_expires_at = null,
        available_at = clock_timestamp(),
        never_sent_attempts = 0,
        ambiguous_attempts = 0,
        crashes = 0,
        verify_reason = null,
        reason = 'replayed: an operator had the request repeated under the same id'
    where r.id = any($1::uuid[]) and r.status = 'uncertain' and r.body is not null
    returning r.id, r.members
)

update smsgw.outbox as o
set expires_at = coalesce(clock_timestamp() + make_interval(secs => $2::double precision), o.expires_at)
from again
where o.id = any(again.members) and o.request_id = again.id
returning o.id;
