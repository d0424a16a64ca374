-- Select the rows of the provider's listing that would change a message or prove that a request arrived.
-- One entry for each row: $1 request, $2 generation, $3 number, $4 delivery status.
-- Returns the positions of these rows, counted from 1.
-- Members are matched as in match_receipts.sql: primary keys, and outbox_to_number between the lowest and the highest
-- member of a request. Locks nothing. A receipt that arrives in the meantime makes a row a repetition, which is harmless.
with listed as materialized (
    select n.request_id, n.generation, n.number, n.delivery_status::smsgw.delivery_status as delivery_status, n.position
    from unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[])
        with ordinality as n (request_id, generation, number, delivery_status, position)
),

requested as materialized (
    select q.id, q.members, q.status
    from smsgw.request as q
    where q.id in (select listed.request_id from listed)
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
        listed.position,
        o.id as message_id,
        (listed.request_id, o.id) in (select member.request_id, member.id from member) as belongs
    from listed
    inner join span on listed.request_id = span.request_id
    cross join lateral (
        select candidate_message.id
        from smsgw.outbox as candidate_message
        where candidate_message.to_number = listed.number and candidate_message.id between span.lowest and span.highest
        offset 0
    ) as o
    where span.lowest < span.highest
),

paired as materialized (
    select listed.position, span.lowest as message_id, listed.number, true as is_only_member
    from listed
    inner join span on listed.request_id = span.request_id
    where span.lowest = span.highest
    union all
    select candidate.position, candidate.message_id, null, false
    from candidate
    where candidate.belongs
),

found as materialized (
    select paired.position, o.delivery_status, o.generation, o.to_group_id, o.id
    from paired
    inner join smsgw.outbox as o on paired.message_id = o.id
    where not paired.is_only_member or o.to_number is null or o.to_number = paired.number
)

select listed.position
from listed
inner join requested on listed.request_id = requested.id
inner join found on listed.position = found.position and listed.generation = found.generation
left join smsgw.group_delivery as g
    on
        found.to_group_id is not null
        and found.id = g.message_id
        and listed.generation = g.generation
        and listed.number = g.number
where
    requested.status <> 'accepted'
    or smsgw.delivery_rank(listed.delivery_status)
    > smsgw.delivery_rank(case when found.to_group_id is not null then coalesce(g.delivery_status, 'none') else found.delivery_status end);
