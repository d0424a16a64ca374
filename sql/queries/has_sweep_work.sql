-- Whether there is anything to end or to let go: most of the time there is not, and then this is all that a look asks.
-- Served by outbox_expiring, outbox_held and outbox_behind, one probe each; locks nothing.
select
    exists(
        select
        from smsgw.outbox as o
        where o.request_id is null and o.ending is null and o.expires_at <= statement_timestamp()
    ) as expired,
    exists(
        select
        from smsgw.outbox as o
        where o.request_id is null and o.ending is null and o.held_tag > ''
    ) as held,
    exists(
        select
        from smsgw.outbox as o
        where o.request_id is null and o.ending is null and o.held_tag = ''
    ) as behind;
