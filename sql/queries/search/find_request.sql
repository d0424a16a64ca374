-- Ids of the messages that a request carries or carried, newest first. $1 below which, $2 from which on, $3 how many,
-- $4 the request. Primary keys; locks nothing.
select m.id
from smsgw.request as r
cross join lateral unnest(r.members) as m (id)
where r.id = $4 and m.id < $1 and m.id >= $2
order by m.id desc
limit $3;
