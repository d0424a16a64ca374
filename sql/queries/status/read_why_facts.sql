-- Return the facts that explain what one message waits for: its row, its request, the message before it in its order key.
-- $1 id.
-- Index: primary keys and outbox_order. Locks nothing.
select
    o.id,
    o.lane,
    o.tenant,
    o.sender_id,
    o.not_before,
    o.expires_at,
    o.parked_by::text as parked_by,
    o.park_reason,
    o.order_key,
    o.tags,
    clock_timestamp() as now,
    exists(select from smsgw.suppression as s where s.number = o.to_number) as suppressed,
    case when o.order_key is not null and not smsgw.is_head_of_order_key(o.tenant, o.order_key, o.id) then previous.id end as behind,
    r.route,
    r.available_at,
    r.lease_expires_at,
    r.claim_token is not null as leased,
    r.worker,
    r.maybe_arrived_at,
    r.maybe_arrived_at + i.horizon as horizon_ends,
    r.last_polled_at,
    r.accepted_at,
    r.accepted_at + i.unconfirmed_after as unconfirmed_at,
    cardinality(r.members) as members,
    attempt.started_at as attempt_began
from smsgw.outbox as o
cross join smsgw.installation as i
left join smsgw.request as r on o.request_id = r.id
left join smsgw.attempt as attempt on r.id = attempt.request_id and r.attempts = attempt.number
left join lateral (
    select p.id
    from smsgw.outbox as p
    where
        o.order_key is not null and p.tenant = o.tenant and p.order_key = o.order_key and p.id < o.id
        and p.terminal_status is null
    order by p.id desc
    limit 1
) as previous on true
where o.id = $1;
