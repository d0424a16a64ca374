-- Messages whose time was over before they could be sent again, although an earlier copy may have arrived: they are that
-- copy again, `uncertain`, and never called expired. $1 how many. Nothing left under the new generation, so its number
-- is free.
-- Served by outbox_expiring. Locks the requests in the order of their ids, then the messages, and steps over what others
-- hold: the next look finds it.
with due as materialized (
    select o.id, doubt.request_id, doubt.generation
    from smsgw.outbox as o
    cross join lateral (
        select r.id as request_id, r.generation
        from smsgw.request as r
        where r.id = any(o.earlier_requests) and r.status = 'uncertain'
        order by r.created_at desc
        limit 1
    ) as doubt
    where o.request_id is null and o.terminal_status is null and o.expires_at <= statement_timestamp() and o.generation > 0
    order by o.expires_at
    limit $1
),

held as materialized (
    select r.id
    from smsgw.request as r
    where r.id in (select due.request_id from due) and r.status = 'uncertain'
    order by r.id
    for update skip locked
),

back as materialized (
    select o.id, due.request_id, due.generation
    from smsgw.outbox as o
    inner join due on o.id = due.id
    inner join held on due.request_id = held.id
    where o.request_id is null and o.terminal_status is null
    for update of o skip locked
),

moved as (
    update smsgw.outbox as o
    set
        request_id = back.request_id,
        generation = back.generation,
        earlier_requests = array_remove(o.earlier_requests, back.request_id),
        parked_by = null,
        park_reason = null,
        reason = 'expired: its time was over before it could be sent again; the first copy may have arrived'
    from back
    where o.id = back.id
    returning o.id, back.request_id
),

waits as (
    update smsgw.request as r
    set pending_receipts = r.pending_receipts + m.messages
    from (select moved.request_id, count(*)::integer as messages from moved group by moved.request_id) as m
    where r.id = m.request_id
)

select moved.id from moved;
