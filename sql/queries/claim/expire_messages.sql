-- End messages whose time to live is over, the earliest first. The number is limited, so a long outage ends in many
-- short transactions.
-- $1 limit.
-- Index: outbox_expiring, up to the time of the statement. Locks the rows it ends and skips rows that a claim holds.
-- A message of a request is not touched: an attempt was made, so it may have arrived. Neither is a message that an
-- operator resends while its first copy may have arrived; revert_expired_resends.sql handles it.
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
