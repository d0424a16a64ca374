-- Ids of messages of which a receipt says that they were not delivered, newest first. $1 below which, $2 from which on,
-- $3 how many. Served by receipt_undelivered; a later receipt may say otherwise, so the state is looked at afterwards.
select distinct r.message_id as id
from smsgw.receipt as r
where
    r.message_id is not null and r.delivery_status >= 'undelivered' and r.delivery_status < 'delivered'
    and r.message_id < $1 and r.message_id >= $2
order by r.message_id desc
limit $3;
