-- The breaker of a route, locked: by a claim that wants to probe, or by results that change it. $1 route.
-- One row by primary key; in a claim it is taken after the buckets.
select
    r.name,
    r.failures,
    extract(epoch from r.opened_at)::double precision as opened_at,
    extract(epoch from r.retry_at)::double precision as retry_at,
    r.probe,
    r.last_error,
    extract(epoch from clock_timestamp())::double precision as now
from smsgw.route as r
where r.name = $1
for update;
