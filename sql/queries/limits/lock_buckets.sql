-- The first statement of every claim: lock the buckets, so that two claims can't take the same token.
-- $1 names; locked in the order of their names, the same everywhere, so that no two claims wait for each other.
-- The clock may be read before a wait for the lock is over; then it is early, and an early clock refills less.
select
    b.name,
    b.tokens,
    extract(epoch from b.counted_at)::double precision as counted_at,
    b.allowance,
    b.period,
    b.margin,
    b.paced,
    b.rate_factor,
    b.usage_slices,
    b.newest_slice,
    extract(epoch from b.blocked_until)::double precision as blocked_until,
    extract(epoch from b.throttled_at)::double precision as throttled_at,
    extract(epoch from b.slow_start_at)::double precision as slow_start_at,
    extract(epoch from clock_timestamp())::double precision as now
from smsgw.bucket as b
where b.name = any($1::text[])
order by b.name
for update;
