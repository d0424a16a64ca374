-- The next receipts to fold, oldest first, each with the request and the message that it speaks of, and the request to
-- which that message is bound now. $1 how many, $2 only receipts with an id above this one.
--
-- A receipt finds its request by the external id, and its message by the number among the request's members. A body
-- without a number, and a message to a subscriber or group, are matched where the request has a single member.
--
-- Served by receipt_unfolded; requests by primary key, messages by outbox_to_number (number and id together, within the
-- ids that the request's members span) or primary key. Locks the receipts only, and steps over those that another
-- replica folds; the requests and messages are locked next, in the order that all writers share.
with taken as materialized (
    select rc.id, rc.event, rc.number, rc.request_id, rc.generation, rc.raw
    from smsgw.receipt as rc
    where rc.folded_at is null and rc.id > $2
    order by rc.id
    limit $1
    for update skip locked
),

named as materialized (
    select r.id, r.generation, r.members, span.lowest, span.highest
    from smsgw.request as r
    cross join lateral (
        select min(member.id) as lowest, max(member.id) as highest
        from unnest(r.members) as member (id)
    ) as span
    where r.id = any(array(select distinct t.request_id from taken as t where t.request_id is not null))
)

select
    t.id,
    case when t.event = 'message-reply' then t.raw end as reply,
    n.id as request_id,
    m.id as message_id,
    m.request_id as bound_to
from taken as t
left join named as n on t.request_id = n.id and t.generation = n.generation
left join lateral (
    select o.id, o.request_id
    from smsgw.outbox as o
    where o.to_number = t.number and o.id between n.lowest and n.highest and o.id = any(n.members)
    union all
    select o.id, o.request_id
    from smsgw.outbox as o
    where
        o.id = n.lowest
        and n.lowest = n.highest
        and (t.number is null or o.to_number is null)
    limit 1
) as m on true
order by t.id;
