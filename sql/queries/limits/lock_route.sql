-- Lock and return the circuit breaker of a route.
-- $1 route.
-- Locks one row by primary key. A claim takes this lock after the locks of the buckets.
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
