-- The next receipts to fold, oldest first. $1 how many. Served by receipt_unapplied; steps over those that another
-- replica is folding.
select
    r.id,
    r.request_id,
    r.event = 'message-reply' as is_reply
from smsgw.receipt as r
where r.applied_at is null
order by r.id
limit $1
for update skip locked;
