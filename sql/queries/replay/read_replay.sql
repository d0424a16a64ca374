-- Return one replay.
-- $1 id.
-- Primary key. Locks nothing.
select p.*
from smsgw.replay as p
where p.id = $1;
