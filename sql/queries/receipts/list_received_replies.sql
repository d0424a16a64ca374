-- Return the replies among some receipts in the order of arrival. A reply without a readable number is left out.
-- $1 receipt ids; the caller has locked them.
-- Primary key.
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
