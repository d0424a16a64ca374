-- Take tokens of a window, see smsgw.take_tokens. $1 bucket, $2 urgent lanes, $3 tokens wanted for each, $4 tokens wanted for
-- other lanes, $5 tokens at most, $6 seconds until the arrival bound, $7 seconds ahead, $8 the time that the database's clock
-- should show, in seconds of the epoch, $9 by how much it may differ, $10 the clock shift that the caller knows.
-- A statement of its own, which locks the bucket's row until it returns. Its commit does not wait for the disk: the claim
-- that uses the tokens commits later in the same log, so that commit makes both durable. If a crash loses the tokens alone,
-- nothing was sent with them. No row for a bucket that does not exist.
select
    t.urgent_taken,
    t.others_taken,
    t.taken_at,
    t.bound,
    extract(epoch from t.urgent_at - t.taken_at)::double precision as urgent_in,
    extract(epoch from t.others_at - t.taken_at)::double precision as others_in,
    t.urgent_wait,
    t.others_wait,
    t.spent,
    t.taken_total,
    t.clock_shift
from (select set_config('synchronous_commit', 'off', true)) as without_wait
cross join lateral smsgw.take_tokens($1, $2::text[], $3::integer[], $4, $5, $6, $7, $8, $9, $10) as t;
