-- Search messages for which a receipt says that they were not delivered, newest first. A later receipt may say otherwise,
-- so the caller filters the result by state.
-- $1 below this id, $2 from this id on, $3 limit.
-- Index: receipt_undelivered. Locks nothing.
select distinct r.message_id as id
from smsgw.receipt as r
where
    r.message_id is not null and r.delivery_status >= 'undelivered' and r.delivery_status < 'delivered'
    and r.message_id < $1 and r.message_id >= $2
order by r.message_id desc
limit $3;
