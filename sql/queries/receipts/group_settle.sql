-- Draw the conclusion for messages to groups: delivered when every number that the provider sent to is, undelivered when
-- each has ended and some did not get it. How many there are, the provider's answer says; where that was lost, an hour
-- without a new number has to do. Served by outbox_group, which holds the few group messages; repeatable, and
-- locks only what it settles.
with told as (
    select
        o.id,
        o.request_id,
        count(*) as known,
        count(*) filter (where d.delivery_status = 'delivered') as delivered,
        count(*) filter (where d.delivery_status >= 'undelivered') as ended,
        max(d.happened_at) as last_at,
        max(r.total_sent) as total
    from smsgw.outbox as o
    inner join smsgw.request as r on o.request_id = r.id and r.status = 'accepted'
    inner join smsgw.group_delivery as d on o.id = d.message_id and o.generation = d.generation
    where o.to_group_id is not null and o.final_at is null
    group by o.id, o.request_id
),

done as (
    select t.*
    from told as t
    where
        t.ended = t.known
        and (t.known >= t.total or (t.total is null and t.last_at < clock_timestamp() - interval '1 hour'))
),

settled as (
    update smsgw.request as r
    set pending_receipts = 0
    from done
    where r.id = done.request_id and r.pending_receipts > 0
)

update smsgw.outbox as o
set
    delivery_status = case when done.delivered = done.known then 'delivered' else 'undelivered' end::smsgw.delivery_status,
    delivered_at = case when done.delivered = done.known then done.last_at end,
    final_at = done.last_at,
    reason = case
        when done.delivered < done.known
            then 'undelivered: ' || done.known - done.delivered || ' of ' || done.known || ' numbers of the group did not get it'
    end
from done
where o.id = done.id and o.final_at is null
returning o.lane, case when done.delivered = done.known then 'delivered' else 'undelivered' end as state;
