-- Return replies, newest first.
-- $1 below this id or null, $2 limit, $3 keyword or null.
-- Primary key. Locks nothing.
select i.id, i.received_at, i.from_number, i.to_number, i.body, i.keyword, i.external_id
from smsgw.inbound as i
where i.id < coalesce($1::bigint, 9223372036854775807) and ($3::text is null or i.keyword = $3)
order by i.id desc
limit $2;
