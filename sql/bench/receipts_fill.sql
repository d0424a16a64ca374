-- Insert one accepted request for the benchmark of receipts. $1 request, $2 number of messages.
with made as (
    insert into smsgw.outbox (to_number, body, lane)
    select '+1202555' || to_char(n, 'FM0000'), 'x', 'bulk'
    from generate_series(0, $2::integer - 1) as n
    returning id
),

asked as (
    insert into smsgw.request (
        id, available_at, parts, pending_receipts, route, lane, tenant, external_id, members, status, accepted_at, attempts
    )
    select
        $1::uuid,
        now(),
        count(*),
        count(*),
        'mta',
        'bulk',
        '',
        replace($1::uuid::text, '-', '') || '-0',
        array_agg(made.id),
        'accepted',
        now(),
        1
    from made
    returning id, members
)

select asked.members
from asked;
