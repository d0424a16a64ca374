-- Which rows of the provider's listing say something new. One entry each: $1 request, $2 generation, $3 number,
-- $4 delivery. Returns the positions, counted from 1, of rows that would move their message or prove their request.
-- Primary keys throughout; locks nothing. What a receipt says meanwhile is sorted out by the fold.
select n.position
from unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[])
    with ordinality as n (request_id, generation, number, delivery, position)
inner join smsgw.request as q on n.request_id = q.id
cross join lateral (
    select o.delivery, o.to_group_id, o.id
    from smsgw.outbox as o
    where
        o.id = any(q.members)
        and o.generation = n.generation
        and (o.to_number = n.number or (cardinality(q.members) = 1 and o.to_number is null))
    limit 1
) as member
left join smsgw.group_delivery as g
    on
        member.to_group_id is not null
        and g.message_id = member.id
        and g.generation = n.generation
        and g.number = n.number
where
    q.dispatch <> 'accepted'
    or smsgw.delivery_rank(n.delivery::smsgw.delivery)
    > smsgw.delivery_rank(case when member.to_group_id is not null then coalesce(g.delivery, 'none') else member.delivery end);
