-- Store new requests and their first attempts, and bind the messages to them. After this commit the request is decided.
-- $1 an array of smsgw.new_request. Messages, one entry each: $2 id, $3 request, $4 parts. For all: $5 claim token, $6 lease
-- in seconds, $7 worker, $8 route.
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
        n.members,
        n.parts,
        n.lane,
        n.tenant,
        n.sender_id,
        n.generation,
        cardinality(n.members),
        1,
        clock_timestamp() + make_interval(secs => $6::double precision),
        clock_timestamp(),
        $5::uuid,
        $7::text,
        $8::text
    from unnest($1::smsgw.new_request[]) as n
    returning id
),

begun as (
    insert into smsgw.attempt (request_id, number, started_at, worker)
    select made.id, 1, statement_timestamp(), $7::text
    from made
)

update smsgw.outbox as o
set request_id = n.request_id, parts = n.parts
from unnest($2::bigint[], $3::uuid[], $4::smallint[]) as n (id, request_id, parts)
where o.id = n.id;
