-- Fold again what came in a stretch of time, a bounded number at a time. $1 from when, $2 above which id, $3 how many.
-- Walks the primary key; for a person, not for a timer.
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
