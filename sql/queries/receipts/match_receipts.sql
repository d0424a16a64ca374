-- Find the messages that receipts speak of, and lock them, after their requests. $1 receipt ids. Returns pairs; a
-- receipt without a message is not in them. Neither a request's members nor a message's number ever change, so what is
-- found stays right.
--
-- A request of one message: by primary key; a body without a number counts, and so does any number of a subscriber or
-- group. A larger one: each number by outbox_to_number, between the request's lowest and highest member, then one hash
-- over all members. So the work grows with the receipts plus the members of the requests that they name, never with the
-- product of the two. Two things say so whatever the planner believes: `offset 0` keeps the search by number inside the
-- index, and membership as a value instead of a condition is looked up in a hash and never joined.
with told as materialized (
    select r.id, r.request_id, r.number
    from smsgw.receipt as r
    where r.id = any($1::bigint[]) and r.request_id is not null
),

asked as materialized (
    select q.id, q.members
    from smsgw.request as q
    where q.id in (select told.request_id from told)
),

member as materialized (
    select asked.id as request_id, m.id
    from asked
    cross join unnest(asked.members) as m (id)
),

span as materialized (
    select member.request_id, min(member.id) as lowest, max(member.id) as highest
    from member
    group by member.request_id
),

candidate as materialized (
    select
        told.id as receipt_id,
        o.id as message_id,
        (told.request_id, o.id) in (select member.request_id, member.id from member) as belongs
    from told
    inner join span on told.request_id = span.request_id
    cross join lateral (
        select near.id
        from smsgw.outbox as near
        where near.to_number = told.number and near.id between span.lowest and span.highest
        offset 0
    ) as o
    where span.lowest < span.highest
),

found as materialized (
    select told.id as receipt_id, span.lowest as message_id, told.number, true as alone
    from told
    inner join span on told.request_id = span.request_id
    where span.lowest = span.highest
    union all
    select candidate.receipt_id, candidate.message_id, null, false
    from candidate
    where candidate.belongs
)

select found.receipt_id, o.id as message_id
from found
inner join smsgw.outbox as o on found.message_id = o.id
where not found.alone or found.number is null or o.to_number is null or o.to_number = found.number
order by o.id
for update of o;
