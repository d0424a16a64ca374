-- Count what the provider's listing can tell: uncertain requests, and accepted requests that lack final receipts.
-- $1 minimum age of an accepted request, $2 maximum age of both, in seconds.
-- Index: request_uncertain and request_pending_receipts. Locks nothing.
select
    count(*) as requests,
    coalesce(sum(w.messages), 0)::bigint as messages,
    min(w.since) as since
from (
    select r.pending_receipts as messages, r.created_at as since
    from smsgw.request as r
    where r.status = 'uncertain' and r.created_at > clock_timestamp() - make_interval(secs => $2)
    union all
    select r.pending_receipts as messages, r.created_at as since
    from smsgw.request as r
    where
        r.status = 'accepted'
        and r.pending_receipts > 0
        and r.accepted_at < clock_timestamp() - make_interval(secs => $1)
        and r.accepted_at > clock_timestamp() - make_interval(secs => $2)
) as w;
