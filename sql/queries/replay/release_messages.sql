-- Put messages that were certainly not sent back into their queues.
-- $1 ids, $2 new time to live in seconds or null to keep it.
-- This transaction has locked requests and messages. Primary key.
-- The generation stays. If a receipt proves that the earlier request arrived after all, it removes the message from the
-- queue again.
update smsgw.outbox as o
set
    terminal_status = null,
    reason = null,
    final_at = null,
    parked_by = null,
    park_reason = null,
    request_id = null,
    earlier_requests = case
        when o.request_id is null then o.earlier_requests else array_append(o.earlier_requests, o.request_id)
    end,
    expires_at = coalesce(clock_timestamp() + make_interval(secs => $2::double precision), o.expires_at)
where o.id = any($1::bigint[]) and o.terminal_status is not null
returning o.id;
