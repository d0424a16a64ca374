-- Lock messages that may be sent now, in claim order inside each lane, tenant and sender; newest first where requested.
-- $1 lanes, $2 tenants, $3 senders (0 is the default sender), $4 how many of each, $5 newest first; $6 times and $7 ids: the
-- cursor of each queue from which on to read, null for its start.
-- Served by outbox_waiting, one range scan for each queue, forwards or backwards. Locks the rows that it returns, and skips
-- those that another claim or the receipts have locked.
-- `is_head_of_order_key`: no earlier message of the same order key is still open. Other messages must be parked.
-- The time of the statement bounds the scan, so messages that are scheduled for later are not read. Whether a message has
-- expired is checked row by row, by the clock.
-- The scan in the direction that is not requested never begins: its first condition is false from the start.
with wanted as (
    select
        w.lane,
        w.tenant,
        w.sender,
        w.max_messages,
        w.newest,
        coalesce(w.first_at, '-infinity') as first_at,
        coalesce(w.first_id, 0) as first_id
    from unnest($1::text[], $2::text[], $3::bigint[], $4::integer[], $5::boolean[], $6::timestamptz[], $7::bigint[])
        as w (lane, tenant, sender, max_messages, newest, first_at, first_id)
),

found as (
    select m.*
    from wanted
    cross join lateral (
        select *
        from smsgw.outbox as o
        where
            not wanted.newest
            and o.lane = wanted.lane
            and o.tenant = wanted.tenant
            and coalesce(o.sender_id, 0) = wanted.sender
            and o.request_id is null
            and o.terminal_status is null
            and o.parked_by is null
            and (o.not_before, o.id) >= (wanted.first_at, wanted.first_id)
            and o.not_before <= statement_timestamp()
            and o.expires_at > clock_timestamp()
        order by o.not_before, o.id
        limit wanted.max_messages
        for update skip locked
    ) as m
),

found_newest as (
    select m.*
    from wanted
    cross join lateral (
        select *
        from smsgw.outbox as o
        where
            wanted.newest
            and o.lane = wanted.lane
            and o.tenant = wanted.tenant
            and coalesce(o.sender_id, 0) = wanted.sender
            and o.request_id is null
            and o.terminal_status is null
            and o.parked_by is null
            and o.not_before <= statement_timestamp()
            and o.expires_at > clock_timestamp()
        order by o.not_before desc, o.id desc
        limit wanted.max_messages
        for update skip locked
    ) as m
),

paused as materialized (
    select p.subject
    from smsgw.active_pause as p
    where p.scope = 'tag'
)

select
    o.id,
    o.lane,
    o.tenant,
    o.to_number,
    o.to_subscriber_id,
    o.to_group_id,
    o.body,
    o.template_id,
    o.link_id,
    o.media_url,
    o.variables,
    o.sender_id,
    o.tags,
    o.generation,
    o.order_key,
    o.expires_at,
    o.not_before,
    greatest(o.created_at, o.not_before) as ready_at,
    o.order_key is null or smsgw.is_head_of_order_key(o.tenant, o.order_key, o.id) as is_head_of_order_key,
    exists(select from smsgw.suppression as s where s.number = o.to_number) as suppressed,
    (select paused.subject from paused where smsgw.has_tag(o.tags, paused.subject) limit 1) as paused_tag
from (
    select * from found
    union all
    select * from found_newest
) as o;
