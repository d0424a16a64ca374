-- Search the messages that a request carries or carried, newest first.
-- $1 below this id, $2 from this id on, $3 limit, $4 request.
-- Primary keys. Locks nothing.
select m.id
from smsgw.request as r
cross join lateral unnest(r.members) as m (id)
where r.id = $4 and m.id < $1 and m.id >= $2
order by m.id desc
limit $3;
