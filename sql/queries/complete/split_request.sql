-- Divide a refused request with many members into two new requests, to find the message that the provider refuses.
-- Nothing was sent, so new request ids are safe.
-- $1 refused request. One entry for each half: $2 id, $3 external id, $4 body, $5 members (text of a bigint array), $6 parts.
-- complete_attempts.sql has stored the attempt and ended the messages in this transaction. This query revives them.
-- Locks the refused request, then its messages, by primary key. Also reads final_state_pending, which is short.
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

-- The end of these messages was stored in this transaction and is not published, so no reader of the feed saw it.
unpublished as (
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
