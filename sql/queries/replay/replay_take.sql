-- A replay, locked, so that two who go on with it take turns batch by batch. $1 id. Primary key.
select *
from smsgw.replay as r
where r.id = $1
for update;
