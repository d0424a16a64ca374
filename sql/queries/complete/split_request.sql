-- A request of many members was refused for its content: nothing was sent, so its halves may go under new ids, until
-- the message that the provider refuses stands alone. The attempt and the refusal are written by finish.sql, in the
-- same transaction, before this; the messages it ended come back to life here.
-- $1 the refused request; one entry for each half: $2 id, $3 external id, $4 body, $5 members (text of a bigint
-- array), $6 parts. Locks the refused request first, then its messages. The news of their end is found by reading
-- final_state_pending, which is short.
with refused as (
    select r.*
    from smsgw.request as r
    where r.id = $1::uuid and r.status = 'rejected'
    for update
),

half as (
    select n.id, n.external_id, n.body, n.members::bigint[] as members, n.parts
    from unnest($2::uuid[], $3::text[], $4::bytea[], $5::text[], $6::integer[])
        as n (id, external_id, body, members, parts)
),

made as (
    insert into smsgw.request (
        id, external_id, body, members, parts, lane, tenant, sender_id, generation, pending_receipts, available_at, route,
        parent_id, reason
    )
    select
        h.id,
        h.external_id,
        h.body,
        h.members,
        h.parts,
        r.lane,
        r.tenant,
        r.sender_id,
        r.generation,
        cardinality(h.members),
        clock_timestamp(),
        r.route,
        r.id,
        r.reason
    from half as h
    cross join refused as r
),

-- Nobody has heard yet that these messages ended, for that was said in this transaction; now nobody will.
taken_back as (
    delete from smsgw.final_state_pending as n
    using smsgw.outbox as o, refused as r
    where o.request_id = r.id and n.message_id = o.id and n.final_at = o.final_at
)

update smsgw.outbox as o
set
    request_id = h.id,
    terminal_status = null,
    reason = null,
    final_at = null,
    earlier_requests = array_append(o.earlier_requests, r.id)
from half as h
cross join refused as r
where o.id = any(h.members) and o.request_id = r.id;
