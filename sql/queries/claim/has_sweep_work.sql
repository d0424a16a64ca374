-- Tell whether a sweep has messages to expire or to unpark. Usually it has none, and this is the only query that it runs.
-- Index: outbox_expiring, outbox_parked_pause and outbox_parked_order, one probe each. Locks nothing.
select
    exists(
        select
        from smsgw.outbox as o
        where o.request_id is null and o.terminal_status is null and o.expires_at <= statement_timestamp()
    ) as expired,
    exists(
        select
        from smsgw.outbox as o
        where o.request_id is null and o.terminal_status is null and o.parked_by = 'pause'
    ) as parked_by_pause,
    exists(
        select
        from smsgw.outbox as o
        where o.request_id is null and o.terminal_status is null and o.parked_by = 'order_key'
    ) as parked_by_order_key;
