-- Park messages whose tag is paused: they leave the claim index until the pause ends.
-- $1 ids, $2 the paused tag of each.
-- lock_waiting_messages locked the messages in this transaction. They are found by primary key.
update smsgw.outbox as o
set parked_by = 'pause', park_reason = n.tag
from unnest($1::bigint[], $2::text[]) as n (id, tag)
where o.id = n.id;
