-- Lock and return the messages that a locked request carries now, in the order of their ids.
-- $1 request.
-- Primary keys.
select o.id, o.expires_at > clock_timestamp() as may_send
from smsgw.outbox as o
where o.id = any(array(select unnest(r.members) from smsgw.request as r where r.id = $1)) and o.request_id = $1
order by o.id
for update;
