-- Messages that may go now, in claim order inside each lane and tenant.
-- $1 lanes, $2 tenants, $3 how many of each. Served by outbox_waiting, one range scan each lane and tenant; locks the
-- rows it returns and steps over those that another claim or the fold holds.
-- A message under an order key waits until the one before it under that key is accepted or has ended
-- (outbox_order finds it).
select
    o.id,
    o.lane,
    o.tenant,
    o.to_number,
    o.to_subscriber_id,
    o.to_group_id,
    o.body,
    o.template_id,
    o.link_id,
    o.media_url,
    o.variables,
    o.sender_id,
    o.tags,
    o.generation,
    o.expires_at,
    greatest(o.created_at, o.not_before) as ready_at,
    exists(select from smsgw.suppression as s where s.number = o.to_number) as suppressed
from unnest($1::text[], $2::text[], $3::integer[]) as wanted (lane, tenant, most)
cross join lateral (
    select *
    from smsgw.outbox as m
    where
        m.lane = wanted.lane
        and m.tenant = wanted.tenant
        and m.request_id is null
        and m.ending is null
        and m.not_before <= clock_timestamp()
        and m.expires_at > clock_timestamp()
        and (
            m.order_key is null
            or not exists (
                select
                from (
                    select before.request_id, before.ending
                    from smsgw.outbox as before
                    where before.tenant = m.tenant and before.order_key = m.order_key and before.id < m.id
                    order by before.id desc
                    limit 1
                ) as previous
                left join smsgw.request as r on previous.request_id = r.id
                where previous.ending is null and r.dispatch is distinct from 'accepted'
            )
        )
    order by m.not_before, m.id
    limit wanted.most
    for update skip locked
) as o;
