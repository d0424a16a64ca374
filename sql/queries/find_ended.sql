-- Ids of messages that we ended, newest first. $1 below which, $2 from which on, $3 how many, $4 the endings.
-- Served by outbox_ended, one range scan for each ending; locks nothing.
select found.id
from unnest($4::text[]) as e (ending)
cross join lateral (
    select o.id
    from smsgw.outbox as o
    where o.ending = e.ending::smsgw.ending and o.id < $1 and o.id >= $2
    order by o.id desc
    limit $3
) as found
order by found.id desc
limit $3;
