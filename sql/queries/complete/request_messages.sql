-- Return the messages of one request in claim order.
-- $1 request id.
-- Primary keys. Locks nothing.
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
    false as suppressed
from smsgw.request as r
inner join smsgw.outbox as o on o.id = any(r.members) and o.request_id = r.id
where r.id = $1
order by array_position(r.members, o.id);
