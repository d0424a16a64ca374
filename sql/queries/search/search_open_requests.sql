-- Search the messages of requests whose result is open, newest first.
-- $1 below this id, $2 from this id on, $3 limit, $4 request statuses: in_flight, uncertain.
-- Index: request_due and request_uncertain, which hold open requests only. Locks nothing.
select m.id
from (
    select r.members
    from smsgw.request as r
    where r.status = 'in_flight' and 'in_flight' = any($4::text[])
    union all
    select r.members
    from smsgw.request as r
    where r.status = 'uncertain' and 'uncertain' = any($4::text[])
) as open
cross join lateral unnest(open.members) as m (id)
where m.id < $1 and m.id >= $2
group by m.id
order by m.id desc
limit $3;
