-- Close the running attempts of requests whose lease expired. The result is unknown, so the attempt may have arrived,
-- counted from its start.
-- $1 request ids.
-- lock_due_requests locked the requests in this transaction. Rows are found by primary key.
-- This deletes the claim token, so the worker that held it can write no result.
with closed as (
    update smsgw.attempt as a
    set finished_at = clock_timestamp(), outcome = 'ambiguous', error = 'lease_ended'
    from smsgw.request as r
    where r.id = any($1::uuid[]) and a.request_id = r.id and a.number = r.attempts and a.finished_at is null
    returning a.request_id, a.started_at
)

update smsgw.request as r
set
    crashes = r.crashes + 1,
    ambiguous_attempts = r.ambiguous_attempts + 1,
    maybe_arrived_at = coalesce(r.maybe_arrived_at, c.started_at),
    claim_token = null,
    available_at = r.lease_expires_at,
    lease_expires_at = null,
    reason = 'lease_ended: the worker did not come back from the call'
from closed as c
where r.id = c.request_id
returning r.id, extract(epoch from clock_timestamp() - r.maybe_arrived_at)::double precision as maybe_arrived_ago;
