-- Stop requests that may have arrived. The poller looks for them at the provider, then a person
-- decides. $1 ids, $2 why. The rows are locked by lock_due_requests in this same transaction.
update smsgw.request as r
set status = 'uncertain', claim_token = null, lease_expires_at = null, verify_reason = 'uncertain', reason = $2
where r.id = any($1::uuid[]) and r.status = 'in_flight'
returning r.lane, cardinality(r.members) as messages;
