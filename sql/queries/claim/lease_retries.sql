-- Lease requests for another attempt, with the same id and the same bytes.
-- $1 ids, $2 claim token, $3 lease in seconds, $4 worker.
-- lock_due_requests locked the requests in this transaction. They are found by primary key.
with leased as (
    update smsgw.request as r
    set
        attempts = r.attempts + 1,
        first_attempt_at = coalesce(r.first_attempt_at, clock_timestamp()),
        claim_token = $2,
        worker = $4,
        lease_expires_at = clock_timestamp() + make_interval(secs => $3::double precision)
    where r.id = any($1::uuid[])
    returning r.id, r.attempts
)

insert into smsgw.attempt (request_id, number, started_at, worker)
select leased.id, leased.attempts, statement_timestamp(), $4
from leased;
