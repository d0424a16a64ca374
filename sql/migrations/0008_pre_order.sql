-- What stands in nobody's way: retries by sending number, messages behind another of their order key, and a slow start
-- that only a 429 begins.

-- Retries that are due and leases that have ended, by lane and sending number: a number whose tokens are used up must
-- not stand in the way of another's retries.
drop index smsgw.request_due;
create index request_due on smsgw.request (lane, coalesce(sender_id, 0), due_at) where dispatch = 'in_flight';

-- A message behind another of its order key stands aside as one whose tag is paused does, with an empty tag: a hundred
-- thousand messages under one key must not be walked over by every claim. What lets it go finds it here.
comment on column smsgw.outbox.held_tag is
'Out of the claim''s index: the paused tag that holds it, or empty where a message under its order key is in front.';
create index outbox_behind on smsgw.outbox (tenant, order_key, id)
where request_id is null and ending is null and held_tag = '';

-- The message in front is the last one that has not ended. Without the ended ones, so that a key whose messages expired
-- by the thousand costs one probe.
drop index smsgw.outbox_order;
create index outbox_order on smsgw.outbox (tenant, order_key, id) where order_key is not null and ending is null;

-- Whether nothing under the same order key is in front of a message: the last one before it that has not ended is
-- accepted. It was claimed under the same rule, so everything before it is accepted or has ended too. What has ended is
-- passed over and no proof: behind a message that waits, another may have expired.
-- Found by outbox_order.
create or replace function smsgw.is_next(of_tenant text, of_order_key text, before_id bigint) returns boolean
language sql stable
return not exists (
    select
    from (
        select o.request_id
        from smsgw.outbox as o
        where o.tenant = of_tenant and o.order_key = of_order_key and o.id < before_id and o.ending is null
        order by o.id desc
        limit 1
    ) as previous
    left join smsgw.request as r on previous.request_id = r.id
    where r.dispatch is distinct from 'accepted'
);

-- When the rate begins to grow again from a quarter. Apart from `blocked_until`, because a window that others on the
-- account used up stops us too, and is no reason to go slowly afterwards.
alter table smsgw.bucket add column slow_from timestamptz;
