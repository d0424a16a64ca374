-- Lock and return a replay, so that two processes which continue it take turns.
-- $1 id.
-- Primary key.
select *
from smsgw.replay as r
where r.id = $1
for update;
