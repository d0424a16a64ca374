-- What phones wrote back, the newest first, from below an id on. $1 id or null, $2 how many, $3 keyword or null. By
-- primary key; locks nothing.
select i.id, i.received_at, i.from_number, i.to_number, i.body, i.keyword, i.external_id
from smsgw.inbound as i
where i.id < coalesce($1::bigint, 9223372036854775807) and ($3::text is null or i.keyword = $3)
order by i.id desc
limit $2;
