-- Return messages to their first copy whose resend expired before it was sent. The first copy may have arrived, so they
-- become `uncertain` and not expired. Nothing was sent under the new generation, so its number is free again.
-- $1 limit.
-- Index: outbox_expiring. Locks the requests in the order of their ids, then the messages. Skips locked rows; the next
-- sweep finds them.
with due as materialized (
    select o.id, first_copy.request_id, first_copy.generation
    from smsgw.outbox as o
    cross join lateral (
        select r.id as request_id, r.generation
        from smsgw.request as r
        where r.id = any(o.earlier_requests) and r.status = 'uncertain'
        order by r.created_at desc
        limit 1
    ) as first_copy
    where o.request_id is null and o.terminal_status is null and o.expires_at <= statement_timestamp() and o.generation > 0
    order by o.expires_at
    limit $1
),

uncertain_request as materialized (
    select r.id
    from smsgw.request as r
    where r.id in (select due.request_id from due) and r.status = 'uncertain'
    order by r.id
    for update skip locked
),

reverted as materialized (
    select o.id, due.request_id, due.generation
    from smsgw.outbox as o
    inner join due on o.id = due.id
    inner join uncertain_request on due.request_id = uncertain_request.id
    where o.request_id is null and o.terminal_status is null
    for update of o skip locked
),

moved as (
    update smsgw.outbox as o
    set
        request_id = reverted.request_id,
        generation = reverted.generation,
        earlier_requests = array_remove(o.earlier_requests, reverted.request_id),
        parked_by = null,
        park_reason = null,
        reason = 'expired: its time was over before it could be sent again; the first copy may have arrived'
    from reverted
    where o.id = reverted.id
    returning o.id, reverted.request_id
),

recounted as (
    update smsgw.request as r
    set pending_receipts = r.pending_receipts + m.messages
    from (select moved.request_id, count(*)::integer as messages from moved group by moved.request_id) as m
    where r.id = m.request_id
)

select moved.id from moved;
