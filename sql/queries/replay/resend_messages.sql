-- Put messages back into their queues although the first copy may have arrived. A new generation begins; receipts of the
-- old one do not change it.
-- $1 ids, $2 new time to live in seconds or null.
-- This transaction has locked requests and messages. Primary keys. The old request stays and no longer waits for the
-- receipts of these messages.
with moved as (
    update smsgw.outbox as o
    set
        generation = o.generation + 1,
        delivery_status = 'none',
        delivered_at = null,
        terminal_status = null,
        reason = null,
        final_at = null,
        parked_by = null,
        park_reason = null,
        request_id = null,
        earlier_requests = array_append(o.earlier_requests, o.request_id),
        expires_at = coalesce(clock_timestamp() + make_interval(secs => $2::double precision), o.expires_at)
    from smsgw.outbox as before
    where o.id = any($1::bigint[]) and before.id = any($1::bigint[]) and o.id = before.id and o.request_id is not null
    returning o.id, before.request_id, before.delivery_status < 'undelivered' as waited
),

old_request as (
    update smsgw.request as r
    set
        pending_receipts = greatest(0, r.pending_receipts - m.waited),
        reason = case
            when r.status = 'uncertain' and r.pending_receipts <= m.waited then 'resent: an operator sent it again' else r.reason
        end
    from (
        select moved.request_id, (count(*) filter (where moved.waited))::integer as waited
        from moved
        group by moved.request_id
    ) as m
    where r.id = m.request_id
)

select moved.id from moved;
