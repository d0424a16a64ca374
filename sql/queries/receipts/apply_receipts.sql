-- Apply receipts to messages and requests.
-- $1 ids of receipts without a message. Of receipts with one: $2 receipt ids, $3 message ids.
-- Returns what the receipts did, with the number of receipts: one row for each combination.
-- This transaction has locked the receipts, their requests and their messages. All are found by primary key.
-- Safe to repeat: both statuses only move forward, so a receipt that is applied again changes nothing.
--
-- A receipt of an older generation does not change the message, because an operator resent it.
-- A message to a group moves to `sent` at most. Its receipts are kept for each number, and settle_groups.sql decides.
--
-- Receipts of one message are compared in windows and not in joins. The planner cannot know how many receipts there are,
-- and a nested loop over two lists of a thousand costs more than the rest of this query.
with matched as materialized (
    select
        r.id as receipt_id,
        r.source,
        r.event,
        r.number,
        r.generation,
        o.to_group_id is not null as of_group,
        r.delivery_status as reported,
        case when o.to_group_id is not null then least(r.delivery_status, 'sent') else r.delivery_status end as delivery_status,
        r.received_at,
        -- The provider's clock may be wrong: a time in the future becomes the time of arrival.
        least(coalesce(r.happened_at, r.received_at), r.received_at) as happened_at,
        q.id as request_id,
        q.status,
        q.accepted_at,
        o.id as message_id,
        o.lane,
        o.delivery_status as current,
        greatest(o.created_at, o.not_before) as ready_at,
        r.generation = o.generation as fresh,
        coalesce(r.generation = o.generation and r.delivery_status is not null, false) as counts
    from unnest($2::bigint[], $3::bigint[]) as m (receipt_id, message_id)
    inner join smsgw.receipt as r on m.receipt_id = r.id
    inner join smsgw.request as q on r.request_id = q.id
    inner join smsgw.outbox as o on m.message_id = o.id
),

-- Of several receipts for one message in this batch the highest status counts; of equal ones the first.
ranked as materialized (
    select
        h.*,
        first_value(h.delivery_status) over same as best_delivery,
        h.counts and row_number() over same = 1 as is_best
    from matched as h
    window same as (
        partition by h.message_id
        order by h.counts desc, smsgw.delivery_rank(h.delivery_status) desc, h.receipt_id asc
    )
),

best as materialized (
    select
        h.*,
        smsgw.delivery_rank(h.delivery_status) > smsgw.delivery_rank(h.current) as moves,
        h.delivery_status >= 'undelivered' and h.current < 'undelivered' as settles
    from ranked as h
    where h.is_best
),

group_status as (
    insert into smsgw.group_delivery as d (message_id, generation, number, delivery_status, happened_at)
    select distinct on (h.message_id, h.number) h.message_id, h.generation, h.number, h.reported, h.happened_at
    from matched as h
    where h.of_group and h.fresh and h.number is not null and h.reported is not null
    order by h.message_id asc, h.number asc, smsgw.delivery_rank(h.reported) desc, h.receipt_id asc
    on conflict (message_id, generation, number) do update
    set delivery_status = excluded.delivery_status, happened_at = excluded.happened_at
    where smsgw.delivery_rank(excluded.delivery_status) > smsgw.delivery_rank(d.delivery_status)
),

-- A receipt of the current generation proves that its request arrived: the request is accepted, and no attempt follows.
-- The claim token stays, so that a worker that is sending can still store its attempt. A claim reads in_flight only.
proven as materialized (
    select
        h.request_id,
        h.status,
        count(*) filter (where h.is_best and h.delivery_status >= 'undelivered' and h.current < 'undelivered') as settled
    from ranked as h
    where h.fresh
    group by h.request_id, h.status
),

accepted as (
    update smsgw.request as q
    set
        status = 'accepted',
        accepted_at = coalesce(q.accepted_at, clock_timestamp()),
        body = null,
        verify_reason = case when q.verify_reason = 'shortfall' then q.verify_reason end,
        reason = case when q.status = 'accepted' then q.reason end,
        pending_receipts = greatest(
            0, case when q.status = 'rejected' then cardinality(q.members) else q.pending_receipts end - proven.settled
        )
    from proven
    where q.id = proven.request_id and (q.status <> 'accepted' or proven.settled > 0)
),

