-- Lock and return the request of a message that an operator resolves. Every writer locks a request before its messages.
-- $1 message id.
-- Primary keys.
select q.id, q.status::text as status
from smsgw.request as q
where q.id = (select o.request_id from smsgw.outbox as o where o.id = $1)
for update;
