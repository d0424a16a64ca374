-- Apply receipts to messages. $1 receipt ids; receipts, requests and messages are locked by this transaction.
-- Repeatable: whatever is applied again changes nothing, because both axes only move up.
--
-- A receipt finds its request by the external id and its message by the number among the request's members. A body
-- without a number, and a request to a subscriber or group, count only where the request has a single member.
-- A receipt of an older generation never colours the message: somebody decided to send it again.
-- A message to a group moves to `sent` at the most: what its receipts say is kept number by number, and group_settle.sql
-- draws the conclusion.
with hit as (
    select
        r.id as receipt_id,
        r.source,
        r.number,
        r.generation,
        o.to_group_id is not null as of_group,
        r.delivery as told,
        case when o.to_group_id is not null then least(r.delivery, 'sent') else r.delivery end as delivery,
        coalesce(r.happened_at, r.received_at) as happened_at,
        r.received_at,
        q.id as request_id,
        q.accepted_at,
        o.id as message_id,
        o.lane,
        o.delivery as current,
        o.request_id as bound_to,
        o.ending,
        greatest(o.created_at, o.not_before) as ready_at,
        r.generation = o.generation as fresh
    from smsgw.receipt as r
    inner join smsgw.request as q on r.request_id = q.id
    cross join lateral (
        select member.*
        from smsgw.outbox as member
        where
            member.id = any(q.members)
            and (
                member.to_number = r.number
                or (cardinality(q.members) = 1 and (r.number is null or member.to_number is null))
            )
        limit 1
    ) as o
    where r.id = any($1::bigint[])
),

-- Of several receipts for one message in this batch the highest counts; of equals the first.
best as (
    select distinct on (h.message_id)
        h.message_id,
        h.receipt_id,
        h.request_id,
        h.delivery,
        h.happened_at,
        h.current,
        smsgw.delivery_rank(h.delivery) > smsgw.delivery_rank(h.current) as moves,
        h.delivery >= 'undelivered' and h.current < 'undelivered' as settles
    from hit as h
    where h.fresh and h.delivery is not null
    order by h.message_id asc, smsgw.delivery_rank(h.delivery) desc, h.receipt_id asc
),

inside as (
    insert into smsgw.group_delivery as d (message_id, generation, number, delivery, happened_at)
    select distinct on (h.message_id, h.number) h.message_id, h.generation, h.number, h.told, h.happened_at
    from hit as h
    where h.of_group and h.fresh and h.number is not null and h.told is not null
    order by h.message_id asc, h.number asc, smsgw.delivery_rank(h.told) desc, h.receipt_id asc
    on conflict (message_id, generation, number) do update
    set delivery = excluded.delivery, happened_at = excluded.happened_at
    where smsgw.delivery_rank(excluded.delivery) > smsgw.delivery_rank(d.delivery)
),

-- Any fresh receipt proves that its request arrived: it is accepted, and no attempt may follow. The claim token stays,
-- so that a worker in mid-call can still write its attempt; the claim looks at in_flight only.
accepted as (
    update smsgw.request as q
    set
        dispatch = 'accepted',
        accepted_at = coalesce(q.accepted_at, clock_timestamp()),
        body = null,
        verify = case when q.verify = 'shortfall' then q.verify end,
        reason = case when q.dispatch = 'accepted' then q.reason end,
        unsettled = greatest(
            0, case when q.dispatch = 'rejected' then cardinality(q.members) else q.unsettled end - proven.settled
        )
    from (
        select h.request_id, count(distinct b.message_id) filter (where b.settles) as settled
        from hit as h
        left join best as b on h.message_id = b.message_id and h.request_id = b.request_id
        where h.fresh
        group by h.request_id
    ) as proven
    where q.id = proven.request_id and (q.dispatch <> 'accepted' or proven.settled > 0)
),

moved as (
    update smsgw.outbox as o
    set
        delivery = case when b.moves then b.delivery else o.delivery end,
        delivered_at = case when b.moves and b.delivery = 'delivered' then b.happened_at else o.delivered_at end,
        final_at = case
            when b.moves and b.delivery >= 'undelivered' then b.happened_at
            when o.ending is not null then null
            else o.final_at
        end,
        request_id = case when o.request_id is null or o.ending is not null then b.request_id else o.request_id end,
        ending = null,
        reason = case
            when b.moves and b.delivery in ('undelivered', 'undeliverable', 'rejected', 'failed')
                then b.delivery::text || ': the carrier did not deliver it'
            when b.moves then null
            else o.reason
        end
    from best as b
    where o.id = b.message_id and (b.moves or o.request_id is null or o.ending is not null)
),

judged as (
    select
        r.id,
        h.message_id,
        case
            when r.external_id is not null and r.request_id is null then 'foreign'
            when r.external_id is null and r.event in ('delivery-status', 'message-send') then 'unmatched'
            when r.request_id is null then 'noted'
            when h.receipt_id is null then 'unmatched'
            when not h.fresh then 'stale'
            when r.delivery is null or r.delivery = 'none' or h.of_group then 'noted'
            when
                r.delivery >= 'undelivered'
                and (
                    (h.current >= 'undelivered' and h.current <> r.delivery)
                    or (b.delivery >= 'undelivered' and b.delivery <> r.delivery)
                )
                then 'conflict'
            when b.receipt_id = r.id and b.moves then 'applied'
            else 'repeated'
        end as result
    from smsgw.receipt as r
    left join hit as h on r.id = h.receipt_id
    left join best as b on h.message_id = b.message_id
    where r.id = any($1::bigint[])
),

done as (
    update smsgw.receipt as r
    set folded_at = clock_timestamp(), result = j.result, message_id = j.message_id
    from judged as j
    where r.id = j.id
)

select
    r.id,
    r.source,
    r.delivery::text as delivery,
    j.result,
    h.lane,
    coalesce(h.of_group, false) as of_group,
    extract(epoch from r.received_at - h.accepted_at)::double precision as since_accept,
    extract(epoch from h.happened_at - h.ready_at)::double precision as since_ready,
    case
        when b.receipt_id = r.id and b.moves and b.delivery = 'delivered' then 'delivered'
        when b.receipt_id = r.id and b.settles then 'undelivered'
    end as final_state
from smsgw.receipt as r
inner join judged as j on r.id = j.id
left join hit as h on r.id = h.receipt_id
left join best as b on h.message_id = b.message_id
where r.id = any($1::bigint[]);
