-- Which rows of the provider's listing say something new. One entry each: $1 request, $2 generation, $3 number,
-- $4 delivery. Returns the positions, counted from 1, of rows that would move their message or prove their request.
-- Members are matched as in fold_match.sql: primary keys, and outbox_to_number between a request's lowest and highest
-- member. Locks nothing. What a receipt says meanwhile is sorted out by the fold.
with listed as materialized (
    select n.request_id, n.generation, n.number, n.delivery::smsgw.delivery as delivery, n.position
    from unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[])
        with ordinality as n (request_id, generation, number, delivery, position)
),

asked as materialized (
    select q.id, q.members, q.dispatch
    from smsgw.request as q
    where q.id in (select listed.request_id from listed)
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

found as materialized (
    select listed.position, o.delivery, o.generation, o.to_group_id, o.id
    from listed
    inner join span on listed.request_id = span.request_id
    inner join smsgw.outbox as o on span.lowest = o.id
    where span.lowest = span.highest and (o.to_number is null or o.to_number = listed.number)
    union all
    select listed.position, o.delivery, o.generation, o.to_group_id, o.id
    from listed
    inner join span on listed.request_id = span.request_id
    cross join lateral (
        select candidate.id, candidate.delivery, candidate.generation, candidate.to_group_id
        from smsgw.outbox as candidate
        where candidate.to_number = listed.number and candidate.id between span.lowest and span.highest
        offset 0
    ) as o
    inner join member on listed.request_id = member.request_id and o.id = member.id
    where span.lowest < span.highest
)

select listed.position
from listed
inner join asked on listed.request_id = asked.id
inner join found on listed.position = found.position and listed.generation = found.generation
left join smsgw.group_delivery as g
    on
        found.to_group_id is not null
        and found.id = g.message_id
        and listed.generation = g.generation
        and listed.number = g.number
where
    asked.dispatch <> 'accepted'
    or smsgw.delivery_rank(listed.delivery)
    > smsgw.delivery_rank(case when found.to_group_id is not null then coalesce(g.delivery, 'none') else found.delivery end);
