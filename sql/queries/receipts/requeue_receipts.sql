-- Mark receipts to be applied again, from a point in time on. An operator runs this; no timer does.
-- $1 received since, $2 above this id, $3 limit.
-- Reads the primary key in order. Locks the rows that it marks.
with stretch as (
    select r.id
    from smsgw.receipt as r
    where r.received_at >= $1 and r.id > $2
    order by r.id
    limit $3
)

update smsgw.receipt as r
set applied_at = null
from stretch
where r.id = stretch.id
returning r.id;
