-- End what nobody may send any more, soonest first, a bounded number at a time so that a long outage ends in many
-- short transactions. $1 how many. Served by outbox_expiring; steps over rows that a claim holds.
-- The time of the statement is the bound of the scan, so what is not over yet is not walked over.
-- Only unbound messages: one whose request was attempted may have arrived, and is never called expired. Neither is one
-- that was to be sent again (revert_expired_resends.sql).
update smsgw.outbox as o
set
    terminal_status = 'expired',
    reason = 'expired: its time to live was over before it could be sent',
    final_at = clock_timestamp()
where o.id = any(array(
    select e.id
    from smsgw.outbox as e
    where
        e.request_id is null and e.terminal_status is null and e.expires_at <= statement_timestamp()
        and not (
            e.generation > 0
            and exists (
                select
                from smsgw.request as r
                where r.id = any(e.earlier_requests) and r.status = 'uncertain'
            )
        )
    order by e.expires_at
    limit $1
    for update skip locked
))
returning o.lane;
