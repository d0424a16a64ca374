-- End requests that certainly did not arrive, and with them their messages. $1 ids, $2 how the messages end
-- (failed or expired), $3 why. The requests are locked by lock_due_requests in this same transaction; messages by
-- primary key, after their request, as the fold does.
-- One that was being sent again is not called expired while an earlier copy may have arrived: it is put back for
-- revert_expired_resends.sql.
with over as (
    update smsgw.request as r
    set
        status = 'rejected',
        claim_token = null,
        lease_expires_at = null,
        pending_receipts = 0,
        reason = $3
    where r.id = any($1::uuid[]) and r.status = 'in_flight'
    returning r.id, r.members
),

member as (
    select
        o.id,
        over.id as request_id,
        $2::text = 'expired' and o.generation > 0 and exists (
            select
            from smsgw.request as r
            where r.id = any(o.earlier_requests) and r.status = 'uncertain'
        ) as doubtful
    from over
    inner join smsgw.outbox as o on o.id = any(over.members) and over.id = o.request_id
),

ended as (
    update smsgw.outbox as o
    set
        terminal_status = case when not m.doubtful then $2::text::smsgw.terminal_status end,
        reason = case when not m.doubtful then $3 end,
        final_at = case when not m.doubtful then clock_timestamp() end,
        request_id = case when not m.doubtful then o.request_id end,
        earlier_requests = case
            when m.doubtful then array_append(o.earlier_requests, m.request_id) else o.earlier_requests
        end
    from member as m
    where o.id = m.id and o.request_id = m.request_id and o.terminal_status is null
    returning o.lane, o.terminal_status
)

select ended.lane
from ended
where ended.terminal_status is not null;
