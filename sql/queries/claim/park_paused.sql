-- Stand messages aside whose tag is paused: out of the claim's index, until the pause is over. $1 ids, $2 the tag that
-- holds each. The rows are locked by lock_waiting_messages in this same transaction.
update smsgw.outbox as o
set parked_by = 'pause', park_reason = n.tag
from unnest($1::bigint[], $2::text[]) as n (id, tag)
where o.id = n.id;
