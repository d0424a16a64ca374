-- Stand messages aside that are behind another of their order key, and what is behind them, a bounded number at a time.
-- $1 tenants, $2 order keys, $3 the first message of each that is behind, $4 how many of each. Served by outbox_order;
-- the first of each is locked by lock_waiting_messages in this same transaction, the others are stepped over where held.
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
