-- Return everything that happened to one message, in the order of time.
-- $1 id.
-- Index: primary keys, receipt_message, operator_action_messages and operator_action_pauses. Locks nothing.
-- A pause is listed if it held this message: made while it waited, in a scope that includes it.
with message as (
    select
        o.id,
        o.created_at,
        o.not_before,
        o.request_id,
        o.earlier_requests,
        o.terminal_status,
        o.reason,
        o.final_at,
        o.lane,
        o.tenant,
        o.tags
    from smsgw.outbox as o
    where o.id = $1
),

carrier as (
    select r.*, r.id <> m.request_id or m.request_id is null as earlier
    from message as m
    inner join smsgw.request as r on r.id = m.request_id or r.id = any(m.earlier_requests)
),

waited as (
    select
        m.*,
        coalesce(m.final_at, (select max(c.accepted_at) from carrier as c where not c.earlier), clock_timestamp()) as until
    from message as m
)

select
    m.created_at as at,
    'enqueued' as what,
    null as detail,
    null::integer as status,
    null::real as duration,
    null as provider_request_id,
    'enqueued' as kind
from message as m
union all
select m.not_before, 'scheduled for', null, null, null, null, 'scheduled'
from message as m
where m.not_before > m.created_at + interval '1 second'
union all
select
    c.created_at,
    'bound to request',
    replace(c.id::text, '-', '') || ', messages in it: ' || cardinality(c.members),
    null,
    null,
    null,
    'bound'
from carrier as c
union all
select greatest(a.started_at, c.created_at), 'attempt ' || a.number, 'begun by ' || a.worker, null, null, null, 'attempt_begun'
from carrier as c
inner join smsgw.attempt as a on c.id = a.request_id
union all
select
    a.finished_at,
    'attempt ' || a.number,
    concat_ws(', ', a.outcome, a.error, 'retry after ' || round(a.retry_after::numeric, 1) || ' s'),
    a.http_status,
    a.duration,
    a.provider_request_id,
    'attempt'
from carrier as c
inner join smsgw.attempt as a on c.id = a.request_id
where a.finished_at is not null
union all
select c.accepted_at, 'accepted', c.provider_message_id, null, null, null, 'accepted'
from carrier as c
where c.accepted_at is not null
union all
select
    rc.received_at,
    'receipt',
    concat_ws(
        ', ',
        rc.event,
        coalesce(rc.delivery_status::text || coalesce(' (status ' || rc.provider_status || ')', ''), 'status ' || rc.provider_status),
        rc.source,
        rc.result,
        'happened ' || to_char(rc.happened_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')
    ),
    null,
    null,
    null,
    'receipt'
from smsgw.receipt as rc
where rc.message_id = $1
union all
select
    oa.happened_at,
    'operator',
    concat_ws(
        ', ',
        oa.action,
        oa.actor,
        oa.reason,
        'replay ' || (oa.detail ->> 'replay'),
        case when cardinality(oa.message_ids) > 1 then 'messages: ' || cardinality(oa.message_ids) end
    ),
    null,
    null,
    null,
    'action'
from smsgw.operator_action as oa
where oa.message_ids @> array[$1::bigint]
union all
select
    oa.happened_at,
    oa.action || 'd',
    concat_ws(', ', trim(concat(oa.detail ->> 'scope', ' ', oa.detail ->> 'subject')), oa.actor, oa.reason),
    null,
    null,
    null,
    oa.action
from waited as w
inner join smsgw.operator_action as oa
    on
        oa.action in ('pause', 'resume')
        and oa.happened_at between w.created_at and w.until
        and case oa.detail ->> 'scope'
            when 'lane' then oa.detail ->> 'subject' = w.lane
            when 'tenant' then oa.detail ->> 'subject' = w.tenant
            when 'tag' then smsgw.has_tag(w.tags, oa.detail ->> 'subject')
            else true
        end
union all
select m.final_at, m.terminal_status::text, m.reason, null, null, null, 'ended'
from message as m
where m.terminal_status is not null
order by at;
