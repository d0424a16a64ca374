-- Store new requests and their first attempts, and bind the messages to them. After this commit the request is decided.
-- Requests, one entry each: $1 id, $2 external id, $3 body, $4 members (text of a bigint array), $5 parts, $6 lane,
-- $7 tenant, $8 sender, $9 generation. Messages, one entry each: $10 id, $11 request, $12 parts.
-- For all: $13 claim token, $14 lease in seconds, $15 worker, $16 route.
-- All attempts of one claim start at the time of this statement; nothing was sent before it.
-- lock_waiting_messages locked the messages in this transaction. They are found by primary key.
with made as (
    insert into smsgw.request (
        id, external_id, body, members, parts, lane, tenant, sender_id, generation, pending_receipts, attempts, lease_expires_at,
        first_attempt_at, claim_token, worker, route
    )
    select
        n.id,
        n.external_id,
        n.body,
        n.members::bigint[],
        n.parts,
        n.lane,
        n.tenant,
        n.sender_id,
        n.generation,
        cardinality(n.members::bigint[]),
        1,
        clock_timestamp() + make_interval(secs => $14::double precision),
        clock_timestamp(),
        $13::uuid,
        $15::text,
        $16::text
    from unnest(
        $1::uuid[],
        $2::text[],
        $3::bytea[],
        $4::text[],
        $5::integer[],
        $6::text[],
        $7::text[],
        $8::bigint[],
        $9::smallint[]
    ) as n (id, external_id, body, members, parts, lane, tenant, sender_id, generation)
),

begun as (
    insert into smsgw.attempt (request_id, number, started_at, worker)
    select n.id, 1, statement_timestamp(), $15::text
    from unnest($1::uuid[]) as n (id)
)

update smsgw.outbox as o
set request_id = n.request_id, parts = n.parts
from unnest($10::bigint[], $11::uuid[], $12::smallint[]) as n (id, request_id, parts)
where o.id = n.id;
