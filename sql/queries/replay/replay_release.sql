-- Put messages that were certainly not sent back to their places in the outbox. $1 ids, $2 seconds of a new time to live
-- from now on, or null to leave it. Requests and messages are locked by this transaction.
-- The generation stays: should a receipt prove after all that the earlier request arrived, it takes the message away
-- from the outbox again.
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
