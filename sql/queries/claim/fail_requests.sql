-- End requests that certainly did not arrive, and their messages.
-- $1 ids, $2 terminal status of the messages (failed or expired), $3 reason.
-- lock_due_requests locked the requests in this transaction. The messages are locked after their requests, as
-- apply_receipts.sql does. Both are found by primary key.
-- A resent message is not called expired while an earlier copy may have arrived. It is unbound for
-- revert_expired_resends.sql.
with ended_request as (
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
        ended_request.id as request_id,
        $2::text = 'expired' and o.generation > 0 and exists (
            select
            from smsgw.request as r
            where r.id = any(o.earlier_requests) and r.status = 'uncertain'
        ) as maybe_arrived
    from ended_request
    inner join smsgw.outbox as o on o.id = any(ended_request.members) and ended_request.id = o.request_id
),

ended as (
    update smsgw.outbox as o
    set
        terminal_status = case when not m.maybe_arrived then $2::text::smsgw.terminal_status end,
        reason = case when not m.maybe_arrived then $3 end,
        final_at = case when not m.maybe_arrived then clock_timestamp() end,
        request_id = case when not m.maybe_arrived then o.request_id end,
        earlier_requests = case
            when m.maybe_arrived then array_append(o.earlier_requests, m.request_id) else o.earlier_requests
        end
    from member as m
    where o.id = m.id and o.request_id = m.request_id and o.terminal_status is null
    returning o.lane, o.terminal_status
)

select ended.lane
from ended
where ended.terminal_status is not null;
