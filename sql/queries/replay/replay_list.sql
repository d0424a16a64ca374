-- Replays, the latest first. $1 how many. Primary key.
select *
from smsgw.replay as r
order by r.id desc
limit $1;
