-- Write back buckets that this transaction has locked. $1 names, $2 tokens, $3 counted_at, $4 share,
-- $5 blocked_until, $6 throttled_at (times in seconds of the epoch).
update smsgw.bucket as b
set
    tokens = n.tokens,
    counted_at = to_timestamp(n.counted_at),
    share = n.share,
    blocked_until = to_timestamp(n.blocked_until),
    throttled_at = to_timestamp(n.throttled_at)
from unnest(
    $1::text[],
    $2::double precision[],
    $3::double precision[],
    $4::double precision[],
    $5::double precision[],
    $6::double precision[]
) as n (name, tokens, counted_at, share, blocked_until, throttled_at)
where b.name = n.name;
