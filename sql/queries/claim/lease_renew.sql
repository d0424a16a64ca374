-- Extend the leases of everything one process has in flight, in one statement. $1 claim tokens, $2 lease in seconds,
-- $3 request ids. Fenced by the token; rows by primary key. A request that is missing from the answer is lost.
update smsgw.request as r
set lease_expires_at = clock_timestamp() + make_interval(secs => $2::double precision)
from unnest($3::uuid[], $1::uuid[]) as n (id, token)
where r.id = n.id and r.claim_token = n.token and r.status = 'in_flight'
returning r.id;
