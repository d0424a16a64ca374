-- Return the circuit breaker of every route.
-- Reads a few rows. Locks nothing.
select
    r.name,
    r.failures,
    r.opened_at,
    r.retry_at,
    r.last_error,
    r.last_error_at
from smsgw.route as r
order by r.name;
