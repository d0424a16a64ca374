-- Store a circuit breaker that this transaction has locked.
-- $1 route, $2 failures, $3 opened at, $4 next probe at (seconds of the epoch), $5 request of the probe, $6 last error.
-- Primary key.
update smsgw.route as r
set
    failures = $2,
    opened_at = to_timestamp($3),
    retry_at = to_timestamp($4),
    probe = $5,
    last_error = $6,
    last_error_at = case when $6 is distinct from r.last_error or $2 > r.failures then clock_timestamp() else r.last_error_at end
where r.name = $1;
