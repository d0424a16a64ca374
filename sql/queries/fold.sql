-- Apply receipts to messages. $1 receipts, $2 the message of each or null, $3 the requests that are locked.
-- Receipts, requests and messages are locked by this transaction, so nothing here waits; all by primary key.
-- Repeatable: both axes only move up, so what is applied again changes nothing.
--
-- A receipt that can't be applied as things stand is left alone and comes back with no result: its request was given up
-- or refused, or its message was taken from it (fold_revive.sql comes first), or another request got hold of the
-- message since we looked (the next pass locks that one too).
--
-- The time of an event is the provider's, where it gives one that isn't later than the arrival. Among receipts of one
-- rank the earliest event counts, so that the stored state is the same in whatever order they came.
with hit as (
    select
        rc.id,
        rc.event,
        rc.source,
        rc.delivery,
        rc.received_at,
        rc.request_id as named_request,
        least(rc.happened_at, rc.received_at) as happened_at,
        smsgw.delivery_rank(rc.delivery) as rank,
        r.id as request_id,
        r.dispatch,
        r.accepted_at,
        o.id as message_id,
        o.request_id as bound_to,
        o.ending,
        o.lane,
        smsgw.delivery_rank(o.delivery) as standing,
        greatest(o.created_at, o.not_before) as ready_at,
        case
            when o.id is not null then o.generation = r.generation
            else exists (
                select from smsgw.outbox as m where m.id = any(r.members) and m.generation = r.generation
            )
        end as fresh
    from unnest($1::bigint[], $2::bigint[]) as n (receipt_id, message_id)
    inner join smsgw.receipt as rc on n.receipt_id = rc.id
    left join smsgw.request as r
        on rc.request_id = r.id and rc.generation = r.generation and r.id = any($3::uuid[])
    left join smsgw.outbox as o on n.message_id = o.id
),

ready as (
    select
        h.*,
        case
            when h.event not in ('delivery-status', 'message-send') then 'noted'
            when h.named_request is null then 'foreign'
            when h.message_id is null then 'unmatched'
            when not h.fresh then 'stale'
            when coalesce(h.rank, 1) = 1 then 'noted'
        end as verdict
    from hit as h
    where
        not coalesce(h.fresh, false)
        or (
            h.dispatch in ('in_flight', 'accepted')
            and (h.message_id is null or (h.bound_to = any($3::uuid[]) and h.ending is null))
        )
),

-- What had been said before each of them, in the order of arrival: it tells news from repetition and contradiction.
spoken as (
    select
        s.*,
        greatest(
            s.standing,
            max(s.rank) over (
                partition by s.message_id order by s.id rows between unbounded preceding and 1 preceding
            )
        ) as known
    from ready as s
    where s.verdict is null
),

best as (
    select distinct on (s.message_id)
        s.message_id, s.bound_to, s.id as receipt_id, s.delivery, s.rank, s.standing, s.happened_at
    from spoken as s
    order by s.message_id asc, s.rank desc, s.happened_at asc, s.id asc
),

moved as (
    update smsgw.outbox as o
    set
        delivery = b.delivery,
        delivered_at = case when b.delivery = 'delivered' then b.happened_at end,
        final_at = case when b.delivery >= 'undelivered' then b.happened_at end,
        reason = case b.delivery
            when 'undelivered' then 'undelivered: the carrier did not deliver it'
            when 'undeliverable' then 'undeliverable: the carrier cannot reach this number'
            when 'rejected' then 'rejected: the carrier refused it'
            when 'failed' then 'failed: the provider or the carrier failed to deliver it'
        end
    from best as b
    where
        o.id = b.message_id
        and (
            b.rank > smsgw.delivery_rank(o.delivery)
            or (b.rank = b.standing and b.delivery >= 'undelivered' and b.happened_at < o.final_at)
        )
),

-- Any fresh receipt proves that its request arrived: it is accepted, and no attempt may follow. The claim token stays, so
-- that a worker in mid-call can still write its attempt; the claim looks at in_flight only.
touched as (
    select t.id, min(t.proven_at) as proven_at, sum(t.settled) as settled
    from (
        select r.request_id as id, r.received_at as proven_at, 0 as settled
        from ready as r
        where r.fresh
        union all
        select b.bound_to, null, 1
        from best as b
        where b.rank > 3 and b.standing <= 3
    ) as t
    group by t.id
),

accepted as (
    update smsgw.request as r
    set
        dispatch = case when t.proven_at is null then r.dispatch else 'accepted' end,
        accepted_at = coalesce(r.accepted_at, t.proven_at),
        body = case when t.proven_at is null then r.body end,
        unsettled = greatest(r.unsettled - t.settled, 0),
        verify = case when t.proven_at is null or r.verify is distinct from 'unexpected_duplicate' then r.verify end,
        reason = case when t.proven_at is null or r.verify = 'shortfall' then r.reason end
    from touched as t
    where
        r.id = t.id
        and (
            t.settled > 0
            or (t.proven_at is not null and (r.dispatch <> 'accepted' or r.verify = 'unexpected_duplicate'))
        )
),

judged as (
    select
        s.id,
        case
            when s.bound_to <> s.request_id then 'conflict'
            when greatest(s.rank, s.known) = 5 and least(s.rank, s.known) = 4 then 'conflict'
            when s.rank > s.known then 'applied'
            else 'repeated'
        end as result
    from spoken as s
    union all
    select r.id, r.verdict
    from ready as r
    where r.verdict is not null
),

folded as (
    update smsgw.receipt as rc
    set folded_at = clock_timestamp(), result = j.result, message_id = h.message_id
    from judged as j
    inner join hit as h on j.id = h.id
    where rc.id = j.id
)

select
    h.id,
    h.source,
    h.delivery::text as delivery,
    j.result,
    h.named_request as request_id,
    h.message_id,
    h.bound_to,
    h.lane,
    h.received_at,
    case when j.result in ('applied', 'repeated', 'conflict') then
        greatest(extract(epoch from h.received_at - h.accepted_at), 0)::double precision
    end as since_accept,
    greatest(extract(epoch from h.happened_at - h.ready_at), 0)::double precision as since_ready,
    case
        when b.rank = 5 and b.standing < 5 then 'delivered'
        when b.rank = 4 and b.standing < 4 then 'undelivered'
    end as final_state
from hit as h
left join judged as j on h.id = j.id
left join best as b on h.id = b.receipt_id
order by h.id;
