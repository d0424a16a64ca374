-- Of these messages those that pass every filter, newest first. $1 ids; each filter null for none: $2 states, $3 lane,
-- $4 tenant, $5 tag (key or key=value), $6 reference, $7 number, $8 request, $9 made since, $10 made until, $11 code of
-- the reason, $12 status that the provider answered to an attempt, $13 ended since, $14 ended until. Primary keys.
-- An uncertain one has not ended: it counts from when its last attempt was due; and one that lacks a receipt from its
-- acceptance.
select
    m.id,
    m.reference,
    m.dedupe_key,
    m.tenant,
    m.lane,
    m.to_number,
    m.state,
    m.reason,
    m.attempts,
    m.request_id,
    m.external_id,
    m.provider_message_id,
    m.parts,
    m.created_at,
    m.not_before,
    m.expires_at,
    m.first_attempt_at,
    m.accepted_at,
    m.delivered_at,
    m.final_at,
    m.group_recipients,
    m.group_delivered,
    m.group_undelivered,
    o.tags
from smsgw.message as m
inner join smsgw.outbox as o on m.id = o.id
left join smsgw.request as r on o.request_id = r.id
where
    m.id = any($1::bigint[])
    and ($2::text[] is null or m.state = any($2::text[]))
    and ($3::text is null or m.lane = $3)
    and ($4::text is null or m.tenant = $4)
    and ($5::text is null or smsgw.has_tag(o.tags, $5))
    and ($6::text is null or m.reference = $6)
    and ($7::text is null or m.to_number = $7)
    and ($8::uuid is null or o.request_id = $8 or $8 = any(o.earlier_requests))
    and ($9::timestamptz is null or m.created_at >= $9)
    and ($10::timestamptz is null or m.created_at < $10)
    and ($11::text is null or split_part(m.reason, ':', 1) = $11)
    and (
        $12::integer is null
        or exists (select from smsgw.attempt as a where a.request_id = o.request_id and a.status = $12::integer)
    )
    and ($13::timestamptz is null or coalesce(m.final_at, case when r.dispatch = 'uncertain' then r.due_at else m.accepted_at end) >= $13)
    and ($14::timestamptz is null or coalesce(m.final_at, case when r.dispatch = 'uncertain' then r.due_at else m.accepted_at end) < $14)
order by m.id desc;
