-- A person says that a request arrived: accepted, and no attempt may follow. $1 request, $2 why. It is locked by this
-- transaction. Its messages wait for their receipts like any other.
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
