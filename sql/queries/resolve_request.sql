-- The request of a message, locked, as a person is about to settle it. $1 message id. Primary keys; locks the request,
-- as every writer of its messages does first.
select q.id, q.dispatch::text as dispatch, q.members, q.claim_token is not null as leased
from smsgw.request as q
where q.id = (select o.request_id from smsgw.outbox as o where o.id = $1)
for update;
