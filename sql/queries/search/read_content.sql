-- Return what is masked of a message until an operator reveals it.
-- $1 id.
-- Primary key. Locks nothing.
select o.to_number, o.body, o.variables, o.media_url
from smsgw.outbox as o
where o.id = $1;
