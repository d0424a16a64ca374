-- The next receipts to fold, oldest first. $1 how many. Served by receipt_unfolded; steps over those that another
-- replica is folding. The body comes along where it holds a reply, which the fold reads again.
select
    r.id,
    r.request_id,
    case when r.event = 'message-reply' then r.raw end as raw
from smsgw.receipt as r
where r.folded_at is null
order by r.id
limit $1
for update skip locked;
