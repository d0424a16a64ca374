-- Lock the messages that these receipts speak of, after their requests. $1 receipt ids. Primary keys throughout.
select o.id
from smsgw.outbox as o
where o.id in (
    select m.id
    from smsgw.receipt as r
    inner join smsgw.request as q on r.request_id = q.id
    cross join lateral (
        select member.id
        from smsgw.outbox as member
        where
            member.id = any(q.members)
            and (
                member.to_number = r.number
                or (cardinality(q.members) = 1 and (r.number is null or member.to_number is null))
            )
    ) as m
    where r.id = any($1::bigint[])
)
order by o.id
for update;
