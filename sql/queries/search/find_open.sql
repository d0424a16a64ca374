-- Ids of the messages of requests whose end is open, newest first. $1 below which, $2 from which on, $3 how many,
-- $4 in_flight or uncertain. Served by request_due and request_uncertain, which hold open requests only.
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
