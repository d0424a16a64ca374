-- Messages, newest first, from a place in the list on. $1 id to start below, $2 how many, and filters, each null for
-- none: $3 state, $4 lane, $5 tenant, $6 reference, $7 number, $8 since.
-- Walks the primary key backwards and stops at the limit; outbox_reference and outbox_to_number serve their filters.
select m.*
from smsgw.message as m
where
    m.id < coalesce($1::bigint, 9223372036854775807)
    and ($3::text is null or m.state = $3)
    and ($4::text is null or m.lane = $4)
    and ($5::text is null or m.tenant = $5)
    and ($6::text is null or m.reference = $6)
    and ($7::text is null or m.to_number = $7)
    and ($8::timestamptz is null or m.created_at >= $8)
order by m.id desc
limit $2;
