-- Insert messages that were sent and delivered, each with its own request. $1 number of messages, $2 first phone number.
-- Request ids begin with 48 bits of time, as real ones do, so the index grows at one end.
-- The columns that triggers set are written directly, because the triggers would take most of the time.
with made as (
    select
        n,
        gen.id,
        '+999' || to_char($2::bigint + n, 'FM00000000000') as number
    from generate_series(1, $1::bigint) as n
    cross join lateral (
        select (lpad(to_hex($2::bigint + n), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid as id
    ) as gen
),

messages as (
    insert into smsgw.outbox (
        created_at, not_before, expires_at, delivered_at, final_at, request_id, delivery_status, parts, to_number, body,
        lane, reference
    )
    select
        now() - interval '2 days', now() - interval '2 days', now() + interval '1 day', now() - interval '1 day',
        now() - interval '1 day', made.id, 'delivered', 1, made.number,
        'Your order ' || made.n || ' is on its way and will be with you tomorrow between 9 and 12. Thank you!',
        'bulk', 'order_' || made.n
    from made
    returning id, request_id
),

requests as (
    insert into smsgw.request (
        id, created_at, available_at, first_attempt_at, accepted_at, status, attempts, parts, pending_receipts, total_sent,
        route, lane, tenant, worker, external_id, provider_message_id, outbound_ids, members
    )
    select
        m.request_id, now() - interval '2 days', now() - interval '2 days', now() - interval '2 days',
        now() - interval '2 days', 'accepted', 1, 1, 0, 1, 'mta', 'bulk', '', 'bench',
        replace(m.request_id::text, '-', '') || '-0', 'p', array[m.id], array[m.id]
    from messages as m
)

insert into smsgw.attempt (request_id, number, started_at, finished_at, outcome, http_status, duration, worker)
select m.request_id, 1, now() - interval '2 days', now() - interval '2 days', 'accepted', 200, 0.1, 'bench'
from messages as m;
