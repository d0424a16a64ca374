-- Return replays, newest first.
-- $1 limit.
-- Primary key. Locks nothing.
select *
from smsgw.replay as r
order by r.id desc
limit $1;
