-- The replies in some receipts, in the order in which they came. $1 receipt ids, which the caller has locked. A reply
-- without a number that can be read is left out. Primary key.
select
    r.id as receipt_id,
    r.happened_at,
    r.number as from_number,
    r.reply_to_number as to_number,
    coalesce(r.reply_text, '') as text,
    r.external_id,
    r.provider_reply_id
from smsgw.receipt as r
where r.id = any($1::bigint[]) and r.event = 'message-reply' and r.number is not null
order by r.id;
