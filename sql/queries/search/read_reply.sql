-- Return one reply.
-- $1 id.
-- Primary key. Locks nothing.
select i.id, i.received_at, i.from_number, i.to_number, i.body, i.keyword, i.external_id
from smsgw.inbound as i
where i.id = $1;
