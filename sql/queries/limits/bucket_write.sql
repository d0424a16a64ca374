-- Write back buckets that this transaction has locked. $1 names, $2 tokens, $3 counted_at, $4 share,
-- $5 blocked_until, $6 throttled_at, $7 slow_start_at (times in seconds of the epoch), $8 slices of a quota (text of an
-- array), $9 the number of its latest slice.
update smsgw.bucket as b
set
    tokens = n.tokens,
    counted_at = to_timestamp(n.counted_at),
    rate_factor = n.rate_factor,
    blocked_until = to_timestamp(n.blocked_until),
    throttled_at = to_timestamp(n.throttled_at),
    slow_start_at = to_timestamp(n.slow_start_at),
    usage_slices = n.usage_slices::double precision[],
    newest_slice = n.newest_slice
from unnest(
    $1::text[],
    $2::double precision[],
    $3::double precision[],
    $4::double precision[],
    $5::double precision[],
    $6::double precision[],
    $7::double precision[],
    $8::text[],
    $9::bigint[]
) as n (name, tokens, counted_at, rate_factor, blocked_until, throttled_at, slow_start_at, usage_slices, newest_slice)
where b.name = n.name;