-- A refused request that was split arrived after all, so its parts must not be sent a second time. An operator resolves
-- those of its members that have no receipt.
stopped as (
    update smsgw.request as part
    set status = 'uncertain', reason = 'arrived: the request that this one was cut from reached the provider after all'
    where
        part.status = 'in_flight'
        and part.id in (
            select o.request_id
            from proven
            inner join smsgw.request as q on proven.request_id = q.id
            cross join unnest(q.members) as m (id)
            inner join smsgw.outbox as o on m.id = o.id
            where proven.status = 'rejected' and o.request_id <> q.id and o.generation = q.generation
        )
),

moved as (
    update smsgw.outbox as o
    set
        delivery_status = case when b.moves then b.delivery_status else o.delivery_status end,
        delivered_at = case when b.moves and b.delivery_status = 'delivered' then b.happened_at else o.delivered_at end,
        final_at = case
            when b.moves and b.delivery_status >= 'undelivered' then b.happened_at
            when o.terminal_status is not null then null
            else o.final_at
        end,
        request_id = b.bound_to,
        earlier_requests = case
            when o.request_id <> b.bound_to then array_append(o.earlier_requests, o.request_id)
            else o.earlier_requests
        end,
        terminal_status = null,
        reason = case
            when b.moves and b.delivery_status in ('undelivered', 'undeliverable', 'rejected', 'failed')
                then b.delivery_status::text || ': the carrier did not deliver it'
            when b.moves then null
            else o.reason
        end
    from (
        select
            best.message_id,
            best.delivery_status,
            best.happened_at,
            best.moves,
            case when bound.status = 'accepted' then bound.id else best.request_id end as bound_to
        from best
        inner join smsgw.outbox as now on best.message_id = now.id
        left join smsgw.request as bound on now.request_id = bound.id and now.terminal_status is null
    ) as b
    where
        o.id = b.message_id
        and case
            when b.moves then smsgw.delivery_rank(b.delivery_status) > smsgw.delivery_rank(o.delivery_status)
            else o.request_id is distinct from b.bound_to or o.terminal_status is not null
        end
),

classified as materialized (
    select
        h.receipt_id as id,
        h.source,
        h.event,
        h.reported as delivery_status,
        h.message_id,
        h.lane,
        h.of_group,
        h.is_best and smsgw.delivery_rank(h.delivery_status) > smsgw.delivery_rank(h.current) as moves,
        h.is_best and h.delivery_status >= 'undelivered' and h.current < 'undelivered' as settles,
        extract(epoch from h.received_at - h.accepted_at)::double precision as since_accept,
        extract(epoch from h.happened_at - h.ready_at)::double precision as since_ready,
        case
            when h.fresh is not true then 'stale'
            when h.reported is null or h.reported = 'none' or h.of_group then 'noted'
            when
                h.delivery_status >= 'undelivered'
                and (
                    (h.current >= 'undelivered' and h.current <> h.delivery_status)
                    or (h.best_delivery >= 'undelivered' and h.best_delivery <> h.delivery_status)
                )
                then 'conflict'
            when h.is_best and smsgw.delivery_rank(h.delivery_status) > smsgw.delivery_rank(h.current) then 'applied'
            else 'repeated'
        end as result
    from ranked as h
    union all
    select
        r.id,
        r.source,
        r.event,
        r.delivery_status,
        null,
        null,
        false,
        false,
        false,
        null,
        null,
        case
            when r.external_id is not null and r.request_id is null then 'foreign'
            when r.request_id is null and r.event not in ('delivery-status', 'message-send') then 'noted'
            else 'unmatched'
        end
    from smsgw.receipt as r
    where r.id = any($1::bigint[])
),

stored as (
    update smsgw.receipt as r
    set applied_at = clock_timestamp(), result = j.result, message_id = j.message_id
    from classified as j
    where r.id = j.id
)

select
    j.source,
    j.delivery_status::text as delivery_status,
    j.result,
    j.lane,
    j.of_group,
    j.event = 'delivery-status' and j.delivery_status is null as unread,
    j.moves,
    case
        when j.moves and j.delivery_status = 'delivered' and not j.of_group then 'delivered'
        when j.settles then 'undelivered'
    end as final_state,
    count(*) as receipts,
    array_agg(j.since_accept) filter (where j.since_accept is not null) as since_accept,
    array_agg(j.since_ready) filter (where j.moves and j.delivery_status = 'delivered' and not j.of_group) as since_ready
from classified as j
group by 1, 2, 3, 4, 5, 6, 7, 8;
