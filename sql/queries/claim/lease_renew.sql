-- Extend the leases of all requests that one worker has in flight.
-- $1 claim tokens, $2 lease in seconds, $3 request ids.
-- Returns the requests that are still held. Another worker took over the others.
-- Fenced by the claim token. Locks the requests, found by primary key.
update smsgw.request as r
set lease_expires_at = clock_timestamp() + make_interval(secs => $2::double precision)
from unnest($3::uuid[], $1::uuid[]) as n (id, token)
where r.id = n.id and r.claim_token = n.token and r.status = 'in_flight'
returning r.id;
