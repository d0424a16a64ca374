-- Give back claimed requests of which no byte was sent.
-- $1 request ids, $2 their claim tokens, $3 attempt numbers, $4 worker, $5 reason.
-- A request at its first attempt is deleted. Its messages return to the queue, where their time to live and suppressions
-- are checked again. Of a later attempt only the attempt is deleted. The worker's row notes it, for people who ask why
-- nothing is sent.
-- Fenced by the claim token. Locks the requests in the order of their ids, then their messages, by primary key.
with wanted as (
    select n.id, n.token, n.number
    from unnest($1::uuid[], $2::uuid[], $3::integer[]) as n (id, token, number)
),

ours as (
    select r.id, r.members, w.number
    from smsgw.request as r
    inner join wanted as w on r.id = w.id and r.claim_token = w.token
    where r.status = 'in_flight'
    order by r.id
    for update of r
),

deleted_attempt as (
    delete from smsgw.attempt as a
    using ours
    where a.request_id = ours.id and a.number = ours.number
),

unbound as (
    update smsgw.outbox as o
    set request_id = null
    from ours
    where ours.number = 1 and o.id = any(ours.members) and o.request_id = ours.id
),

dissolved as (
    delete from smsgw.request as r
    using ours
    where r.id = ours.id and ours.number = 1
),

noted as (
    update smsgw.replica as p
    set held_back_at = clock_timestamp(), held_back_reason = $5
    where p.worker = $4
)

update smsgw.request as r
set claim_token = null, lease_expires_at = null, attempts = r.attempts - 1, available_at = clock_timestamp()
from ours
where r.id = ours.id and ours.number > 1;
