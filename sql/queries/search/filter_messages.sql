-- Return those of these messages that pass every filter, newest first.
-- $1 ids, $2 the filters as a JSON object; an absent key is no filter (gateway/store/filters.py). `ids` is not read.
-- Primary keys. Locks nothing.
-- `ended_since` and `ended_until` compare the time of the final state. A message without one counts from its acceptance,
-- an uncertain one from the time when its last attempt was due.
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
from jsonb_to_record($2::jsonb) as f (
    states text[],
    lane text,
    tenant text,
    tag text,
    reference text,
    number text,
    request_id uuid,
    since timestamptz,
    until timestamptz,
    reason text,
    status integer,
    ended_since timestamptz,
    ended_until timestamptz
)
cross join smsgw.message as m
inner join smsgw.outbox as o on m.id = o.id
left join smsgw.request as r on o.request_id = r.id
cross join lateral (
    select coalesce(m.final_at, case when r.status = 'uncertain' then r.available_at else m.accepted_at end) as at
) as ended
where
    m.id = any($1::bigint[])
    and (f.states is null or m.state = any(f.states))
    and (f.lane is null or m.lane = f.lane)
    and (f.tenant is null or m.tenant = f.tenant)
    and (f.tag is null or smsgw.has_tag(o.tags, f.tag))
    and (f.reference is null or m.reference = f.reference)
    and (f.number is null or m.to_number = f.number)
    and (f.request_id is null or o.request_id = f.request_id or f.request_id = any(o.earlier_requests))
    and (f.since is null or m.created_at >= f.since)
    and (f.until is null or m.created_at < f.until)
    and (f.reason is null or split_part(m.reason, ':', 1) = f.reason)
    and (
        f.status is null
        or exists (select from smsgw.attempt as a where a.request_id = o.request_id and a.http_status = f.status)
    )
    and (f.ended_since is null or ended.at >= f.ended_since)
    and (f.ended_until is null or ended.at < f.ended_until)
order by m.id desc;
