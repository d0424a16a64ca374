-- Every bucket as it was last counted. Reads a handful of rows; locks nothing.
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
order by b.name;
