-- Return one message.
-- $1 id.
-- Primary key. Locks nothing.
select m.*
from smsgw.message as m
where m.id = $1;
