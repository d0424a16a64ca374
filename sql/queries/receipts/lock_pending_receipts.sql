-- Lock and return the next receipts to apply, the oldest first.
-- $1 limit.
-- Index: receipt_unapplied. Skips rows that another worker is applying.
select
    r.id,
    r.request_id,
    r.event = 'message-reply' as is_reply
from smsgw.receipt as r
where r.applied_at is null
order by r.id
limit $1
for update skip locked;
