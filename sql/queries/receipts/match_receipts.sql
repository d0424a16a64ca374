-- Find and lock the messages of receipts. Their requests are locked already.
-- $1 receipt ids.
-- Returns pairs of receipt and message; a receipt without a message has no pair. The members of a request and the number
-- of a message never change, so a match stays valid.
--
-- A request with one message: primary key. A receipt without a number matches, and so does any number of a subscriber or
-- a group. A larger request: each number by outbox_to_number, between the request's lowest and highest member, then one
-- hash over all members. So the work grows with the receipts plus the members of their requests, never with the product.
-- Two details enforce this for every plan: `offset 0` keeps the search by number inside the index, and membership as a
-- value instead of a condition is looked up in a hash and never joined.
with reported as materialized (
    select r.id, r.request_id, r.number
    from smsgw.receipt as r
    where r.id = any($1::bigint[]) and r.request_id is not null
),

requested as materialized (
    select q.id, q.members
    from smsgw.request as q
    where q.id in (select reported.request_id from reported)
),

member as materialized (
    select requested.id as request_id, m.id
    from requested
    cross join unnest(requested.members) as m (id)
),

span as materialized (
    select member.request_id, min(member.id) as lowest, max(member.id) as highest
    from member
    group by member.request_id
),

candidate as materialized (
    select
        reported.id as receipt_id,
        o.id as message_id,
        (reported.request_id, o.id) in (select member.request_id, member.id from member) as belongs
    from reported
    inner join span on reported.request_id = span.request_id
    cross join lateral (
        select candidate_message.id
        from smsgw.outbox as candidate_message
        where candidate_message.to_number = reported.number and candidate_message.id between span.lowest and span.highest
        offset 0
    ) as o
    where span.lowest < span.highest
),

found as materialized (
    select reported.id as receipt_id, span.lowest as message_id, reported.number, true as is_only_member
    from reported
    inner join span on reported.request_id = span.request_id
    where span.lowest = span.highest
    union all
    select candidate.receipt_id, candidate.message_id, null, false
    from candidate
    where candidate.belongs
)

select found.receipt_id, o.id as message_id
from found
inner join smsgw.outbox as o on found.message_id = o.id
where not found.is_only_member or found.number is null or o.to_number is null or o.to_number = found.number
order by o.id
for update of o;
