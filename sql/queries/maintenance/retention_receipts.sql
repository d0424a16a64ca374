-- Forget receipts that belong to no message, a bounded number at a time, from the low end of the primary key.
-- $1 above which id, $2 how many are looked at, $3 received before. Those that are not folded yet stay. Returns how far
-- it looked, null at the end.
with looked as (
    select r.id, r.message_id, r.applied_at
    from smsgw.receipt as r
    where r.id > $1 and r.received_at < $3
    order by r.id
    limit $2
),

gone as (
    delete from smsgw.receipt as r
    using looked
    where r.id = looked.id and looked.message_id is null and looked.applied_at is not null
    returning r.id
)

select max(looked.id) as reached, (select count(*)::integer from gone) as deleted
from looked;
