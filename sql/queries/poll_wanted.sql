-- What the provider's listing should be asked about: requests of which nobody knows whether they arrived, and accepted
-- ones with messages that have been without a final receipt for a while. $1 seconds of that while, $2 seconds after
-- which nothing more is expected. Served by request_uncertain and request_unsettled; locks nothing.
select
    count(*) as requests,
    coalesce(sum(w.messages), 0)::bigint as messages,
    min(w.since) as since
from (
    select r.unsettled as messages, r.created_at as since
    from smsgw.request as r
    where r.dispatch = 'uncertain' and r.created_at > clock_timestamp() - make_interval(secs => $2)
    union all
    select r.unsettled as messages, r.created_at as since
    from smsgw.request as r
    where
        r.dispatch = 'accepted'
        and r.unsettled > 0
        and r.accepted_at < clock_timestamp() - make_interval(secs => $1)
        and r.accepted_at > clock_timestamp() - make_interval(secs => $2)
) as w;
