-- Park messages that must wait for an earlier message of their order key, and those after them.
-- $1 tenants, $2 order keys, $3 the first message of each key to park, $4 limit for each key.
-- Index: outbox_order. lock_waiting_messages locked the first message of each key in this transaction. Others that are
-- locked are skipped.
update smsgw.outbox as o
set parked_by = 'order_key', park_reason = null
where o.id = any(array(
    select b.id
    from unnest($1::text[], $2::text[], $3::bigint[]) as n (tenant, order_key, id)
    cross join lateral (
        select w.id
        from smsgw.outbox as w
        where
            w.tenant = n.tenant
            and w.order_key = n.order_key
            and w.id >= n.id
            and w.request_id is null
            and w.terminal_status is null
            and w.parked_by is null
        order by w.id
        limit $4
        for update skip locked
    ) as b
));
