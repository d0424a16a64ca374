-- Close the attempts whose worker let its lease end: what became of them is not known, so they may have arrived,
-- counted from when they began. $1 request ids, locked by lock_due_requests in this same transaction.
-- Taking the claim token away here is what makes the old worker, should it wake, unable to finish anything.
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
