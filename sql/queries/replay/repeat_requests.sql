-- Allow another attempt of uncertain requests, with their own id and bytes. The provider still remembers the id, so it
-- prevents a second copy. The claim checks the horizon again.
-- $1 requests, $2 new time to live in seconds or null.
-- Returns their messages. This transaction has locked the requests. Primary keys.
with repeated_request as (
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
from repeated_request
where o.id = any(repeated_request.members) and o.request_id = repeated_request.id
returning o.id;
