-- What the provider's listing should be asked about: requests of which nobody knows whether they arrived, and accepted
-- ones with messages that have been without a final receipt for a while. $1 seconds of that while, $2 seconds after
-- which nothing more is expected. Served by request_uncertain and request_pending_receipts; locks nothing.
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
