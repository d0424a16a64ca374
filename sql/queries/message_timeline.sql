-- Everything that happened to one message, in order of time. $1 id. Primary keys, receipt_message and
-- operator_action_messages serve it; locks nothing.
with message as (
    select o.id, o.created_at, o.not_before, o.request_id, o.earlier_requests, o.ending, o.reason, o.final_at
    from smsgw.outbox as o
    where o.id = $1
),

carrier as (
    select r.*
    from message as m
    inner join smsgw.request as r on r.id = m.request_id or r.id = any(m.earlier_requests)
)

select
    m.created_at as at,
    'enqueued' as what,
    null as detail,
    null::integer as status,
    null::real as duration,
    null as provider_request_id
from message as m
union all
select m.not_before, 'scheduled for', null, null, null, null
from message as m
where m.not_before > m.created_at + interval '1 second'
union all
select
    c.created_at,
    'bound to request',
    replace(c.id::text, '-', '') || ', messages in it: ' || cardinality(c.members),
    null,
    null,
    null
from carrier as c
union all
select a.started_at, 'attempt ' || a.number, 'begun by ' || a.worker, null, null, null
from carrier as c
inner join smsgw.attempt as a on c.id = a.request_id
union all
select
    a.finished_at,
    'attempt ' || a.number,
    concat_ws(', ', a.outcome, a.error),
    a.status,
    a.duration,
    a.provider_request_id
from carrier as c
inner join smsgw.attempt as a on c.id = a.request_id
where a.finished_at is not null
union all
select c.accepted_at, 'accepted', c.provider_message_id, null, null, null
from carrier as c
where c.accepted_at is not null
union all
select
    rc.received_at,
    'receipt',
    concat_ws(', ', rc.event, coalesce(rc.delivery::text, 'status ' || rc.status), rc.source, rc.result),
    null,
    null,
    null
from smsgw.receipt as rc
where rc.message_id = $1
union all
select oa.happened_at, 'operator', concat_ws(', ', oa.action, oa.actor, oa.reason), null, null, null
from smsgw.operator_action as oa
where oa.message_ids @> array[$1::bigint]
union all
select m.final_at, m.ending::text, m.reason, null, null, null
from message as m
where m.ending is not null
order by at;
