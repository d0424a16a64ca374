-- Resolve an uncertain request as accepted. No attempt follows; its messages wait for receipts.
-- $1 request, $2 reason.
-- This transaction has locked the request. Primary key.
update smsgw.request as r
set
    status = 'accepted',
    accepted_at = coalesce(r.accepted_at, clock_timestamp()),
    body = null,
    claim_token = null,
    lease_expires_at = null,
    verify_reason = null,
    reason = $2
where r.id = $1 and r.status = 'uncertain';
