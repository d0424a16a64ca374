-- Decide messages to groups: delivered if every number got it, undelivered if every number has a final status and some
-- did not get it. The provider's answer says how many numbers there are. If that answer was lost, an hour without a new
-- number counts as complete.
-- Returns lane and state of each decided message.
-- Index: outbox_group, which holds only open group messages. Locks only what it decides. Safe to repeat.
with reported as (
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

complete as (
    select t.*
    from reported as t
    where
        t.ended = t.known
        and (t.known >= t.total or (t.total is null and t.last_at < clock_timestamp() - interval '1 hour'))
),

settled as (
    update smsgw.request as r
    set pending_receipts = 0
    from complete
    where r.id = complete.request_id and r.pending_receipts > 0
)

update smsgw.outbox as o
set
    delivery_status = case when complete.delivered = complete.known then 'delivered' else 'undelivered' end::smsgw.delivery_status,
    delivered_at = case when complete.delivered = complete.known then complete.last_at end,
    final_at = complete.last_at,
    reason = case
        when complete.delivered < complete.known
            then
                'undelivered: ' || complete.known - complete.delivered || ' of ' || complete.known
                || ' numbers of the group did not get it'
    end
from complete
where o.id = complete.id and o.final_at is null
returning o.lane, case when complete.delivered = complete.known then 'delivered' else 'undelivered' end as state;
