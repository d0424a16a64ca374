-- Stop requests that may have arrived. The poller looks for them in the provider's listing; then an operator decides.
-- $1 ids, $2 reason.
-- lock_due_requests locked the requests in this transaction. They are found by primary key.
update smsgw.request as r
set status = 'uncertain', claim_token = null, lease_expires_at = null, verify_reason = 'uncertain', reason = $2
where r.id = any($1::uuid[]) and r.status = 'in_flight'
returning r.lane, cardinality(r.members) as messages;
